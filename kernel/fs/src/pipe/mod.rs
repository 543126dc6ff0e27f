//! Pipes and FIFOs (pipe(7)).
//!
//! A pipe is a row of slots, each a page with the bytes of it that are in use, 16 slots (64 KiB) at first. A write that fits behind the last
//! slot's bytes goes there; otherwise it takes fresh slots. So a write of up to PIPE_BUF (one page) takes one slot or finds none: it is
//! never split. This is Linux's arithmetic, hence a full pipe is full here after the same writes as there.
//!
//! Bytes are copied from and to user memory under the pipe's `turn`, not under its spin lock, because a copy may fault.

mod end;
#[cfg(test)]
mod tests;

pub use end::PipeEnd;

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;

use abi::{Errno, Result};
use memory::{IoSink, IoSource, PAGE_SIZE, Page};
use sync::{SpinLock, WaitQueue};

use crate::anonymous::NamelessAttributes;
use crate::file::{File, OpenFlags};
use crate::inode::Inode;
use crate::metadata::{AttributeChange, FileType, Metadata, Ownership};
use crate::open_file::OpenFile;
use crate::path::Path;
use crate::turn::Turn;

/// Writes up to this many bytes are never mixed with others.
pub const PIPE_BUF: usize = 4096;
/// Slots of a new pipe: 64 KiB.
const DEFAULT_SLOTS: usize = 16;
/// The most that F_SETPIPE_SZ gives without privilege, in bytes (fs.pipe-max-size).
pub const PIPE_MAX_SIZE: usize = 1 << 20;

struct Slot {
    page: Page,
    start: usize,
    length: usize,
    /// Written with O_DIRECT: one read takes it, and drops what did not fit; nothing is added to it.
    packet: bool,
}

struct State {
    slots: VecDeque<Slot>,
    capacity: usize,
    /// An emptied page, kept for the next write.
    spare: Option<Page>,
    readers: u32,
    writers: u32,
    /// How many times a side was ever opened: an opener of the other side that waits sees it change.
    reader_openings: u32,
    writer_openings: u32,
}

/// The two sides of a pipe.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Reader,
    Writer,
}

/// A pipe, or the pipe behind a FIFO.
pub struct Pipe {
    state: SpinLock<State>,
    turn: Turn,
    readable: WaitQueue,
    writable: WaitQueue,
    /// Of a FIFO, stat(2) shows the attributes of its own inode instead.
    attributes: NamelessAttributes,
    is_fifo: bool,
}

/// pipe2(2): the reading and the writing end. `flags` may hold O_NONBLOCK, O_DIRECT (each write is a packet), and O_CLOEXEC, which is
/// the caller's business.
pub fn pipe(uid: u32, gid: u32, flags: OpenFlags) -> Result<(Arc<OpenFile>, Arc<OpenFile>)> {
    memory::frames::admit()?;
    let pipe = Arc::new(Pipe::new(uid, gid, false));
    let status = flags & (OpenFlags::NONBLOCK | OpenFlags::DIRECT);
    let path = Path::nameless(pipe.clone());
    let reader = PipeEnd::new(&pipe, true, false);
    let writer = PipeEnd::new(&pipe, false, true);
    let reader = Arc::new(OpenFile::new(path.clone(), Arc::new(reader), status));
    let writer = Arc::new(OpenFile::new(path, Arc::new(writer), status | OpenFlags::WRONLY));
    Ok((reader, writer))
}

/// F_GETPIPE_SZ: the capacity in bytes; EBADF for what is no pipe.
pub fn size(file: &OpenFile) -> Result<usize> {
    Ok(of(file)?.capacity())
}

/// F_SETPIPE_SZ, see [`Pipe::set_capacity`]; EBADF for what is no pipe.
pub fn set_size(file: &OpenFile, bytes: usize, privileged: bool) -> Result<usize> {
    of(file)?.set_capacity(bytes, privileged)
}

fn of(file: &OpenFile) -> Result<&Arc<Pipe>> {
    file.file().as_any().downcast_ref::<PipeEnd>().map(PipeEnd::pipe).ok_or(Errno::EBADF)
}

