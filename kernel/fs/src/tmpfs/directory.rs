//! Directories of tmpfs.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use abi::time::Timespec;
use abi::{Errno, Result};
use sync::SpinLock;

use super::Shared;
use super::common::Common;
use super::regular::RegularNode;
use super::special::SpecialNode;
use crate::inode::{DirectoryEntry, DirectorySink, FIRST_ENTRY, Inode, NewKind, NewNode};
use crate::metadata::{AttributeChange, DeviceNumber, FileType, Metadata, Ownership};

struct Entry {
    /// Where it comes in the listing: rising with the time of its making.
    position: u64,
    inode: Arc<dyn Inode>,
}

struct Entries {
    by_name: BTreeMap<Arc<[u8]>, Entry>,
    by_position: BTreeMap<u64, Arc<[u8]>>,
    next_position: u64,
}

impl Entries {
    fn add(&mut self, name: &[u8], inode: Arc<dyn Inode>) {
        let name: Arc<[u8]> = Arc::from(name);
        let position = self.next_position;
        self.next_position += 1;
        self.by_position.insert(position, name.clone());
        self.by_name.insert(name, Entry { position, inode });
    }

    fn remove(&mut self, name: &[u8]) -> Option<Arc<dyn Inode>> {
        let entry = self.by_name.remove(name)?;
        self.by_position.remove(&entry.position);
        Some(entry.inode)
    }
}

/// What stat(2) shows for a directory: so many bytes for each entry, "." and ".." included, as Linux's tmpfs.
const ENTRY_SIZE: u64 = 20;

pub(crate) struct DirectoryNode {
    common: Common,
    entries: SpinLock<Entries>,
}

impl DirectoryNode {
    pub fn create(shared: &Arc<Shared>, new: &NewNode<'_>) -> Result<Arc<DirectoryNode>> {
        let entries = Entries { by_name: BTreeMap::new(), by_position: BTreeMap::new(), next_position: FIRST_ENTRY };
        Ok(Arc::new(DirectoryNode { common: Common::new(shared, new, 2)?, entries: SpinLock::new(entries) }))
    }

    /// Makes and enters a node without asking whether this file system lets programs do that.
    pub fn insert_new(&self, name: &[u8], new: &NewNode<'_>) -> Result<Arc<dyn Inode>> {
        if self.entries.lock().by_name.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        let shared = &self.common.shared;
        let inode: Arc<dyn Inode> = match new.kind {
            NewKind::Regular => RegularNode::create(shared, new)?,
            NewKind::Directory => DirectoryNode::create(shared, new)?,
            _ => SpecialNode::create(shared, new)?,
        };
        self.entries.lock().add(name, inode.clone());
        self.grown(&inode, 1);
        Ok(inode)
    }

    /// Takes an entry out without checks and counts its inode's names down.
    pub fn remove_entry(&self, name: &[u8]) -> Result<()> {
        let gone = self.entries.lock().remove(name).ok_or(Errno::ENOENT)?;
        let is_directory = gone.file_type() == FileType::Directory;
        // A removed directory loses its own "." as well.
        add_links(&gone, if is_directory { -2 } else { -1 });
        self.grown(&gone, -1);
        Ok(())
    }

    /// Notes that an entry came (1) or went (−1): times, and the link that a directory's ".." is.
    fn grown(&self, inode: &Arc<dyn Inode>, count: i32) {
        if inode.file_type() == FileType::Directory {
            self.common.add_links(count);
        }
        self.common.modified();
    }

    fn check_free(&self) -> Result<()> {
        if self.common.shared.fixed { Err(Errno::EPERM) } else { Ok(()) }
    }

    fn is_empty(&self) -> bool {
        self.entries.lock().by_name.is_empty()
    }

    /// Empties the directory; gives back the directories that were in it.
    pub fn take_directories(&self) -> Vec<Arc<dyn Inode>> {
        let entries = core::mem::take(&mut self.entries.lock().by_name);
        entries.into_values().map(|entry| entry.inode).filter(|inode| inode.file_type() == FileType::Directory).collect()
    }

    fn node_of(inode: &Arc<dyn Inode>) -> Result<&DirectoryNode> {
        inode.as_any().downcast_ref().ok_or(Errno::EXDEV)
    }
}

/// Counts the names of any node of tmpfs.
fn add_links(inode: &Arc<dyn Inode>, count: i32) {
    let any = inode.as_any();
    if let Some(node) = any.downcast_ref::<RegularNode>() {
        node.common().add_links(count);
    } else if let Some(node) = any.downcast_ref::<DirectoryNode>() {
        node.common.add_links(count);
    } else if let Some(node) = any.downcast_ref::<SpecialNode>() {
        node.common().add_links(count);
    }
}

