//! The face of everything that a file descriptor can stand for.
//!
//! Sync first: `try_read` and `try_write` never wait. What cannot go on at once says EAGAIN; the caller (the system call, one room
//! further up) then waits on the queue that [`File::wait_queue`] names until [`File::poll`] shows the side ready, and tries again. So
//! read(2), poll(2), O_NONBLOCK and a kernel task all use one mechanism, and a ready file costs no future.

use alloc::sync::Arc;
use core::ops::Deref;

use abi::{Errno, Result};
use bitflags::bitflags;
use memory::{IoSink, IoSource, MappedFile};
use sync::WaitQueue;

bitflags! {
    /// Readiness, with the values of poll(2).
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct PollEvents: u32 {
        const IN = 0x001;
        const PRI = 0x002;
        const OUT = 0x004;
        const ERR = 0x008;
        const HUP = 0x010;
        const NVAL = 0x020;
        const RDNORM = 0x040;
        const RDBAND = 0x080;
        const WRNORM = 0x100;
        const WRBAND = 0x200;
        const RDHUP = 0x2000;
    }

    /// Flags of open(2), with x86_64 Linux's values.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct OpenFlags: u32 {
        const WRONLY = 0o1;
        const RDWR = 0o2;
        const CREAT = 0o100;
        const EXCL = 0o200;
        const NOCTTY = 0o400;
        const TRUNC = 0o1000;
        const APPEND = 0o2000;
        const NONBLOCK = 0o4000;
        const DSYNC = 0o10000;
        const ASYNC = 0o20000;
        const DIRECT = 0o40000;
        const LARGEFILE = 0o100000;
        const DIRECTORY = 0o200000;
        const NOFOLLOW = 0o400000;
        const NOATIME = 0o1000000;
        const CLOEXEC = 0o2000000;
        /// The one bit that O_SYNC has beyond O_DSYNC.
        const FULL_SYNC = 0o4000000;
        const PATH = 0o10000000;
        /// The one bit that O_TMPFILE has beyond O_DIRECTORY.
        const UNNAMED = 0o20000000;
    }
}

/// Events that a file reports whether or not they were asked for.
pub const ALWAYS: PollEvents = PollEvents::ERR.union(PollEvents::HUP);
/// Events that change when something arrives.
const ARRIVALS: PollEvents =
    PollEvents::IN.union(PollEvents::RDNORM).union(PollEvents::RDBAND).union(PollEvents::PRI).union(PollEvents::RDHUP);
/// Events that change when room is made.
const ROOM: PollEvents = PollEvents::OUT.union(PollEvents::WRNORM).union(PollEvents::WRBAND);

impl PollEvents {
    /// Whether somebody who wants to hear of these events has to wait on that side. A hang-up or an error is announced to readers; a
    /// file that is only written announces it to its writers too.
    pub fn concerns(self, side: Side) -> bool {
        match side {
            Side::Read => self.intersects(ARRIVALS) || !self.intersects(ROOM),
            Side::Write => self.intersects(ROOM),
        }
    }
}

impl OpenFlags {
    /// O_RDONLY is the absence of both access bits.
    pub const RDONLY: OpenFlags = OpenFlags::empty();

    /// Opened for reading. Access mode 3 (Linux: neither, only ioctl) counts as neither.
    pub fn reads(self) -> bool {
        self.bits() & 3 == 0 && !self.contains(OpenFlags::PATH) || self.bits() & 3 == 2
    }

    /// Opened for writing.
    pub fn writes(self) -> bool {
        matches!(self.bits() & 3, 1 | 2)
    }

    pub fn is_path(self) -> bool {
        self.contains(OpenFlags::PATH)
    }

    pub fn nonblocking(self) -> bool {
        self.contains(OpenFlags::NONBLOCK)
    }
}

/// The two directions in which one can wait for a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Something to read, end of file, a caller to accept …
    Read,
    /// Room to write, or nobody left who would read.
    Write,
}

/// The circumstances of one transfer.
#[derive(Clone, Copy, Debug)]
pub struct Io {
    /// Where in the file, in bytes. A file with positions advances it by what it moved (an appending write first sets it to the end);
    /// a stream leaves it alone.
    pub position: u64,
    /// The flags of the open-file description at this moment.
    pub flags: OpenFlags,
    /// RLIMIT_FSIZE of the writer: nothing is written at or beyond this position (EFBIG when nothing could be written; the caller
    /// raises SIGXFSZ).
    pub limit: u64,
}

impl Io {
    /// A transfer at `position` without flags and limit.
    pub fn at(position: u64) -> Io {
        Io { position, flags: OpenFlags::empty(), limit: u64::MAX }
    }
}

