//! Wakers: counted pointers to the task itself.

use crate::task::{Header, add_reference, release};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull,
    task::{RawWaker, RawWakerVTable, Waker},
};

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop);

/// A waker for the time of a poll, without a reference of its own: the executor's reference outlives the poll.
///
/// # Safety
/// `task` stays alive while the waker is used.
pub(crate) unsafe fn borrowed(task: NonNull<Header>) -> ManuallyDrop<Waker> {
    // SAFETY: the functions of the table keep the contract of `RawWaker`; the reference that `drop` would give up is never dropped.
    ManuallyDrop::new(unsafe { Waker::from_raw(RawWaker::new(task.as_ptr().cast(), &VTABLE)) })
}

/// The task behind a waker.
///
/// # Safety
/// `data` is the pointer of a waker of this table.
unsafe fn task(data: *const ()) -> NonNull<Header> {
    // SAFETY: it was made from a `NonNull` in `borrowed`.
    unsafe { NonNull::new_unchecked(data.cast_mut().cast()) }
}

/// # Safety
/// `data` is the pointer of a live waker of this table.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the waker is a reference, or is used while there is one.
    unsafe { add_reference(task(data)) };
    RawWaker::new(data, &VTABLE)
}

/// # Safety
/// As `clone`.
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: as in `clone`.
    unsafe {
        let task = task(data);
        if (*task.as_ptr()).state.wake() {
            (*task.as_ptr()).home.schedule(task);
        }
    }
}

/// # Safety
/// As `clone`; the waker isn't used afterwards.
unsafe fn wake(data: *const ()) {
    // SAFETY: the waker is a reference, which is given up after its last use.
    unsafe {
        wake_by_ref(data);
        drop(data);
    }
}

/// # Safety
/// As `wake`.
unsafe fn drop(data: *const ()) {
    // SAFETY: the waker is a reference, which is given up.
    unsafe { release(task(data)) }
}
