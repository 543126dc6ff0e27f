//! The one table of numbers: threads, processes, groups and sessions, and who is whose.
//!
//! One number can name a thread, a process, a process group and a session at once, and is free again only when it names none of them. The
//! family relations are plain numbers in this table, under its one lock: parent, children in order of birth, members of a group. Lists are
//! linked through the numbers themselves, so joining, leaving and reaping cost the same however many relatives there are, and allocate
//! nothing. Chunks of the table exist only where numbers are in use.

use alloc::boxed::Box;
use alloc::sync::Arc;

use abi::process::WaitStatus;
use abi::{Errno, Result, Signal};
use sync::{SpinLock, SpinLockGuard};

use crate::session::Session;
use crate::times::Usage;
use crate::{Process, Thread};

/// The first process, to which orphans go.
pub const INIT: u32 = 1;
/// One more than the highest number (`kernel.pid_max`).
pub const PID_MAX: u32 = 32_768;
/// Once numbers have wrapped around, those below this stay with the processes of system start.
const RESERVED: u32 = 300;

const CHUNK: usize = 64;
const CHUNKS: usize = PID_MAX as usize / CHUNK;

/// A process that has ended and was not waited for yet.
#[derive(Clone, Copy)]
pub(crate) struct Zombie {
    pub status: WaitStatus,
    /// Its own usage and that of the children it had waited for.
    pub own: Usage,
    pub children: Usage,
}

/// A process's place in the family. Zero stands for "none" in all links.
pub(crate) struct Family {
    pub process: Arc<Process>,
    pub parent: u32,
    /// The thread of the parent that made it (for `__WNOTHREAD`).
    pub creator: u32,
    first_child: u32,
    last_child: u32,
    previous_sibling: u32,
    next_sibling: u32,
    group: u32,
    previous_member: u32,
    next_member: u32,
    /// News for wait(2).
    pub zombie: Option<Zombie>,
    pub stopped: Option<Signal>,
    pub continued: bool,
}

struct Group {
    session: Arc<Session>,
    first: u32,
    last: u32,
}

#[derive(Default)]
struct Slot {
    thread: Option<Arc<Thread>>,
    family: Option<Box<Family>>,
    group: Option<Box<Group>>,
    /// Processes in the session of this number.
    session: u32,
    /// The number was handed out but names nothing yet.
    reserved: bool,
}

impl Slot {
    fn is_free(&self) -> bool {
        self.thread.is_none() && self.family.is_none() && self.group.is_none() && self.session == 0 && !self.reserved
    }
}

struct Chunk {
    slots: [Slot; CHUNK],
}

/// The table. Everything that touches relations is a method of it, so that it happens under the lock.
pub(crate) struct Tree {
    chunks: [Option<Box<Chunk>>; CHUNKS],
    /// Bit n of word m: number 64 m + n is in use.
    used: [u64; CHUNKS],
    last: u32,
    processes: u32,
    threads: u32,
}

static TREE: SpinLock<Tree> =
    SpinLock::new(Tree { chunks: [const { None }; CHUNKS], used: [0; CHUNKS], last: 0, processes: 0, threads: 0 });

pub(crate) fn lock() -> SpinLockGuard<'static, Tree> {
    TREE.lock()
}

/// The process with this number, zombies included.
pub fn find_process(pid: u32) -> Option<Arc<Process>> {
    TREE.lock().family(pid).map(|family| family.process.clone())
}

/// The thread with this number.
pub fn find_thread(tid: u32) -> Option<Arc<Thread>> {
    TREE.lock().slot(tid)?.thread.clone()
}

/// The process with the lowest number of at least `from`, zombies included: for going through them all without holding the table.
pub fn next_process(from: u32) -> Option<Arc<Process>> {
    TREE.lock().next_family(from).map(|family| family.process.clone())
}

