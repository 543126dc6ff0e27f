//! The simplest lock: a flag, and waiting in circles.
//!
//! It leaves interrupts alone, which is its weakness and the point of chapter 7: a handler that wants a lock that the interrupted code
//! holds waits for ever. The real kernel's `sync::SpinLock` switches interrupts off while it is held.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, Ordering};

/// Mutual exclusion by spinning.
pub struct Spinlock<T> {
    taken: AtomicBool,
    data: UnsafeCell<T>,
}

// SAFETY: the flag lets one at a time to the data.
unsafe impl<T: Send> Sync for Spinlock<T> {}

impl<T> Spinlock<T> {
    /// A free lock.
    pub const fn new(data: T) -> Spinlock<T> {
        Spinlock { taken: AtomicBool::new(false), data: UnsafeCell::new(data) }
    }

    /// Waits until the lock is free, and takes it.
    pub fn lock(&self) -> Guard<'_, T> {
        loop {
            if let Some(guard) = self.try_lock() {
                return guard;
            }
            core::hint::spin_loop();
        }
    }

    /// Takes the lock if it is free now.
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        // A guard that is made frees the lock when it is dropped: there must be none before the lock is ours.
        if self.taken.swap(true, Ordering::Acquire) { None } else { Some(Guard(self)) }
    }
}

/// The lock is held while this lives.
pub struct Guard<'a, T>(&'a Spinlock<T>);

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the flag is this guard's, so nobody else has the data.
        unsafe { &*self.0.data.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.0.data.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        self.0.taken.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let rounds = if cfg!(miri) { 50 } else { 10_000 };
        let lock = Spinlock::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..rounds).for_each(|_| *lock.lock() += 1));
            }
        });
        assert_eq!(*lock.lock(), 2 * rounds);
        let held = lock.lock();
        assert!(lock.try_lock().is_none());
        assert!(lock.try_lock().is_none(), "a try that fails doesn't free it");
        drop(held);
        assert!(lock.try_lock().is_some());
    }
}
