//! Polls that take too long, reported with the name of the task.
//!
//! The kernel isn't preempted, so a long poll delays everybody. Time in user mode doesn't count: the thread loop tells how much of its
//! poll that was.

use crate::{cpu::this_cpu, diagnostics::Counter, run::Executor};
use sync::atomics::{AtomicU64, Ordering};

/// A poll longer than this, in nanoseconds, is reported.
pub const LONG_POLL: u64 = 10_000_000;

/// One report in this time, in nanoseconds; those between are counted.
const QUIET: u64 = 1_000_000_000;

pub(crate) struct Report {
    /// Time of the current poll that was spent in user mode.
    user: AtomicU64,
    /// When the next report may be logged.
    not_before: AtomicU64,
    /// Reports left out since the last one.
    left_out: Counter,
}

impl Report {
    sync::constructor! {
        pub fn new() -> Self {
            Report { user: AtomicU64::new(0), not_before: AtomicU64::new(0), left_out: Counter::new() }
        }
    }

    #[inline]
    pub fn begin(&self) {
        self.user.store(0, Ordering::Relaxed);
    }

    #[inline]
    pub fn end(&self, executor: &Executor, name: &'static str, start: u64, end: u64) {
        let spent = end.wrapping_sub(start);
        if spent > LONG_POLL {
            self.judge(executor, name, spent, end);
        }
    }

    #[cold]
    fn judge(&self, executor: &Executor, name: &'static str, spent: u64, now: u64) {
        let spent = spent.saturating_sub(self.user.load(Ordering::Relaxed));
        if spent <= LONG_POLL {
            return;
        }
        executor.counters.long_polls.add_one();
        if now < self.not_before.load(Ordering::Relaxed) {
            self.left_out.add_one();
            return;
        }
        self.not_before.store(now.saturating_add(QUIET), Ordering::Relaxed);
        log::warn!("long poll: task {name} kept the processor for {} us ({} reports left out)", spent / 1000, self.left_out.take());
    }
}

/// Tells that the running task has spent `nanoseconds` of its poll in user mode.
#[inline]
pub fn note_user_time(nanoseconds: u64) {
    let user = &this_cpu().report.user;
    user.store(user.load(Ordering::Relaxed).saturating_add(nanoseconds), Ordering::Relaxed);
}