/// What lseek(2) can do with a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SeekKind {
    /// No position at all: lseek, pread and pwrite say ESPIPE.
    Stream,
    /// Bytes are addressed by position.
    Positioned,
    /// Bytes are addressed by position, but there is no end to count from: EINVAL for anything but SEEK_SET and SEEK_CUR.
    Endless,
    /// lseek succeeds and stays at 0, as with /dev/null and terminals-like devices that Linux opens with `noop_llseek`.
    Ignored,
}

/// An open file: what an open-file description reads, writes and polls.
pub trait File: Send + Sync {
    /// Moves bytes to `sink` without ever waiting. Ok(0) is end of file (or an empty sink); EAGAIN: nothing there yet.
    fn try_read(&self, io: &mut Io, sink: &mut IoSink<'_>) -> Result<usize> {
        let _ = (io, sink);
        Err(Errno::EINVAL)
    }

    /// Takes bytes from `source` without ever waiting; a partial count is fine. EAGAIN: no room. EPIPE: nobody will ever read it
    /// (the caller raises SIGPIPE).
    fn try_write(&self, io: &mut Io, source: &mut IoSource<'_>) -> Result<usize> {
        let _ = (io, source);
        Err(Errno::EINVAL)
    }

    /// What is ready now. Regular files are always ready in both directions.
    fn poll(&self) -> PollEvents {
        PollEvents::IN | PollEvents::OUT | PollEvents::RDNORM | PollEvents::WRNORM
    }

    /// The queue that is woken (all of it) when readiness of that side may have changed. `None` for files that are always
    /// ready. The answer is the same for the life of the file.
    fn wait_queue(&self, side: Side) -> Option<&WaitQueue> {
        let _ = side;
        None
    }

    /// Whether O_ASYNC has the owner of the description told by SIGIO when that side becomes ready.
    fn signals(&self, side: Side) -> bool {
        let _ = side;
        false
    }

    /// Until when (nanoseconds of the monotone clock) a blocked read that began at `started` goes on waiting: the VTIME of terminals. After that
    /// moment the reader tries once more as if O_NONBLOCK were set, and takes EAGAIN as end of file.
    fn read_deadline(&self, started: u64) -> Option<u64> {
        let _ = started;
        None
    }

    /// ioctl(2) beyond those that every file has (FIONBIO, FIOCLEX …: the caller's). `argument` is mostly a user address.
    fn ioctl(&self, command: u32, argument: usize) -> Result<usize> {
        let _ = (command, argument);
        Err(Errno::ENOTTY)
    }

    fn seek_kind(&self) -> SeekKind {
        SeekKind::Stream
    }

    /// The end of the file for SEEK_END.
    fn size(&self) -> u64 {
        0
    }

    /// SEEK_DATA: the first byte at or after `from` that is not in a hole; ENXIO at or beyond the end.
    fn next_data(&self, from: u64) -> Result<u64> {
        if from < self.size() { Ok(from) } else { Err(Errno::ENXIO) }
    }

    /// SEEK_HOLE: the first hole at or after `from` (the end of the file is one); ENXIO at or beyond the end.
    fn next_hole(&self, from: u64) -> Result<u64> {
        let end = self.size();
        if from < end { Ok(end) } else { Err(Errno::ENXIO) }
    }

    /// fsync(2), fdatasync(2). EINVAL for what has no storage behind it (pipes, terminals …).
    fn sync(&self) -> Result<()> {
        Err(Errno::EINVAL)
    }

    /// fallocate(2). `keep_size` and `punch_hole` are the two mode bits that are known.
    fn allocate(&self, range: core::ops::Range<u64>, keep_size: bool, punch_hole: bool) -> Result<()> {
        let _ = (range, keep_size, punch_hole);
        Err(Errno::ENODEV)
    }

    /// How mmap(2) reaches the pages; ENODEV for what cannot be mapped.
    fn mapping(&self) -> Result<Arc<dyn MappedFile>> {
        Err(Errno::ENODEV)
    }

    /// Lets the room that made the file find its own type again.
    fn as_any(&self) -> &dyn core::any::Any;
}

/// A wait queue together with the file that keeps it alive: for waiting on many files at once, as poll(2) does.
pub struct FileQueue {
    file: Arc<crate::OpenFile>,
    side: Side,
}

/// Stands in where a file that had a queue would no longer name it; nobody ever waits here without a recheck.
static NO_QUEUE: WaitQueue = WaitQueue::new();

impl FileQueue {
    /// `None` when the file is always ready on that side.
    pub fn new(file: &Arc<crate::OpenFile>, side: Side) -> Option<FileQueue> {
        file.file().wait_queue(side)?;
        Some(FileQueue { file: file.clone(), side })
    }
}

impl Deref for FileQueue {
    type Target = WaitQueue;

    fn deref(&self) -> &WaitQueue {
        self.file.file().wait_queue(self.side).unwrap_or(&NO_QUEUE)
    }
}
