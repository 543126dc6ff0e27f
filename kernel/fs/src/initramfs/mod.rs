//! The initial root file system: a newc cpio archive unpacked into tmpfs.
//!
//! The archive comes from outside and may be damaged: whatever is in it ends in a file tree or in an [`Error`] that says where the trouble is.

mod cpio;
#[cfg(test)]
mod tests;

pub use cpio::{Entry, Error, Item, Problem, Reader};

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use abi::time::Timespec;
use abi::{Errno, Result};
use memory::IoSource;

use crate::context::FsContext;
use crate::credentials::Credentials;
use crate::file::OpenFlags;
use crate::inode::NewKind;
use crate::metadata::{AttributeChange, DeviceNumber, FileType, S_PERMISSIONS};
use crate::path::Path;
use crate::walk::{LastKind, LookupFlags};

/// What was unpacked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unpacked {
    pub entries: usize,
    /// Bytes of file contents.
    pub bytes: u64,
}

struct Unpacker {
    context: FsContext,
    root: Credentials,
    /// The files of this archive that have several names, by their identity there.
    linked: BTreeMap<(u32, u32, u32), Path>,
    /// Directories get their time stamps at the end, because each entry made in them changes these.
    directories: Vec<(Path, Timespec)>,
    done: Unpacked,
}

/// Unpacks `archive` (one or several, laid end to end) below `root`. Missing directories on the way are made. On an error the tree holds what
/// came before it.
pub fn unpack(archive: &[u8], root: &Path) -> Result<Unpacked, Error> {
    let context = FsContext::new(root.clone());
    context.set_umask(0);
    let mut unpacker =
        Unpacker { context, root: Credentials::root(), linked: BTreeMap::new(), directories: Vec::new(), done: Unpacked::default() };
    let mut reader = Reader::new(archive);
    while let Some(item) = reader.next_item()? {
        match item {
            Item::Trailer => unpacker.linked.clear(),
            Item::Entry(entry) => {
                let kind = kind_of(&entry).ok_or(Error { offset: entry.offset, problem: Problem::BadMode })?;
                unpacker.make(&entry, kind).map_err(|errno| Error { offset: entry.offset, problem: Problem::Refused(errno) })?;
                unpacker.done.entries += 1;
                unpacker.done.bytes += entry.data.len() as u64;
            }
        }
    }
    for (directory, time) in unpacker.directories {
        let change = AttributeChange { accessed: Some(time), modified: Some(time), ..Default::default() };
        directory.inode().change(&change).map_err(|errno| Error { offset: archive.len(), problem: Problem::Refused(errno) })?;
    }
    Ok(unpacker.done)
}

fn kind_of<'a>(entry: &Entry<'a>) -> Option<NewKind<'a>> {
    let device = DeviceNumber::new(entry.device.0, entry.device.1);
    Some(match FileType::from_mode(entry.mode)? {
        FileType::Regular => NewKind::Regular,
        FileType::Directory => NewKind::Directory,
        FileType::Symlink => NewKind::Symlink(entry.data),
        FileType::Fifo => NewKind::Fifo,
        FileType::Socket => NewKind::Socket,
        FileType::CharDevice => NewKind::CharDevice(device),
        FileType::BlockDevice => NewKind::BlockDevice(device),
    })
}

impl Unpacker {
    fn make(&mut self, entry: &Entry<'_>, kind: NewKind<'_>) -> Result<()> {
        let linkable = entry.links > 1 && !matches!(kind, NewKind::Directory);
        let first = if linkable { self.linked.get(&entry.identity).cloned() } else { None };
        let place = match first {
            Some(first) => {
                self.clear_way(entry.name, true)?;
                self.make_parents(entry.name)?;
                self.context.link(&self.root, &first, None, entry.name)?;
                first
            }
            None => self.make_node(entry, kind)?,
        };
        if let NewKind::Regular = kind
            && !entry.data.is_empty()
        {
            self.fill(&place, entry.data)?;
        }
        if linkable {
            self.linked.insert(entry.identity, place.clone());
        }
        self.set_attributes(&place, entry)
    }

    fn make_node(&mut self, entry: &Entry<'_>, kind: NewKind<'_>) -> Result<Path> {
        if let Some(there) = self.clear_way(entry.name, !matches!(kind, NewKind::Directory))? {
            return Ok(there);
        }
        self.make_parents(entry.name)?;
        let parent = self.context.resolve_parent(&self.root, None, entry.name)?;
        self.context.create_entry(&self.root, &parent, kind, entry.mode & S_PERMISSIONS)
    }

    /// Removes what has the name already, unless it is a directory: that one stays if a directory is wanted (EEXIST otherwise).
    fn clear_way(&self, name: &[u8], want_file: bool) -> Result<Option<Path>> {
        let there = match self.context.resolve(&self.root, None, name, LookupFlags::empty()) {
            Ok(there) => there,
            Err(Errno::ENOENT) => return Ok(None),
            Err(error) => return Err(error),
        };
        match (there.is_directory(), want_file) {
            (true, false) => Ok(Some(there)),
            (true, true) => Err(Errno::EEXIST),
            (false, _) => self.context.unlink(&self.root, None, name).map(|()| None),
        }
    }

    fn make_parents(&self, name: &[u8]) -> Result<()> {
        let parent = match self.context.resolve_parent(&self.root, None, name) {
            Ok(parent) => parent,
            Err(Errno::ENOENT) => {
                for (end, _) in name.iter().enumerate().filter(|&(_, &byte)| byte == b'/') {
                    match self.context.make_directory(&self.root, None, name.get(..end).unwrap_or(name), 0o755) {
                        Ok(_) | Err(Errno::EEXIST) => {}
                        Err(error) => return Err(error),
                    }
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if parent.kind == LastKind::Name { Ok(()) } else { Err(Errno::EEXIST) }
    }

    fn fill(&self, place: &Path, data: &[u8]) -> Result<()> {
        let flags = OpenFlags::WRONLY | OpenFlags::TRUNC;
        let file = self.context.open_path(&self.root, place.clone(), flags)?.now()?;
        let mut source = IoSource::kernel(data);
        while source.remaining() > 0 {
            if file.write(&mut source, u64::MAX)? == 0 {
                return Err(Errno::ENOSPC);
            }
        }
        Ok(())
    }

    fn set_attributes(&mut self, place: &Path, entry: &Entry<'_>) -> Result<()> {
        let time = Timespec { seconds: i64::from(entry.modified), nanoseconds: 0 };
        place.inode().change(&AttributeChange {
            mode: Some(entry.mode & S_PERMISSIONS),
            uid: Some(entry.uid),
            gid: Some(entry.gid),
            accessed: Some(time),
            modified: Some(time),
            changed: None,
        })?;
        if place.is_directory() {
            self.directories.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
            self.directories.push((place.clone(), time));
        }
        Ok(())
    }
}
