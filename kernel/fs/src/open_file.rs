//! The open-file description: what open(2) makes, and what dup(2) and fork(2) share.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use abi::{Errno, Result};
use memory::{IoSink, IoSource, MappedFile};
use sync::SpinLock;

use crate::epoll::Watchers;
use crate::file::{File, FileQueue, Io, OpenFlags, PollEvents, SeekKind, Side};
use crate::inode::{DirectoryEntry, DirectorySink, FIRST_ENTRY, Inode};
use crate::metadata::{FileType, Metadata};
use crate::mount::MountFlags;
use crate::owner::Owner;
use crate::path::Path;
use crate::turn::Turn;
use crate::{locks, wall_clock};

/// Where lseek(2) counts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whence {
    Start,
    Current,
    End,
    Data,
    Hole,
}

impl Whence {
    /// From the number of lseek(2); EINVAL for others.
    pub fn from_number(number: u32) -> Result<Whence> {
        Ok(match number {
            0 => Whence::Start,
            1 => Whence::Current,
            2 => Whence::End,
            3 => Whence::Data,
            4 => Whence::Hole,
            _ => return Err(Errno::EINVAL),
        })
    }
}

/// The status flags that fcntl(F_SETFL) changes.
pub const SETTABLE: OpenFlags =
    OpenFlags::APPEND.union(OpenFlags::NONBLOCK).union(OpenFlags::ASYNC).union(OpenFlags::DIRECT).union(OpenFlags::NOATIME);

/// An open-file description.
pub struct OpenFile {
    file: Arc<dyn File>,
    path: Path,
    flags: AtomicU32,
    position: AtomicU64,
    /// Held by those that use and move `position`, as threads and processes may share it.
    turn: Turn,
    seek_kind: SeekKind,
    /// Counted in the inode's writers.
    is_writer: bool,
    /// A lock was ever taken through this description, so closing it must look.
    pub(crate) used_locks: AtomicBool,
    /// The epoll instances that watch this description.
    pub(crate) watchers: Watchers,
    /// Whom O_ASYNC concerns.
    owner: SpinLock<Owner>,
}

impl OpenFile {
    /// A description of `file`, opened at `path`. O_CREAT, O_EXCL, O_NOCTTY, O_TRUNC and O_CLOEXEC are not kept: they are of the call, or of the descriptor.
    pub fn new(path: Path, file: Arc<dyn File>, flags: OpenFlags) -> OpenFile {
        OpenFile::make(path, file, flags, false)
    }

    fn make(path: Path, file: Arc<dyn File>, flags: OpenFlags, is_writer: bool) -> OpenFile {
        let kept = flags.difference(OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::NOCTTY | OpenFlags::TRUNC | OpenFlags::CLOEXEC);
        OpenFile {
            seek_kind: file.seek_kind(),
            file,
            path,
            flags: AtomicU32::new(kept.bits()),
            position: AtomicU64::new(0),
            turn: Turn::new(),
            is_writer,
            used_locks: AtomicBool::new(false),
            watchers: Watchers::default(),
            owner: SpinLock::new(Owner::default()),
        }
    }

    /// [`OpenFile::new`] that also counts as a writer of the file when it is one. ETXTBSY while the file is executed.
    pub(crate) fn counted(path: Path, file: Arc<dyn File>, flags: OpenFlags) -> Result<OpenFile> {
        let is_writer = match path.inode().writers().filter(|_| flags.writes()) {
            Some(writers) => writers.add_writer().map(|()| true)?,
            None => false,
        };
        Ok(OpenFile::make(path, file, flags, is_writer))
    }

    /// A description of a file without a place (eventfd, epoll, signalfd …); /proc/PID/fd shows `label`, as "anon_inode:[eventfd]".
    pub fn anonymous(label: &'static str, file: Arc<dyn File>, flags: OpenFlags) -> Result<Arc<OpenFile>> {
        let path = Path::nameless(crate::anonymous::inode(label)?);
        Ok(Arc::new(OpenFile::new(path, file, flags)))
    }

    pub fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn inode(&self) -> &Arc<dyn Inode> {
        self.path.inode()
    }

    pub fn metadata(&self) -> Metadata {
        self.path.metadata()
    }

    pub fn flags(&self) -> OpenFlags {
        OpenFlags::from_bits_retain(self.flags.load(Ordering::Relaxed))
    }

    /// F_SETFL: changes the bits of [`SETTABLE`], leaves the others.
    pub fn set_status_flags(&self, flags: OpenFlags) {
        let kept = self.flags().difference(SETTABLE);
        self.flags.store((kept | flags.intersection(SETTABLE)).bits(), Ordering::Relaxed);
    }

