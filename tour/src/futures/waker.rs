//! Wakers by hand: a data pointer and a table of four functions.

use alloc::sync::Arc;
use core::mem::ManuallyDrop;
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

/// A waker that does nothing, for executors that poll all the time anyway.
pub fn dummy() -> Waker {
    fn no_op(_: *const ()) {}
    fn clone(_: *const ()) -> RawWaker {
        raw()
    }
    fn raw() -> RawWaker {
        const TABLE: RawWakerVTable = RawWakerVTable::new(clone, no_op, no_op, no_op);
        RawWaker::new(core::ptr::null(), &TABLE)
    }
    // SAFETY: functions that do nothing keep every promise.
    unsafe { Waker::from_raw(raw()) }
}

/// Polls until the future is ready: waits by being busy.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = dummy();
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return result;
        }
        core::hint::spin_loop();
    }
}

/// Counts its wakes. The number of its wakers is the count of the `Arc`.
#[derive(Debug, Default)]
pub struct Counter(AtomicUsize);

impl Counter {
    /// How often it was woken.
    pub fn wakes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// A waker of this counter: what `std::task::Wake` makes out of two functions, all four written down.
    pub fn waker(self: &Arc<Counter>) -> Waker {
        // SAFETY: the table's functions treat the pointer as the `Arc` that it is.
        unsafe { Waker::from_raw(raw(self.clone())) }
    }
}

const TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

fn raw(counter: Arc<Counter>) -> RawWaker {
    RawWaker::new(Arc::into_raw(counter).cast(), &TABLE)
}

/// The counter of a waker that lives on.
///
/// # Safety
/// The pointer is that of a live waker made by [`raw`].
unsafe fn borrowed(data: *const ()) -> ManuallyDrop<Arc<Counter>> {
    // SAFETY: the caller's promise; the reference that the waker has isn't given up.
    ManuallyDrop::new(unsafe { Arc::from_raw(data.cast()) })
}

/// # Safety
/// As [`borrowed`].
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: as in `borrowed`.
    let counter = unsafe { borrowed(data) };
    raw(Arc::clone(&counter))
}

/// # Safety
/// As [`borrowed`], and the waker is not used again.
unsafe fn wake(data: *const ()) {
    // SAFETY: as in `borrowed`; the waker's reference is given up at last.
    unsafe {
        wake_by_ref(data);
        drop_waker(data);
    }
}

/// # Safety
/// As [`borrowed`].
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: as in `borrowed`.
    unsafe { borrowed(data) }.0.fetch_add(1, Ordering::Relaxed);
}

/// # Safety
/// As [`wake`].
unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the waker's reference, which is given up.
    drop(unsafe { Arc::from_raw(data.cast::<Counter>()) });
}
