//! open(2): from a path to an open-file description.

use alloc::sync::Arc;

use abi::{Errno, Result};
use sync::WaitQueue;

use crate::context::FsContext;
use crate::credentials::{Credentials, access};
use crate::devices;
use crate::directory_file::DirectoryFile;
use crate::file::{File, OpenFlags};
use crate::inode::{NewKind, OpenRequest};
use crate::metadata::{FileType, S_PERMISSIONS};
use crate::mount::MountFlags;
use crate::open_file::OpenFile;
use crate::path::Path;
use crate::path_file::PathFile;
use crate::pipe::Opening;
use crate::walk::{Follow, LastKind, Parent};

/// What open gives.
pub enum Opened {
    /// The file is open.
    Ready(Arc<OpenFile>),
    /// A FIFO that waits for its other side.
    Waiting(PendingOpen),
}

impl Opened {
    /// The description, for callers that cannot wait: EAGAIN for a FIFO whose other side is not open.
    pub fn now(self) -> Result<Arc<OpenFile>> {
        match self {
            Opened::Ready(file) => Ok(file),
            Opened::Waiting(_) => Err(Errno::EAGAIN),
        }
    }
}

/// An opening of a FIFO that waits until the other side is opened too. Its own side counts as open already, so that two openers meet;
/// dropping it (a signal came) closes that side again.
pub struct PendingOpen {
    file: Arc<OpenFile>,
    opening: Opening,
}

impl PendingOpen {
    /// Whether the other side has been opened meanwhile, even if it was closed again.
    pub fn is_ready(&self) -> bool {
        self.opening.is_met()
    }

    /// Is woken when it may have become ready.
    pub fn wait_queue(&self) -> &WaitQueue {
        self.opening.wait_queue()
    }

    /// The description; call it when ready.
    pub fn finish(self) -> Arc<OpenFile> {
        self.file
    }

    /// Waits until the other side is open.
    pub async fn wait(self) -> Arc<OpenFile> {
        self.wait_queue().wait_until(|| self.is_ready().then_some(())).await;
        self.finish()
    }
}

/// The flags that O_PATH leaves in force; all others are ignored beside it.
const PATH_FLAGS: OpenFlags = OpenFlags::PATH.union(OpenFlags::DIRECTORY).union(OpenFlags::NOFOLLOW).union(OpenFlags::CLOEXEC);

/// What the access mode and flags ask of the permission check.
fn wanted_access(flags: OpenFlags) -> u32 {
    let mut wanted = match flags.bits() & 3 {
        0 => access::READ,
        1 => access::WRITE,
        _ => access::READ | access::WRITE,
    };
    if flags.contains(OpenFlags::TRUNC) {
        wanted |= access::WRITE;
    }
    wanted
}

impl FsContext {
    /// open(2) and openat(2) without waiting. `mode` is that of the call; the umask is applied here. The descriptor is the caller's business.
    pub fn open(&self, credentials: &Credentials, base: Option<&Path>, path: &[u8], flags: OpenFlags, mode: u32) -> Result<Opened> {
        let flags = if flags.is_path() { flags & PATH_FLAGS } else { flags };
        if flags.contains(OpenFlags::UNNAMED) {
            return self.open_unnamed(credentials, base, path, flags, mode);
        }
        if flags.contains(OpenFlags::CREAT | OpenFlags::DIRECTORY) {
            return Err(Errno::EINVAL);
        }
        let follow = if flags.contains(OpenFlags::NOFOLLOW) { Follow::No } else { Follow::Yes };
        if !flags.contains(OpenFlags::CREAT) {
            let place = self.walk(credentials, base, path)?.reach_end(follow, flags.contains(OpenFlags::DIRECTORY))?;
            return self.open_path(credentials, place, flags);
        }
        let exclusive = flags.contains(OpenFlags::EXCL);
        let follow = if exclusive { Follow::No } else { follow };
        let (parent, found) = self.walk(credentials, base, path)?.reach_creation(follow)?;
        if matches!(parent.kind, LastKind::Dot | LastKind::DotDot) {
            return Err(if exclusive { Errno::EEXIST } else { Errno::EISDIR });
        }
        if parent.trailing_slash {
            return Err(Errno::EISDIR);
        }
        match found {
            Some(_) if exclusive => Err(Errno::EEXIST),
            Some(place) => {
                if place.is_directory() {
                    return Err(Errno::EISDIR);
                }
                self.open_path(credentials, place, flags)
            }
            None => self.create_and_open(credentials, &parent, flags, mode),
        }
    }

