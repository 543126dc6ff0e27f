//! A place in the tree of mounts, and the text of it.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Errno, Result};

use crate::dentry::Dentry;
use crate::inode::Inode;
use crate::metadata::{FileType, Metadata};
use crate::mount::Mount;
use crate::walk::PATH_MAX;

/// What stands for a path that is too long to be shown.
const TOO_LONG: &[u8] = b"(path too long)";

/// A place: an entry of a file system, seen through one of its mounts.
#[derive(Clone)]
pub struct Path {
    pub(crate) mount: Arc<Mount>,
    pub(crate) dentry: Arc<Dentry>,
}

impl PartialEq for Path {
    fn eq(&self, other: &Path) -> bool {
        Arc::ptr_eq(&self.mount, &other.mount) && Arc::ptr_eq(&self.dentry, &other.dentry)
    }
}

impl Eq for Path {}

impl Path {
    pub fn new(mount: Arc<Mount>, dentry: Arc<Dentry>) -> Path {
        Path { mount, dentry }
    }

    /// The root of a mount.
    pub fn root_of(mount: &Arc<Mount>) -> Path {
        Path { mount: mount.clone(), dentry: mount.root().clone() }
    }

    /// A place for a file that has no name anywhere (pipe, event file).
    pub fn nameless(inode: Arc<dyn Inode>) -> Path {
        Path { mount: crate::mount::nameless(), dentry: Dentry::root(inode) }
    }

    pub fn mount(&self) -> &Arc<Mount> {
        &self.mount
    }

    pub fn dentry(&self) -> &Arc<Dentry> {
        &self.dentry
    }

    pub fn inode(&self) -> &Arc<dyn Inode> {
        self.dentry.inode()
    }

    pub fn metadata(&self) -> Metadata {
        self.inode().metadata()
    }

    pub fn file_type(&self) -> FileType {
        self.dentry.file_type()
    }

    pub fn is_directory(&self) -> bool {
        self.dentry.is_directory()
    }

    /// One step up as ".." goes: through mount points, and not above `root`. At the top it stays.
    pub(crate) fn up(&mut self, root: &Path) {
        loop {
            if *self == *root {
                return;
            }
            if !Arc::ptr_eq(&self.dentry, self.mount.root()) {
                if let Some(parent) = self.dentry.parent() {
                    self.dentry = parent;
                }
                return;
            }
            match self.mount.attached_at() {
                Some(below) => *self = below,
                None => return,
            }
        }
    }

    /// If something is mounted here, its root instead; repeated for mounts upon mounts.
    pub(crate) fn cross_mounts(&mut self) {
        while self.dentry.may_be_mount_point() {
            let Some(mounted) = self.mount.mounted_on(&self.dentry) else { return };
            self.dentry = mounted.root().clone();
            self.mount = mounted;
        }
    }

    /// The absolute path as seen from `root`: what getcwd(2) and /proc show. A place that `root` does not reach is shown from the top of its own
    /// tree with "(unreachable)" in front; a removed file has " (deleted)" behind it; a nameless one shows its label.
    ///
    /// ENAMETOOLONG from [`PATH_MAX`] bytes on (a tree may be far deeper than any path), ENOMEM.
    pub fn try_absolute(&self, root: &Path) -> Result<Vec<u8>> {
        if let Some(label) = self.inode().label() {
            return Ok(label.into_bytes());
        }
        let mut names: Vec<Arc<[u8]>> = Vec::new();
        let mut length = 0;
        let mut at = self.clone();
        let reached = loop {
            if at == *root {
                break true;
            }
            if Arc::ptr_eq(&at.dentry, at.mount.root()) {
                match at.mount.attached_at() {
                    Some(below) => at = below,
                    None => break false,
                }
                continue;
            }
            let name = at.dentry.name();
            length += 1 + name.len();
            if length >= PATH_MAX {
                return Err(Errno::ENAMETOOLONG);
            }
            names.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
            names.push(name);
            match at.dentry.parent() {
                Some(parent) => at.dentry = parent,
                None => break false,
            }
        };
        const AROUND: usize = 32;
        let mut text = Vec::new();
        text.try_reserve(length + AROUND).map_err(|_| Errno::ENOMEM)?;
        if !reached {
            text.extend_from_slice(b"(unreachable)");
        }
        if names.is_empty() {
            text.push(b'/');
        }
        for name in names.iter().rev() {
            text.push(b'/');
            text.extend_from_slice(name);
        }
        if self.dentry.is_deleted() {
            text.extend_from_slice(b" (deleted)");
        }
        Ok(text)
    }

    /// [`Path::try_absolute`] for lists, which show a path that cannot be had as "(path too long)".
    pub fn absolute(&self, root: &Path) -> Vec<u8> {
        self.try_absolute(root).unwrap_or_else(|_| TOO_LONG.to_vec())
    }

    /// [`Path::absolute`] from the top of the tree.
    pub fn display(&self) -> Vec<u8> {
        let mut top = self.mount.clone();
        while let Some(below) = top.attached_at() {
            top = below.mount;
        }
        self.absolute(&Path::root_of(&top))
    }
}