impl Pipe {
    fn new(uid: u32, gid: u32, is_fifo: bool) -> Pipe {
        Pipe {
            state: SpinLock::new(State {
                slots: VecDeque::new(),
                capacity: DEFAULT_SLOTS,
                spare: None,
                readers: 0,
                writers: 0,
                reader_openings: 0,
                writer_openings: 0,
            }),
            turn: Turn::new(),
            readable: WaitQueue::new(),
            writable: WaitQueue::new(),
            attributes: NamelessAttributes::new(FileType::Fifo, 0o600, uid, gid),
            is_fifo,
        }
    }

    /// The pipe behind a FIFO's inode. A file system keeps it as long as someone has the FIFO open.
    pub fn for_fifo() -> Arc<Pipe> {
        Arc::new(Pipe::new(0, 0, true))
    }

    /// Opens one or both sides (fifo(7)). With the second value the caller has to wait; ENXIO: a non-blocking writer found no reader.
    pub fn open(self: &Arc<Pipe>, flags: OpenFlags) -> Result<(Arc<dyn File>, Option<Opening>)> {
        let (reads, writes) = (flags.reads(), flags.writes());
        if !reads && !writes {
            return Err(Errno::EINVAL);
        }
        // Both are read at once: whoever opens the other side after this moment changes `seen`.
        let (others, seen, waits_for) = {
            let state = self.state.lock();
            if reads { (state.writers, state.writer_openings, End::Writer) } else { (state.readers, state.reader_openings, End::Reader) }
        };
        let other_missing = self.is_fifo && !(reads && writes) && others == 0;
        if other_missing && writes && flags.nonblocking() {
            return Err(Errno::ENXIO);
        }
        let waits = other_missing && !flags.nonblocking();
        let opening = waits.then(|| Opening { pipe: self.clone(), waits_for, seen });
        let end = Arc::new(PipeEnd::new(self, reads, writes));
        Ok((end, opening))
    }

    fn openings(&self, end: End) -> u32 {
        let state = self.state.lock();
        if end == End::Reader { state.reader_openings } else { state.writer_openings }
    }

    /// How many bytes lie in the pipe (FIONREAD).
    pub fn available(&self) -> usize {
        self.state.lock().slots.iter().map(|slot| slot.length).sum()
    }

    /// The capacity in bytes (F_GETPIPE_SZ).
    pub fn capacity(&self) -> usize {
        self.state.lock().capacity * PAGE_SIZE
    }

    /// F_SETPIPE_SZ: rounds `bytes` up to a power of two of pages and gives the new capacity. EPERM above [`PIPE_MAX_SIZE`] without privilege,
    /// EBUSY when more than that lies in the pipe, EINVAL for sizes beyond 2³¹.
    pub fn set_capacity(&self, bytes: usize, privileged: bool) -> Result<usize> {
        if bytes > 1 << 31 {
            return Err(Errno::EINVAL);
        }
        let slots = bytes.div_ceil(PAGE_SIZE).max(1).next_power_of_two();
        let _turn = self.turn.take();
        {
            let mut state = self.state.lock();
            if slots > state.capacity && slots * PAGE_SIZE > PIPE_MAX_SIZE && !privileged {
                return Err(Errno::EPERM);
            }
            if state.slots.len() > slots {
                return Err(Errno::EBUSY);
            }
            state.capacity = slots;
        }
        self.writable.wake_all();
        Ok(slots * PAGE_SIZE)
    }

    fn read(&self, sink: &mut IoSink<'_>) -> Result<usize> {
        if sink.remaining() == 0 {
            return Ok(0);
        }
        let _turn = self.turn.take();
        let mut moved = 0;
        let mut freed = false;
        let mut failure = None;
        while sink.remaining() > 0 {
            let front = self.state.lock().slots.front().map(|slot| (slot.page.clone(), slot.start, slot.length, slot.packet));
            let Some((page, start, length, packet)) = front else { break };
            let wanted = length.min(sink.remaining());
            let count = match sink.put_page(&page, start, wanted) {
                Ok(count) => count,
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            };
            drop(page);
            moved += count;
            freed |= self.consume(if packet { length } else { count });
            if packet || count < wanted {
                break;
            }
        }
        if freed {
            self.writable.wake_all();
        }
        match failure {
            _ if moved > 0 => Ok(moved),
            Some(error) => Err(error),
            None if self.state.lock().writers == 0 => Ok(0),
            None => Err(Errno::EAGAIN),
        }
    }

