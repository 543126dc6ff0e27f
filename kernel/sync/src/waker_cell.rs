//! One waker, registered by one task and woken by anybody: the meeting point of an interrupt handler and its driver task.
//!
//! Lock-free by necessity: the handler may strike between any two instructions of `register`. Two bits say who may touch the waker: whoever
//! sets REGISTERING or WAKING on an idle cell owns it. A wake that finds REGISTERING leaves its bit behind, and `register` wakes for it.

use crate::atomics::{AtomicU8, Ordering, UnsafeCell, spin_loop};
use core::task::Waker;

const IDLE: u8 = 0;
const REGISTERING: u8 = 1;
const WAKING: u8 = 2;

/// A place for one waker. `wake` is allowed in an interrupt handler.
///
/// Use: `register` **first**, then check the condition, then return `Pending`. The other side makes the condition true, then calls `wake`.
pub struct WakerCell {
    state: AtomicU8,
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: the state hands the waker to one thread at a time, and wakers may be used from any thread.
unsafe impl Sync for WakerCell {}

impl WakerCell {
    crate::constructor! {
        /// A cell with no waker.
        pub fn new() -> Self {
            WakerCell { state: AtomicU8::new(IDLE), waker: UnsafeCell::new(None) }
        }
    }

    /// Puts `waker` in the place of the one before; later wakes go to it. A wake that comes at the same moment wakes it at once. For one
    /// task at a time: of two that register at the same moment one is woken and must try again.
    pub fn register(&self, waker: &Waker) {
        // Acquire: what the last waking thread did to the cell. On failure, acquire: a wake is under way, and the caller's next check of
        // its condition must see what that waker did before.
        if self.state.compare_exchange(IDLE, REGISTERING, Ordering::Acquire, Ordering::Acquire).is_err() {
            spin_loop();
            waker.wake_by_ref();
            return;
        }
        // SAFETY: the exchange from IDLE made this thread the owner of the cell until it leaves REGISTERING.
        let old = self.waker.with_mut(|cell| unsafe {
            match &mut *cell {
                Some(old) if old.will_wake(waker) => None,
                cell => cell.replace(waker.clone()),
            }
        });
        if self.state.compare_exchange(REGISTERING, IDLE, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // Somebody called `wake` meanwhile, and left it to us.
            // SAFETY: REGISTERING is still set, so the cell is still ours.
            let woken = self.waker.with_mut(|cell| unsafe { (*cell).take() });
            self.state.swap(IDLE, Ordering::AcqRel);
            if let Some(woken) = woken {
                woken.wake();
            }
        }
        drop(old);
    }

    /// Wakes the registered task, if there is one. Returns whether there was.
    pub fn wake(&self) -> bool {
        match self.take() {
            Some(waker) => {
                waker.wake();
                true
            }
            None => false,
        }
    }

    /// Takes the waker out for waking it later, for instance after a lock was freed.
    pub fn take(&self) -> Option<Waker> {
        // AcqRel: the condition that was made true before becomes visible to the registering side, also when that does the waking.
        if self.state.fetch_or(WAKING, Ordering::AcqRel) != IDLE {
            return None;
        }
        // SAFETY: the cell was IDLE and now says WAKING, so it is this thread's until the bit is cleared.
        let waker = self.waker.with_mut(|cell| unsafe { (*cell).take() });
        self.state.fetch_and(!WAKING, Ordering::Release);
        waker
    }
}

impl Default for WakerCell {
    fn default() -> Self {
        WakerCell::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::test_waker::CountingWaker;

    #[test]
    fn wakes_the_last_registered_once() {
        let (first, second) = (CountingWaker::new(), CountingWaker::new());
        let cell = WakerCell::new();
        assert!(!cell.wake());
        cell.register(&first.waker());
        cell.register(&second.waker());
        assert!(cell.wake());
        assert!(!cell.wake());
        assert_eq!((first.count(), second.count()), (0, 1));
    }

    #[test]
    fn keeps_no_waker_after_drop() {
        let counter = CountingWaker::new();
        let cell = WakerCell::new();
        cell.register(&counter.waker());
        assert_eq!(counter.references(), 2);
        drop(cell);
        assert_eq!(counter.references(), 1);
    }
}
