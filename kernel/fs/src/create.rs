//! Making names: mkdir(2), mknod(2), symlink(2), link(2).

use abi::{Errno, Result};

use crate::context::FsContext;
use crate::credentials::{Credentials, access};
use crate::inode::{NewKind, NewNode};
use crate::metadata::{DeviceNumber, FileType, S_IFMT, S_ISGID, S_ISVTX, S_PERMISSIONS};
use crate::path::Path;
use crate::walk::{LastKind, LookupFlags, PATH_MAX, Parent};

impl FsContext {
    /// mkdir(2).
    pub fn make_directory(&self, credentials: &Credentials, base: Option<&Path>, path: &[u8], mode: u32) -> Result<Path> {
        let parent = self.resolve_parent(credentials, base, path)?;
        self.create_entry(credentials, &parent, NewKind::Directory, mode & (0o777 | S_ISVTX))
    }

    /// mknod(2): the kind is in `mode` (none means a regular file). EPERM for devices without privilege and for directories, EINVAL for other kinds.
    pub fn make_node(&self, credentials: &Credentials, base: Option<&Path>, path: &[u8], mode: u32, device: DeviceNumber) -> Result<Path> {
        let kind = match FileType::from_mode(mode) {
            None if mode & S_IFMT == 0 => NewKind::Regular,
            Some(FileType::Regular) => NewKind::Regular,
            Some(FileType::Fifo) => NewKind::Fifo,
            Some(FileType::Socket) => NewKind::Socket,
            Some(FileType::CharDevice) => NewKind::CharDevice(device),
            Some(FileType::BlockDevice) => NewKind::BlockDevice(device),
            Some(FileType::Directory) => return Err(Errno::EPERM),
            _ => return Err(Errno::EINVAL),
        };
        let parent = self.resolve_parent(credentials, base, path)?;
        self.create_entry(credentials, &parent, kind, mode & S_PERMISSIONS)
    }

    /// symlink(2): `path` will lead to `target`. ENOENT for an empty target, ENAMETOOLONG for one of [`PATH_MAX`] bytes.
    pub fn make_symlink(&self, credentials: &Credentials, target: &[u8], base: Option<&Path>, path: &[u8]) -> Result<Path> {
        if target.is_empty() {
            return Err(Errno::ENOENT);
        }
        if target.len() >= PATH_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let parent = self.resolve_parent(credentials, base, path)?;
        self.create_entry(credentials, &parent, NewKind::Symlink(target), 0o777)
    }

    /// link(2): one more name, `path`, for the file `target`. EXDEV across mounts, EPERM for directories, ENOENT for a file whose last name is
    /// gone (unless it was made by O_TMPFILE).
    pub fn link(&self, credentials: &Credentials, target: &Path, base: Option<&Path>, path: &[u8]) -> Result<()> {
        let parent = self.resolve_parent(credentials, base, path)?;
        self.check_new_name(&parent, false)?;
        let directory = &parent.path.dentry;
        let _turn = directory.turn.take();
        self.check_absent(&parent)?;
        parent.path.mount().check_writable()?;
        if !alloc::sync::Arc::ptr_eq(&target.mount, &parent.path.mount) {
            return Err(Errno::EXDEV);
        }
        check_may_create(credentials, &parent)?;
        if target.is_directory() {
            return Err(Errno::EPERM);
        }
        directory.inode().link(&parent.name, target.inode())
    }

    /// Makes the last component of `parent`. The umask is applied here.
    pub(crate) fn create_entry(&self, credentials: &Credentials, parent: &Parent, kind: NewKind<'_>, mode: u32) -> Result<Path> {
        self.check_new_name(parent, matches!(kind, NewKind::Directory))?;
        let directory = &parent.path.dentry;
        let _turn = directory.turn.take();
        self.check_absent(parent)?;
        check_may_create(credentials, parent)?;
        if matches!(kind, NewKind::CharDevice(_) | NewKind::BlockDevice(_)) && !credentials.is_privileged() {
            return Err(Errno::EPERM);
        }
        let new = self.new_node(credentials, &parent.path, kind, mode);
        let inode = directory.inode().create(&parent.name, &new)?;
        Ok(Path { mount: parent.path.mount.clone(), dentry: directory.attach(&parent.name, inode) })
    }

    /// Owner and mode of something new in `directory`: the umask taken off, and the group of a setgid directory inherited.
    pub(crate) fn new_node<'k>(&self, credentials: &Credentials, directory: &Path, kind: NewKind<'k>, mode: u32) -> NewNode<'k> {
        let above = directory.inode().ownership();
        let symlink = matches!(kind, NewKind::Symlink(_));
        let mut mode = if symlink { 0o777 } else { mode & S_PERMISSIONS & !self.umask() };
        let mut gid = credentials.fsgid;
        if above.mode & S_ISGID != 0 {
            gid = above.gid;
            if matches!(kind, NewKind::Directory) {
                mode |= S_ISGID;
            } else if mode & (S_ISGID | 0o010) == S_ISGID | 0o010 && !credentials.in_group(gid) && !credentials.overrides_files() {
                mode &= !S_ISGID;
            }
        }
        NewNode { kind, mode, uid: credentials.fsuid, gid }
    }

    /// A last component that can be made at all: EEXIST for "/", "." and ".."; ENOENT (or EEXIST) for "name/" unless a directory is wanted.
    fn check_new_name(&self, parent: &Parent, directory_wanted: bool) -> Result<()> {
        if parent.kind != LastKind::Name {
            return Err(Errno::EEXIST);
        }
        if parent.trailing_slash && !directory_wanted {
            self.check_absent_unlocked(parent)?;
            return Err(Errno::ENOENT);
        }
        Ok(())
    }

    fn check_absent_unlocked(&self, parent: &Parent) -> Result<()> {
        let _turn = parent.path.dentry.turn.take();
        self.check_absent(parent)
    }

    /// EEXIST when the name is there. The caller holds the directory's turn.
    fn check_absent(&self, parent: &Parent) -> Result<()> {
        match parent.path.dentry.lookup_in_turn(&parent.name) {
            Ok(_) => Err(Errno::EEXIST),
            Err(Errno::ENOENT) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// readlink(2): the text of the symbolic link `path`; EINVAL for anything else.
    pub fn read_link(&self, credentials: &Credentials, base: Option<&Path>, path: &[u8]) -> Result<alloc::sync::Arc<[u8]>> {
        let flags = if base.is_some() { LookupFlags::EMPTY_PATH } else { LookupFlags::empty() };
        let place = self.resolve(credentials, base, path, flags)?;
        if place.file_type() != FileType::Symlink {
            return Err(if path.is_empty() { Errno::ENOENT } else { Errno::EINVAL });
        }
        place.inode().read_link()
    }
}

/// EROFS, ENOENT for a removed directory, EACCES.
fn check_may_create(credentials: &Credentials, parent: &Parent) -> Result<()> {
    parent.path.mount().check_writable()?;
    if parent.path.dentry.is_deleted() {
        return Err(Errno::ENOENT);
    }
    credentials.check(&parent.path.inode().ownership(), access::WRITE | access::EXECUTE)
}
