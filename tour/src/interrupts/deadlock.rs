//! The deadlock by printing in a handler, without dying of it.
//!
//! | | code | handler |
//! |---|---|---|
//! | 1 | takes the console's lock | |
//! | 2 | | interrupts, and wants the lock too |
//! | 3 | can't go on before the handler returns | can't return before the code goes on |
//!
//! Here the handler tries for a while and then counts that it would have waited for ever.

use core::sync::atomic::{AtomicU64, Ordering};

use arch::interrupts;

use super::pic::PICS;
use super::{TIMER, halt_until, listen};
use crate::claim;
use crate::machine::idt::{Frame, stub};
use crate::spinlock::Spinlock;

/// Stands for the console: how many characters were printed.
static CONSOLE: Spinlock<u64> = Spinlock::new(0);
static PRINTED: AtomicU64 = AtomicU64::new(0);
static STUCK: AtomicU64 = AtomicU64::new(0);
/// How often the handler tries. The lock's holder can't run meanwhile, so the number doesn't matter.
const TRIES: u32 = 1000;

extern "C" fn printing_timer(_: &mut Frame) {
    let guard = (0..TRIES).find_map(|_| CONSOLE.try_lock());
    match guard {
        Some(mut printed) => {
            *printed += 1;
            PRINTED.fetch_add(1, Ordering::Relaxed);
        }
        None => {
            STUCK.fetch_add(1, Ordering::Relaxed);
        }
    }
    PICS.end_of_interrupt(TIMER);
}
stub!(printing_timer_stub, printing_timer);

pub fn show() {
    // SAFETY: interrupts are off, and all lines are masked.
    unsafe { listen(TIMER, printing_timer_stub) };

    let held = CONSOLE.lock();
    halt_until(|| STUCK.load(Ordering::Relaxed) >= 1);
    claim!(PRINTED.load(Ordering::Relaxed) == 0, "a handler that prints while the interrupted code holds the lock would wait for ever");
    drop(held);

    let stuck = STUCK.load(Ordering::Relaxed);
    interrupts::enable();
    while PRINTED.load(Ordering::Relaxed) < 20 {
        // What `sync::SpinLock` does: interrupts are off before the lock is taken, until after it is free.
        let hold = interrupts::hold();
        *CONSOLE.lock() += 1;
        drop(hold);
    }
    interrupts::disable();
    PICS.set_masks(0xff, 0xff);
    let now = STUCK.load(Ordering::Relaxed);
    claim!(now == stuck, "with interrupts off while the lock is held, twenty ticks found it free each time");
}
