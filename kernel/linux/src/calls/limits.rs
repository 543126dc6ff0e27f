//! Resource limits and usage: getrlimit(2), prlimit(2), getrusage(2).

use abi::process::{Rlimit64, Rusage};
use abi::{Errno, Result};
use memory::UserPtr;
use process::{Resource, limits};

use crate::call::{Call, Outcome};

pub fn getrlimit(call: &mut Call<'_>, resource: u32, limit: usize) -> Outcome {
    let resource = Resource::new(resource)?;
    UserPtr::<Rlimit64>::new(limit).write(&call.thread.process().limit(resource))?;
    Ok(0)
}

pub fn setrlimit(call: &mut Call<'_>, resource: u32, limit: usize) -> Outcome {
    let new = UserPtr::<Rlimit64>::new(limit).read()?;
    let resource = Resource::new(resource)?;
    limits::prlimit(call.thread, call.thread.process(), resource, Some(new))?;
    Ok(0)
}

fn read_optional(address: usize) -> Result<Option<Rlimit64>> {
    if address == 0 { Ok(None) } else { UserPtr::<Rlimit64>::new(address).read().map(Some) }
}

pub fn prlimit64(call: &mut Call<'_>, pid: i32, resource: u32, new: usize, old: usize) -> Outcome {
    let resource = Resource::new(resource)?;
    let new = read_optional(new)?;
    let target = match pid {
        0 => call.thread.process().clone(),
        _ => u32::try_from(pid).ok().and_then(process::find_process).ok_or(Errno::ESRCH)?,
    };
    let before = limits::prlimit(call.thread, &target, resource, new)?;
    if old != 0 {
        UserPtr::<Rlimit64>::new(old).write(&before)?;
    }
    Ok(0)
}

pub fn getrusage(call: &mut Call<'_>, who: i32, usage: usize) -> Outcome {
    const SELF: i32 = 0;
    const CHILDREN: i32 = -1;
    const THREAD: i32 = 1;
    let total = match who {
        SELF => call.thread.process().usage(),
        CHILDREN => call.thread.process().children_usage(),
        THREAD => call.thread.usage(),
        _ => return Err(Errno::EINVAL.into()),
    };
    UserPtr::<Rusage>::new(usage).write(&total.to_rusage())?;
    Ok(0)
}
