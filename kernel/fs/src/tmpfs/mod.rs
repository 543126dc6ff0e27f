//! tmpfs: a file system in memory, over the page cache (tmpfs(5)).
//!
//! A regular file is its page cache, nothing else; holes cost nothing. Directories keep their entries by name and, for stable listing
//! positions, by the order in which they were made. Two limits hold for the whole file system: pages and inodes (ENOSPC). The same code
//! serves as devtmpfs and devpts, where only the kernel makes the nodes.

mod common;
mod directory;
mod options;
mod regular;
mod special;
#[cfg(test)]
mod tests;

pub use options::TmpfsOptions;

use alloc::string::String;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use abi::{Errno, Result};
use memory::{PAGE_SIZE, PageLimit};

use crate::anonymous::new_device;
use crate::dentry::Dentry;
use crate::file::OpenFlags;
use crate::inode::{FileSystem, Inode, NewKind, NewNode};
use crate::metadata::{DeviceNumber, FsStatistics};
use crate::open_file::OpenFile;
use crate::path::Path;
use directory::DirectoryNode;
use regular::RegularNode;

/// What all nodes of one tmpfs share: identity and accounts.
pub(crate) struct Shared {
    device: DeviceNumber,
    next_inode: AtomicU64,
    /// u64::MAX: no limit.
    pages_limit: u64,
    pages: AtomicU64,
    inodes_limit: u64,
    inodes: AtomicU64,
    /// Only the kernel makes and removes nodes.
    fixed: bool,
}

impl Shared {
    fn take_inode(&self) -> Result<u64> {
        memory::frames::admit()?;
        charge(&self.inodes, 1, self.inodes_limit)?;
        Ok(self.next_inode.fetch_add(1, Ordering::Relaxed))
    }

    fn give_inode(&self) {
        self.inodes.fetch_sub(1, Ordering::Relaxed);
    }
}

fn charge(account: &AtomicU64, count: u64, limit: u64) -> Result<()> {
    let add = |used: u64| used.checked_add(count).filter(|&sum| sum <= limit);
    account.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).map(|_| ()).map_err(|_| Errno::ENOSPC)
}

impl PageLimit for Shared {
    fn charge(&self, pages: u64) -> Result<()> {
        charge(&self.pages, pages, self.pages_limit)
    }

    fn release(&self, pages: u64) {
        self.pages.fetch_sub(pages, Ordering::Relaxed);
    }
}

/// A tmpfs.
pub struct Tmpfs {
    name: &'static str,
    shared: Arc<Shared>,
    root: Arc<Dentry>,
    options: String,
}

impl Tmpfs {
    /// An empty one. ENOMEM.
    pub fn new(options: &TmpfsOptions) -> Result<Arc<Tmpfs>> {
        Tmpfs::make("tmpfs", options, false)
    }

    /// One in which only the kernel makes nodes, by [`Tmpfs::add_node`]: for /dev/pts and the like. `name` is its kind in /proc/mounts.
    pub fn fixed(name: &'static str) -> Result<Arc<Tmpfs>> {
        Tmpfs::make(name, &TmpfsOptions { mode: 0o755, ..TmpfsOptions::unlimited() }, true)
    }

    pub(crate) fn make(name: &'static str, options: &TmpfsOptions, fixed: bool) -> Result<Arc<Tmpfs>> {
        let shared = Arc::new(Shared {
            device: new_device(),
            next_inode: AtomicU64::new(1),
            pages_limit: options.size.map_or(u64::MAX, |bytes| bytes.div_ceil(PAGE_SIZE as u64)),
            pages: AtomicU64::new(0),
            inodes_limit: options.inodes.unwrap_or(u64::MAX),
            inodes: AtomicU64::new(0),
            fixed,
        });
        let new = NewNode { kind: NewKind::Directory, mode: options.mode, uid: options.uid, gid: options.gid };
        let root = DirectoryNode::create(&shared, &new)?;
        Ok(Arc::new(Tmpfs { name, shared, root: Dentry::root(root), options: options.describe() }))
    }

    fn root_node(&self) -> Result<&DirectoryNode> {
        self.root.inode().as_any().downcast_ref::<DirectoryNode>().ok_or(Errno::EIO)
    }

    /// Makes a node in the root, on behalf of the kernel. EEXIST, ENOMEM.
    pub fn add_node(&self, name: &[u8], new: &NewNode<'_>) -> Result<()> {
        let _turn = self.root.turn.take();
        self.root_node()?.insert_new(name, new).map(drop)
    }

    /// Removes a node (no directory) from the root, on behalf of the kernel; who has it open keeps it. ENOENT.
    pub fn remove_node(&self, name: &[u8]) -> Result<()> {
        let gone = {
            let _turn = self.root.turn.take();
            let gone = self.root.lookup_in_turn(name)?;
            self.root_node()?.remove_entry(name)?;
            self.root.detach(&gone);
            gone
        };
        drop(gone);
        Ok(())
    }
}

impl FileSystem for Tmpfs {
    fn name(&self) -> &'static str {
        self.name
    }

    fn root(&self) -> &Arc<Dentry> {
        &self.root
    }

    fn statistics(&self) -> FsStatistics {
        const TMPFS_MAGIC: u64 = 0x0102_1994;
        const DEVPTS_MAGIC: u64 = 0x1cd1;
        let limited = |limit: u64| if limit == u64::MAX { 0 } else { limit };
        let (blocks, files) = (limited(self.shared.pages_limit), limited(self.shared.inodes_limit));
        FsStatistics {
            kind: if self.name == "devpts" { DEVPTS_MAGIC } else { TMPFS_MAGIC },
            block_size: PAGE_SIZE as u64,
            blocks,
            blocks_free: blocks.saturating_sub(self.shared.pages.load(Ordering::Relaxed)),
            files,
            files_free: files.saturating_sub(self.shared.inodes.load(Ordering::Relaxed)),
            name_max: 255,
            identity: self.shared.device.word(),
        }
    }

    fn options(&self) -> String {
        self.options.clone()
    }
}

impl Drop for Tmpfs {
    /// Takes the tree apart level by level: dropping the root alone would recurse as deep as the tree.
    fn drop(&mut self) {
        let mut level: alloc::vec::Vec<Arc<dyn Inode>> = alloc::vec![self.root.inode().clone()];
        while let Some(inode) = level.pop() {
            if let Some(directory) = inode.as_any().downcast_ref::<DirectoryNode>() {
                level.extend(directory.take_directories());
            }
        }
    }
}

/// memfd_create(2): a regular file in no directory, opened for reading and writing; /proc shows it as "/memfd:NAME (deleted)".
pub fn memory_file(name: &[u8], uid: u32, gid: u32) -> Result<Arc<OpenFile>> {
    static FS: sync::Once<Arc<Tmpfs>> = sync::Once::new();
    let fs = match FS.get() {
        Some(fs) => fs,
        None => {
            let made = Tmpfs::new(&TmpfsOptions::unlimited())?;
            FS.get_or_init(|| made)
        }
    };
    let new = NewNode { kind: NewKind::Regular, mode: 0o777, uid, gid };
    let label = alloc::format!("/memfd:{} (deleted)", String::from_utf8_lossy(name));
    let node = RegularNode::create_unnamed(&fs.shared, &new, Some(label))?;
    let path = Path::nameless(node.clone());
    Ok(Arc::new(OpenFile::counted(path, node, OpenFlags::RDWR)?))
}
