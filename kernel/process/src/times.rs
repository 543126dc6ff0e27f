//! Processor time (getrusage(2), times(2), CPU-time clocks).
//!
//! How long a thread ran is measured exactly, at each switch. How that divides into user and system time is sampled, as Linux does by
//! default: a coarse clock ticks while user threads run, each tick lands in one of the two modes, and the exact sum is divided in that
//! proportion. So the way of a system call carries no clock reading.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use abi::process::Rusage;
use abi::time::Timeval;

use crate::{Process, Thread};

/// Nanoseconds of a clock tick as times(2) and /proc count (USER_HZ = 100).
pub const NANOS_PER_TICK: u64 = 10_000_000;

/// What a thread has used; its own future writes it.
#[derive(Default)]
pub(crate) struct ThreadClock {
    /// Nanoseconds, without the running slice.
    ran: AtomicU64,
    /// When the running slice began.
    since: AtomicU64,
    running: AtomicBool,
    user_ticks: AtomicU32,
    system_ticks: AtomicU32,
    pub minor_faults: AtomicU32,
    pub major_faults: AtomicU32,
    voluntary: AtomicU32,
    involuntary: AtomicU32,
    /// The running slice was ended by force.
    preempted: AtomicBool,
    /// It waits for nothing but a processor.
    ready: AtomicBool,
}

impl ThreadClock {
    pub(crate) fn begin(&self, now: u64) {
        self.since.store(now, Ordering::Relaxed);
        self.running.store(true, Ordering::Relaxed);
    }

    pub(crate) fn end(&self, now: u64) {
        self.running.store(false, Ordering::Relaxed);
        let slice = now.saturating_sub(self.since.load(Ordering::Relaxed));
        self.ran.store(self.ran.load(Ordering::Relaxed) + slice, Ordering::Relaxed);
        let preempted = self.preempted.swap(false, Ordering::Relaxed);
        self.ready.store(preempted, Ordering::Relaxed);
        let counter = if preempted { &self.involuntary } else { &self.voluntary };
        counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    /// Whether it runs or could run.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_running() || self.ready.load(Ordering::Relaxed)
    }

    pub(crate) fn note_preemption(&self) {
        self.preempted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn tick(&self, user: bool) {
        if user { &self.user_ticks } else { &self.system_ticks }.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> Usage {
        let mut ran = self.ran.load(Ordering::Relaxed);
        if self.is_running() {
            ran += executor::timer::now().saturating_sub(self.since.load(Ordering::Relaxed));
        }
        Usage {
            ran,
            user_ticks: u64::from(self.user_ticks.load(Ordering::Relaxed)),
            system_ticks: u64::from(self.system_ticks.load(Ordering::Relaxed)),
            minor_faults: u64::from(self.minor_faults.load(Ordering::Relaxed)),
            major_faults: u64::from(self.major_faults.load(Ordering::Relaxed)),
            voluntary: u64::from(self.voluntary.load(Ordering::Relaxed)),
            involuntary: u64::from(self.involuntary.load(Ordering::Relaxed)),
            max_resident: 0,
        }
    }
}

/// A sum of what threads have used.
#[derive(Clone, Copy, Default, Debug)]
pub struct Usage {
    /// Nanoseconds on a processor.
    pub ran: u64,
    user_ticks: u64,
    system_ticks: u64,
    pub minor_faults: u64,
    pub major_faults: u64,
    pub voluntary: u64,
    pub involuntary: u64,
    /// The largest resident set, in pages.
    pub max_resident: u64,
}

impl Usage {
    /// User time in nanoseconds.
    pub fn user(&self) -> u64 {
        self.ran - self.system()
    }

    /// System time in nanoseconds. Without any sample all time counts as user time.
    pub fn system(&self) -> u64 {
        let ticks = self.user_ticks + self.system_ticks;
        if ticks == 0 { 0 } else { (u128::from(self.ran) * u128::from(self.system_ticks) / u128::from(ticks)) as u64 }
    }

    pub(crate) fn add(&mut self, other: &Usage) {
        self.ran += other.ran;
        self.user_ticks += other.user_ticks;
        self.system_ticks += other.system_ticks;
        self.minor_faults += other.minor_faults;
        self.major_faults += other.major_faults;
        self.voluntary += other.voluntary;
        self.involuntary += other.involuntary;
        self.max_resident = self.max_resident.max(other.max_resident);
    }

    /// As getrusage(2) and wait4(2) report it.
    pub fn to_rusage(&self) -> Rusage {
        Rusage {
            user_time: Timeval::from_nanos(self.user()),
            system_time: Timeval::from_nanos(self.system()),
            max_resident: (self.max_resident * (memory::PAGE_SIZE as u64 / 1024)) as i64,
            minor_faults: self.minor_faults as i64,
            major_faults: self.major_faults as i64,
            voluntary_switches: self.voluntary as i64,
            involuntary_switches: self.involuntary as i64,
            ..Rusage::default()
        }
    }
}

impl Thread {
    /// What this thread has used so far.
    pub fn usage(&self) -> Usage {
        self.clock.read()
    }
}

impl Process {
    /// What all threads have used, those that ended included.
    pub fn usage(&self) -> Usage {
        self.note_resident();
        // The lock on the threads keeps one from ending in between, which would count it twice or not at all.
        let shared = self.shared.lock();
        let mut sum = *self.ended.lock();
        for thread in &shared.threads {
            sum.add(&thread.usage());
        }
        sum.max_resident = sum.max_resident.max(self.max_resident.load(Ordering::Relaxed));
        sum
    }

    /// What children used that have been waited for.
    pub fn children_usage(&self) -> Usage {
        *self.children_usage.lock()
    }

    /// Total processor time in nanoseconds, cheaper than [`Process::usage`].
    pub fn cpu_time(&self) -> u64 {
        let shared = self.shared.lock();
        let ended = self.ended.lock().ran;
        shared.threads.iter().map(|thread| thread.usage().ran).sum::<u64>() + ended
    }
}
