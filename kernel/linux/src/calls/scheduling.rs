//! Scheduling calls: yielding, CPU affinity, policies and priorities.
//!
//! All threads share the CPU in fair turns for now. A policy other than the default is refused, as Linux refuses what a caller has no right to; the
//! nice value, which is advice, is kept.

use abi::process::SchedParam;
use abi::time::Timespec;
use abi::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use memory::{UserPtr, UserSlice};
use process::{Process, Thread};

use crate::call::{Call, Outcome, Stop};

/// The length of a turn, which sched_rr_get_interval(2) tells.
const TURN_NANOS: u64 = 4_000_000;
const SCHED_OTHER: i32 = 0;
const SCHED_FIFO: i32 = 1;
const SCHED_RR: i32 = 2;
const SCHED_BATCH: i32 = 3;
const SCHED_IDLE: i32 = 5;
const SCHED_DEADLINE: i32 = 6;
const RESET_ON_FORK: i32 = 0x4000_0000;

pub fn sched_yield(_: &mut Call<'_>) -> Outcome {
    if executor::has_ready() { Err(Stop::Wait(0)) } else { Ok(0) }
}

pub async fn sched_yield_wait(_: &mut Call<'_>, _: [usize; 6], _: usize) -> Result<usize> {
    executor::yield_now().await;
    Ok(0)
}

/// The thread with this tid, 0 being the caller.
fn target(call: &Call<'_>, tid: i32) -> Result<Arc<Thread>> {
    match tid {
        0 => Ok(call.thread.clone()),
        1.. => process::find_thread(tid as u32).ok_or(Errno::ESRCH),
        _ => Err(Errno::EINVAL),
    }
}

/// One bit for each CPU that runs threads.
fn cpu_mask() -> u64 {
    let count = arch::cpu::count().min(64);
    u64::MAX >> (64 - count.max(1))
}

pub fn sched_getaffinity(call: &mut Call<'_>, tid: i32, size: usize, mask: usize) -> Outcome {
    const WORD: usize = size_of::<u64>();
    if size < WORD || !size.is_multiple_of(WORD) {
        return Err(Errno::EINVAL.into());
    }
    if tid != 0 {
        target(call, tid).map_err(|_| Errno::ESRCH)?;
    }
    UserPtr::<u64>::new(mask).write(&cpu_mask())?;
    Ok(WORD)
}

pub fn sched_setaffinity(call: &mut Call<'_>, tid: i32, size: usize, mask: usize) -> Outcome {
    let mut bytes = [0u8; 8];
    if let Some(bytes) = bytes.get_mut(..size.min(8)) {
        UserSlice::new(mask, bytes.len()).read(bytes)?;
    }
    if tid != 0 {
        target(call, tid).map_err(|_| Errno::ESRCH)?;
    }
    if u64::from_le_bytes(bytes) & cpu_mask() == 0 {
        return Err(Errno::EINVAL.into());
    }
    Ok(0)
}

pub fn getcpu(_: &mut Call<'_>, cpu: usize, node: usize) -> Outcome {
    if cpu != 0 {
        UserPtr::<u32>::new(cpu).write(&(arch::cpu::id() as u32))?;
    }
    if node != 0 {
        UserPtr::<u32>::new(node).write(&0)?;
    }
    Ok(0)
}

pub fn sched_getscheduler(call: &mut Call<'_>, tid: i32) -> Outcome {
    target(call, tid)?;
    Ok(SCHED_OTHER as usize)
}

pub fn sched_getparam(call: &mut Call<'_>, tid: i32, parameters: usize) -> Outcome {
    target(call, tid)?;
    UserPtr::<SchedParam>::new(parameters).write(&SchedParam { priority: 0 })?;
    Ok(0)
}

pub fn sched_setparam(call: &mut Call<'_>, tid: i32, parameters: usize) -> Outcome {
    sched_setscheduler(call, tid, SCHED_OTHER, parameters)
}

