//! The async mutex: for what stays locked while a task waits for something else, such as a directory during a rename.
//!
//! Freeing it *hands it over* to the task that has waited longest: the lock never becomes free in between, so nobody overtakes and nobody
//! starves. A future that is dropped after it was handed the lock hands it on. Uncontended locking and freeing are one compare-exchange
//! each.

use crate::{
    atomics::{AtomicU8, Ordering, UnsafeCell},
    list::List,
    spin::SpinLock,
    wait_queue::{GRANTED, IDLE, WAITING, Waiter},
};
use core::{
    fmt,
    future::Future,
    ops::{Deref, DerefMut},
    pin::Pin,
    ptr::NonNull,
    task::{Context, Poll},
};

/// Bits of `state`. CONTENDED is set (under the waiters' lock) whenever there may be waiters, and only together with LOCKED.
const FREE: u8 = 0;
const LOCKED: u8 = 1;
const CONTENDED: u8 = 2;

/// Mutual exclusion between tasks; its guard may be held across an `await`. First come, first served.
pub struct Mutex<T> {
    state: AtomicU8,
    waiters: SpinLock<List<Waiter>>,
    data: UnsafeCell<T>,
}

// SAFETY: the lock hands out the data to one holder at a time, on any processor.
unsafe impl<T: Send> Sync for Mutex<T> {}
// SAFETY: moving the mutex moves the data.
unsafe impl<T: Send> Send for Mutex<T> {}

impl<T> Mutex<T> {
    crate::constructor! {
        /// A free mutex around `value`.
        pub fn new(value: T) -> Self {
            Mutex { state: AtomicU8::new(FREE), waiters: SpinLock::new(List::new()), data: UnsafeCell::new(value) }
        }
    }

    /// Takes the mutex, waiting for its turn.
    pub fn lock(&self) -> Lock<'_, T> {
        Lock { mutex: self, waiter: Waiter::new() }
    }

    /// Takes the mutex if it is free.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        // Whoever frees the mutex while tasks wait leaves LOCKED set, so a free mutex has no waiters that this could overtake.
        match self.state.compare_exchange(FREE, LOCKED, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => Some(MutexGuard { mutex: self }),
            Err(_) => None,
        }
    }

    /// The data, without locking.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }

    fn unlock(&self) {
        if self.state.compare_exchange(LOCKED, FREE, Ordering::Release, Ordering::Relaxed).is_err() {
            self.hand_over();
        }
    }

    /// Gives the lock, which the caller has, to the first waiter.
    #[cold]
    fn hand_over(&self) {
        let mut waiters = self.waiters.lock();
        let Some(waiter) = waiters.pop_front() else {
            // All who waited have gone. Nobody can have come since: that needs the waiters' lock.
            self.state.store(FREE, Ordering::Release);
            return;
        };
        if waiters.is_empty() {
            self.state.store(LOCKED, Ordering::Relaxed);
        }
        // SAFETY: just unlinked, and locked.
        let waker = unsafe { Waiter::grant(waiter) };
        drop(waiters);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(guard) => f.debug_tuple("Mutex").field(&*guard).finish(),
            None => f.write_str("Mutex(<locked>)"),
        }
    }
}

/// The future of [`Mutex::lock`]. Dropping it gives up the place in the queue, or hands the lock on if it was granted already.
#[must_use = "futures do nothing unless polled"]
pub struct Lock<'a, T> {
    mutex: &'a Mutex<T>,
    waiter: Waiter,
}

// SAFETY: the waiter is shared with the unlocking threads under the waiters' lock, and `&Mutex<T>` may be sent when `T` may.
unsafe impl<T: Send> Send for Lock<'_, T> {}