    /// Who gets SIGIO, and which signal that is (F_GETOWN, F_GETSIG).
    pub fn owner(&self) -> Owner {
        *self.owner.lock()
    }

    /// Changes that (F_SETOWN, F_SETSIG).
    pub fn change_owner(&self, change: impl FnOnce(&mut Owner)) {
        change(&mut self.owner.lock());
    }

    /// The position of the next read or write, in bytes (the directory position for directories).
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// EINVAL when `count` bytes from `position` on would reach beyond 2⁶³ − 1, whatever the file holds.
    fn io(&self, position: u64, count: usize, limit: u64) -> Result<Io> {
        let end = position.checked_add(count as u64);
        end.filter(|&end| end <= i64::MAX as u64).ok_or(Errno::EINVAL)?;
        Ok(Io { position, flags: self.flags(), limit })
    }

    fn check_readable(&self) -> Result<()> {
        if self.flags().reads() { Ok(()) } else { Err(Errno::EBADF) }
    }

    /// EBADF unless opened for writing.
    pub fn check_writable(&self) -> Result<()> {
        if self.flags().writes() { Ok(()) } else { Err(Errno::EBADF) }
    }

    /// read(2) without waiting, at the shared position. EAGAIN: wait for [`Side::Read`].
    pub fn read(&self, sink: &mut IoSink<'_>) -> Result<usize> {
        self.check_readable()?;
        if self.seek_kind == SeekKind::Stream {
            return self.file.try_read(&mut self.io(0, 0, u64::MAX)?, sink);
        }
        let _turn = self.turn.take();
        let mut io = self.io(self.position(), sink.remaining(), u64::MAX)?;
        let count = self.file.try_read(&mut io, sink)?;
        self.position.store(io.position, Ordering::Relaxed);
        self.note_access();
        Ok(count)
    }

    /// pread(2): ESPIPE for streams.
    pub fn read_at(&self, position: u64, sink: &mut IoSink<'_>) -> Result<usize> {
        if self.seek_kind == SeekKind::Stream {
            return Err(Errno::ESPIPE);
        }
        self.check_readable()?;
        let count = self.file.try_read(&mut self.io(position, sink.remaining(), u64::MAX)?, sink)?;
        self.note_access();
        Ok(count)
    }

    /// write(2) without waiting, at the shared position (or the end, with O_APPEND). `limit` is RLIMIT_FSIZE. EAGAIN: wait for [`Side::Write`].
    pub fn write(&self, source: &mut IoSource<'_>, limit: u64) -> Result<usize> {
        self.check_writable()?;
        if self.seek_kind == SeekKind::Stream {
            return self.file.try_write(&mut self.io(0, 0, limit)?, source);
        }
        let _turn = self.turn.take();
        let mut io = self.io(self.position(), source.remaining(), limit)?;
        let count = self.file.try_write(&mut io, source)?;
        self.position.store(io.position, Ordering::Relaxed);
        Ok(count)
    }

    /// pwrite(2): ESPIPE for streams. As in Linux, O_APPEND wins over `position`.
    pub fn write_at(&self, position: u64, source: &mut IoSource<'_>, limit: u64) -> Result<usize> {
        if self.seek_kind == SeekKind::Stream {
            return Err(Errno::ESPIPE);
        }
        self.check_writable()?;
        self.file.try_write(&mut self.io(position, source.remaining(), limit)?, source)
    }

    fn note_access(&self) {
        if self.seek_kind == SeekKind::Positioned && !self.flags().contains(OpenFlags::NOATIME) {
            let mount = self.path.mount().flags();
            if !mount.intersects(MountFlags::READ_ONLY | MountFlags::NO_ATIME) {
                self.inode().accessed(wall_clock::now());
            }
        }
    }

    /// Readiness, with only what the access mode allows.
    pub fn poll(&self) -> PollEvents {
        self.file.poll()
    }

    /// Where to wait for `side`; `None` if the file is always ready there.
    pub fn queue(self: &Arc<OpenFile>, side: Side) -> Option<FileQueue> {
        FileQueue::new(self, side)
    }

    /// Waits until one of `wanted` (or ERR, HUP) is ready. A file without a queue is ready at once.
    pub async fn ready(&self, side: Side, wanted: PollEvents) {
        if let Some(queue) = self.file.wait_queue(side) {
            let wanted = wanted | PollEvents::ERR | PollEvents::HUP;
            queue.wait_until(|| self.file.poll().intersects(wanted).then_some(())).await;
        }
    }