    /// Opens a place that was found before: the second half of open(2), also for files that are executed.
    pub fn open_path(&self, credentials: &Credentials, place: Path, flags: OpenFlags) -> Result<Opened> {
        let kind = place.file_type();
        if flags.is_path() {
            return Ok(Opened::Ready(Arc::new(OpenFile::new(place, Arc::new(PathFile), flags))));
        }
        if flags.contains(OpenFlags::DIRECTORY) && kind != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        let wanted = wanted_access(flags);
        match kind {
            FileType::Symlink => return Err(Errno::ELOOP),
            FileType::Directory if wanted & access::WRITE != 0 => return Err(Errno::EISDIR),
            FileType::CharDevice | FileType::BlockDevice if place.mount().flags().contains(MountFlags::NO_DEV) => {
                return Err(Errno::EACCES);
            }
            _ => {}
        }
        let ownership = place.inode().ownership();
        if wanted & access::WRITE != 0 && matches!(kind, FileType::Regular | FileType::Directory) {
            place.mount().check_writable()?;
        }
        credentials.check(&ownership, wanted)?;
        if flags.contains(OpenFlags::NOATIME) && !credentials.owns(&ownership) {
            return Err(Errno::EPERM);
        }
        let opened = make_description(&place, flags)?;
        if flags.contains(OpenFlags::TRUNC) && kind == FileType::Regular {
            place.inode().truncate(0)?;
            place.clear_set_ids(credentials)?;
        }
        Ok(opened)
    }

    fn create_and_open(&self, credentials: &Credentials, parent: &Parent, flags: OpenFlags, mode: u32) -> Result<Opened> {
        let place = match self.create_entry(credentials, parent, NewKind::Regular, mode) {
            // Another task made it since the walk: the caller gets that one.
            Err(Errno::EEXIST) if !flags.contains(OpenFlags::EXCL) => {
                let dentry = parent.path.dentry.lookup(&parent.name)?;
                return self.open_path(credentials, Path { mount: parent.path.mount.clone(), dentry }, flags);
            }
            made => made?,
        };
        // A file just made may be opened in any mode, whatever its permissions say.
        make_description(&place, flags)
    }

    /// O_TMPFILE: a regular file without a name in the directory `path`.
    fn open_unnamed(&self, credentials: &Credentials, base: Option<&Path>, path: &[u8], flags: OpenFlags, mode: u32) -> Result<Opened> {
        if !flags.contains(OpenFlags::DIRECTORY) || !flags.writes() {
            return Err(Errno::EINVAL);
        }
        let directory = self.walk(credentials, base, path)?.reach_end(Follow::Yes, true)?;
        directory.mount().check_writable()?;
        credentials.check(&directory.inode().ownership(), access::WRITE | access::EXECUTE)?;
        let new = self.new_node(credentials, &directory, NewKind::Regular, mode & S_PERMISSIONS);
        let inode = directory.inode().create_unnamed(&new)?;
        let place = Path::new(directory.mount().clone(), directory.dentry().unnamed_child(inode));
        make_description(&place, flags.difference(OpenFlags::DIRECTORY))
    }
}

/// Opens the inode and wraps it.
fn make_description(place: &Path, flags: OpenFlags) -> Result<Opened> {
    memory::frames::admit()?;
    let inode = place.inode();
    let device = match place.file_type() {
        FileType::CharDevice | FileType::BlockDevice => inode.metadata().rdev,
        _ => Default::default(),
    };
    let request = OpenRequest { flags, path: place, device };
    let file: Arc<dyn File> = match place.file_type() {
        FileType::Directory => Arc::new(DirectoryFile::new(inode.clone())),
        FileType::CharDevice => devices::open_char(&request)?,
        FileType::BlockDevice => devices::open_block(&request)?,
        FileType::Fifo => {
            let (end, opening) = inode.clone().pipe()?.open(flags)?;
            let file = Arc::new(OpenFile::new(place.clone(), end, flags));
            return Ok(match opening {
                Some(opening) => Opened::Waiting(PendingOpen { file, opening }),
                None => Opened::Ready(file),
            });
        }
        FileType::Socket => return Err(Errno::ENXIO),
        FileType::Regular | FileType::Symlink => inode.clone().open(&request)?,
    };
    Ok(Opened::Ready(Arc::new(OpenFile::counted(place.clone(), file, flags)?)))
}
