//! A lock for sections that touch user memory.
//!
//! A spin lock of `sync` keeps interrupts off, and under it a page fault that must be resolved (or another CPU's request to drop
//! a translation) would wait for ever. A `Turn` leaves interrupts as they are. It may only be taken where an interrupt handler never
//! goes, and never across an await: the holder runs straight to its end, so the spinning of others is short. It guards an order of
//! events, not a value; the values inside have their own short locks.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicBool, Ordering};

/// One at a time may be inside.
pub struct Turn(AtomicBool);

/// The right to be inside; ends when dropped. It is not `Send`, so that no future keeps it across an await.
pub struct TurnGuard<'a>(&'a Turn, PhantomData<*const ()>);

impl Turn {
    pub const fn new() -> Turn {
        Turn(AtomicBool::new(false))
    }

    /// Waits, spinning, until nobody else is inside.
    pub fn take(&self) -> TurnGuard<'_> {
        while self.0.swap(true, Ordering::Acquire) {
            while self.0.load(Ordering::Relaxed) {
                core::hint::spin_loop();
            }
        }
        TurnGuard(self, PhantomData)
    }
}

impl Default for Turn {
    fn default() -> Turn {
        Turn::new()
    }
}

impl Drop for TurnGuard<'_> {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Release);
    }
}
