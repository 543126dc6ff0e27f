//! The coarse clock by which running time is divided into user and system time.
//!
//! While user threads run, a timer fires every ten milliseconds. Its task becoming ready makes the running thread yield, and there the thread
//! notes in which mode it was met. The same moment serves the limits and timers that count processor time. When no user thread has run for a
//! whole period the timer rests, so an idle machine stays idle.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

use executor::timer::Timer;
use sync::Once;

use crate::Thread;

/// Nanoseconds between two samples.
const PERIOD: u64 = 10_000_000;

static TIMER: Once<Timer> = Once::new();
static ACTIVE: AtomicBool = AtomicBool::new(false);

/// A user thread begins to run.
#[inline]
pub(crate) fn note_activity(now: u64) {
    if !ACTIVE.load(Ordering::Relaxed) {
        begin(now);
    }
}

#[cold]
fn begin(now: u64) {
    ACTIVE.store(true, Ordering::Relaxed);
    if TIMER.get().is_none() {
        let timer = Timer::new("sampling", || {
            let active = ACTIVE.swap(false, Ordering::Relaxed);
            active.then(|| executor::timer::now() + PERIOD)
        });
        // Without memory for it, all time counts as user time; the next thread tries again.
        let Ok(timer) = timer else { return ACTIVE.store(false, Ordering::Relaxed) };
        let _ = TIMER.set(timer);
    }
    if let Some(timer) = TIMER.get()
        && !timer.is_armed()
    {
        timer.arm(now + PERIOD);
    }
}

/// The thread was met by the clock in user mode or in the kernel.
pub(crate) fn sample(thread: &Arc<Thread>, in_user_mode: bool) {
    thread.clock.tick(in_user_mode);
    thread.process().check_cpu_limits();
}
