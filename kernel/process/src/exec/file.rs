//! The file to be executed: may it be, and what is in it.

use alloc::sync::Arc;

use abi::{Errno, Result};
use fs::credentials::access;
use fs::metadata::{S_ISGID, S_ISUID};
use fs::mount::MountFlags;
use fs::{Credentials, FileType, FsContext, LookupFlags, Ownership, Path, TextHold};
use memory::{IoSink, MappedFile};

use super::elf::Source;

/// A file that may be executed.
pub(super) struct Executable {
    pub path: Path,
    pub content: Arc<dyn MappedFile>,
    owner: Ownership,
    /// As long as this is kept, nobody may write to the file.
    pub text: Arc<TextHold>,
}

impl Executable {
    /// EACCES for what isn't a regular file, lies where nothing may be executed, or lacks the permission; ENOEXEC if it cannot be mapped; ETXTBSY
    /// while somebody has it open for writing.
    pub fn new(credentials: &Credentials, path: Path) -> Result<Executable> {
        let owner = path.inode().ownership();
        if path.file_type() != FileType::Regular || path.mount().flags().contains(MountFlags::NO_EXEC) {
            return Err(Errno::EACCES);
        }
        credentials.check(&owner, access::EXECUTE)?;
        let content = path.mapping().map_err(|_| Errno::ENOEXEC)?;
        let text = Arc::new(path.hold_text()?);
        Ok(Executable { path, content, owner, text })
    }

    /// The file that a path names; errors of the path as well.
    pub fn find(credentials: &Credentials, fs: &FsContext, path: &[u8]) -> Result<Executable> {
        Executable::new(credentials, fs.resolve(credentials, None, path, LookupFlags::FOLLOW_LAST)?)
    }

    /// Reads from a position on until `bytes` are full or the file ends; answers how many.
    pub fn read(&self, position: u64, bytes: &mut [u8]) -> Result<usize> {
        self.content.cache().read_at(position, self.content.size(), &mut IoSink::kernel(bytes))
    }

    /// The ids with which the program runs: set-user-ID and set-group-ID bits count, unless the mount or the caller forbids.
    pub fn credentials(&self, caller: &Credentials, no_new_privileges: bool) -> Credentials {
        let mut new = caller.clone();
        let mode = self.owner.mode;
        if !no_new_privileges && !self.path.mount().flags().contains(MountFlags::NO_SUID) {
            if mode & S_ISUID != 0 {
                new.euid = self.owner.uid;
            }
            if mode & S_ISGID != 0 && mode & 0o010 != 0 {
                new.egid = self.owner.gid;
            }
        }
        (new.suid, new.fsuid, new.sgid, new.fsgid) = (new.euid, new.euid, new.egid, new.egid);
        new
    }
}

impl Source for Executable {
    fn read_exact(&self, position: u64, bytes: &mut [u8]) -> Result<()> {
        if self.read(position, bytes)? == bytes.len() { Ok(()) } else { Err(Errno::ENOEXEC) }
    }
}