impl Inode for DirectoryNode {
    fn metadata(&self) -> Metadata {
        let count = self.entries.lock().by_name.len() as u64;
        self.common.metadata((count + 2) * ENTRY_SIZE, 0, DeviceNumber::NONE)
    }

    fn ownership(&self) -> Ownership {
        self.common.ownership()
    }

    fn file_type(&self) -> FileType {
        FileType::Directory
    }

    fn change(&self, change: &AttributeChange) -> Result<()> {
        self.common.change(change);
        Ok(())
    }

    fn accessed(&self, now: Timespec) {
        self.common.accessed(now);
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        self.entries.lock().by_name.get(name).map(|entry| entry.inode.clone()).ok_or(Errno::ENOENT)
    }

    fn create(&self, name: &[u8], new: &NewNode<'_>) -> Result<Arc<dyn Inode>> {
        self.check_free()?;
        self.insert_new(name, new)
    }

    fn create_unnamed(&self, new: &NewNode<'_>) -> Result<Arc<dyn Inode>> {
        self.check_free()?;
        Ok(RegularNode::create_unnamed(&self.common.shared, new, None)?)
    }

    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<()> {
        self.check_free()?;
        memory::frames::admit()?;
        if target.metadata().links == 0 {
            // Its last name is gone: only a file that never had one may get one.
            let unnamed = target.as_any().downcast_ref::<RegularNode>().is_some_and(RegularNode::may_be_named);
            if !unnamed {
                return Err(Errno::ENOENT);
            }
        }
        let mut entries = self.entries.lock();
        if entries.by_name.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        entries.add(name, target.clone());
        drop(entries);
        add_links(target, 1);
        self.common.modified();
        Ok(())
    }

    fn unlink(&self, name: &[u8]) -> Result<()> {
        self.check_free()?;
        self.remove_entry(name)
    }

    fn remove_directory(&self, name: &[u8]) -> Result<()> {
        self.check_free()?;
        let victim = self.lookup(name)?;
        if !DirectoryNode::node_of(&victim)?.is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        self.remove_entry(name)
    }

    fn rename(&self, from: &[u8], directory: &Arc<dyn Inode>, to: &[u8]) -> Result<()> {
        self.check_free()?;
        let target = DirectoryNode::node_of(directory)?;
        let moved = self.lookup(from)?;
        match target.lookup(to) {
            Ok(present) if present.file_type() == FileType::Directory => target.remove_directory(to)?,
            Ok(_) => target.remove_entry(to)?,
            Err(_) => {}
        }
        let old = self.entries.lock().remove(from);
        drop(old);
        self.grown(&moved, -1);
        target.entries.lock().add(to, moved.clone());
        target.grown(&moved, 1);
        add_links(&moved, 0);
        Ok(())
    }

    fn exchange(&self, from: &[u8], directory: &Arc<dyn Inode>, to: &[u8]) -> Result<()> {
        self.check_free()?;
        let target = DirectoryNode::node_of(directory)?;
        let (one, two) = (self.lookup(from)?, target.lookup(to)?);
        let put = |directory: &DirectoryNode, name: &[u8], inode: &Arc<dyn Inode>| {
            let old = {
                let mut entries = directory.entries.lock();
                entries.by_name.get_mut(name).map(|entry| core::mem::replace(&mut entry.inode, inode.clone()))
            };
            if let Some(old) = old {
                directory.grown(&old, -1);
            }
            directory.grown(inode, 1);
            add_links(inode, 0);
        };
        put(self, from, &two);
        put(target, to, &one);
        Ok(())
    }

    fn read_directory(&self, position: u64, sink: &mut DirectorySink<'_>) -> Result<()> {
        let mut position = position;
        loop {
            // One entry at a time, so that the sink runs without the lock.
            let found = {
                let entries = self.entries.lock();
                entries.by_position.range(position..).next().and_then(|(&at, name)| {
                    let inode = entries.by_name.get(name)?.inode.clone();
                    Some((at, name.clone(), inode))
                })
            };
            let Some((at, name, inode)) = found else { return Ok(()) };
            position = at + 1;
            let number = inode_number(&inode);
            if !sink(DirectoryEntry { name: &name, inode: number, file_type: inode.file_type(), next: position }) {
                return Ok(());
            }
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn inode_number(inode: &Arc<dyn Inode>) -> u64 {
    let any = inode.as_any();
    if let Some(node) = any.downcast_ref::<RegularNode>() {
        node.common().inode
    } else if let Some(node) = any.downcast_ref::<DirectoryNode>() {
        node.common.inode
    } else {
        inode.metadata().inode
    }
}
