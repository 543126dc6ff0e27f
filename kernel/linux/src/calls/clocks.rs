//! Reading and setting clocks: clock_gettime(2), gettimeofday(2), time(2), times(2) and their kin.

use abi::time::{NANOS_PER_SECOND, Timespec, Timeval};
use abi::{Errno, Result};
use fs::wall_clock;
use memory::UserPtr;
use process::Thread;

use crate::call::{Call, Outcome};

/// Clock ticks a second that times(2) and /proc count in.
pub const TICKS_PER_SECOND: u64 = 100;

/// The clocks of clock_gettime(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    Realtime,
    Monotonic,
    ProcessCpu,
    ThreadCpu,
    /// CPU time of the process with this pid, which clock_getcpuclockid(3) encodes as a negative number.
    ProcessCpuOf(u32),
}

impl Clock {
    /// EINVAL for a number that no clock has. The coarse and raw clocks are the fine ones: reading them costs the same here. Time
    /// does not pass while the machine is suspended, because it never is, so CLOCK_BOOTTIME is CLOCK_MONOTONIC.
    pub fn from_number(number: i32) -> Result<Clock> {
        Ok(match number {
            0 | 5 | 8 => Clock::Realtime,
            11 => Clock::Realtime, // CLOCK_TAI, with an offset of 0 as on a Linux that was told no leap seconds
            1 | 4 | 6 | 7 | 9 => Clock::Monotonic,
            2 => Clock::ProcessCpu,
            3 => Clock::ThreadCpu,
            _ if number < 0 && number & 7 == 2 => Clock::ProcessCpuOf(!(number >> 3) as u32),
            _ => return Err(Errno::EINVAL),
        })
    }

    /// Nanoseconds on this clock now.
    pub fn now(self, thread: &Thread) -> Result<u64> {
        Ok(match self {
            Clock::Realtime => wall_clock::now_nanos(),
            Clock::Monotonic => arch::clock::now(),
            Clock::ProcessCpu => thread.process().cpu_time(),
            Clock::ThreadCpu => thread.usage().ran,
            Clock::ProcessCpuOf(0) => thread.process().cpu_time(),
            Clock::ProcessCpuOf(pid) => process::find_process(pid).ok_or(Errno::EINVAL)?.cpu_time(),
        })
    }
}

pub fn clock_gettime(call: &mut Call<'_>, clock: i32, time: usize) -> Outcome {
    let now = Clock::from_number(clock)?.now(call.thread)?;
    UserPtr::<Timespec>::new(time).write(&Timespec::from_nanos(now))?;
    Ok(0)
}

pub fn clock_getres(_: &mut Call<'_>, clock: i32, resolution: usize) -> Outcome {
    Clock::from_number(clock)?;
    // CLOCK_REALTIME_COARSE and CLOCK_MONOTONIC_COARSE are read as finely as the others, but Linux says one tick, and so programs expect it.
    let nanos = if matches!(clock, 5 | 6) { NANOS_PER_SECOND / 250 } else { 1 };
    if resolution != 0 {
        UserPtr::<Timespec>::new(resolution).write(&Timespec::from_nanos(nanos))?;
    }
    Ok(0)
}

pub fn clock_settime(call: &mut Call<'_>, clock: i32, time: usize) -> Outcome {
    if clock != 0 {
        return Err(Errno::EINVAL.into());
    }
    let nanos = UserPtr::<Timespec>::new(time).read()?.to_nanos()?;
    set_wall_clock(call, nanos)
}

pub fn settimeofday(call: &mut Call<'_>, time: usize, zone: usize) -> Outcome {
    if time == 0 {
        // Only the obsolete time zone is set: privileged, and then without effect.
        return match call.privileged() {
            _ if zone == 0 => Ok(0),
            true => Ok(0),
            false => Err(Errno::EPERM.into()),
        };
    }
    let nanos = UserPtr::<Timeval>::new(time).read()?.to_nanos()?;
    set_wall_clock(call, nanos)
}

fn set_wall_clock(call: &Call<'_>, nanos: u64) -> Outcome {
    if !call.privileged() {
        return Err(Errno::EPERM.into());
    }
    wall_clock::set(nanos);
    Ok(0)
}

pub fn gettimeofday(_: &mut Call<'_>, time: usize, zone: usize) -> Outcome {
    if time != 0 {
        UserPtr::<Timeval>::new(time).write(&Timeval::from_nanos(wall_clock::now_nanos()))?;
    }
    if zone != 0 {
        UserPtr::<[i32; 2]>::new(zone).write(&[0, 0])?;
    }
    Ok(0)
}

pub fn time(_: &mut Call<'_>, result: usize) -> Outcome {
    let seconds = wall_clock::now_nanos() / NANOS_PER_SECOND;
    if result != 0 {
        UserPtr::<u64>::new(result).write(&seconds)?;
    }
    Ok(seconds as usize)
}

pub fn times(call: &mut Call<'_>, buffer: usize) -> Outcome {
    let ticks = |nanos: u64| nanos / (NANOS_PER_SECOND / TICKS_PER_SECOND);
    if buffer != 0 {
        let (own, children) = (call.thread.process().usage(), call.thread.process().children_usage());
        let fields = [own.user(), own.system(), children.user(), children.system()].map(ticks);
        UserPtr::<[u64; 4]>::new(buffer).write(&fields)?;
    }
    Ok(ticks(arch::clock::now()) as usize)
}
