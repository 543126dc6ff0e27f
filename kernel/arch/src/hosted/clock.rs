//! The host's clock, which a test may push forward for its own thread.

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::interrupts;

thread_local! {
    static AHEAD: Cell<u64> = const { Cell::new(0) };
    static DEADLINE: Cell<Option<u64>> = const { Cell::new(None) };
}

fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

/// Nanoseconds since boot; never runs backwards.
pub fn now() -> u64 {
    epoch().elapsed().as_nanos() as u64 + AHEAD.get()
}

/// Ticks of the time-stamp counter since the kernel's first instructions.
pub fn ticks_since_entry() -> u64 {
    now()
}

/// Asks for one timer interrupt on this CPU at this time (nanoseconds as of [`now`]; the past means at once), or none.
/// On the host it comes while the thread waits in `enable_and_halt`, or in `hosted::advance_clock`.
pub fn set_deadline(deadline: Option<u64>) {
    DEADLINE.set(deadline);
}

/// Moves this thread's clock forward and, when that passes its deadline, runs the timer handler (with interrupts off: as soon as they
/// are on).
pub fn advance_clock(nanoseconds: u64) {
    AHEAD.set(AHEAD.get() + nanoseconds);
    fire_if_due();
}

pub(crate) fn deadline() -> Option<u64> {
    DEADLINE.get()
}

/// Runs the timer handler if its time has come.
pub(crate) fn fire_if_due() -> bool {
    let due = interrupts::enabled() && DEADLINE.get().is_some_and(|deadline| deadline <= now());
    if due {
        DEADLINE.set(None);
        interrupts::run_timer_handler();
    }
    due
}

/// The wall-clock time at which [`now`] was zero, in nanoseconds since 1970.
pub fn boot_wall_time() -> u64 {
    static BOOT: OnceLock<u64> = OnceLock::new();
    *BOOT.get_or_init(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64) - epoch().elapsed().as_nanos() as u64
    })
}

/// Ticks of the time-stamp counter in a second.
pub fn tsc_frequency() -> u64 {
    1_000_000_000
}
