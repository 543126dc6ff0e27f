//! Things that happen, as files: eventfd(2), timerfd_create(2), signalfd(2).

use abi::time::{Itimerspec, Timespec};
use abi::{Errno, Result, SignalSet};
use fs::timer_file::{self, Options, Setting};
use fs::{OpenFlags, event_file};
use memory::UserPtr;
use process::signal::{change_signal_file, signal_file};

use crate::call::{Call, Outcome};

/// EFD_CLOEXEC, TFD_NONBLOCK and their like have the values of open(2). EINVAL for others.
fn flags(bits: u32) -> Result<OpenFlags> {
    OpenFlags::from_bits(bits).filter(|flags| (OpenFlags::CLOEXEC | OpenFlags::NONBLOCK).contains(*flags)).ok_or(Errno::EINVAL)
}

pub fn eventfd(call: &mut Call<'_>, count: u32) -> Outcome {
    eventfd2(call, count, 0)
}

pub fn eventfd2(call: &mut Call<'_>, count: u32, bits: u32) -> Outcome {
    const SEMAPHORE: u32 = 1;
    let flags = flags(bits & !SEMAPHORE)?;
    let file = event_file::create(count, bits & SEMAPHORE != 0, flags & OpenFlags::NONBLOCK)?;
    Ok(call.install(file, flags.contains(OpenFlags::CLOEXEC))? as usize)
}

pub fn timerfd_create(call: &mut Call<'_>, clock: i32, bits: u32) -> Outcome {
    const REALTIME: i32 = 0;
    const MONOTONIC: i32 = 1;
    const BOOTTIME: i32 = 7;
    const REALTIME_ALARM: i32 = 8;
    const BOOTTIME_ALARM: i32 = 9;
    let flags = flags(bits)?;
    let is_wall = match clock {
        REALTIME | REALTIME_ALARM => true,
        MONOTONIC | BOOTTIME | BOOTTIME_ALARM => false,
        _ => return Err(Errno::EINVAL.into()),
    };
    // An alarm would wake the machine from its sleep, which is a privilege; this machine never sleeps.
    if clock >= REALTIME_ALARM && !call.privileged() {
        return Err(Errno::EPERM.into());
    }
    let file = timer_file::create(is_wall, flags & OpenFlags::NONBLOCK)?;
    Ok(call.install(file, flags.contains(OpenFlags::CLOEXEC))? as usize)
}

fn to_user(setting: Setting) -> Itimerspec {
    Itimerspec { interval: Timespec::from_nanos(setting.interval), value: Timespec::from_nanos(setting.value) }
}

pub fn timerfd_settime(call: &mut Call<'_>, fd: i32, flags: u32, new: usize, old: usize) -> Outcome {
    const ABSTIME: u32 = 1;
    const CANCEL_ON_SET: u32 = 2;
    let new = UserPtr::<Itimerspec>::new(new).read()?;
    let setting = Setting { value: new.value.to_nanos()?, interval: new.interval.to_nanos()? };
    if flags & !(ABSTIME | CANCEL_ON_SET) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let file = call.file(fd)?;
    let absolute = flags & ABSTIME != 0;
    let before = timer_file::of(&file)?.set(setting, Options { absolute, cancel_on_set: absolute && flags & CANCEL_ON_SET != 0 });
    if old != 0 {
        UserPtr::<Itimerspec>::new(old).write(&to_user(before))?;
    }
    Ok(0)
}

pub fn timerfd_gettime(call: &mut Call<'_>, fd: i32, current: usize) -> Outcome {
    let file = call.file(fd)?;
    let setting = timer_file::of(&file)?.setting();
    UserPtr::<Itimerspec>::new(current).write(&to_user(setting))?;
    Ok(0)
}

pub fn signalfd(call: &mut Call<'_>, fd: i32, mask: usize, size: usize) -> Outcome {
    signalfd4(call, fd, mask, size, 0)
}

pub fn signalfd4(call: &mut Call<'_>, fd: i32, mask: usize, size: usize, bits: u32) -> Outcome {
    if size != size_of::<u64>() {
        return Err(Errno::EINVAL.into());
    }
    let mask = SignalSet(UserPtr::<u64>::new(mask).read()?);
    let flags = flags(bits)?;
    if fd == -1 {
        let file = signal_file(mask, flags & OpenFlags::NONBLOCK)?;
        return Ok(call.install(file, flags.contains(OpenFlags::CLOEXEC))? as usize);
    }
    change_signal_file(&*call.file(fd)?, mask)?;
    Ok(fd as usize)
}
