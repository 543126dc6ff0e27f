//! Time: sleeping futures and the one hardware timer of each processor behind them.
//!
//! Deadlines are absolute, in nanoseconds of `arch::clock::now`. A sleeper is an entry inside its own future, linked into a [`wheel`],
//! and gone from there when the future is dropped. The timer is programmed for the earliest deadline only; nothing ticks when nobody
//! sleeps. A sleep never ends early, and ends at most one wheel tick (16 µs) late, plus the time until its task is polled.

mod callback;
mod sleep;
mod timers;
mod wheel;
#[cfg(all(test, not(loom)))]
mod wheel_tests;

pub use callback::Timer;
pub use sleep::{Elapsed, Sleep, Timeout, sleep, sleep_until, timeout};
pub(crate) use timers::Timers;

use crate::cpu::this_cpu;

/// Nanoseconds since boot; never runs backwards.
#[inline]
pub fn now() -> u64 {
    // For loom, all executions of a model must be alike.
    if cfg!(loom) { 0 } else { arch::clock::now() }
}

/// The handler of this processor's timer interrupt, to be given to `arch::interrupts::set_timer_handler` at boot. Ends the time slice and
/// wakes sleepers whose time has come, a bounded number at once, and programs the timer anew.
pub fn on_interrupt() {
    let executor = this_cpu();
    let now = now();
    executor.counters.timer_interrupts.add_one();
    let slice_end = executor.slice.tick(now);
    executor.timers.on_interrupt(now, slice_end);
    if executor.timers.is_behind() {
        executor.slice.attract();
    }
}
