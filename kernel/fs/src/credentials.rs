//! Who asks: the user and group ids that permission checks look at (credentials(7)).

use alloc::sync::Arc;

use abi::{Errno, Result};

use crate::metadata::{FileType, Ownership};

/// What someone wants to do with a file; the values are those of access(2).
pub mod access {
    pub const EXECUTE: u32 = 1;
    pub const WRITE: u32 = 2;
    pub const READ: u32 = 4;
}

/// The ids of a process. A process with effective user id 0 may do all that capabilities would allow; there are no finer ones yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    pub uid: u32,
    pub euid: u32,
    pub suid: u32,
    pub fsuid: u32,
    pub gid: u32,
    pub egid: u32,
    pub sgid: u32,
    pub fsgid: u32,
    pub groups: Arc<[u32]>,
}

impl Credentials {
    /// User 0, group 0, no further groups.
    pub fn root() -> Credentials {
        Credentials::user(0, 0)
    }

    /// All ids of one user.
    pub fn user(uid: u32, gid: u32) -> Credentials {
        Credentials { uid, euid: uid, suid: uid, fsuid: uid, gid, egid: gid, sgid: gid, fsgid: gid, groups: Arc::from([]) }
    }

    /// Whether the holder may do what needs a capability.
    pub fn is_privileged(&self) -> bool {
        self.euid == 0
    }

    /// Whether the holder may pass over the owner and mode of files (CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_CHOWN): it goes by the file-system uid.
    pub fn overrides_files(&self) -> bool {
        self.fsuid == 0
    }

    /// Whether `gid` is the file-system group or one of the supplementary groups.
    pub fn in_group(&self, gid: u32) -> bool {
        self.fsgid == gid || self.groups.contains(&gid)
    }

    /// Owner of the file, or privileged (what chmod(2) and utimensat(2) need).
    pub fn owns(&self, file: &Ownership) -> bool {
        self.fsuid == file.uid || self.overrides_files()
    }

    /// The same ids, with the real ones in place of the effective ones: what access(2) asks with.
    pub fn with_real_ids(&self) -> Credentials {
        Credentials { fsuid: self.uid, fsgid: self.gid, euid: self.uid, egid: self.gid, ..self.clone() }
    }

    /// May the holder do `wanted` (bits of [`access`]) with such a file? EACCES otherwise. As in Linux, privilege does not
    /// make a file without any x bit executable; it does open every directory.
    pub fn check(&self, file: &Ownership, wanted: u32) -> Result<()> {
        let class = if file.uid == self.fsuid {
            file.mode >> 6
        } else if self.in_group(file.gid) {
            file.mode >> 3
        } else {
            file.mode
        };
        if wanted & !class & 7 == 0 {
            return Ok(());
        }
        if self.overrides_files() {
            let executable = file.mode & 0o111 != 0 || FileType::from_mode(file.mode) == Some(FileType::Directory);
            if wanted & access::EXECUTE == 0 || executable {
                return Ok(());
            }
        }
        Err(Errno::EACCES)
    }
}