pub fn sched_setscheduler(call: &mut Call<'_>, tid: i32, policy: i32, parameters: usize) -> Outcome {
    if policy < 0 || parameters == 0 {
        return Err(Errno::EINVAL.into());
    }
    let priority = UserPtr::<SchedParam>::new(parameters).read()?.priority;
    target(call, tid)?;
    match policy & !RESET_ON_FORK {
        SCHED_OTHER if priority == 0 => Ok(0),
        SCHED_FIFO | SCHED_RR if (1..=99).contains(&priority) => Err(Errno::EPERM.into()),
        _ => Err(Errno::EINVAL.into()),
    }
}

pub fn sched_get_priority_max(_: &mut Call<'_>, policy: i32) -> Outcome {
    match policy {
        SCHED_FIFO | SCHED_RR => Ok(99),
        SCHED_OTHER | SCHED_BATCH | SCHED_IDLE | SCHED_DEADLINE => Ok(0),
        _ => Err(Errno::EINVAL.into()),
    }
}

pub fn sched_get_priority_min(_: &mut Call<'_>, policy: i32) -> Outcome {
    match policy {
        SCHED_FIFO | SCHED_RR => Ok(1),
        SCHED_OTHER | SCHED_BATCH | SCHED_IDLE | SCHED_DEADLINE => Ok(0),
        _ => Err(Errno::EINVAL.into()),
    }
}

pub fn sched_rr_get_interval(call: &mut Call<'_>, tid: i32, interval: usize) -> Outcome {
    target(call, tid)?;
    UserPtr::<Timespec>::new(interval).write(&Timespec::from_nanos(TURN_NANOS))?;
    Ok(0)
}

/// The threads that a pair of arguments of getpriority(2) names: one thread, all of a process group, or all of a user. EINVAL, ESRCH.
fn threads(call: &Call<'_>, which: i32, who: i32) -> Result<Vec<Arc<Thread>>> {
    const PRIO_PROCESS: i32 = 0;
    const PRIO_PGRP: i32 = 1;
    const PRIO_USER: i32 = 2;
    let wanted = |process: &Process| match which {
        PRIO_PGRP if who == 0 => process.group_id() == call.thread.process().group_id(),
        PRIO_PGRP => process.group_id() == who as u32,
        _ if who == 0 => process.credentials().is_some_and(|theirs| theirs.uid == call.thread.credentials().uid),
        _ => process.credentials().is_some_and(|theirs| theirs.uid == who as u32),
    };
    let mut found = Vec::new();
    match which {
        PRIO_PROCESS => found.push(target(call, who).map_err(|_| Errno::ESRCH)?),
        PRIO_PGRP | PRIO_USER => {
            let mut next = 0;
            while let Some(process) = process::next_process(next) {
                next = process.pid().saturating_add(1);
                if wanted(&process) {
                    for tid in process.thread_ids()? {
                        found.extend(process::find_thread(tid));
                    }
                }
            }
        }
        _ => return Err(Errno::EINVAL),
    }
    if found.is_empty() { Err(Errno::ESRCH) } else { Ok(found) }
}

/// getpriority(2) returns 20 − nice, of several threads the most favourable.
pub fn getpriority(call: &mut Call<'_>, which: i32, who: i32) -> Outcome {
    let found = threads(call, which, who)?;
    Ok(found.iter().map(|thread| 20 - thread.nice()).max().unwrap_or(20) as usize)
}

/// setpriority(2). The nice value is kept, inherited and shown; all threads still take turns of the same length.
pub fn setpriority(call: &mut Call<'_>, which: i32, who: i32, value: i32) -> Outcome {
    let mine = call.thread.credentials();
    let value = value.clamp(-20, 19);
    for thread in threads(call, which, who)? {
        let theirs = thread.credentials();
        if !mine.is_privileged() {
            if mine.euid != theirs.uid && mine.euid != theirs.euid {
                return Err(Errno::EPERM.into());
            }
            if value < thread.nice() {
                return Err(Errno::EACCES.into());
            }
        }
        thread.set_nice(value);
    }
    Ok(0)
}
