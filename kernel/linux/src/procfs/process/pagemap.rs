//! /proc/PID/pagemap: for each page of the address space a 64-bit entry that says where it is (Linux's Documentation/admin-guide/mm/pagemap.rst).
//!
//! The file is as long as the address space: entry number n, at byte 8 n, is about the page at address 4096 n. It is read in whole entries, from
//! anywhere. Physical addresses are for those who may know them: others read 0 there, since addresses help to attack memory cells from the side.
//!
//! Bits that are always 0 here: soft-dirty (55), as on a Linux without CONFIG_MEM_SOFT_DIRTY; write-protected by userfaultfd (57), guard region
//! (58) and swapped (62), as there are no such things.

use alloc::sync::{Arc, Weak};

use abi::{Errno, Result};
use fs::inode::OpenRequest;
use fs::{File, Io, SeekKind};
use memory::{AddressSpace, IoSink, PAGE_SIZE, ResidentPage};

use super::Subject;

const ENTRY: usize = size_of::<u64>();
/// Entries that are made at a time, on the stack.
const CHUNK: usize = 128;
/// One read gives at most this many bytes, so that it doesn't hold the processor for long.
const READ_MAX: usize = 1 << 20;

const FRAME: u64 = (1 << 55) - 1;
/// Mapped in one place only.
const EXCLUSIVE: u64 = 1 << 56;
/// A page of a file, or of shared anonymous memory.
const FILE: u64 = 1 << 61;
const PRESENT: u64 = 1 << 63;

/// An open pagemap.
struct Pagemap {
    /// The space that the process had when the file was opened: a later program in it is another one. None for a process without any.
    space: Option<Weak<AddressSpace>>,
    /// Whether who opened it may see physical addresses (CAP_SYS_ADMIN).
    shows_frames: bool,
}

/// EACCES for somebody else's.
pub(super) fn open(subject: Subject, _request: &OpenRequest<'_>) -> Result<Arc<dyn File>> {
    let space = subject.check_access()?.space().map(|space| Arc::downgrade(&space));
    let shows_frames = process::with_current(|thread| thread.credentials().is_privileged()).unwrap_or(true);
    Ok(Arc::new(Pagemap { space, shows_frames }))
}

impl Pagemap {
    fn entry(&self, page: &ResidentPage) -> u64 {
        let frame = if self.shows_frames { page.frame.number() & FRAME } else { 0 };
        frame | PRESENT | if page.cached { FILE } else { 0 } | if page.exclusive { EXCLUSIVE } else { 0 }
    }

    /// The entries of some pages from `start` on.
    fn entries(&self, space: &AddressSpace, start: usize, pages: usize) -> [[u8; ENTRY]; CHUNK] {
        let mut entries = [[0; ENTRY]; CHUNK];
        space.resident_pages(start..start + pages * PAGE_SIZE, &mut |address, page| {
            if let Some(entry) = entries.get_mut(address.saturating_sub(start) / PAGE_SIZE) {
                *entry = self.entry(page).to_ne_bytes();
            }
        });
        entries
    }
}

impl File for Pagemap {
    /// EINVAL for a position or a length that isn't a whole number of entries.
    fn try_read(&self, io: &mut Io, sink: &mut IoSink<'_>) -> Result<usize> {
        let Some(space) = self.space.as_ref().and_then(Weak::upgrade) else { return Ok(0) };
        if !io.position.is_multiple_of(ENTRY as u64) || !sink.remaining().is_multiple_of(ENTRY) {
            return Err(Errno::EINVAL);
        }
        let mut done = 0;
        while sink.remaining() > 0 && done < READ_MAX {
            let page = usize::try_from(io.position).unwrap_or(usize::MAX) / ENTRY;
            let Some(start) = page.checked_mul(PAGE_SIZE).filter(|&start| start < arch::USER_END) else { break };
            let pages = (sink.remaining() / ENTRY).min(CHUNK).min((arch::USER_END - start) / PAGE_SIZE);
            let entries = self.entries(&space, start, pages);
            let wanted = entries.as_flattened().get(..pages * ENTRY).unwrap_or(&[]);
            // Where the reader's memory ends within an entry, that one wasn't read.
            let count = match sink.put(wanted) {
                Ok(count) => count / ENTRY * ENTRY,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            };
            io.position += count as u64;
            done += count;
            if count < wanted.len() {
                break;
            }
        }
        Ok(done)
    }

    fn seek_kind(&self) -> SeekKind {
        SeekKind::Endless
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}
