//! Sleeping: nanosleep(2), clock_nanosleep(2), and restart_syscall(2), which goes on with a sleep that a signal stopped.

use abi::time::Timespec;
use abi::{Errno, Result};
use executor::timer::sleep_until;
use memory::UserPtr;
use process::interruptible;
use process::restart::Restart;

use super::clocks::Clock;
use crate::call::{Call, Outcome, Stop};

/// clock_nanosleep(2): the time is a point, not a length.
const TIMER_ABSTIME: u32 = 1;

/// Reads a requested time; a null pointer is EFAULT.
fn requested(request: usize) -> Result<u64> {
    UserPtr::<Timespec>::new(request).read()?.to_nanos()
}

pub fn nanosleep(_: &mut Call<'_>, request: usize, _remaining: usize) -> Outcome {
    requested(request)?;
    Err(Stop::Wait(0))
}

pub async fn nanosleep_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    let deadline = arch::clock::now().saturating_add(requested(args[0])?);
    sleep(call, deadline, Some(args[1])).await
}

pub fn clock_nanosleep(_: &mut Call<'_>, clock: i32, _flags: u32, request: usize, _remaining: usize) -> Outcome {
    match Clock::from_number(clock)? {
        Clock::ThreadCpu | Clock::ProcessCpu | Clock::ProcessCpuOf(_) => return Err(Errno::EOPNOTSUPP.into()),
        Clock::Realtime | Clock::Monotonic => {}
    }
    requested(request)?;
    Err(Stop::Wait(0))
}

pub async fn clock_nanosleep_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    let clock = Clock::from_number(args[0] as i32)?;
    let time = requested(args[2])?;
    let now = arch::clock::now();
    if args[1] as u32 & TIMER_ABSTIME == 0 {
        return sleep(call, now.saturating_add(time), Some(args[3])).await;
    }
    let deadline = now.saturating_add(time.saturating_sub(clock.now(call.thread)?));
    match interruptible(call.thread, sleep_until(deadline)).await {
        Ok(()) => Ok(0),
        Err(_) => Err(Errno::ERESTARTNOHAND),
    }
}

/// Sleeps until a point of the monotonic clock. When a signal interrupts it, the remaining time goes to the program, and the point is kept
/// for restart_syscall(2), so that stopping and continuing a process does not make its sleep longer.
async fn sleep(call: &mut Call<'_>, deadline: u64, remaining: Option<usize>) -> Result<usize> {
    if interruptible(call.thread, sleep_until(deadline)).await.is_ok() {
        return Ok(0);
    }
    let left = deadline.saturating_sub(arch::clock::now());
    let remaining = remaining.unwrap_or(0);
    if remaining != 0 {
        UserPtr::<Timespec>::new(remaining).write(&Timespec::from_nanos(left))?;
    }
    Err(call.thread.restart_with(Restart::Sleep { deadline, remaining }))
}

/// The restart itself needs the executor for all but a call that has nothing to restart.
pub fn restart_syscall(_: &mut Call<'_>) -> Outcome {
    Err(Stop::Wait(0))
}

/// Goes on with the call that the thread left behind. A program that calls this on its own has none: EINTR, as on Linux.
pub async fn restart_syscall_wait(call: &mut Call<'_>, _: [usize; 6], _: usize) -> Result<usize> {
    match call.thread.take_restart() {
        Restart::None => Err(Errno::EINTR),
        Restart::Sleep { deadline, remaining } => sleep(call, deadline, Some(remaining)).await,
        Restart::Poll { array, count, deadline } => super::poll::wait(call, array, count as u32, Some(deadline)).await,
        Restart::Futex { address, expected, private, bitset, deadline } => {
            super::futex::wait_until(call, address, expected, private, bitset, deadline).await
        }
    }
}