/// Processes (zombies included) and live threads there are.
pub fn counts() -> (u32, u32) {
    let tree = TREE.lock();
    (tree.processes, tree.threads)
}

/// The number that was handed out last (fifth field of /proc/loadavg).
pub fn last_number() -> u32 {
    TREE.lock().last
}

/// Whether the process has ended and waits to be waited for.
pub fn is_zombie(pid: u32) -> bool {
    TREE.lock().family(pid).is_some_and(|family| family.zombie.is_some())
}

impl Tree {
    fn slot(&self, number: u32) -> Option<&Slot> {
        self.chunks.get(number as usize / CHUNK)?.as_ref()?.slots.get(number as usize % CHUNK)
    }

    fn slot_mut(&mut self, number: u32) -> Option<&mut Slot> {
        self.chunks.get_mut(number as usize / CHUNK)?.as_mut()?.slots.get_mut(number as usize % CHUNK)
    }

    /// Hands out a number: the next one above the last that is free. EAGAIN when all are in use, ENOMEM.
    pub fn allocate(&mut self) -> Result<u32> {
        let number = self.free_number().ok_or(Errno::EAGAIN)?;
        let chunk = self.chunks.get_mut(number as usize / CHUNK).ok_or(Errno::EAGAIN)?;
        if chunk.is_none() {
            memory::frames::admit()?;
            *chunk = Some(Box::new(Chunk { slots: [const { EMPTY }; CHUNK] }));
        }
        if let Some(word) = self.used.get_mut(number as usize / CHUNK) {
            *word |= 1 << (number as usize % CHUNK);
        }
        self.last = number;
        if let Some(slot) = self.slot_mut(number) {
            slot.reserved = true;
        }
        Ok(number)
    }

    fn free_number(&self) -> Option<u32> {
        let start = self.last + 1;
        self.free_between(start, PID_MAX).or_else(|| self.free_between(if start > RESERVED { RESERVED } else { INIT }, start))
    }

    fn free_between(&self, from: u32, to: u32) -> Option<u32> {
        let mut number = from.max(INIT);
        while number < to {
            let word = self.used.get(number as usize / CHUNK)?;
            let free = !word & (u64::MAX << (number as usize % CHUNK));
            let base = number - number % CHUNK as u32;
            if free != 0 {
                let found = base + free.trailing_zeros();
                return (found < to).then_some(found);
            }
            number = base + CHUNK as u32;
        }
        None
    }

    /// Gives a number back that came to nothing.
    pub fn cancel(&mut self, number: u32) {
        if let Some(slot) = self.slot_mut(number) {
            slot.reserved = false;
        }
        self.tidy(number);
    }

    /// Frees a number that names nothing any more, and the chunk with its last number.
    fn tidy(&mut self, number: u32) {
        if !self.slot(number).is_some_and(Slot::is_free) {
            return;
        }
        let index = number as usize / CHUNK;
        if let Some(word) = self.used.get_mut(index) {
            *word &= !(1 << (number as usize % CHUNK));
            if *word == 0
                && let Some(chunk) = self.chunks.get_mut(index)
            {
                *chunk = None;
            }
        }
    }

    pub fn family(&self, pid: u32) -> Option<&Family> {
        self.slot(pid)?.family.as_deref()
    }

    pub fn family_mut(&mut self, pid: u32) -> Option<&mut Family> {
        self.slot_mut(pid)?.family.as_deref_mut()
    }

    fn next_family(&self, from: u32) -> Option<&Family> {
        let mut number = from;
        while number < PID_MAX {
            let index = number as usize / CHUNK;
            let word = *self.used.get(index)? & (u64::MAX << (number as usize % CHUNK));
            let base = number - number % CHUNK as u32;
            if word == 0 {
                number = base + CHUNK as u32;
                continue;
            }
            let candidate = base + word.trailing_zeros();
            if let Some(family) = self.family(candidate) {
                return Some(family);
            }
            number = candidate + 1;
        }
        None
    }

