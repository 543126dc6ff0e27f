//! /proc/PID and /proc/PID/task/TID: the directories of processes and threads.

mod content;
mod descriptors;
mod limits;
mod links;
mod maps;
mod mounts;
mod pagemap;
pub(super) mod stat;
pub(super) mod status;

#[cfg(test)]
pub(super) use limits::line as limits_line;
#[cfg(test)]
pub(super) use maps::line as maps_line;

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Errno, Result};
use fs::inode::{LinkTarget, OpenRequest};
use fs::synthetic::{Directory, Listed, Node};
use fs::{File, FileType};
use process::{Process, Thread};

/// Which process, or which thread of it, a file is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Subject {
    pid: u32,
    /// Below /proc/PID/task.
    tid: Option<u32>,
    /// Nanoseconds since boot: tells the process from a later one with the same number.
    started: u64,
}

impl Subject {
    fn of(process: &Process) -> Subject {
        Subject { pid: process.pid(), tid: None, started: process.started() }
    }

    /// ESRCH when it is gone.
    fn process(&self) -> Result<Arc<Process>> {
        process::find_process(self.pid).filter(|process| process.started() == self.started).ok_or(Errno::ESRCH)
    }

    /// The thread in question: the named one, or the first. `None` for a zombie, which has none.
    fn thread(&self) -> Result<Option<Arc<Thread>>> {
        let process = self.process()?;
        match self.tid {
            None => Ok(process.main_thread()),
            Some(tid) => process::find_thread(tid).filter(|thread| thread.process().pid() == self.pid).map(Some).ok_or(Errno::ESRCH),
        }
    }

    /// The thread in question, ESRCH for a zombie.
    fn live_thread(&self) -> Result<Arc<Thread>> {
        self.thread()?.ok_or(Errno::ESRCH)
    }

    /// EACCES unless the caller may look into the process (ptrace(2), "ptrace access mode"): the same user in every respect, or root.
    fn check_access(&self) -> Result<Arc<Process>> {
        let process = self.process()?;
        let Some(caller) = process::current() else { return Ok(process) };
        let mine = caller.credentials();
        if caller.process().pid() == self.pid || mine.is_privileged() {
            return Ok(process);
        }
        let Some(theirs) = process.credentials() else { return Ok(process) };
        let same_user = [theirs.uid, theirs.euid, theirs.suid].iter().all(|&id| id == mine.fsuid);
        let same_group = [theirs.gid, theirs.egid, theirs.sgid].iter().all(|&id| id == mine.fsgid);
        if same_user && same_group && process.is_dumpable() { Ok(process) } else { Err(Errno::EACCES) }
    }

    /// Who owns the files: the effective user, or root for a process that is not to be looked into.
    fn owner(&self) -> (u32, u32) {
        let Ok(process) = self.process() else { return (0, 0) };
        match process.credentials() {
            Some(credentials) if process.is_dumpable() => (credentials.euid, credentials.egid),
            _ => (0, 0),
        }
    }

    /// The inode number of item `item` (below 2³²) of this subject.
    fn inode(&self, item: u64) -> u64 {
        let number = match self.tid {
            None => u64::from(self.pid),
            Some(tid) => u64::from(tid) | 1 << 30,
        };
        number << 32 | item
    }
}

