//! An executor without a heap, for machines that have none: the tasks lie on the stack of whoever runs them, their flags in a static.
//!
//! A waker needs no reference count, because what it points to lives for ever. That is all that makes such an executor small; the Embassy
//! project builds on the same idea.

use core::pin::Pin;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, RawWaker, RawWakerVTable, Waker};

/// Room for `N` tasks.
pub struct StaticExecutor<const N: usize> {
    woken: [AtomicBool; N],
}

impl<const N: usize> StaticExecutor<N> {
    #[expect(clippy::new_without_default, reason = "it is for statics")]
    pub const fn new() -> StaticExecutor<N> {
        StaticExecutor { woken: [const { AtomicBool::new(false) }; N] }
    }

    /// Runs the tasks until all are done; how many polls. `idle` is called when none is woken. Only one `run` at a time makes sense: a
    /// second one would share the flags, and both would poll more often than they need.
    pub fn run(&'static self, mut tasks: [Option<Pin<&mut dyn Future<Output = ()>>>; N], idle: impl Fn()) -> usize {
        self.woken.iter().for_each(|woken| woken.store(true, Ordering::Relaxed));
        let mut polls = 0;
        while tasks.iter().any(Option::is_some) {
            let mut rested = true;
            for (slot, woken) in tasks.iter_mut().zip(&self.woken) {
                let Some(task) = slot else { continue };
                // Acquire: the poll sees what was done before the wake. The flag is cleared before the poll: a wake during it counts.
                if !woken.swap(false, Ordering::Acquire) {
                    continue;
                }
                (rested, polls) = (false, polls + 1);
                if task.as_mut().poll(&mut Context::from_waker(&waker(woken))).is_ready() {
                    *slot = None;
                }
            }
            if rested {
                idle();
            }
        }
        polls
    }
}

fn waker(woken: &'static AtomicBool) -> Waker {
    // SAFETY: the functions below only set the flag, which lives for ever.
    unsafe { Waker::from_raw(raw(woken)) }
}

fn raw(woken: &'static AtomicBool) -> RawWaker {
    const TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake, no_op);
    RawWaker::new(ptr::from_ref(woken).cast(), &TABLE)
}

fn no_op(_: *const ()) {}

/// # Safety
/// The pointer is that of a waker made by [`raw`].
unsafe fn flag(data: *const ()) -> &'static AtomicBool {
    // SAFETY: the caller's promise: a reference that lives for ever was made into this pointer.
    unsafe { &*data.cast() }
}

/// # Safety
/// As [`flag`].
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: as in `flag`.
    raw(unsafe { flag(data) })
}

/// # Safety
/// As [`flag`].
unsafe fn wake(data: *const ()) {
    // SAFETY: as in `flag`.
    unsafe { flag(data) }.store(true, Ordering::Release);
}
