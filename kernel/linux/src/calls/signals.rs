//! Signal calls: rt_sigaction(2) and its family, kill(2), sigaltstack(2), pause(2).

use abi::siginfo::{SigAction, Siginfo, SignalInfo, SignalStack};
use abi::{Errno, Result, Signal, SignalSet};
use memory::UserPtr;
use process::signal::{self, TimedWait};

use super::poll::read_timeout;
use crate::call::{Call, Outcome, Stop};

/// Bytes of the kernel's `sigset_t`, which programs pass along to be checked.
const SET_SIZE: usize = 8;

fn check_size(size: usize) -> Result<()> {
    if size == SET_SIZE { Ok(()) } else { Err(Errno::EINVAL) }
}

fn read_set(address: usize) -> Result<SignalSet> {
    UserPtr::<u64>::new(address).read().map(SignalSet)
}

/// The mask argument of ppoll(2) and pselect(2): none for a null pointer, whatever the size then.
pub fn read_optional_mask(address: usize, size: usize) -> Result<Option<SignalSet>> {
    if address == 0 {
        return Ok(None);
    }
    check_size(size)?;
    read_set(address).map(Some)
}

pub fn rt_sigaction(call: &mut Call<'_>, number: i32, action: usize, old: usize, size: usize) -> Outcome {
    check_size(size)?;
    let new = if action == 0 { None } else { Some(UserPtr::<SigAction>::new(action).read()?) };
    let signal = Signal::new(number as u64).ok_or(Errno::EINVAL)?;
    let before = signal::set_action(call.thread, signal, new)?;
    if old != 0 {
        UserPtr::<SigAction>::new(old).write(&before)?;
    }
    Ok(0)
}

pub fn rt_sigprocmask(call: &mut Call<'_>, how: i32, set: usize, old: usize, size: usize) -> Outcome {
    check_size(size)?;
    let new = if set == 0 { None } else { Some(read_set(set)?) };
    let before = signal::change_mask(call.thread, how, new)?;
    if old != 0 {
        UserPtr::<u64>::new(old).write(&before.0)?;
    }
    Ok(0)
}

/// The result is the interrupted `rax`, which sigreturn has put back.
pub fn rt_sigreturn(call: &mut Call<'_>) -> Outcome {
    signal::sigreturn(call.thread, call.context);
    Ok(call.context.registers().rax as usize)
}

pub fn rt_sigpending(call: &mut Call<'_>, set: usize, size: usize) -> Outcome {
    if size > SET_SIZE {
        return Err(Errno::EINVAL.into());
    }
    let bytes = signal::pending(call.thread).0.to_le_bytes();
    memory::UserSlice::new(set, size).write(bytes.get(..size).unwrap_or(&bytes))?;
    Ok(0)
}

fn write_info(address: usize, info: &SignalInfo) -> Result<usize> {
    if address != 0 {
        UserPtr::<Siginfo>::new(address).write(&Siginfo::from(*info))?;
    }
    Ok(info.signal as usize)
}

pub fn rt_sigtimedwait(call: &mut Call<'_>, set: usize, info: usize, timeout: usize, size: usize) -> Outcome {
    check_size(size)?;
    let set = read_set(set)?;
    let timeout = read_timeout(timeout)?;
    match TimedWait::attempt(call.thread, set) {
        TimedWait::Found(found) => Ok(write_info(info, &found)?),
        TimedWait::Nothing if timeout == Some(0) => Err(Errno::EAGAIN.into()),
        TimedWait::Nothing => Err(Stop::Wait(0)),
    }
}

pub async fn rt_sigtimedwait_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    let deadline = read_timeout(args[2])?.map(|timeout| arch::clock::now().saturating_add(timeout));
    let found = signal::timed_wait(call.thread, read_set(args[0])?, deadline).await?;
    write_info(args[1], &found)
}

pub fn rt_sigsuspend(_: &mut Call<'_>, set: usize, size: usize) -> Outcome {
    check_size(size)?;
    read_set(set)?;
    Err(Stop::Wait(0))
}

pub async fn rt_sigsuspend_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    Err(signal::suspend(call.thread, read_set(args[0])?).await)
}

pub fn pause(_: &mut Call<'_>) -> Outcome {
    Err(Stop::Wait(0))
}

pub async fn pause_wait(call: &mut Call<'_>, _: [usize; 6], _: usize) -> Result<usize> {
    // Only a signal ends this wait.
    let _ = process::interruptible(call.thread, core::future::pending::<()>()).await;
    Err(Errno::ERESTARTNOHAND)
}

pub fn sigaltstack(call: &mut Call<'_>, new: usize, old: usize) -> Outcome {
    let stack = if new == 0 { None } else { Some(UserPtr::<SignalStack>::new(new).read()?) };
    let before = signal::alternate_stack(call.thread, call.context.registers().rsp, stack)?;
    if old != 0 {
        UserPtr::<SignalStack>::new(old).write(&before)?;
    }
    Ok(0)
}

pub fn kill(call: &mut Call<'_>, pid: i32, number: i32) -> Outcome {
    signal::kill(call.thread, pid, number)?;
    Ok(0)
}

pub fn tkill(call: &mut Call<'_>, tid: i32, number: i32) -> Outcome {
    signal::tgkill(call.thread, None, tid, number)?;
    Ok(0)
}

pub fn tgkill(call: &mut Call<'_>, group: i32, tid: i32, number: i32) -> Outcome {
    signal::tgkill(call.thread, Some(group), tid, number)?;
    Ok(0)
}

pub fn rt_sigqueueinfo(call: &mut Call<'_>, pid: i32, number: i32, info: usize) -> Outcome {
    let info = UserPtr::<Siginfo>::new(info).read()?;
    signal::queue_to_process(call.thread, pid, number, info.info)?;
    Ok(0)
}

pub fn rt_tgsigqueueinfo(call: &mut Call<'_>, group: i32, tid: i32, number: i32, info: usize) -> Outcome {
    let info = UserPtr::<Siginfo>::new(info).read()?;
    signal::queue_to_thread(call.thread, group, tid, number, info.info)?;
    Ok(0)
}
