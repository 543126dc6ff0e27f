//! The flag inside a spin lock.
//!
//! It is a test-and-test-and-set lock: critical sections are tens of instructions, so the fairness of a ticket lock would cost more than
//! it gives.
//!
//! Loom checks this algorithm by itself (below). In the models of what is built on spin locks it is replaced by a lock that loom
//! understands ([`Modelled`]): several threads that spin have no end of interleavings.

use crate::atomics::{AtomicBool, Ordering, spin_loop};

#[cfg(not(loom))]
pub(crate) use arch::interrupts::{Hold, hold};

/// Loom's threads are no processors: there is nothing to hold.
#[cfg(loom)]
pub(crate) struct Hold;
#[cfg(loom)]
pub(crate) fn hold() -> Hold {
    Hold
}

/// What a [`SpinLock`](crate::SpinLock) uses.
#[cfg(not(loom))]
pub(crate) type Raw = RawSpin;
#[cfg(loom)]
pub(crate) type Raw = Modelled;

pub(crate) struct RawSpin {
    locked: AtomicBool,
}

#[cfg_attr(loom, allow(dead_code, reason = "used by its own model only"))]
impl RawSpin {
    crate::constructor! {
        pub fn new() -> Self {
            RawSpin { locked: AtomicBool::new(false) }
        }
    }

    #[inline(always)]
    pub fn acquire(&self) {
        while self.locked.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.wait_until_free();
        }
    }

    #[inline(always)]
    pub fn try_acquire(&self) -> bool {
        self.locked.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// # Safety
    /// The caller holds the lock, and has done with what it guards.
    #[inline(always)]
    pub unsafe fn release(&self) {
        self.locked.store(false, Ordering::Release);
    }

    /// Spins on plain loads, which stay in this processor's cache, and not on the compare-exchange, which would take the line away from
    /// the holder.
    #[cold]
    fn wait_until_free(&self) {
        spin_loop();
        // Loom would explore how often a load may find an old value.
        while cfg!(not(loom)) && self.locked.load(Ordering::Relaxed) {
            spin_loop();
        }
    }
}

/// Loom's mutex with the face of `RawSpin`.
#[cfg(loom)]
pub(crate) struct Modelled {
    mutex: loom::sync::Mutex<()>,
    /// Written and read by the holder only.
    guard: core::cell::UnsafeCell<Option<loom::sync::MutexGuard<'static, ()>>>,
}

// SAFETY: `guard` belongs to whoever holds `mutex`, and loom runs its threads on one.
#[cfg(loom)]
unsafe impl Sync for Modelled {}
// SAFETY: as above.
#[cfg(loom)]
unsafe impl Send for Modelled {}

#[cfg(loom)]
impl Modelled {
    pub fn new() -> Self {
        Modelled { mutex: loom::sync::Mutex::new(()), guard: core::cell::UnsafeCell::new(None) }
    }

    fn keep(&self, guard: loom::sync::MutexGuard<'_, ()>) {
        // SAFETY: the guard says that this thread holds the mutex. It stays inside the struct that it borrows from, and is dropped by
        // `release`.
        unsafe {
            *self.guard.get() = Some(core::mem::transmute::<loom::sync::MutexGuard<'_, ()>, loom::sync::MutexGuard<'static, ()>>(guard))
        }
    }

    pub fn acquire(&self) {
        match self.mutex.lock() {
            Ok(guard) => self.keep(guard),
            Err(poisoned) => self.keep(poisoned.into_inner()),
        }
    }

    pub fn try_acquire(&self) -> bool {
        self.mutex.try_lock().map(|guard| self.keep(guard)).is_ok()
    }

    /// # Safety
    /// The caller holds the lock.
    pub unsafe fn release(&self) {
        // SAFETY: promised by the caller; taken out first, as dropping it lets others in.
        let guard = unsafe { (*self.guard.get()).take() };
        drop(guard);
    }
}

#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use loom::{cell::UnsafeCell, sync::Arc, thread};

    #[test]
    fn excludes() {
        loom::model(|| {
            let shared = Arc::new((RawSpin::new(), UnsafeCell::new(0)));
            let add = |shared: &(RawSpin, UnsafeCell<i32>)| {
                shared.0.acquire();
                // SAFETY: locked; loom checks it.
                shared.1.with_mut(|value| unsafe { *value += 1 });
                // SAFETY: acquired above.
                unsafe { shared.0.release() };
            };
            let other = shared.clone();
            let thread = thread::spawn(move || add(&other));
            add(&shared);
            thread.join().unwrap();
            assert!(shared.0.try_acquire() && !shared.0.try_acquire());
            // SAFETY: locked.
            shared.1.with(|value| assert_eq!(unsafe { *value }, 2));
        });
    }
}
