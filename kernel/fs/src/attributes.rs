//! Changing what stat(2) shows: chmod(2), chown(2), utimensat(2), truncate(2); and access(2).

use abi::time::Timespec;
use abi::{Errno, Result};

use crate::credentials::{Credentials, access};
use crate::metadata::{AttributeChange, FileType, S_ISGID, S_ISUID, S_PERMISSIONS};
use crate::mount::MountFlags;
use crate::path::Path;
use crate::wall_clock;

/// One of the two times of utimensat(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeChange {
    /// UTIME_NOW.
    Now,
    /// UTIME_OMIT.
    Keep,
    To(Timespec),
}

impl Path {
    /// chmod(2): EPERM unless the owner, EROFS. S_ISGID is lost when the caller is not in the file's group.
    pub fn set_mode(&self, credentials: &Credentials, mode: u32) -> Result<()> {
        self.mount().check_writable()?;
        let file = self.inode().ownership();
        if !credentials.owns(&file) {
            return Err(Errno::EPERM);
        }
        if self.file_type() == FileType::Symlink {
            return Err(Errno::EOPNOTSUPP);
        }
        let mut mode = mode & S_PERMISSIONS;
        if !credentials.in_group(file.gid) && !credentials.overrides_files() {
            mode &= !S_ISGID;
        }
        self.inode().change(&AttributeChange { mode: Some(mode), changed: Some(wall_clock::now()), ..Default::default() })
    }

    /// chown(2): `None` leaves an id. The owner may give the file to one of the groups it is in; all else takes privilege (EPERM).
    /// Set-id bits of a file that is no directory are cleared.
    pub fn set_owner(&self, credentials: &Credentials, uid: Option<u32>, gid: Option<u32>) -> Result<()> {
        self.mount().check_writable()?;
        let file = self.inode().ownership();
        if !credentials.overrides_files() {
            let owner = credentials.fsuid == file.uid;
            let uid_allowed = uid.is_none_or(|uid| owner && uid == file.uid);
            let gid_allowed = gid.is_none_or(|gid| owner && (gid == file.gid || credentials.in_group(gid)));
            if !uid_allowed || !gid_allowed {
                return Err(Errno::EPERM);
            }
        }
        let mut change = AttributeChange { uid, gid, changed: Some(wall_clock::now()), ..Default::default() };
        if self.file_type() != FileType::Directory {
            change.mode = mode_without_set_ids(file.mode);
        }
        self.inode().change(&change)
    }

    /// utimensat(2). Setting both to now takes ownership or write access (EACCES), anything else ownership (EPERM).
    pub fn set_times(&self, credentials: &Credentials, accessed: TimeChange, modified: TimeChange) -> Result<()> {
        if accessed == TimeChange::Keep && modified == TimeChange::Keep {
            return Ok(());
        }
        self.mount().check_writable()?;
        let file = self.inode().ownership();
        if !credentials.owns(&file) {
            if accessed != TimeChange::Now || modified != TimeChange::Now {
                return Err(Errno::EPERM);
            }
            credentials.check(&file, access::WRITE)?;
        }
        let now = wall_clock::now();
        let pick = |change| match change {
            TimeChange::Now => Some(now),
            TimeChange::Keep => None,
            TimeChange::To(time) => Some(time),
        };
        self.inode().change(&AttributeChange {
            accessed: pick(accessed),
            modified: pick(modified),
            changed: Some(now),
            ..Default::default()
        })
    }

    /// truncate(2) by path: EISDIR, EINVAL for what is no regular file, EROFS, EACCES. `limit` is RLIMIT_FSIZE (EFBIG: the caller raises SIGXFSZ).
    pub fn truncate(&self, credentials: &Credentials, size: u64, limit: u64) -> Result<()> {
        match self.file_type() {
            FileType::Directory => return Err(Errno::EISDIR),
            FileType::Regular => {}
            _ => return Err(Errno::EINVAL),
        }
        self.mount().check_writable()?;
        let file = self.inode().ownership();
        credentials.check(&file, access::WRITE)?;
        if size > limit && size > self.metadata().size {
            return Err(Errno::EFBIG);
        }
        if let Some(writers) = self.inode().writers() {
            writers.check_not_executed()?;
        }
        self.inode().truncate(size)?;
        self.clear_set_ids(credentials)
    }

    /// Takes the set-user-id and set-group-id bits off a file that someone without privilege wrote to.
    pub fn clear_set_ids(&self, credentials: &Credentials) -> Result<()> {
        if credentials.overrides_files() {
            return Ok(());
        }
        match mode_without_set_ids(self.inode().ownership().mode) {
            Some(mode) => self.inode().change(&AttributeChange { mode: Some(mode), ..Default::default() }),
            None => Ok(()),
        }
    }

    /// access(2) with the credentials given (the caller chooses real or effective ids): `wanted` holds bits of [`access`], none means "is there".
    pub fn check_access(&self, credentials: &Credentials, wanted: u32) -> Result<()> {
        let kind = self.file_type();
        if wanted & access::WRITE != 0 && matches!(kind, FileType::Regular | FileType::Directory | FileType::Symlink) {
            self.mount().check_writable()?;
        }
        credentials.check(&self.inode().ownership(), wanted)?;
        if wanted & access::EXECUTE != 0 && kind == FileType::Regular && self.mount().flags().contains(MountFlags::NO_EXEC) {
            return Err(Errno::EACCES);
        }
        Ok(())
    }

    /// What execve(2) asks of a file: regular, executable, not on a noexec mount (EACCES).
    pub fn check_executable(&self, credentials: &Credentials) -> Result<()> {
        if self.file_type() != FileType::Regular {
            return Err(Errno::EACCES);
        }
        self.check_access(credentials, access::EXECUTE)
    }
}

/// The permission bits without set-user-id, and without set-group-id where the group may execute; `None` if that changes nothing.
fn mode_without_set_ids(mode: u32) -> Option<u32> {
    let mut cleared = mode & !S_ISUID;
    if mode & 0o010 != 0 {
        cleared &= !S_ISGID;
    }
    (cleared != mode).then_some(cleared & S_PERMISSIONS)
}
