//! The faces of a file system: [`FileSystem`] as a whole, [`Inode`] for each file in it.
//!
//! The VFS above checks permissions, read-only mounts, name rules, sticky bits and the shape of the tree (no directory into its own
//! child); a file system only looks at its own state. Calls that change one directory come one at a time for that directory, and
//! calls for two directories (rename) hold both, so a file system needs locks for its data only, not for the order of events.

use alloc::sync::Arc;

use abi::time::Timespec;
use abi::{Errno, Result};
use memory::MappedFile;

use crate::dentry::Dentry;
use crate::metadata::{AttributeChange, DeviceNumber, FileType, FsStatistics, Metadata, Ownership};
use crate::pipe::Pipe;
use crate::writers::WriterCount;
use crate::{File, OpenFlags, Path};

/// A mountable file system.
pub trait FileSystem: Send + Sync {
    /// Its name as in /proc/filesystems ("tmpfs").
    fn name(&self) -> &'static str;

    /// The root. One file system has one root entry, however often it is mounted.
    fn root(&self) -> &Arc<Dentry>;

    fn statistics(&self) -> FsStatistics;

    /// Its own mount options for /proc/mounts, after "rw,…": empty or starting with a comma (",size=1024k").
    fn options(&self) -> alloc::string::String {
        alloc::string::String::new()
    }

    /// sync(2), syncfs(2).
    fn sync(&self) -> Result<()> {
        Ok(())
    }
}

/// What to make when a directory gets a new entry.
#[derive(Clone, Copy, Debug)]
pub struct NewNode<'a> {
    pub kind: NewKind<'a>,
    /// Permission bits, with the umask taken off and setgid inherited where that applies.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

/// The kinds of new entries.
#[derive(Clone, Copy, Debug)]
pub enum NewKind<'a> {
    Regular,
    Directory,
    Symlink(&'a [u8]),
    Fifo,
    Socket,
    CharDevice(DeviceNumber),
    BlockDevice(DeviceNumber),
}

impl NewKind<'_> {
    pub fn file_type(&self) -> FileType {
        match self {
            NewKind::Regular => FileType::Regular,
            NewKind::Directory => FileType::Directory,
            NewKind::Symlink(_) => FileType::Symlink,
            NewKind::Fifo => FileType::Fifo,
            NewKind::Socket => FileType::Socket,
            NewKind::CharDevice(_) => FileType::CharDevice,
            NewKind::BlockDevice(_) => FileType::BlockDevice,
        }
    }
}

/// Where a symbolic link leads.
pub enum LinkTarget {
    /// A path to be walked from the link's directory.
    Text(Arc<[u8]>),
    /// Straight to a place, as the magic links of /proc do.
    Jump(Path),
}

/// One entry as read_directory gives it.
#[derive(Clone, Copy, Debug)]
pub struct DirectoryEntry<'a> {
    pub name: &'a [u8],
    pub inode: u64,
    pub file_type: FileType,
    /// The position that continues after this entry. Stable: it stays right while other entries come and go.
    pub next: u64,
}

/// Takes directory entries; false means that there was no room for this one (it will come again).
pub type DirectorySink<'a> = dyn FnMut(DirectoryEntry<'_>) -> bool + 'a;

/// Positions below this belong to "." and "..", which the VFS makes up; a directory's own entries start here.
pub const FIRST_ENTRY: u64 = 2;

/// What the opener of a file is told.
pub struct OpenRequest<'a> {
    pub flags: OpenFlags,
    /// The place that is opened.
    pub path: &'a Path,
    /// The device number, for device files.
    pub device: DeviceNumber,
}

/// A file of a file system.
pub trait Inode: Send + Sync {
    /// All that stat(2) tells.
    fn metadata(&self) -> Metadata;

    /// Kind, permissions, owner: the part of the metadata that each step of a path walk needs.
    fn ownership(&self) -> Ownership {
        let all = self.metadata();
        Ownership { mode: all.mode, uid: all.uid, gid: all.gid }
    }

    /// Its kind, which never changes.
    fn file_type(&self) -> FileType;

    /// Sets attributes, after the VFS checked that the caller may. EPERM where the file system cannot.
    fn change(&self, change: &AttributeChange) -> Result<()> {
        let _ = change;
        Err(Errno::EPERM)
    }