    /// The lowest process number of at least `from`.
    pub fn next_pid(&self, from: u32) -> Option<u32> {
        self.next_family(from).map(|family| family.process.pid())
    }

    /// A thread gets the number that it was made with.
    pub fn add_thread(&mut self, thread: &Arc<Thread>) {
        if let Some(slot) = self.slot_mut(thread.tid()) {
            slot.reserved = false;
            slot.thread = Some(thread.clone());
            self.threads += 1;
        }
    }

    /// The thread no longer answers to its number.
    pub fn remove_thread(&mut self, tid: u32) -> Option<Arc<Thread>> {
        let thread = self.slot_mut(tid)?.thread.take()?;
        self.threads -= 1;
        self.tidy(tid);
        Some(thread)
    }

    /// execve(2) in a thread that isn't the first: it takes over the first one's number.
    pub fn take_over_number(&mut self, thread: &Arc<Thread>, pid: u32) {
        let old = thread.tid();
        if old == pid {
            return;
        }
        if self.remove_thread(old).is_none() {
            return;
        }
        thread.set_tid(pid);
        self.add_thread(thread);
    }

    /// Enters a new process as the youngest child of its parent and a member of its group.
    pub fn add_process(&mut self, process: &Arc<Process>, creator: u32) {
        let (pid, parent, group, session) = (process.pid(), process.parent_pid(), process.group_id(), process.session());
        let family = Family {
            process: process.clone(),
            parent: 0,
            creator,
            first_child: 0,
            last_child: 0,
            previous_sibling: 0,
            next_sibling: 0,
            group: 0,
            previous_member: 0,
            next_member: 0,
            zombie: None,
            stopped: None,
            continued: false,
        };
        let Some(slot) = self.slot_mut(pid) else { return };
        slot.reserved = false;
        slot.family = Some(Box::new(family));
        self.processes += 1;
        self.enter_session(session.id());
        self.link_child(pid, parent);
        self.join_group(pid, group, &session);
    }

    /// Removes a process from everything: it has been waited for, or nobody will. Answers its usage for the parent's sums.
    pub fn remove_process(&mut self, pid: u32) -> Option<Box<Family>> {
        self.unlink_child(pid);
        self.leave_group(pid);
        let family = self.slot_mut(pid)?.family.take()?;
        self.processes -= 1;
        self.leave_session(family.process.session_id());
        self.tidy(pid);
        Some(family)
    }

    fn link_child(&mut self, pid: u32, parent: u32) {
        let Some(last) = self.family_mut(parent).map(|family| core::mem::replace(&mut family.last_child, pid)) else { return };
        if let Some(elder) = self.family_mut(last) {
            elder.next_sibling = pid;
        } else if let Some(family) = self.family_mut(parent) {
            family.first_child = pid;
        }
        if let Some(family) = self.family_mut(pid) {
            family.parent = parent;
            family.previous_sibling = last;
            family.next_sibling = 0;
            family.process.set_parent_pid(parent);
        }
    }

    fn unlink_child(&mut self, pid: u32) {
        let Some(family) = self.family_mut(pid) else { return };
        let (parent, previous, next) = (family.parent, family.previous_sibling, family.next_sibling);
        (family.parent, family.previous_sibling, family.next_sibling) = (0, 0, 0);
        match self.family_mut(previous) {
            Some(elder) => elder.next_sibling = next,
            None => {
                if let Some(family) = self.family_mut(parent) {
                    family.first_child = next;
                }
            }
        }
        match self.family_mut(next) {
            Some(younger) => younger.previous_sibling = previous,
            None => {
                if let Some(family) = self.family_mut(parent) {
                    family.last_child = previous;
                }
            }
        }
    }

    /// Gives a process another parent.
    pub fn adopt(&mut self, pid: u32, parent: u32) {
        self.unlink_child(pid);
        self.link_child(pid, parent);
        if let Some(family) = self.family_mut(pid) {
            family.creator = parent;
        }
    }

