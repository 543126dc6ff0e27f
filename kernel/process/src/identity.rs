//! Process groups and sessions (setpgid(2), setsid(2)), and which groups are orphaned.

use abi::{Errno, Result};

use crate::tree::{self, Tree};
use crate::{Process, Thread};
use core::sync::atomic::Ordering;

/// setpgid(2). Zero stands for the caller, and for the process's own number.
///
/// EINVAL for a negative group; ESRCH when `pid` is neither the caller nor a child; EACCES when that child has executed another
/// program; EPERM for a session leader, another session's child, or a group that isn't in the caller's session.
pub fn set_group(caller: &Thread, pid: i32, group: i32) -> Result<()> {
    let me = caller.process();
    let pid = if pid == 0 { me.pid() } else { u32::try_from(pid).map_err(|_| Errno::ESRCH)? };
    if group < 0 {
        return Err(Errno::EINVAL);
    }
    let group = if group == 0 { pid } else { group as u32 };
    let mut tree = tree::lock();
    let family = tree.family(pid).ok_or(Errno::ESRCH)?;
    let process = family.process.clone();
    let session = me.session_id();
    if pid != me.pid() {
        if family.parent != me.pid() {
            return Err(Errno::ESRCH);
        }
        if process.session_id() != session {
            return Err(Errno::EPERM);
        }
        if process.has_executed.load(Ordering::Relaxed) {
            return Err(Errno::EACCES);
        }
    }
    if process.session_id() == pid {
        return Err(Errno::EPERM);
    }
    if group != pid && tree.group_session(group).map(|session| session.id()) != Some(session) {
        return Err(Errno::EPERM);
    }
    tree.move_to_group(pid, group);
    Ok(())
}

/// setsid(2): the caller becomes the leader of a new session, without a terminal. EPERM when a group has its number already.
pub fn found_session(caller: &Thread) -> Result<u32> {
    let pid = caller.process().pid();
    let mut tree = tree::lock();
    if caller.process().session_id() == pid || tree.group_exists(pid) {
        return Err(Errno::EPERM);
    }
    tree.found_session(pid);
    Ok(pid)
}

/// The session of a process group, if the group exists (tcsetpgrp(3) must know).
pub fn session_of_group(group: u32) -> Option<u32> {
    tree::lock().group_session(group).map(|session| session.id())
}

/// Whether a process group is orphaned: no member has a parent in another group of the same session, so nobody could continue it.
pub fn is_orphaned(group: u32) -> bool {
    tree::lock().is_orphaned(group, 0)
}

impl Tree {
    /// As [`is_orphaned`], not counting the process `leaving` as a member.
    pub(crate) fn is_orphaned(&self, group: u32, leaving: u32) -> bool {
        let mut next = self.first_member(group);
        while let Some(pid) = next {
            next = self.next_member(pid);
            let Some(family) = self.family(pid) else { continue };
            if pid == leaving || family.zombie.is_some() || family.parent == tree::INIT {
                continue;
            }
            let Some(parent) = self.family(family.parent) else { continue };
            if parent.process.group_id() != group && parent.process.session_id() == family.process.session_id() {
                return false;
            }
        }
        true
    }

    /// Whether a member of the group is stopped.
    pub(crate) fn has_stopped_member(&self, group: u32) -> bool {
        let mut next = self.first_member(group);
        while let Some(pid) = next {
            next = self.next_member(pid);
            if self.family(pid).is_some_and(|family| family.process.is_stopped()) {
                return true;
            }
        }
        false
    }
}

impl Process {
    /// Whether it leads its session.
    pub fn leads_session(&self) -> bool {
        self.session_id() == self.pid()
    }
}