    /// Takes `count` bytes off the first slot; true when that emptied it.
    fn consume(&self, count: usize) -> bool {
        let emptied = {
            let mut state = self.state.lock();
            let Some(slot) = state.slots.front_mut() else { return false };
            slot.start += count;
            slot.length -= count.min(slot.length);
            if slot.length > 0 {
                return false;
            }
            let page = state.slots.pop_front().map(|slot| slot.page);
            core::mem::replace(&mut state.spare, page)
        };
        drop(emptied);
        true
    }

    fn write(&self, source: &mut IoSource<'_>, packet: bool) -> Result<usize> {
        let total = source.remaining();
        if total == 0 {
            return Ok(0);
        }
        let _turn = self.turn.take();
        if self.state.lock().readers == 0 {
            return Err(Errno::EPIPE);
        }
        let result = self.fill(total, source, packet);
        if !matches!(result, Err(_) | Ok(0)) {
            self.readable.wake_all();
        }
        match result {
            Ok(0) => Err(Errno::EAGAIN),
            other => other,
        }
    }

    fn fill(&self, total: usize, source: &mut IoSource<'_>, packet: bool) -> Result<usize> {
        let mut moved = self.append_to_last(total % PAGE_SIZE, source)?;
        while moved < total {
            let page = {
                let mut state = self.state.lock();
                if state.slots.len() >= state.capacity {
                    break;
                }
                state.spare.take()
            };
            let wanted = (total - moved).min(PAGE_SIZE);
            let outcome =
                page.map_or_else(Page::for_overwrite, Ok).and_then(|page| source.take_to_page(&page, 0, wanted).map(|count| (page, count)));
            let (page, count) = match outcome {
                Ok(filled) => filled,
                Err(_) if moved > 0 => break,
                Err(error) => return Err(error),
            };
            if count > 0 {
                self.push(Slot { page, start: 0, length: count, packet })?;
            }
            moved += count;
            if count < wanted {
                break;
            }
        }
        Ok(moved)
    }

    fn push(&self, slot: Slot) -> Result<()> {
        let mut state = self.state.lock();
        state.slots.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
        state.slots.push_back(slot);
        Ok(())
    }

    /// Puts the odd bytes of a write behind those of the last slot, if all of them fit there.
    fn append_to_last(&self, odd: usize, source: &mut IoSource<'_>) -> Result<usize> {
        if odd == 0 {
            return Ok(0);
        }
        let last = self.state.lock().slots.back().filter(|slot| !slot.packet).map(|slot| (slot.page.clone(), slot.start + slot.length));
        let Some((page, end)) = last.filter(|(_, end)| end + odd <= PAGE_SIZE) else { return Ok(0) };
        let count = source.take_to_page(&page, end, odd)?;
        if let Some(slot) = self.state.lock().slots.back_mut() {
            slot.length += count;
        }
        Ok(count)
    }
}

/// The half-done opening of a FIFO: its own side counts as open, the other side is awaited.
pub struct Opening {
    pipe: Arc<Pipe>,
    waits_for: End,
    seen: u32,
}

impl Opening {
    /// Whether the other side was opened since.
    pub fn is_met(&self) -> bool {
        self.pipe.openings(self.waits_for) != self.seen
    }

    /// Is woken when that may have changed.
    pub fn wait_queue(&self) -> &WaitQueue {
        if self.waits_for == End::Writer { &self.pipe.readable } else { &self.pipe.writable }
    }
}

/// The inode of a pipe without a name: /proc/PID/fd leads to it, and opening that gives one more end.
impl Inode for Pipe {
    fn metadata(&self) -> Metadata {
        self.attributes.metadata(PAGE_SIZE as u32)
    }

    fn ownership(&self) -> Ownership {
        self.attributes.ownership()
    }

    fn file_type(&self) -> FileType {
        FileType::Fifo
    }

    fn change(&self, change: &AttributeChange) -> Result<()> {
        self.attributes.change(change);
        Ok(())
    }

    fn pipe(self: Arc<Self>) -> Result<Arc<Pipe>> {
        Ok(self)
    }

    fn label(&self) -> Option<String> {
        Some(alloc::format!("pipe:[{}]", self.attributes.inode()))
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}
