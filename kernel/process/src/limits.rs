//! Resource limits (getrlimit(2), prlimit(2)): the sixteen pairs of a process, with Linux's defaults.

use abi::process::Rlimit64;
use abi::{Errno, Result};

use crate::{Process, Thread};

/// How many limits there are (RLIM_NLIMITS).
pub const COUNT: usize = 16;

/// No descriptor table grows past this, whoever asks (`fs.nr_open`).
pub const MAX_OPEN_FILES: u64 = 1 << 20;

/// What is limited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Resource {
    Cpu = 0,
    FileSize = 1,
    Data = 2,
    Stack = 3,
    Core = 4,
    Resident = 5,
    Processes = 6,
    OpenFiles = 7,
    LockedMemory = 8,
    AddressSpace = 9,
    Locks = 10,
    PendingSignals = 11,
    MessageQueues = 12,
    Nice = 13,
    RealtimePriority = 14,
    RealtimeTime = 15,
}

impl Resource {
    const ALL: [Resource; COUNT] = [
        Resource::Cpu,
        Resource::FileSize,
        Resource::Data,
        Resource::Stack,
        Resource::Core,
        Resource::Resident,
        Resource::Processes,
        Resource::OpenFiles,
        Resource::LockedMemory,
        Resource::AddressSpace,
        Resource::Locks,
        Resource::PendingSignals,
        Resource::MessageQueues,
        Resource::Nice,
        Resource::RealtimePriority,
        Resource::RealtimeTime,
    ];

    /// The resource with this number; EINVAL when there is none.
    pub fn new(number: u32) -> Result<Resource> {
        Resource::ALL.get(number as usize).copied().ok_or(Errno::EINVAL)
    }
}

/// The limits of one process.
#[derive(Clone, Copy, Debug)]
pub struct Limits([Rlimit64; COUNT]);

impl Limits {
    /// What the first process starts with; `threads` is how many threads this machine's memory carries (Linux halves it for the limits).
    pub const fn first(threads: u64) -> Limits {
        const NONE: Rlimit64 = Rlimit64 { soft: Rlimit64::INFINITY, hard: Rlimit64::INFINITY };
        const ZERO: Rlimit64 = Rlimit64 { soft: 0, hard: 0 };
        let tasks = Rlimit64 { soft: threads / 2, hard: threads / 2 };
        let mut limits = [NONE; COUNT];
        limits[Resource::Stack as usize] = Rlimit64 { soft: 8 << 20, hard: Rlimit64::INFINITY };
        limits[Resource::Core as usize] = Rlimit64 { soft: 0, hard: Rlimit64::INFINITY };
        limits[Resource::Processes as usize] = tasks;
        limits[Resource::OpenFiles as usize] = Rlimit64 { soft: 1024, hard: 4096 };
        limits[Resource::LockedMemory as usize] = Rlimit64 { soft: 8 << 20, hard: 8 << 20 };
        limits[Resource::PendingSignals as usize] = tasks;
        limits[Resource::MessageQueues as usize] = Rlimit64 { soft: 819_200, hard: 819_200 };
        limits[Resource::Nice as usize] = ZERO;
        limits[Resource::RealtimePriority as usize] = ZERO;
        Limits(limits)
    }

    pub fn get(&self, resource: Resource) -> Rlimit64 {
        self.0[resource as usize]
    }

    pub(crate) fn raise_soft(&mut self, resource: Resource, soft: u64) {
        self.0[resource as usize].soft = soft.min(self.0[resource as usize].hard);
    }

    fn set(&mut self, resource: Resource, limit: Rlimit64) {
        self.0[resource as usize] = limit;
    }
}

impl Process {
    /// Both halves of a limit.
    pub fn limit(&self, resource: Resource) -> Rlimit64 {
        self.limits.lock().get(resource)
    }

    /// The half that binds.
    pub fn soft_limit(&self, resource: Resource) -> u64 {
        self.limit(resource).soft
    }
}

/// prlimit(2), setrlimit(2) and getrlimit(2): `caller` reads, and with `new` sets, a limit of `target`; answers the old one.
///
/// EINVAL when soft exceeds hard; EPERM for another's process without the right ids, for raising a hard limit without being root, and
/// for more descriptors than [`MAX_OPEN_FILES`].
pub fn prlimit(caller: &Thread, target: &Process, resource: Resource, new: Option<Rlimit64>) -> Result<Rlimit64> {
    if target.pid() != caller.process().pid() {
        let mine = caller.credentials();
        let theirs = target.credentials().ok_or(Errno::ESRCH)?;
        let same_user = [theirs.uid, theirs.euid, theirs.suid].iter().all(|&id| id == mine.uid);
        let same_group = [theirs.gid, theirs.egid, theirs.sgid].iter().all(|&id| id == mine.gid);
        if mine.euid != 0 && !(same_user && same_group) {
            return Err(Errno::EPERM);
        }
    }
    let privileged = caller.credentials().euid == 0;
    let mut limits = target.limits.lock();
    let old = limits.get(resource);
    let Some(mut new) = new else { return Ok(old) };
    if new.soft > new.hard {
        return Err(Errno::EINVAL);
    }
    if resource == Resource::OpenFiles && new.hard > MAX_OPEN_FILES || new.hard > old.hard && !privileged {
        return Err(Errno::EPERM);
    }
    if resource == Resource::Cpu && new.soft == 0 {
        // As Linux: "no time at all" means one second, so that SIGXCPU has a moment to come.
        new.soft = 1;
    }
    limits.set(resource, new);
    let all = *limits;
    drop(limits);
    target.apply_memory_limits(&all);
    Ok(old)
}
