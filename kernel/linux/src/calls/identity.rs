//! Who the caller is: process and thread numbers, groups, sessions, and the ids of users that can't fail to be read.

use abi::{Errno, Result};
use alloc::sync::Arc;
use process::Process;

use crate::call::{Call, Outcome};

pub fn getpid(call: &mut Call<'_>) -> Outcome {
    Ok(call.thread.process().pid() as usize)
}

pub fn gettid(call: &mut Call<'_>) -> Outcome {
    Ok(call.thread.tid() as usize)
}

pub fn getppid(call: &mut Call<'_>) -> Outcome {
    Ok(call.thread.process().parent_pid() as usize)
}

pub fn getuid(call: &mut Call<'_>) -> Outcome {
    Ok(call.thread.credentials().uid as usize)
}

pub fn geteuid(call: &mut Call<'_>) -> Outcome {
    Ok(call.thread.credentials().euid as usize)
}

pub fn getgid(call: &mut Call<'_>) -> Outcome {
    Ok(call.thread.credentials().gid as usize)
}

pub fn getegid(call: &mut Call<'_>) -> Outcome {
    Ok(call.thread.credentials().egid as usize)
}

/// The process with this number, 0 being the caller's; ESRCH.
fn target(call: &Call<'_>, pid: i32) -> Result<Arc<Process>> {
    match pid {
        0 => Ok(call.thread.process().clone()),
        _ => u32::try_from(pid).ok().and_then(process::find_process).ok_or(Errno::ESRCH),
    }
}

pub fn getpgid(call: &mut Call<'_>, pid: i32) -> Outcome {
    Ok(target(call, pid)?.group_id() as usize)
}

pub fn getpgrp(call: &mut Call<'_>) -> Outcome {
    Ok(call.thread.process().group_id() as usize)
}

pub fn getsid(call: &mut Call<'_>, pid: i32) -> Outcome {
    Ok(target(call, pid)?.session_id() as usize)
}

pub fn setpgid(call: &mut Call<'_>, pid: i32, group: i32) -> Outcome {
    process::identity::set_group(call.thread, pid, group)?;
    Ok(0)
}

pub fn setsid(call: &mut Call<'_>) -> Outcome {
    Ok(process::identity::found_session(call.thread)? as usize)
}
