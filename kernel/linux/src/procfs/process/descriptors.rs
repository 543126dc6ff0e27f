//! /proc/PID/fd and fdinfo: the open descriptors.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Write;

use abi::{Errno, Result};
use fs::inode::LinkTarget;
use fs::synthetic::{Directory, Link, Listed, Node};
use fs::{FileType, OpenFile, OpenFlags};

use super::{Subject, links, parse_number};
use crate::procfs::text::Text;

/// Inode numbers of descriptors lie above those of a process's other files.
const LINKS: u64 = 0x1_0000;
const FACTS: u64 = 0x100_0000;

/// /proc/PID/fd.
pub(super) struct Descriptors(pub Subject);

/// /proc/PID/fdinfo.
pub(super) struct DescriptorFacts(pub Subject);

fn open_file(subject: Subject, fd: u32) -> Result<Arc<OpenFile>> {
    subject.check_access()?;
    subject.live_thread()?.with_files(|files| files.get(fd).cloned()).map_err(|_| Errno::ENOENT)
}

/// The lowest open descriptor of at least `from`.
fn next_descriptor(subject: Subject, from: u64) -> Option<u32> {
    subject.check_access().ok()?;
    let from = u32::try_from(from).ok()?;
    let thread = subject.live_thread().ok()?;
    thread.with_files(|files| files.iter_from(from).next().map(|(fd, _)| fd).ok_or(Errno::ENOENT)).ok()
}

fn listed(subject: Subject, from: u64, base: u64, file_type: FileType) -> Option<Listed> {
    let fd = next_descriptor(subject, from)?;
    Some(Listed { name: format!("{fd}").into_bytes(), inode: subject.inode(base + u64::from(fd)), file_type, next: u64::from(fd) + 1 })
}

impl Directory for Descriptors {
    /// The link's permissions tell how the file is open.
    fn lookup(&self, name: &[u8]) -> Option<Node> {
        let fd = parse_number(name)?;
        let flags = open_file(self.0, fd).ok()?.flags();
        let mode = if flags.reads() { 0o500 } else { 0 } | if flags.writes() { 0o300 } else { 0 };
        let (uid, gid) = self.0.owner();
        Some(Node::link(self.0.inode(LINKS + u64::from(fd)), Arc::new(DescriptorLink { subject: self.0, fd })).mode(mode).owner(uid, gid))
    }

    fn entry(&self, from: u64) -> Option<Listed> {
        listed(self.0, from, LINKS, FileType::Symlink)
    }
}

struct DescriptorLink {
    subject: Subject,
    fd: u32,
}

impl Link for DescriptorLink {
    fn follow(&self) -> Result<LinkTarget> {
        Ok(LinkTarget::Jump(open_file(self.subject, self.fd)?.path().clone()))
    }

    fn text(&self) -> Result<Arc<[u8]>> {
        links::link_text(self.follow()?)
    }
}

impl Directory for DescriptorFacts {
    fn lookup(&self, name: &[u8]) -> Option<Node> {
        let fd = parse_number(name)?;
        open_file(self.0, fd).ok()?;
        let subject = self.0;
        let (uid, gid) = subject.owner();
        let content = move |text: &mut Vec<u8>| {
            let file = open_file(subject, fd)?;
            let close_on_exec = subject.live_thread()?.with_files(|files| files.close_on_exec(fd)).unwrap_or(false);
            let flags = if close_on_exec { file.flags() | OpenFlags::CLOEXEC } else { file.flags() };
            let (mount, inode) = (file.path().mount().id(), file.metadata().inode);
            Text::fill(text, |text| {
                writeln!(text, "pos:\t{}\nflags:\t0{:o}\nmnt_id:\t{mount}\nino:\t{inode}", file.position(), flags.bits())
            })
        };
        Some(Node::file(subject.inode(FACTS + u64::from(fd)), Arc::new(content)).owner(uid, gid))
    }

    fn entry(&self, from: u64) -> Option<Listed> {
        listed(self.0, from, FACTS, FileType::Regular)
    }
}
