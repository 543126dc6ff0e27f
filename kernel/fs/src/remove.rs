//! Taking names away: unlink(2) and rmdir(2).

use alloc::sync::Arc;

use abi::{Errno, Result};

use crate::context::FsContext;
use crate::credentials::{Credentials, access};
use crate::dentry::Dentry;
use crate::metadata::S_ISVTX;
use crate::path::Path;
use crate::walk::LastKind;

impl FsContext {
    /// unlink(2). EISDIR for directories, EBUSY for mount points.
    pub fn unlink(&self, credentials: &Credentials, base: Option<&Path>, path: &[u8]) -> Result<()> {
        let parent = self.resolve_parent(credentials, base, path)?;
        if parent.kind != LastKind::Name {
            return Err(Errno::EISDIR);
        }
        parent.path.mount().check_writable()?;
        let directory = &parent.path.dentry;
        let victim = {
            let _turn = directory.turn.take();
            let victim = directory.lookup_in_turn(&parent.name)?;
            if parent.trailing_slash {
                return Err(if victim.is_directory() { Errno::EISDIR } else { Errno::ENOTDIR });
            }
            check_may_remove(credentials, directory, &victim)?;
            if victim.is_directory() {
                return Err(Errno::EISDIR);
            }
            check_not_mounted(&parent.path, &victim)?;
            directory.inode().unlink(&parent.name)?;
            directory.detach(&victim);
            victim
        };
        drop(victim);
        Ok(())
    }

    /// rmdir(2). ENOTDIR, ENOTEMPTY, EBUSY for mount points and "/", EINVAL for ".", ENOTEMPTY for "..".
    pub fn remove_directory(&self, credentials: &Credentials, base: Option<&Path>, path: &[u8]) -> Result<()> {
        let parent = self.resolve_parent(credentials, base, path)?;
        match parent.kind {
            LastKind::Name => {}
            LastKind::Dot => return Err(Errno::EINVAL),
            LastKind::DotDot => return Err(Errno::ENOTEMPTY),
            LastKind::Root => return Err(Errno::EBUSY),
        }
        parent.path.mount().check_writable()?;
        let directory = &parent.path.dentry;
        let victim = {
            let _turn = directory.turn.take();
            let victim = directory.lookup_in_turn(&parent.name)?;
            check_may_remove(credentials, directory, &victim)?;
            if !victim.is_directory() {
                return Err(Errno::ENOTDIR);
            }
            check_not_mounted(&parent.path, &victim)?;
            let _inner = victim.turn.take();
            directory.inode().remove_directory(&parent.name)?;
            directory.detach(&victim);
            drop(_inner);
            victim
        };
        drop(victim);
        Ok(())
    }
}

/// Whether the holder may take `victim` out of `directory`: write access to it, and in a sticky directory the ownership of one of both (EPERM).
pub(crate) fn check_may_remove(credentials: &Credentials, directory: &Dentry, victim: &Dentry) -> Result<()> {
    let above = directory.inode().ownership();
    credentials.check(&above, access::WRITE | access::EXECUTE)?;
    if above.mode & S_ISVTX != 0 && !credentials.owns(&above) && !credentials.owns(&victim.inode().ownership()) {
        return Err(Errno::EPERM);
    }
    Ok(())
}

/// EBUSY when something is mounted on `victim`, an entry of the directory `parent`.
pub(crate) fn check_not_mounted(parent: &Path, victim: &Arc<Dentry>) -> Result<()> {
    if victim.may_be_mount_point() && parent.mount().mounted_on(victim).is_some() {
        return Err(Errno::EBUSY);
    }
    Ok(())
}
