//! The stack of tasks that wakes push to (Treiber's): a processor's inbox, and its reap stack.
//!
//! Why not a queue: in the known lock-free queues a producer that is stopped in the middle (by an interrupt) leaves the consumer waiting
//! for it. Here a push is a single compare-exchange, so there is no middle. The consumer never pops one, it takes all at once, which
//! rules out the ABA problem, and reverses them, which gives the order of arrival.

use crate::task::Header;
use core::ptr::{self, NonNull};
use sync::atomics::{AtomicPtr, Ordering};

pub(crate) struct Stack {
    head: AtomicPtr<Header>,
}

impl Stack {
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Stack { head: AtomicPtr::new(ptr::null_mut()) }
    }

    #[cfg(loom)]
    pub fn new() -> Self {
        Stack { head: AtomicPtr::new(ptr::null_mut()) }
    }

    /// A hint: others may push at once. Reliable for one's own pushes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.head.load(Ordering::Relaxed).is_null()
    }

    /// Pushes; returns whether the stack was empty.
    ///
    /// # Safety
    /// `task` is alive until it is taken out, and in no other stack or batch.
    #[inline]
    pub unsafe fn push(&self, task: NonNull<Header>) -> bool {
        // SAFETY: the caller keeps the task alive; it is in no other list, so its link is ours.
        let next = unsafe { &(*task.as_ptr()).next };
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            next.store(head, Ordering::Relaxed);
            match self.head.compare_exchange_weak(head, task.as_ptr(), Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return head.is_null(),
                Err(now) => head = now,
            }
        }
    }

    /// Takes all out, the newest first, chained by `next`.
    #[inline]
    pub fn take_all(&self) -> *mut Header {
        if self.is_empty() {
            return ptr::null_mut();
        }
        self.head.swap(ptr::null_mut(), Ordering::Acquire)
    }

    /// Takes all out, the oldest first, chained by `next`.
    #[inline]
    pub fn take_all_in_order(&self) -> *mut Header {
        let mut rest = self.take_all();
        let mut ordered = ptr::null_mut();
        while !rest.is_null() {
            // SAFETY: the chain of `take_all` belongs to the caller, and its tasks are alive (promise of `push`).
            let next = unsafe { &(*rest).next };
            let after = next.load(Ordering::Relaxed);
            next.store(ordered, Ordering::Relaxed);
            ordered = rest;
            rest = after;
        }
        ordered
    }
}
