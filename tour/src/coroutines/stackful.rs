//! Coroutines with stacks of their own.
//!
//! Asymmetric: [`Coroutine::resume`] goes in, [`suspend`] goes back to whoever resumed. The stacks have no guard page here, so a coroutine
//! that calls too deeply overwrites what lies below; the kernel's own stacks have one.

use alloc::boxed::Box;
use alloc::vec;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::switch::{prepare, switch};

/// Bytes of a coroutine's stack.
pub const STACK: usize = 64 << 10;

/// What both sides of a switch need.
struct Shared {
    /// Where the other side's stack was left.
    caller: usize,
    own: usize,
    /// What is carried over by the next switch back: None when the coroutine has ended.
    value: Option<u64>,
    finished: bool,
    body: Option<Box<dyn FnOnce()>>,
    /// The coroutine that resumed this one.
    outer: *mut Shared,
}

/// A coroutine that gives numbers.
pub struct Coroutine {
    shared: Box<Shared>,
    stack: ManuallyDrop<Box<[u128]>>,
}

impl Drop for Coroutine {
    /// The stack of a coroutine that stopped in the middle is never freed: values live on it, and nobody could drop them.
    fn drop(&mut self) {
        if self.shared.finished || self.shared.body.is_some() {
            // SAFETY: nothing is on the stack, or nothing was ever; it isn't used again.
            unsafe { ManuallyDrop::drop(&mut self.stack) };
        }
    }
}

/// The innermost coroutine that runs. One for the machine: the kernel's chapters run on one processor; host tests have one for each thread.
#[cfg(not(target_os = "none"))]
fn current() -> &'static AtomicPtr<Shared> {
    std::thread_local! {
        static CURRENT: &'static AtomicPtr<Shared> = Box::leak(Box::new(AtomicPtr::new(core::ptr::null_mut())));
    }
    CURRENT.with(|current| *current)
}

#[cfg(target_os = "none")]
fn current() -> &'static AtomicPtr<Shared> {
    static CURRENT: AtomicPtr<Shared> = AtomicPtr::new(core::ptr::null_mut());
    &CURRENT
}

impl Coroutine {
    /// A coroutine that runs `body` when it is resumed.
    pub fn new(body: impl FnOnce() + 'static) -> Coroutine {
        let mut stack = vec![0_u128; STACK / size_of::<u128>()].into_boxed_slice();
        let outer = core::ptr::null_mut();
        let mut shared = Box::new(Shared { caller: 0, own: 0, value: None, finished: false, body: Some(Box::new(body)), outer });
        let argument = (&raw mut *shared).expose_provenance();
        // SAFETY: the end of a fresh stack, aligned as its words are; `start` never returns.
        shared.own = unsafe { prepare(stack.as_mut_ptr_range().end.cast(), start, argument) };
        Coroutine { shared, stack: ManuallyDrop::new(stack) }
    }

    /// Runs it until it suspends with a value, or to its end: None, then and for ever.
    pub fn resume(&mut self) -> Option<u64> {
        if self.shared.finished {
            return None;
        }
        let shared = &raw mut *self.shared;
        // SAFETY: only one side runs at a time, so all accesses by this pointer come one after another. `own` was left by the last
        // switch away, or prepared by `new`.
        unsafe {
            (*shared).outer = current().swap(shared, Ordering::Relaxed);
            switch(&raw mut (*shared).caller, (*shared).own);
            current().store((*shared).outer, Ordering::Relaxed);
            (*shared).value.take()
        }
    }

    /// Whether its body has ended.
    pub fn is_finished(&self) -> bool {
        self.shared.finished
    }
}

/// The first function on a new stack.
extern "C" fn start(argument: usize) -> ! {
    let shared: *mut Shared = core::ptr::with_exposed_provenance_mut(argument);
    // SAFETY: the coroutine's own block, as in `resume`; it outlives the coroutine.
    let body = unsafe { (*shared).body.take() };
    if let Some(body) = body {
        body();
    }
    // SAFETY: as above; nothing on this stack is needed any more, and nobody switches to a finished coroutine.
    unsafe {
        (*shared).finished = true;
        switch(&raw mut (*shared).own, (*shared).caller);
    }
    unreachable!("a finished coroutine was resumed")
}

/// Goes back to whoever resumed the running coroutine, and gives it a value. Panics outside of a coroutine.
pub fn suspend(value: u64) {
    let shared = current().load(Ordering::Relaxed);
    assert!(!shared.is_null(), "there is no coroutine to suspend");
    // SAFETY: the running coroutine's block, as in `resume`; its resumer waits in `switch`.
    unsafe {
        (*shared).value = Some(value);
        switch(&raw mut (*shared).own, (*shared).caller);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    #[test]
    fn it_stops_and_goes_on() {
        let steps = Rc::new(Cell::new(0));
        let seen = steps.clone();
        let mut coroutine = Coroutine::new(move || {
            seen.set(1);
            suspend(10);
            seen.set(2);
            suspend(20);
            seen.set(3);
        });
        assert_eq!(steps.get(), 0, "nothing runs before it is resumed");
        assert_eq!((coroutine.resume(), steps.get()), (Some(10), 1));
        assert_eq!((coroutine.resume(), steps.get()), (Some(20), 2));
        assert_eq!((coroutine.resume(), steps.get()), (None, 3));
        assert_eq!(coroutine.resume(), None);
    }

    #[test]
    fn coroutines_nest() {
        let mut outer = Coroutine::new(|| {
            let mut inner = Coroutine::new(|| {
                suspend(1);
                suspend(2);
            });
            while let Some(value) = inner.resume() {
                suspend(value * 10);
            }
            suspend(99);
        });
        let values: Vec<u64> = std::iter::from_fn(|| outer.resume()).collect();
        assert_eq!(values, [10, 20, 99]);
    }

    #[test]
    fn locals_and_floats_survive() {
        let mut coroutines: Vec<Coroutine> = (0..50)
            .map(|number| {
                Coroutine::new(move || {
                    let (local, float) = ([number; 20], number as f64 / 3.0);
                    suspend(1);
                    assert_eq!(local, [number; 20]);
                    assert_eq!(float, number as f64 / 3.0);
                })
            })
            .collect();
        for round in [Some(1), None] {
            assert!(coroutines.iter_mut().all(|coroutine| coroutine.resume() == round));
        }
    }

    #[test]
    #[should_panic = "no coroutine"]
    fn only_coroutines_suspend() {
        suspend(1);
    }
}
