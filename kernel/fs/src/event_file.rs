//! eventfd(2): a counter that one side adds to and the other side takes.

use alloc::sync::Arc;

use abi::{Errno, Result};
use memory::{IoSink, IoSource};
use sync::{SpinLock, WaitQueue};

use crate::file::{File, Io, OpenFlags, PollEvents, SeekKind, Side};
use crate::open_file::OpenFile;

/// The largest value of the counter.
const MAXIMUM: u64 = u64::MAX - 1;

/// A counter with waiters for both directions.
struct EventFile {
    count: SpinLock<u64>,
    /// A read takes one, not all (EFD_SEMAPHORE).
    is_semaphore: bool,
    readers: WaitQueue,
    writers: WaitQueue,
}

/// eventfd2(2): a counter that starts at `count`. Of `flags`, O_NONBLOCK counts here. ENOMEM.
pub fn create(count: u32, is_semaphore: bool, flags: OpenFlags) -> Result<Arc<OpenFile>> {
    memory::frames::admit()?;
    let file = EventFile { count: SpinLock::new(count.into()), is_semaphore, readers: WaitQueue::new(), writers: WaitQueue::new() };
    OpenFile::anonymous("anon_inode:[eventfd]", Arc::new(file), flags | OpenFlags::RDWR)
}

impl File for EventFile {
    /// The counter as eight bytes, or 1 of a semaphore; EAGAIN at zero; EINVAL for a shorter buffer.
    fn try_read(&self, _: &mut Io, sink: &mut IoSink<'_>) -> Result<usize> {
        if sink.remaining() < size_of::<u64>() {
            return Err(Errno::EINVAL);
        }
        let taken = {
            let mut count = self.count.lock();
            let taken = if self.is_semaphore { (*count).min(1) } else { *count };
            *count -= taken;
            taken
        };
        if taken == 0 {
            return Err(Errno::EAGAIN);
        }
        self.writers.wake_all();
        // As on Linux, what a bad buffer could not take is gone.
        sink.put(&taken.to_ne_bytes())
    }

    /// Adds a number of eight bytes; EAGAIN when the sum would be too large; EINVAL for 2⁶⁴ − 1 and for other sizes.
    fn try_write(&self, _: &mut Io, source: &mut IoSource<'_>) -> Result<usize> {
        let mut bytes = [0; size_of::<u64>()];
        if source.remaining() != bytes.len() {
            return Err(Errno::EINVAL);
        }
        if source.take(&mut bytes)? != bytes.len() {
            return Err(Errno::EFAULT);
        }
        let added = u64::from_ne_bytes(bytes);
        if added > MAXIMUM {
            return Err(Errno::EINVAL);
        }
        {
            let mut count = self.count.lock();
            *count = count.checked_add(added).filter(|&sum| sum <= MAXIMUM).ok_or(Errno::EAGAIN)?;
        }
        self.readers.wake_all();
        Ok(bytes.len())
    }

    fn poll(&self) -> PollEvents {
        let count = *self.count.lock();
        let mut events = PollEvents::empty();
        if count > 0 {
            events |= PollEvents::IN | PollEvents::RDNORM;
        }
        if count < MAXIMUM {
            events |= PollEvents::OUT | PollEvents::WRNORM;
        }
        events
    }

    fn wait_queue(&self, side: Side) -> Option<&WaitQueue> {
        Some(if side == Side::Read { &self.readers } else { &self.writers })
    }

    fn seek_kind(&self) -> SeekKind {
        SeekKind::Ignored
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}