/// What can stand in a process's directory.
enum Make {
    File(fn(Subject, &mut Vec<u8>) -> Result<()>),
    Link(fn(Subject) -> Result<LinkTarget>),
    Directory(fn(Subject) -> Arc<dyn Directory>),
    /// A file that isn't text, with an opener of its own.
    Special(fn(Subject, &OpenRequest<'_>) -> Result<Arc<dyn File>>),
    /// The name of the program or thread, which can be written.
    Name,
}

struct Entry {
    name: &'static str,
    mode: u32,
    make: Make,
    /// Only in the directory of a process, not in that of a thread.
    process_only: bool,
}

const fn file(name: &'static str, mode: u32, write: fn(Subject, &mut Vec<u8>) -> Result<()>) -> Entry {
    Entry { name, mode, make: Make::File(write), process_only: false }
}

const fn link(name: &'static str, follow: fn(Subject) -> Result<LinkTarget>) -> Entry {
    Entry { name, mode: 0o777, make: Make::Link(follow), process_only: false }
}

const fn directory(name: &'static str, mode: u32, make: fn(Subject) -> Arc<dyn Directory>, process_only: bool) -> Entry {
    Entry { name, mode, make: Make::Directory(make), process_only }
}

static ENTRIES: [Entry; 23] = [
    directory("task", 0o555, |subject| Arc::new(Threads(subject)), true),
    directory("fd", 0o500, |subject| Arc::new(descriptors::Descriptors(subject)), false),
    directory("fdinfo", 0o555, |subject| Arc::new(descriptors::DescriptorFacts(subject)), false),
    file("auxv", 0o400, content::auxv),
    file("cmdline", 0o444, content::cmdline),
    Entry { name: "comm", mode: 0o644, make: Make::Name, process_only: false },
    link("cwd", links::cwd),
    file("environ", 0o400, content::environ),
    link("exe", links::exe),
    file("limits", 0o444, limits::limits),
    file("maps", 0o444, maps::maps),
    file("mountinfo", 0o444, mounts::mountinfo),
    file("mounts", 0o444, mounts::mounts),
    file("oom_adj", 0o444, content::zero),
    file("oom_score", 0o444, content::zero),
    file("oom_score_adj", 0o444, content::zero),
    Entry { name: "pagemap", mode: 0o400, make: Make::Special(pagemap::open), process_only: false },
    file("personality", 0o400, |_, text| super::text::Text::fill(text, |text| text.line(b"00000000"))),
    link("root", links::root),
    file("stat", 0o444, stat::stat),
    file("statm", 0o444, stat::statm),
    file("status", 0o444, status::status),
    file("wchan", 0o444, content::wchan),
];

impl Entry {
    fn node(&self, subject: Subject, index: usize) -> Node {
        let inode = subject.inode(index as u64 + 2);
        let (uid, gid) = subject.owner();
        let node = match self.make {
            Make::File(write) => Node::file(inode, Arc::new(move |text: &mut Vec<u8>| write(subject, text))),
            Make::Link(follow) => Node::link(inode, Arc::new(links::PlaceLink { subject, follow })),
            Make::Directory(make) => Node::directory(inode, make(subject)),
            Make::Special(open) => Node::special(inode, Arc::new(move |request: &OpenRequest<'_>| open(subject, request))),
            Make::Name => Node::file(inode, Arc::new(content::Name(subject))),
        };
        node.mode(self.mode).owner(uid, gid)
    }

    fn file_type(&self) -> FileType {
        match self.make {
            Make::File(_) | Make::Special(_) | Make::Name => FileType::Regular,
            Make::Link(_) => FileType::Symlink,
            Make::Directory(_) => FileType::Directory,
        }
    }

    fn belongs_to(&self, subject: Subject) -> bool {
        subject.tid.is_none() || !self.process_only
    }
}

/// The directory of a process or thread.
struct SubjectDirectory(Subject);

impl Directory for SubjectDirectory {
    fn lookup(&self, name: &[u8]) -> Option<Node> {
        self.0.process().ok()?;
        let (index, entry) = ENTRIES.iter().enumerate().find(|(_, entry)| entry.name.as_bytes() == name && entry.belongs_to(self.0))?;
        Some(entry.node(self.0, index))
    }

    fn entry(&self, from: u64) -> Option<Listed> {
        self.0.process().ok()?;
        let from = usize::try_from(from).ok()?;
        let (index, entry) = ENTRIES.iter().enumerate().skip(from).find(|(_, entry)| entry.belongs_to(self.0))?;
        let inode = self.0.inode(index as u64 + 2);
        Some(Listed { name: entry.name.as_bytes().to_vec(), inode, file_type: entry.file_type(), next: index as u64 + 1 })
    }
}

/// The node of a process's or thread's directory.
fn subject_node(subject: Subject) -> Node {
    let (uid, gid) = subject.owner();
    Node::directory(subject.inode(1), Arc::new(SubjectDirectory(subject))).owner(uid, gid)
}

/// A number as Linux reads it in a name: decimal without leading zeros.
fn parse_number(name: &[u8]) -> Option<u32> {
    if name.is_empty() || (name.len() > 1 && name.starts_with(b"0")) || !name.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(name).ok()?.parse().ok()
}

/// The processes, as entries of /proc itself.
pub(super) struct Processes;

impl Directory for Processes {
    fn lookup(&self, name: &[u8]) -> Option<Node> {
        let number = parse_number(name)?;
        // A thread's number names its process too, though it isn't listed.
        let process = process::find_process(number).or_else(|| process::find_thread(number).map(|thread| thread.process().clone()))?;
        Some(subject_node(Subject::of(&process)))
    }

    fn entry(&self, from: u64) -> Option<Listed> {
        let process = process::next_process(u32::try_from(from).ok()?)?;
        let pid = process.pid();
        let inode = Subject::of(&process).inode(1);
        Some(Listed { name: format!("{pid}").into_bytes(), inode, file_type: FileType::Directory, next: u64::from(pid) + 1 })
    }
}

/// /proc/PID/task.
struct Threads(Subject);

impl Threads {
    fn subject(&self, tid: u32) -> Subject {
        Subject { tid: Some(tid), ..self.0 }
    }
}

impl Directory for Threads {
    fn lookup(&self, name: &[u8]) -> Option<Node> {
        let subject = self.subject(parse_number(name)?);
        subject.thread().ok()?;
        Some(subject_node(subject))
    }

    fn entry(&self, from: u64) -> Option<Listed> {
        let tid = self.0.process().ok()?.thread_ids().ok()?.into_iter().find(|&tid| u64::from(tid) >= from)?;
        let inode = self.subject(tid).inode(1);
        Some(Listed { name: format!("{tid}").into_bytes(), inode, file_type: FileType::Directory, next: u64::from(tid) + 1 })
    }
}

/// /proc/self. ENOENT for a kernel task, which is no process.
pub(super) fn self_link(inode: u64) -> Node {
    let follow = || {
        let thread = process::current().ok_or(Errno::ENOENT)?;
        Ok(LinkTarget::Text(Arc::from(format!("{}", thread.process().pid()).into_bytes())))
    };
    Node::link(inode, Arc::new(follow))
}

/// /proc/thread-self.
pub(super) fn thread_self_link(inode: u64) -> Node {
    let follow = || {
        let thread = process::current().ok_or(Errno::ENOENT)?;
        Ok(LinkTarget::Text(Arc::from(format!("{}/task/{}", thread.process().pid(), thread.tid()).into_bytes())))
    };
    Node::link(inode, Arc::new(follow))
}