impl<'a, T> Future for Lock<'a, T> {
    type Output = MutexGuard<'a, T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<MutexGuard<'a, T>> {
        // The waiter is only looked at by shared reference: all in it are cells.
        let this = &*self;
        let (mutex, waiter) = (this.mutex, &this.waiter);
        if waiter.state.load(Ordering::Acquire) == IDLE
            && let Some(guard) = mutex.try_lock()
        {
            return Poll::Ready(guard);
        }
        let mut waiters = mutex.waiters.lock();
        match waiter.state.load(Ordering::Acquire) {
            IDLE => {
                // From here on an unlock takes the slow way and waits for our lock, unless it was faster.
                if mutex.state.fetch_or(LOCKED | CONTENDED, Ordering::Acquire) & LOCKED == 0 {
                    mutex.state.store(LOCKED, Ordering::Relaxed);
                    return Poll::Ready(MutexGuard { mutex });
                }
                waiter.set_waker(context.waker());
                waiter.state.store(WAITING, Ordering::Relaxed);
                // SAFETY: an IDLE node is in no list. It is pinned with the future, whose drop unlinks it.
                unsafe { waiters.push_back(NonNull::from(waiter)) };
                Poll::Pending
            }
            WAITING => {
                let old = waiter.set_waker(context.waker());
                drop(waiters);
                drop(old);
                Poll::Pending
            }
            _ => {
                waiter.state.store(IDLE, Ordering::Relaxed);
                Poll::Ready(MutexGuard { mutex })
            }
        }
    }
}

impl<T> Drop for Lock<'_, T> {
    fn drop(&mut self) {
        if self.waiter.state.load(Ordering::Acquire) == IDLE {
            return;
        }
        let mut waiters = self.mutex.waiters.lock();
        if self.waiter.state.load(Ordering::Acquire) == GRANTED {
            drop(waiters);
            return self.mutex.unlock();
        }
        // SAFETY: neither IDLE nor GRANTED, so it is in the list. CONTENDED may stay set without waiters: unlock copes.
        unsafe { waiters.remove(NonNull::from(&self.waiter)) };
    }
}

/// Proof that the mutex is held; hands it over when dropped.
#[must_use = "the mutex is freed at once when its guard is dropped"]
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
}

// SAFETY: sharing a guard shares the data. (Sending it is sending `&Mutex<T>`, which the compiler checks.)
unsafe impl<T: Send + Sync> Sync for MutexGuard<'_, T> {}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard exists, so the mutex is held through it and nobody writes.
        self.mutex.data.with(|data| unsafe { &*data })
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard exists and is borrowed mutably.
        self.mutex.data.with_mut(|data| unsafe { &mut *data })
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.mutex.unlock();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::test_waker::{CountingWaker, poll_once};
    use std::boxed::Box;

    #[test]
    fn hands_over_in_order() {
        let (mutex, counter) = (Mutex::new(0), CountingWaker::new());
        let guard = mutex.try_lock().unwrap();
        let (mut first, mut second) = (Box::pin(mutex.lock()), Box::pin(mutex.lock()));
        assert!(poll_once(first.as_mut(), &counter).is_pending());
        assert!(poll_once(second.as_mut(), &counter).is_pending());
        drop(guard);
        assert_eq!(counter.count(), 1);
        assert!(mutex.try_lock().is_none(), "nobody overtakes who was granted");
        assert!(poll_once(second.as_mut(), &counter).is_pending());
        let Poll::Ready(mut guard) = poll_once(first.as_mut(), &counter) else { panic!("not granted") };
        *guard += 1;
        drop(guard);
        assert!(poll_once(second.as_mut(), &counter).is_ready());
        assert_eq!(*mutex.try_lock().unwrap(), 1);
    }

    #[test]
    fn a_dropped_waiter_hands_on() {
        let (mutex, counter) = (Mutex::new(()), CountingWaker::new());
        let guard = mutex.try_lock().unwrap();
        let (mut first, mut second, mut third) = (Box::pin(mutex.lock()), Box::pin(mutex.lock()), Box::pin(mutex.lock()));
        for lock in [&mut first, &mut second, &mut third] {
            assert!(poll_once(lock.as_mut(), &counter).is_pending());
        }
        drop(second);
        drop(guard);
        drop(first);
        assert!(poll_once(third.as_mut(), &counter).is_ready());
        assert!(mutex.try_lock().is_some(), "a guard that was polled out and dropped frees the mutex");
    }

    #[test]
    fn is_free_after_all_waiters_have_gone() {
        let (mutex, counter) = (Mutex::new(()), CountingWaker::new());
        let guard = mutex.try_lock().unwrap();
        let mut waiting = Box::pin(mutex.lock());
        assert!(poll_once(waiting.as_mut(), &counter).is_pending());
        drop(waiting);
        drop(guard);
        assert!(mutex.try_lock().is_some());
        assert_eq!(counter.references(), 1);
    }
}
