//! A lock for sections that touch user memory.
//!
//! Under a spin lock interrupts are off, which a page fault that must be resolved doesn't allow. A `Turn` leaves interrupts alone. It is never taken
//! in an interrupt handler and never kept across an await, so the holder runs straight to its end. It guards an order of events (the bytes
//! of one write stay together), not a value.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicBool, Ordering};

/// One at a time may be inside.
pub(crate) struct Turn(AtomicBool);

/// The right to be inside; not `Send`, so that no future keeps it across an await.
pub(crate) struct TurnGuard<'a>(&'a Turn, PhantomData<*const ()>);

impl Turn {
    pub(crate) const fn new() -> Turn {
        Turn(AtomicBool::new(false))
    }

    /// Waits, spinning, until nobody else is inside.
    pub(crate) fn take(&self) -> TurnGuard<'_> {
        while self.0.swap(true, Ordering::Acquire) {
            core::hint::spin_loop();
        }
        TurnGuard(self, PhantomData)
    }
}

impl Drop for TurnGuard<'_> {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Release);
    }
}
