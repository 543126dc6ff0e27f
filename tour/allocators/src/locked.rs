//! A lock around an allocator, and the interface for `Box` and `Vec`.
//!
//! `GlobalAlloc` is called on a shared `static`, from any thread; an allocator changes itself at every call. Something has to stand between the two.
//! A wrapper of our own is needed besides, as Rust lets nobody implement a foreign trait for a foreign type, such as somebody's mutex.
//!
//! The lock spins: whoever finds it taken tries again until it is free. In a kernel, interrupts must also be off while it is held, or a handler
//! that allocates would spin on the processor whose code holds it, for ever. This lock knows no interrupts, so a kernel uses it with them
//! off, or wraps the allocators in its own.

use crate::Allocator;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, Ordering};

/// An allocator behind a spin lock.
pub struct Locked<A> {
    taken: AtomicBool,
    allocator: UnsafeCell<A>,
}

// SAFETY: the lock lets one thread at a time reach the allocator, which may move between threads.
unsafe impl<A: Send> Sync for Locked<A> {}

impl<A> Locked<A> {
    /// A free lock around an allocator.
    pub const fn new(allocator: A) -> Locked<A> {
        Locked { taken: AtomicBool::new(false), allocator: UnsafeCell::new(allocator) }
    }

    /// Takes the lock; waits while another thread has it.
    pub fn lock(&self) -> LockedGuard<'_, A> {
        while self.taken.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            spin_loop();
        }
        LockedGuard { locked: self }
    }
}

/// Proof that the lock is taken; frees it when dropped.
pub struct LockedGuard<'a, A> {
    locked: &'a Locked<A>,
}

impl<A> Deref for LockedGuard<'_, A> {
    type Target = A;

    fn deref(&self) -> &A {
        // SAFETY: the guard exists, so this thread has the lock.
        unsafe { &*self.locked.allocator.get() }
    }
}

impl<A> DerefMut for LockedGuard<'_, A> {
    fn deref_mut(&mut self) -> &mut A {
        // SAFETY: as above, and the guard is borrowed exclusively.
        unsafe { &mut *self.locked.allocator.get() }
    }
}

impl<A> Drop for LockedGuard<'_, A> {
    fn drop(&mut self) {
        self.locked.taken.store(false, Ordering::Release);
    }
}

// SAFETY: the contract of `Allocator` is that of `GlobalAlloc`, one caller at a time. `realloc` and `alloc_zeroed` are the trait's own.
unsafe impl<A: Allocator> GlobalAlloc for Locked<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.lock().allocate(layout)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the same contract.
        unsafe { self.lock().deallocate(block, layout) }
    }
}
