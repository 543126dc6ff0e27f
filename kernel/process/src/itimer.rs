//! Interval timers (setitimer(2), alarm(2)) and the limit on processor time.
//!
//! ITIMER_REAL is a timer of the executor. The other two count processor time, which is looked at with each sample (see `sampling`): they are as coarse
//! as the clock ticks of other kernels.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use abi::process::{Rlimit64, WaitStatus};
use abi::siginfo::SignalInfo;
use abi::{Errno, Result, Signal};
use executor::timer::Timer;

use crate::limits::Resource;
use crate::{Process, Thread, signal};

/// Which timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    Real,
    /// Counts user time.
    Virtual,
    /// Counts user and system time.
    Profile,
}

impl Which {
    /// ITIMER_REAL 0, ITIMER_VIRTUAL 1, ITIMER_PROF 2; EINVAL.
    pub fn new(number: i32) -> Result<Which> {
        match number {
            0 => Ok(Which::Real),
            1 => Ok(Which::Virtual),
            2 => Ok(Which::Profile),
            _ => Err(Errno::EINVAL),
        }
    }
}

/// What a timer shows or is set to, in nanoseconds: time left (0: off) and period (0: once).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Setting {
    pub value: u64,
    pub interval: u64,
}

/// A timer over processor time: when it ends, on the scale of the time used.
#[derive(Clone, Copy, Default)]
struct CpuTimer {
    end: u64,
    interval: u64,
}

struct RealTimer {
    timer: Timer,
    schedule: Arc<Schedule>,
}

/// Shared with the timer's callback, in nanoseconds: the period, and when the timer is to fire next.
#[derive(Default)]
struct Schedule {
    interval: AtomicU64,
    next: AtomicU64,
}

impl Schedule {
    /// The time after one that has just passed. Periods follow each other without drift; those that were missed are left out.
    fn advance(&self, now: u64) -> Option<u64> {
        let interval = self.interval.load(Ordering::Relaxed);
        let last = self.next.load(Ordering::Relaxed);
        let missed = now.saturating_sub(last).checked_div(interval)?;
        let next = last.saturating_add(interval.saturating_mul(missed + 1));
        self.next.store(next, Ordering::Relaxed);
        Some(next)
    }
}

/// The three timers of a process.
#[derive(Default)]
pub(crate) struct IntervalTimers {
    real: Option<RealTimer>,
    virtual_time: CpuTimer,
    profile: CpuTimer,
}

/// getitimer(2).
pub fn get(thread: &Thread, which: Which) -> Setting {
    let used = used(thread.process(), which);
    let timers = thread.process().timers.lock();
    match which {
        Which::Real => timers.real.as_ref().map_or(Setting::default(), RealTimer::setting),
        Which::Virtual => timers.virtual_time.setting(used),
        Which::Profile => timers.profile.setting(used),
    }
}

/// setitimer(2); answers the old setting. ENOMEM for the first ITIMER_REAL of a process when memory is out.
pub fn set(thread: &Thread, which: Which, new: Setting) -> Result<Setting> {
    let process = thread.process();
    let used = used(process, which);
    let cpu = CpuTimer { end: if new.value == 0 { 0 } else { used.saturating_add(new.value) }, interval: new.interval };
    let fresh = match which {
        Which::Real if new.value != 0 && process.timers.lock().real.is_none() => Some(RealTimer::new(process)?),
        _ => None,
    };
    let mut timers = process.timers.lock();
    let slot = match which {
        Which::Virtual => &mut timers.virtual_time,
        Which::Profile => &mut timers.profile,
        Which::Real => {
            if timers.real.is_none() {
                timers.real = fresh;
            }
            return Ok(timers.real.as_ref().map_or(Setting::default(), |real| real.change(new)));
        }
    };
    Ok(core::mem::replace(slot, cpu).setting(used))
}

