//! signalfd(2): signals that are read.
//!
//! A program blocks signals and reads them from a file, among the other things that it waits for. The file has nothing of its own but a
//! mask: whoever reads or polls it sees their own pending signals. So one inherited over fork(2) shows the child the child's. It follows
//! that the file can't have the queue of one process: all such files share one, which is empty as long as nobody waits.

use core::sync::atomic::{AtomicU64, Ordering};

use abi::event::SignalfdSiginfo;
use abi::{Errno, Result, SignalSet};
use alloc::sync::Arc;
use fs::{File, Io, OpenFile, OpenFlags, PollEvents, SeekKind, Side};
use memory::IoSink;
use sync::WaitQueue;
use zerocopy::IntoBytes;

use super::action::UNBLOCKABLE;
use super::calls::take;
use crate::run::with_current;

/// Woken when a signal was queued for anybody.
static ARRIVALS: WaitQueue = WaitQueue::new();

/// Tells those who wait for signals in files; the signal is queued already.
pub(super) fn announce() {
    ARRIVALS.wake_all();
}

struct SignalFile {
    mask: AtomicU64,
}

impl SignalFile {
    fn mask(&self) -> SignalSet {
        SignalSet(self.mask.load(Ordering::Relaxed))
    }
}

/// A new file for the signals of `mask`. Of `flags`, O_NONBLOCK counts here. ENOMEM.
pub fn signal_file(mask: SignalSet, flags: OpenFlags) -> Result<Arc<OpenFile>> {
    memory::frames::admit()?;
    let file = SignalFile { mask: AtomicU64::new(mask.minus(UNBLOCKABLE).0) };
    OpenFile::anonymous("anon_inode:[signalfd]", Arc::new(file), flags | OpenFlags::RDWR)
}

/// Changes the signals that a file shows; EINVAL for other files.
pub fn change_signal_file(file: &OpenFile, mask: SignalSet) -> Result<()> {
    let signals = file.file().as_any().downcast_ref::<SignalFile>().ok_or(Errno::EINVAL)?;
    signals.mask.store(mask.minus(UNBLOCKABLE).0, Ordering::Relaxed);
    // Something that waits already may count from now on.
    announce();
    Ok(())
}

impl File for SignalFile {
    /// As many `struct signalfd_siginfo` as there are and fit; EAGAIN for none; EINVAL when not one fits.
    fn try_read(&self, _: &mut Io, sink: &mut IoSink<'_>) -> Result<usize> {
        if sink.remaining() < size_of::<SignalfdSiginfo>() {
            return Err(Errno::EINVAL);
        }
        let mut total = 0;
        while sink.remaining() >= size_of::<SignalfdSiginfo>() {
            let found = with_current(|thread| {
                let mut shared = thread.process().shared.lock();
                take(thread, &mut shared, self.mask())
            });
            let Some(info) = found.flatten() else { break };
            // As on Linux, a signal for which the buffer is bad is gone.
            match sink.put(SignalfdSiginfo::from(&info).as_bytes()) {
                Ok(count) => total += count,
                Err(error) if total == 0 => return Err(error),
                Err(_) => break,
            }
        }
        if total == 0 { Err(Errno::EAGAIN) } else { Ok(total) }
    }

    fn poll(&self) -> PollEvents {
        let pending = with_current(|thread| {
            let (own, shared) = thread.pending_sets();
            own.union(shared)
        });
        let wanted = pending.unwrap_or(SignalSet::EMPTY).0 & self.mask().0;
        if wanted == 0 { PollEvents::empty() } else { PollEvents::IN | PollEvents::RDNORM }
    }

    fn wait_queue(&self, side: Side) -> Option<&WaitQueue> {
        (side == Side::Read).then_some(&ARRIVALS)
    }

    fn seek_kind(&self) -> SeekKind {
        SeekKind::Ignored
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}
