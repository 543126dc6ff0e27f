//! Time slices of user threads.
//!
//! A thread in user mode keeps the processor until it blocks, unless another task is ready. Then it may run for [`SLICE`] from the start
//! of its poll. The timer is set for that only when somebody is ready and the thread loop asks: with one busy thread the processor stays
//! tickless.

use crate::{cpu::this_cpu, run::Executor, timer};
use sync::atomics::{AtomicBool, AtomicU64, Ordering};

/// How long a user thread may run while others are ready, in nanoseconds.
pub const SLICE: u64 = 4_000_000;

/// No end is set. An end is never 0, as it is a slice behind its start.
const UNARMED: u64 = 0;

/// The slice of the task being polled.
pub(crate) struct Slice {
    /// There may be a reason to yield: somebody became ready, or the slice is over. While this is false, there is none; that is all that
    /// the path of a system call looks at.
    attention: AtomicBool,
    over: AtomicBool,
    start: AtomicU64,
    end: AtomicU64,
}

impl Slice {
    sync::constructor! {
        pub fn new() -> Self {
            Slice {
                attention: AtomicBool::new(false),
                over: AtomicBool::new(false),
                start: AtomicU64::new(0),
                end: AtomicU64::new(UNARMED),
            }
        }
    }

    /// A poll begins; `has_ready` says whether others wait for their turn. The hardware may still be set for the slice of the task
    /// before: an interrupt too many costs less than setting it each time.
    #[inline]
    pub fn begin(&self, now: u64, has_ready: bool) {
        self.attention.store(has_ready, Ordering::Relaxed);
        self.over.store(false, Ordering::Relaxed);
        self.start.store(now, Ordering::Relaxed);
        self.end.store(UNARMED, Ordering::Relaxed);
    }

    /// Somebody has become ready.
    #[inline]
    pub fn attract(&self) {
        self.attention.store(true, Ordering::Relaxed);
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
        self.finish();
        None
    }

    fn finish(&self) {
        self.over.store(true, Ordering::Relaxed);
        self.attention.store(true, Ordering::Relaxed);
    }
}

impl Executor {
    /// What [`should_yield`] does if there may be a reason.
    #[cold]
    fn judge_slice(&self) -> bool {
        // Cleared before looking: an interrupt that makes a task ready after the look sets it again.
        self.slice.attention.store(false, Ordering::Relaxed);
        if !self.has_ready() {
            return false;
        }
        if self.slice.end.load(Ordering::Relaxed) == UNARMED {
            self.arm_slice();
        }
        let over = self.slice.over.load(Ordering::Relaxed);
        if over {
            self.slice.attract();
        }
        over
    }

    /// Sets the end of the slice and the timer. It may be over already: the thread ran alone for longer than a slice before another
    /// became ready.
    fn arm_slice(&self) {
        let end = self.slice.start.load(Ordering::Relaxed).saturating_add(SLICE);
        self.slice.end.store(end, Ordering::Relaxed);
        if timer::now() >= end {
            self.slice.finish();
        } else {
            self.timers.program(end);
        }
    }
}

/// Whether another task is ready, so that it makes sense to yield.
#[inline]
pub fn has_ready() -> bool {
    this_cpu().has_ready()
}

/// Whether the running task should [`yield_now`](crate::yield_now): somebody else is ready and its time slice is over. To be asked before
/// each entry into user mode: when somebody is ready it also sees to it that a timer interrupt ends the slice. One load when nothing has
/// changed.
#[inline]
pub fn should_yield() -> bool {
    let executor = this_cpu();
    executor.slice.attention.load(Ordering::Relaxed) && executor.judge_slice()
}