/// alarm(2): seconds that were left, rounded as Linux does: to the nearest, but never to 0.
pub fn alarm(thread: &Thread, seconds: u32) -> Result<u32> {
    const SECOND: u64 = abi::time::NANOS_PER_SECOND;
    let old = set(thread, Which::Real, Setting { value: u64::from(seconds) * SECOND, interval: 0 })?.value;
    let rounded = (old + SECOND / 2) / SECOND;
    Ok(if old > 0 { rounded.max(1) } else { 0 } as u32)
}

fn used(process: &Process, which: Which) -> u64 {
    match which {
        Which::Real => 0,
        Which::Virtual => process.usage().user(),
        Which::Profile => process.cpu_time(),
    }
}

impl RealTimer {
    fn new(process: &Arc<Process>) -> Result<RealTimer> {
        memory::frames::admit()?;
        let target = Arc::downgrade(process);
        let schedule = Arc::new(Schedule::default());
        let periods = schedule.clone();
        let timer = Timer::new("itimer", move || {
            let process = target.upgrade()?;
            // The kernel's own signal always finds room.
            let _ = signal::send_to_process(&process, Signal::SIGALRM, SignalInfo::kernel(Signal::SIGALRM));
            periods.advance(executor::timer::now())
        });
        Ok(RealTimer { timer: timer.map_err(|_| Errno::ENOMEM)?, schedule })
    }

    fn setting(&self) -> Setting {
        let now = executor::timer::now();
        // A timer that is about to fire still runs: at least a microsecond is shown.
        let value = self.timer.deadline().map_or(0, |deadline| deadline.saturating_sub(now).max(1000));
        Setting { value, interval: self.schedule.interval.load(Ordering::Relaxed) }
    }

    fn change(&self, new: Setting) -> Setting {
        let old = self.setting();
        self.schedule.interval.store(new.interval, Ordering::Relaxed);
        if new.value == 0 {
            self.timer.disarm();
        } else {
            let next = executor::timer::now().saturating_add(new.value);
            self.schedule.next.store(next, Ordering::Relaxed);
            self.timer.arm(next);
        }
        old
    }
}

impl CpuTimer {
    fn setting(&self, used: u64) -> Setting {
        let value = if self.end == 0 { 0 } else { self.end.saturating_sub(used).max(1000) };
        Setting { value, interval: self.interval }
    }

    /// Whether it has ended; starts the next period.
    fn expire(&mut self, used: u64) -> bool {
        if self.end == 0 || used < self.end {
            return false;
        }
        self.end = if self.interval == 0 { 0 } else { used.saturating_add(self.interval) };
        true
    }
}

impl Process {
    /// Looks at everything that counts processor time: two timers and RLIMIT_CPU.
    pub(crate) fn check_cpu_limits(&self) {
        let (with_virtual, with_profile) = {
            let timers = self.timers.lock();
            (timers.virtual_time.end != 0, timers.profile.end != 0)
        };
        let limit = self.limit(Resource::Cpu);
        if !with_virtual && !with_profile && limit.soft == Rlimit64::INFINITY {
            return;
        }
        let total = self.cpu_time();
        let user = if with_virtual { self.usage().user() } else { 0 };
        let (virtual_over, profile_over) = {
            let mut timers = self.timers.lock();
            (timers.virtual_time.expire(user), timers.profile.expire(total))
        };
        let send = |signal| {
            // The kernel's own standard signals always find room.
            let _ = signal::send_to_process(self, signal, SignalInfo::kernel(signal));
        };
        if virtual_over {
            send(Signal::SIGVTALRM);
        }
        if profile_over {
            send(Signal::SIGPROF);
        }
        let seconds = total / abi::time::NANOS_PER_SECOND;
        if seconds >= limit.hard {
            signal::start_group_exit(&mut self.shared.lock(), WaitStatus::killed(Signal::SIGKILL, false));
        } else if seconds >= limit.soft {
            // Once a second from now on.
            self.limits.lock().raise_soft(Resource::Cpu, seconds + 1);
            send(Signal::SIGXCPU);
        }
    }
}
