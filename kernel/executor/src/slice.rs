//! Time slices of user threads.
//!
//! A thread in user mode keeps the processor until it blocks, unless another task is ready. Then it may run for [`SLICE`] from the start of its
//! poll. The timer is set for that only when somebody is ready and the thread loop asks: with one busy thread the processor stays tickless.

use crate::{cpu::this_cpu, run::Executor, timer};
use sync::atomics::{AtomicBool, AtomicU64, Ordering};

/// How long a user thread may run while others are ready, in nanoseconds.
pub const SLICE: u64 = 4_000_000;

/// No end is set.
const UNARMED: u64 = u64::MAX;

/// The slice of the task being polled.
pub(crate) struct Slice {
    start: AtomicU64,
    end: AtomicU64,
    over: AtomicBool,
}

impl Slice {
    sync::constructor! {
        pub fn new() -> Self {
            Slice { start: AtomicU64::new(0), end: AtomicU64::new(UNARMED), over: AtomicBool::new(false) }
        }
    }

    /// A poll begins. The hardware may still be set for the slice of the task before: an interrupt too many costs less than setting it each time.
    #[inline]
    pub fn begin(&self, now: u64) {
        self.start.store(now, Ordering::Relaxed);
        self.end.store(UNARMED, Ordering::Relaxed);
        self.over.store(false, Ordering::Relaxed);
    }

    /// The timer interrupt: ends the slice if its time has come. Returns its end if it is still to come.
    pub fn tick(&self, now: u64) -> Option<u64> {
        let end = self.end.load(Ordering::Relaxed);
        if end == UNARMED {
            return None;
        }
        if now < end {
            return Some(end);
        }
        self.over.store(true, Ordering::Relaxed);
        None
    }
}

impl Executor {
    #[inline]
    fn should_yield(&self) -> bool {
        if !self.has_ready() {
            return false;
        }
        if self.slice.over.load(Ordering::Relaxed) {
            return true;
        }
        self.slice.end.load(Ordering::Relaxed) == UNARMED && self.arm_slice()
    }

    /// Sets the end of the slice and the timer. Returns true if it is over already: the thread ran alone for longer than a slice before another became ready.
    #[cold]
    fn arm_slice(&self) -> bool {
        let end = self.slice.start.load(Ordering::Relaxed).saturating_add(SLICE);
        self.slice.end.store(end, Ordering::Relaxed);
        let over = timer::now() >= end;
        if over {
            self.slice.over.store(true, Ordering::Relaxed);
        } else {
            self.timers.program(end);
        }
        over
    }
}

/// Whether another task is ready, so that it makes sense to yield. Two or three loads.
#[inline]
pub fn has_ready() -> bool {
    this_cpu().has_ready()
}

/// Whether the running task should [`yield_now`](crate::yield_now): somebody else is ready and its time slice is over. To be asked before each entry into user
/// mode: when somebody is ready it also sees to it that a timer interrupt ends the slice. Three loads when nobody is.
#[inline]
pub fn should_yield() -> bool {
    this_cpu().should_yield()
}
