//! futex(2).

use abi::{Errno, Result};
use process::futex;
use process::restart::Restart;

use super::poll::read_timeout;
use crate::call::{Call, Outcome, Stop};

const WAIT: i32 = 0;
const WAKE: i32 = 1;
const REQUEUE: i32 = 3;
const CMP_REQUEUE: i32 = 4;
const WAKE_OP: i32 = 5;
const WAIT_BITSET: i32 = 9;
const WAKE_BITSET: i32 = 10;
const PRIVATE: i32 = 128;
const CLOCK_REALTIME: i32 = 256;
const ANY: u32 = u32::MAX;

/// An operation without its flags, and the flags.
struct Operation {
    command: i32,
    private: bool,
    realtime: bool,
}

impl Operation {
    fn new(number: i32) -> Operation {
        Operation { command: number & !(PRIVATE | CLOCK_REALTIME), private: number & PRIVATE != 0, realtime: number & CLOCK_REALTIME != 0 }
    }
}

pub fn futex(call: &mut Call<'_>, address: usize, number: i32, value: u32, timeout: usize, address2: usize, value3: u32) -> Outcome {
    let operation = Operation::new(number);
    let private = operation.private;
    let thread = call.thread;
    if operation.realtime && !matches!(operation.command, WAIT | WAIT_BITSET) {
        return Err(Errno::ENOSYS.into());
    }
    // Counts are ints in Linux; negative ones are refused where two of them are given, and mean one waiter elsewhere.
    let count = |count: u32| if (count as i32) < 0 { Err(Errno::EINVAL) } else { Ok(count as usize) };
    match operation.command {
        WAIT | WAIT_BITSET => {
            read_timeout(timeout)?;
            let bitset = if operation.command == WAIT { ANY } else { value3 };
            futex::attempt(thread, address, value, private, bitset)?;
            Err(Stop::Wait(0))
        }
        WAKE => Ok(futex::wake(thread, address, private, (value as i32).max(1) as usize, ANY)?),
        WAKE_BITSET => Ok(futex::wake(thread, address, private, (value as i32).max(1) as usize, value3)?),
        REQUEUE => Ok(futex::requeue(thread, address, address2, private, count(value)?, count(timeout as u32)?, None)?),
        CMP_REQUEUE => Ok(futex::requeue(thread, address, address2, private, count(value)?, count(timeout as u32)?, Some(value3))?),
        WAKE_OP => {
            let (first, second) = ((value as i32).max(1) as usize, (timeout as i32).max(1) as usize);
            Ok(futex::wake_operation(thread, address, address2, private, first, second, value3)?)
        }
        // Priority inheritance is optional in Linux as well.
        _ => Err(Errno::ENOSYS.into()),
    }
}

pub async fn futex_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    let operation = Operation::new(args[1] as i32);
    let (address, expected) = (args[0], args[2] as u32);
    let timeout = read_timeout(args[3])?;
    let now = arch::clock::now();
    // FUTEX_WAIT takes a length, FUTEX_WAIT_BITSET a point in time.
    let (bitset, deadline) = match (operation.command, timeout) {
        (WAIT, timeout) => (ANY, timeout.map(|length| now.saturating_add(length))),
        (_, Some(point)) if operation.realtime => {
            (args[5] as u32, Some(now.saturating_add(point.saturating_sub(fs::wall_clock::now_nanos()))))
        }
        (_, timeout) => (args[5] as u32, timeout),
    };
    match deadline {
        // A length that has partly passed must not be waited for again in full.
        Some(deadline) if operation.command == WAIT => wait_until(call, address, expected, operation.private, bitset, deadline).await,
        _ => futex::wait(call.thread, address, expected, operation.private, bitset, deadline).await.map(|()| 0),
    }
}

/// Waits until a point in time; a signal leaves behind how restart_syscall(2) goes on.
pub async fn wait_until(call: &Call<'_>, address: usize, expected: u32, private: bool, bitset: u32, deadline: u64) -> Result<usize> {
    match futex::wait(call.thread, address, expected, private, bitset, Some(deadline)).await {
        Err(Errno::ERESTARTSYS) => Err(call.thread.restart_with(Restart::Futex { address, expected, private, bitset, deadline })),
        result => result.map(|()| 0),
    }
}