    /// Cuts or grows a regular file to `size` bytes. EINVAL where the file system cannot.
    fn truncate(&self, size: u64) -> Result<()> {
        let _ = size;
        Err(Errno::EINVAL)
    }

    /// Notes that the file was read at `now`; relatime is the inode's business.
    fn accessed(&self, now: Timespec) {
        let _ = now;
    }

    /// The entry `name` of this directory. ENOENT.
    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        let _ = name;
        Err(Errno::ENOTDIR)
    }

    /// Whether the directory cache may remember this inode under its name. False for what vanishes by itself (/proc/PID).
    fn cacheable(&self) -> bool {
        true
    }

    /// Makes a new entry. EEXIST, ENOSPC, EPERM.
    fn create(&self, name: &[u8], new: &NewNode<'_>) -> Result<Arc<dyn Inode>> {
        let _ = (name, new);
        Err(Errno::EPERM)
    }

    /// Makes a regular file that has no name (O_TMPFILE); a later [`Inode::link`] may give it one.
    fn create_unnamed(&self, new: &NewNode<'_>) -> Result<Arc<dyn Inode>> {
        let _ = new;
        Err(Errno::EOPNOTSUPP)
    }

    /// Makes a further name for `target`, which is of the same file system and no directory.
    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<()> {
        let _ = (name, target);
        Err(Errno::EPERM)
    }

    /// Removes the entry `name`, which is no directory.
    fn unlink(&self, name: &[u8]) -> Result<()> {
        let _ = name;
        Err(Errno::EPERM)
    }

    /// Removes the directory `name`. ENOTEMPTY.
    fn remove_directory(&self, name: &[u8]) -> Result<()> {
        let _ = name;
        Err(Errno::EPERM)
    }

    /// Moves `from` of this directory to `to` of `directory` (of the same file system, maybe this one), replacing what is there when
    /// kinds allow (the VFS checked that they do). ENOTEMPTY.
    fn rename(&self, from: &[u8], directory: &Arc<dyn Inode>, to: &[u8]) -> Result<()> {
        let _ = (from, directory, to);
        Err(Errno::EPERM)
    }

    /// Swaps two entries (RENAME_EXCHANGE).
    fn exchange(&self, from: &[u8], directory: &Arc<dyn Inode>, to: &[u8]) -> Result<()> {
        let _ = (from, directory, to);
        Err(Errno::EINVAL)
    }

    /// Gives the entries from `position` (≥ [`FIRST_ENTRY`]) on until `sink` says false.
    fn read_directory(&self, position: u64, sink: &mut DirectorySink<'_>) -> Result<()> {
        let _ = (position, sink);
        Err(Errno::ENOTDIR)
    }

    /// Where this symbolic link leads. EINVAL when it is none.
    fn follow(&self) -> Result<LinkTarget> {
        Err(Errno::EINVAL)
    }

    /// What readlink(2) shows; for a magic link that is not what following it does.
    fn read_link(&self) -> Result<Arc<[u8]>> {
        match self.follow()? {
            LinkTarget::Text(text) => Ok(text),
            LinkTarget::Jump(path) => Ok(Arc::from(path.display())),
        }
    }

    /// Opens a regular file (or whatever the VFS does not open itself: directories, devices and FIFOs are its business).
    fn open(self: Arc<Self>, request: &OpenRequest<'_>) -> Result<Arc<dyn File>> {
        let _ = request;
        Err(Errno::ENXIO)
    }

    /// The pipe of a FIFO; made at the first opening.
    fn pipe(self: Arc<Self>) -> Result<Arc<Pipe>> {
        Err(Errno::ENXIO)
    }

    /// The pages, for programs that are executed and libraries that are mapped.
    fn mapping(self: Arc<Self>) -> Option<Arc<dyn MappedFile>> {
        None
    }

    /// The count of writers, for files that can be executed.
    fn writers(&self) -> Option<&WriterCount> {
        None
    }

    /// What /proc/PID/fd shows for a file that has no place in any tree ("pipe:[12]"); `None` for all others.
    fn label(&self) -> Option<alloc::string::String> {
        None
    }

    /// Lets the file system find its own type again.
    fn as_any(&self) -> &dyn core::any::Any;
}
