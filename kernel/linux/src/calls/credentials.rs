//! User and group identities: set*uid(2), set*gid(2), groups and capabilities (credentials(7)).
//!
//! Credentials are an immutable value that a thread replaces as a whole, so no reader ever sees half a change. Like Linux, the calls change
//! the calling thread only; it is the C library that makes all threads of a process follow.

use abi::system::{CapabilityData, CapabilityHeader};
use abi::{Errno, Result};
use fs::Credentials;
use memory::UserPtr;

use crate::call::{Call, Outcome};

/// As an argument: leave this one as it is.
const KEEP: u32 = u32::MAX;
/// The most supplementary groups (NGROUPS_MAX).
const GROUPS_MAX: usize = 65536;
/// The highest capability that Linux 6.1 knows (CAP_CHECKPOINT_RESTORE).
const LAST_CAPABILITY: u32 = 40;

fn change(call: &Call<'_>, edit: impl FnOnce(&mut Credentials) -> Result<()>) -> Outcome {
    let old = call.thread.credentials();
    let mut credentials = Credentials::clone(&old);
    edit(&mut credentials)?;
    if (old.euid, old.egid, old.fsuid, old.fsgid) != (credentials.euid, credentials.egid, credentials.fsuid, credentials.fsgid) {
        // What the process knows from before is not for its new user to look at.
        call.thread.process().set_dumpable(false);
        call.thread.set_parent_death_signal(None);
    }
    call.thread.set_credentials(credentials);
    Ok(0)
}

/// One of the four ids of a kind, as setresuid(2) and its family treat them.
struct Ids {
    real: u32,
    effective: u32,
    saved: u32,
}

impl Ids {
    fn has(&self, id: u32) -> bool {
        id == self.real || id == self.effective || id == self.saved
    }

    /// setuid(2): a privileged caller sets all three, others move the effective id to the real or saved one.
    fn set(&mut self, id: u32, privileged: bool) -> Result<()> {
        if id == KEEP {
            return Err(Errno::EINVAL);
        }
        if privileged {
            *self = Ids { real: id, effective: id, saved: id };
        } else if id == self.real || id == self.saved {
            self.effective = id;
        } else {
            return Err(Errno::EPERM);
        }
        Ok(())
    }

    /// setreuid(2): the saved id follows the effective one when the real id is set or the effective one leaves it.
    fn set_two(&mut self, real: u32, effective: u32, privileged: bool) -> Result<()> {
        let old_real = self.real;
        if real != KEEP {
            if !privileged && real != self.real && real != self.effective {
                return Err(Errno::EPERM);
            }
            self.real = real;
        }
        if effective != KEEP {
            if !privileged && effective != old_real && effective != self.effective && effective != self.saved {
                return Err(Errno::EPERM);
            }
            self.effective = effective;
        }
        if real != KEEP || effective != KEEP && effective != old_real {
            self.saved = self.effective;
        }
        Ok(())
    }

    /// setresuid(2).
    fn set_three(&mut self, real: u32, effective: u32, saved: u32, privileged: bool) -> Result<()> {
        let allowed = |id: u32| id == KEEP || privileged || self.has(id);
        if !(allowed(real) && allowed(effective) && allowed(saved)) {
            return Err(Errno::EPERM);
        }
        let keep = |new: u32, old: u32| if new == KEEP { old } else { new };
        *self = Ids { real: keep(real, self.real), effective: keep(effective, self.effective), saved: keep(saved, self.saved) };
        Ok(())
    }
}

fn change_users(call: &Call<'_>, edit: impl FnOnce(&mut Ids, bool) -> Result<()>) -> Outcome {
    change(call, |c| {
        let mut ids = Ids { real: c.uid, effective: c.euid, saved: c.suid };
        edit(&mut ids, c.euid == 0)?;
        (c.uid, c.euid, c.suid, c.fsuid) = (ids.real, ids.effective, ids.saved, ids.effective);
        Ok(())
    })
}

fn change_groups(call: &Call<'_>, edit: impl FnOnce(&mut Ids, bool) -> Result<()>) -> Outcome {
    change(call, |c| {
        let mut ids = Ids { real: c.gid, effective: c.egid, saved: c.sgid };
        edit(&mut ids, c.euid == 0)?;
        (c.gid, c.egid, c.sgid, c.fsgid) = (ids.real, ids.effective, ids.saved, ids.effective);
        Ok(())
    })
}

pub fn setuid(call: &mut Call<'_>, uid: u32) -> Outcome {
    change_users(call, |ids, privileged| ids.set(uid, privileged))
}

pub fn setgid(call: &mut Call<'_>, gid: u32) -> Outcome {
    change_groups(call, |ids, privileged| ids.set(gid, privileged))
}

pub fn setreuid(call: &mut Call<'_>, real: u32, effective: u32) -> Outcome {
    change_users(call, |ids, privileged| ids.set_two(real, effective, privileged))
}

pub fn setregid(call: &mut Call<'_>, real: u32, effective: u32) -> Outcome {
    change_groups(call, |ids, privileged| ids.set_two(real, effective, privileged))
}

pub fn setresuid(call: &mut Call<'_>, real: u32, effective: u32, saved: u32) -> Outcome {
    change_users(call, |ids, privileged| ids.set_three(real, effective, saved, privileged))
}

