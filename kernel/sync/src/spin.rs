//! The spin lock: for a few instructions, with interrupts off.
//!
//! Interrupts are off while it is held because a handler on the same processor that wanted the lock would otherwise spin for ever.

use crate::{
    atomics::UnsafeCell,
    raw_spin::{Hold, Raw, hold},
};
use core::{
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

/// Mutual exclusion by spinning, interrupts off while held. Not recursive.
pub struct SpinLock<T> {
    raw: Raw,
    data: UnsafeCell<T>,
}

// SAFETY: the lock hands out the data to one holder at a time, on any processor, so `T: Send` is all that is needed.
unsafe impl<T: Send> Sync for SpinLock<T> {}
// SAFETY: moving the lock moves the data.
unsafe impl<T: Send> Send for SpinLock<T> {}

impl<T> SpinLock<T> {
    crate::constructor! {
        /// A free lock around `value`.
        pub fn new(value: T) -> Self {
            SpinLock { raw: Raw::new(), data: UnsafeCell::new(value) }
        }
    }

    /// Takes the lock, spinning while another processor holds it. Interrupts are off until the guard is dropped.
    #[inline]
    pub fn lock(&self) -> SpinLockGuard<'_, T> {
        let hold = hold();
        self.raw.acquire();
        SpinLockGuard { lock: self, not_send: PhantomData, _hold: hold }
    }

    /// Takes the lock if it is free at once.
    #[inline]
    pub fn try_lock(&self) -> Option<SpinLockGuard<'_, T>> {
        let hold = hold();
        self.raw.try_acquire().then(|| SpinLockGuard { lock: self, not_send: PhantomData, _hold: hold })
    }

    /// The data, without locking: nobody else can hold a lock that is owned.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: Default> Default for SpinLock<T> {
    fn default() -> Self {
        SpinLock::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for SpinLock<T> {
    /// Shows the data if the lock is free: printing must never deadlock.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(guard) => f.debug_tuple("SpinLock").field(&*guard).finish(),
            None => f.write_str("SpinLock(<locked>)"),
        }
    }
}

/// Proof that the lock is held; frees it when dropped, then restores the interrupt flag. Not `Send`: it cannot be held across an `await`.
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// let lock = sync::SpinLock::new(0);
/// send(lock.lock());
/// ```
#[must_use = "the lock is freed at once when its guard is dropped"]
pub struct SpinLockGuard<'a, T> {
    lock: &'a SpinLock<T>,
    not_send: PhantomData<*mut ()>,
    /// Declared last but dropped after `Drop::drop` has freed the lock: an interrupt must not find it taken by its own processor.
    _hold: Hold,
}

impl<T> Deref for SpinLockGuard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the guard exists, so this processor holds the lock and nobody writes.
        self.lock.data.with(|data| unsafe { &*data })
    }
}

impl<T> DerefMut for SpinLockGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard exists and is borrowed mutably, so this is the only reference to the data.
        self.lock.data.with_mut(|data| unsafe { &mut *data })
    }
}

impl<T> Drop for SpinLockGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the guard exists, so the lock is held through it, and isn't used after this.
        unsafe { self.lock.raw.release() };
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn counts_from_many_threads() {
        let rounds = if cfg!(miri) { 50 } else { 10_000 };
        let lock = Arc::new(SpinLock::new(0u32));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let lock = lock.clone();
                std::thread::spawn(move || (0..rounds).for_each(|_| *lock.lock() += 1))
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*lock.lock(), 2 * rounds);
    }

    #[test]
    fn try_lock_fails_while_held_and_debug_does_not_wait() {
        let lock = SpinLock::new(1);
        let guard = lock.lock();
        assert!(lock.try_lock().is_none());
        assert_eq!(format!("{lock:?}"), "SpinLock(<locked>)");
        drop(guard);
        assert_eq!(format!("{lock:?}"), "SpinLock(1)");
    }

    #[test]
    fn interrupts_are_off_while_held() {
        let lock = SpinLock::new(());
        let before = arch::interrupts::enabled();
        let guard = lock.lock();
        assert!(!arch::interrupts::enabled());
        drop(guard);
        assert_eq!(arch::interrupts::enabled(), before);
    }
}