    pub fn ioctl(&self, command: u32, argument: usize) -> Result<usize> {
        if self.flags().is_path() {
            return Err(Errno::EBADF);
        }
        self.file.ioctl(command, argument)
    }

    /// lseek(2). ESPIPE for streams; EINVAL for a result below 0 or beyond 2⁶³ − 1; ENXIO for SEEK_DATA and SEEK_HOLE at or beyond the end.
    pub fn seek(&self, offset: i64, whence: Whence) -> Result<u64> {
        match self.seek_kind {
            SeekKind::Stream => return Err(Errno::ESPIPE),
            SeekKind::Ignored => return Ok(self.position()),
            SeekKind::Endless if !matches!(whence, Whence::Start | Whence::Current) => return Err(Errno::EINVAL),
            SeekKind::Positioned | SeekKind::Endless => {}
        }
        let _turn = self.turn.take();
        let base = match whence {
            Whence::Start => 0,
            Whence::Current => self.position(),
            Whence::End => self.file.size(),
            Whence::Data | Whence::Hole => {
                let from = u64::try_from(offset).map_err(|_| Errno::ENXIO)?;
                let found = if whence == Whence::Data { self.file.next_data(from)? } else { self.file.next_hole(from)? };
                self.position.store(found, Ordering::Relaxed);
                return Ok(found);
            }
        };
        let target = base.checked_add_signed(offset).filter(|&target| target <= i64::MAX as u64).ok_or(Errno::EINVAL)?;
        self.position.store(target, Ordering::Relaxed);
        Ok(target)
    }

    /// getdents64(2): the entries from the shared position on, "." and ".." first. ENOTDIR; ENOENT when the directory was removed.
    pub fn read_directory(&self, sink: &mut DirectorySink<'_>) -> Result<()> {
        self.check_readable()?;
        if self.path.file_type() != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        let _turn = self.turn.take();
        if self.path.dentry().is_deleted() {
            return Err(Errno::ENOENT);
        }
        let mut next = self.position();
        let mut full = false;
        {
            let mut emit = |entry: DirectoryEntry<'_>| {
                let taken = sink(entry);
                if taken {
                    next = entry.next;
                } else {
                    full = true;
                }
                taken
            };
            let start = self.position();
            let parent = || self.path.dentry().parent().map_or_else(|| self.metadata().inode, |parent| parent.inode().metadata().inode);
            let dot = |name, inode, next| DirectoryEntry { name, inode, file_type: FileType::Directory, next };
            let go_on = (start > 0 || emit(dot(b".", self.metadata().inode, 1))) && (start > 1 || emit(dot(b"..", parent(), FIRST_ENTRY)));
            if go_on {
                self.inode().read_directory(start.max(FIRST_ENTRY), &mut emit)?;
            }
        }
        self.position.store(next, Ordering::Relaxed);
        self.note_access();
        Ok(())
    }

    /// ftruncate(2): EINVAL unless a regular file opened for writing.
    pub fn truncate(&self, size: u64) -> Result<()> {
        if self.path.file_type() != FileType::Regular || !self.flags().writes() {
            return Err(Errno::EINVAL);
        }
        self.inode().truncate(size)
    }

    /// fallocate(2): EBADF unless opened for writing, ESPIPE for FIFOs, EISDIR/ENODEV for other kinds, EROFS never (it was open for writing).
    pub fn allocate(&self, range: core::ops::Range<u64>, keep_size: bool, punch_hole: bool) -> Result<()> {
        self.check_writable()?;
        match self.path.file_type() {
            FileType::Regular => self.file.allocate(range, keep_size, punch_hole),
            FileType::Fifo => Err(Errno::ESPIPE),
            FileType::Directory => Err(Errno::EISDIR),
            _ => Err(Errno::ENODEV),
        }
    }

    /// The pages for mmap(2): EACCES unless opened for reading (the caller checks writing for shared writable maps), ENODEV when the kind cannot be mapped.
    pub fn mapping(&self) -> Result<Arc<dyn MappedFile>> {
        if !self.flags().reads() {
            return Err(Errno::EACCES);
        }
        if self.path.file_type() == FileType::Regular { self.path.mapping() } else { self.file.mapping() }
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.watchers.close();
        if self.used_locks.load(Ordering::Relaxed) {
            locks::release_description(self);
        }
        if self.is_writer
            && let Some(writers) = self.inode().writers()
        {
            writers.remove_writer();
        }
    }
}
