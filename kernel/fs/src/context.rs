//! The view that a process has of the tree: its root, its working directory, its umask. Shared by tasks made with CLONE_FS.

use core::sync::atomic::{AtomicU32, Ordering};

use abi::{Errno, Result};
use sync::SpinLock;

use crate::credentials::{Credentials, access};
use crate::path::Path;
use crate::walk::{Follow, LookupFlags, Parent, Walk};

struct Places {
    root: Path,
    working: Path,
}

/// Root, working directory and umask. All path calls are methods of this type; they are spread over the modules by topic.
pub struct FsContext {
    places: SpinLock<Places>,
    umask: AtomicU32,
}

impl FsContext {
    /// Root and working directory at `root`, umask 022.
    pub fn new(root: Path) -> FsContext {
        FsContext { places: SpinLock::new(Places { working: root.clone(), root }), umask: AtomicU32::new(0o022) }
    }

    /// An independent copy, for a child made without CLONE_FS.
    pub fn duplicate(&self) -> FsContext {
        let places = self.places.lock();
        FsContext {
            places: SpinLock::new(Places { root: places.root.clone(), working: places.working.clone() }),
            umask: AtomicU32::new(self.umask()),
        }
    }

    pub fn root(&self) -> Path {
        self.places.lock().root.clone()
    }

    pub fn working_directory(&self) -> Path {
        self.places.lock().working.clone()
    }

    /// chroot(2), after the checks of [`FsContext::change_root`].
    pub fn set_root(&self, root: Path) {
        let old = core::mem::replace(&mut self.places.lock().root, root);
        drop(old);
    }

    pub fn set_working_directory(&self, directory: Path) {
        let old = core::mem::replace(&mut self.places.lock().working, directory);
        drop(old);
    }

    pub fn umask(&self) -> u32 {
        self.umask.load(Ordering::Relaxed)
    }

    /// umask(2): sets the nine permission bits, gives the old ones.
    pub fn set_umask(&self, mask: u32) -> u32 {
        self.umask.swap(mask & 0o777, Ordering::Relaxed)
    }

    pub(crate) fn walk<'a>(&self, credentials: &'a Credentials, base: Option<&Path>, path: &'a [u8]) -> Result<Walk<'a>> {
        let (root, working) = {
            let places = self.places.lock();
            (places.root.clone(), base.is_none().then(|| places.working.clone()))
        };
        let start = match (base, working) {
            (Some(base), _) => base.clone(),
            (None, Some(working)) => working,
            (None, None) => root.clone(),
        };
        Walk::new(credentials, root, start, path)
    }

    /// The place that `path` names, seen from `base` (the working directory when `None`).
    /// ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG as path_resolution(7) says.
    pub fn resolve(&self, credentials: &Credentials, base: Option<&Path>, path: &[u8], flags: LookupFlags) -> Result<Path> {
        if path.is_empty() && flags.contains(LookupFlags::EMPTY_PATH) {
            return Ok(base.cloned().unwrap_or_else(|| self.working_directory()));
        }
        let follow = if flags.contains(LookupFlags::FOLLOW_LAST) { Follow::Yes } else { Follow::No };
        self.walk(credentials, base, path)?.reach_end(follow, flags.contains(LookupFlags::DIRECTORY))
    }

    /// The directory and the last component of `path`; the latter need not exist.
    pub fn resolve_parent(&self, credentials: &Credentials, base: Option<&Path>, path: &[u8]) -> Result<Parent> {
        self.walk(credentials, base, path)?.reach_parent()
    }

    /// chdir(2) to a place found before: ENOTDIR, EACCES.
    pub fn change_directory(&self, credentials: &Credentials, to: Path) -> Result<()> {
        check_directory(credentials, &to)?;
        self.set_working_directory(to);
        Ok(())
    }

    /// chroot(2) to a place found before: ENOTDIR, EACCES, EPERM without privilege.
    pub fn change_root(&self, credentials: &Credentials, to: Path) -> Result<()> {
        check_directory(credentials, &to)?;
        if !credentials.is_privileged() {
            return Err(Errno::EPERM);
        }
        self.set_root(to);
        Ok(())
    }
}

fn check_directory(credentials: &Credentials, place: &Path) -> Result<()> {
    if !place.is_directory() {
        return Err(Errno::ENOTDIR);
    }
    credentials.check(&place.inode().ownership(), access::EXECUTE)
}