pub fn setresgid(call: &mut Call<'_>, real: u32, effective: u32, saved: u32) -> Outcome {
    change_groups(call, |ids, privileged| ids.set_three(real, effective, saved, privileged))
}

fn write_three(addresses: [usize; 3], ids: [u32; 3]) -> Outcome {
    for (address, id) in addresses.into_iter().zip(ids) {
        UserPtr::<u32>::new(address).write(&id)?;
    }
    Ok(0)
}

pub fn getresuid(call: &mut Call<'_>, real: usize, effective: usize, saved: usize) -> Outcome {
    let c = call.thread.credentials();
    write_three([real, effective, saved], [c.uid, c.euid, c.suid])
}

pub fn getresgid(call: &mut Call<'_>, real: usize, effective: usize, saved: usize) -> Outcome {
    let c = call.thread.credentials();
    write_three([real, effective, saved], [c.gid, c.egid, c.sgid])
}

/// setfsuid(2) never fails: it returns the old id, changed or not.
pub fn setfsuid(call: &mut Call<'_>, uid: u32) -> Outcome {
    let c = call.thread.credentials();
    let old = c.fsuid;
    if uid != KEEP && (c.euid == 0 || [c.uid, c.euid, c.suid, c.fsuid].contains(&uid)) {
        change(call, |c| {
            c.fsuid = uid;
            Ok(())
        })?;
    }
    Ok(old as usize)
}

/// setfsgid(2), as [`setfsuid`].
pub fn setfsgid(call: &mut Call<'_>, gid: u32) -> Outcome {
    let c = call.thread.credentials();
    let old = c.fsgid;
    if gid != KEEP && (c.euid == 0 || [c.gid, c.egid, c.sgid, c.fsgid].contains(&gid)) {
        change(call, |c| {
            c.fsgid = gid;
            Ok(())
        })?;
    }
    Ok(old as usize)
}

pub fn getgroups(call: &mut Call<'_>, count: i32, list: usize) -> Outcome {
    let credentials = call.thread.credentials();
    let groups = &credentials.groups;
    if count < 0 || count != 0 && (count as usize) < groups.len() {
        return Err(Errno::EINVAL.into());
    }
    if count != 0 {
        UserPtr::<u32>::new(list).write_many(groups)?;
    }
    Ok(groups.len())
}

pub fn setgroups(call: &mut Call<'_>, count: usize, list: usize) -> Outcome {
    if !call.privileged() {
        return Err(Errno::EPERM.into());
    }
    if count > GROUPS_MAX {
        return Err(Errno::EINVAL.into());
    }
    let mut groups = UserPtr::<u32>::new(list).read_many(count)?;
    // Linux keeps them sorted, and getgroups(2) shows it.
    groups.sort_unstable();
    change(call, |c| {
        c.groups = groups.into();
        Ok(())
    })
}

/// How many 32-bit halves a capability version has; an unknown version is answered with the preferred one, and EINVAL.
fn halves(header: UserPtr<CapabilityHeader>) -> Result<(usize, CapabilityHeader)> {
    let mut value = header.read()?;
    match value.version {
        0x1998_0330 => Ok((1, value)),
        0x2007_1026 | 0x2008_0522 => Ok((2, value)),
        _ => {
            value.version = 0x2008_0522;
            header.write(&value)?;
            Err(Errno::EINVAL)
        }
    }
}

/// capget(2): root has all capabilities, others none; there is no way to hold some.
pub fn capget(call: &mut Call<'_>, header: usize, data: usize) -> Outcome {
    let (halves, value) = match halves(UserPtr::new(header)) {
        Err(Errno::EINVAL) if data == 0 => return Ok(0),
        other => other?,
    };
    if value.pid < 0 {
        return Err(Errno::EINVAL.into());
    }
    let effective_uid = match value.pid as u32 {
        0 => call.thread.credentials().euid,
        tid => process::find_thread(tid).ok_or(Errno::ESRCH)?.credentials().euid,
    };
    let all: u64 = if effective_uid == 0 { (1 << (LAST_CAPABILITY + 1)) - 1 } else { 0 };
    for half in 0..halves {
        let bits = (all >> (32 * half)) as u32;
        UserPtr::<CapabilityData>::new(data).offset(half).write(&CapabilityData { effective: bits, permitted: bits, inheritable: 0 })?;
    }
    Ok(0)
}

/// capset(2): capabilities can't be held apart from root, so only the set that the caller has already can be set.
pub fn capset(call: &mut Call<'_>, header: usize, data: usize) -> Outcome {
    let (halves, value) = halves(UserPtr::new(header))?;
    if value.pid != 0 && value.pid as u32 != call.thread.tid() {
        return Err(Errno::EPERM.into());
    }
    let all: u64 = if call.privileged() { (1 << (LAST_CAPABILITY + 1)) - 1 } else { 0 };
    for half in 0..halves {
        let wanted = UserPtr::<CapabilityData>::new(data).offset(half).read()?;
        let bits = (all >> (32 * half)) as u32;
        if wanted.effective != bits || wanted.permitted != bits || wanted.inheritable & !bits != 0 {
            return Err(Errno::EPERM.into());
        }
    }
    Ok(0)
}