    pub fn first_child(&self, pid: u32) -> Option<u32> {
        self.family(pid).map(|family| family.first_child).filter(|&child| child != 0)
    }

    pub fn next_sibling(&self, pid: u32) -> Option<u32> {
        self.family(pid).map(|family| family.next_sibling).filter(|&child| child != 0)
    }

    /// The session of a group, if the group exists.
    pub fn group_session(&self, group: u32) -> Option<&Arc<Session>> {
        Some(&self.slot(group)?.group.as_ref()?.session)
    }

    pub fn first_member(&self, group: u32) -> Option<u32> {
        Some(self.slot(group)?.group.as_ref()?.first)
    }

    pub fn next_member(&self, pid: u32) -> Option<u32> {
        self.family(pid).map(|family| family.next_member).filter(|&member| member != 0)
    }

    /// Makes a process a member of a group, which is founded if it doesn't exist.
    fn join_group(&mut self, pid: u32, group: u32, session: &Arc<Session>) {
        let Some(slot) = self.slot_mut(group) else { return };
        let founded = slot.group.get_or_insert_with(|| Box::new(Group { session: session.clone(), first: 0, last: 0 }));
        let last = core::mem::replace(&mut founded.last, pid);
        if last == 0 {
            founded.first = pid;
        }
        if let Some(elder) = self.family_mut(last) {
            elder.next_member = pid;
        }
        if let Some(family) = self.family_mut(pid) {
            (family.group, family.previous_member, family.next_member) = (group, last, 0);
            family.process.set_group_id(group);
        }
    }

    fn leave_group(&mut self, pid: u32) {
        let Some(family) = self.family_mut(pid) else { return };
        let (group, previous, next) = (family.group, family.previous_member, family.next_member);
        (family.group, family.previous_member, family.next_member) = (0, 0, 0);
        if let Some(elder) = self.family_mut(previous) {
            elder.next_member = next;
        }
        if let Some(younger) = self.family_mut(next) {
            younger.previous_member = previous;
        }
        let Some(slot) = self.slot_mut(group) else { return };
        if let Some(left) = &mut slot.group {
            if left.first == pid {
                left.first = next;
            }
            if left.last == pid {
                left.last = previous;
            }
            if left.first == 0 {
                slot.group = None;
            }
        }
        self.tidy(group);
    }

    /// Moves a process to a group of its session.
    pub fn move_to_group(&mut self, pid: u32, group: u32) {
        let Some(session) = self.family(pid).map(|family| family.process.session()) else { return };
        // The new group first: if it is the old one by number, it must not be forgotten in between.
        if self.family(pid).is_some_and(|family| family.group == group) {
            return;
        }
        self.leave_group(pid);
        self.join_group(pid, group, &session);
    }

    fn enter_session(&mut self, session: u32) {
        if let Some(slot) = self.slot_mut(session) {
            slot.session += 1;
        }
    }

    fn leave_session(&mut self, session: u32) {
        if let Some(slot) = self.slot_mut(session) {
            slot.session = slot.session.saturating_sub(1);
        }
        self.tidy(session);
    }

    /// Makes a process the leader of a new session and of a new group in it.
    pub fn found_session(&mut self, pid: u32) {
        let Some(process) = self.family(pid).map(|family| family.process.clone()) else { return };
        let old = process.set_session(Arc::new(Session::new(pid)));
        self.enter_session(pid);
        self.leave_session(old.id());
        self.leave_group(pid);
        self.join_group(pid, pid, &process.session());
    }

    /// Whether a process group has this number.
    pub fn group_exists(&self, group: u32) -> bool {
        self.slot(group).is_some_and(|slot| slot.group.is_some())
    }
}

const EMPTY: Slot = Slot { thread: None, family: None, group: None, session: 0, reserved: false };
