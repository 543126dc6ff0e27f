//! The two ends of `read` and `write`: where bytes go and where bytes come from.
//!
//! A file doesn't care whether a reader is the kernel or a program, nor whether the program gave one buffer or a `readv` list: it puts bytes
//! into an [`IoSink`]. The rule for bad pointers is Linux's: an access that fails after some bytes were moved ends the call with a short count;
//! only when none were moved at all is the error reported. So a file stops as soon as a call moved less than was asked for, and reports
//! [`IoSink::done`].
//!
//! No spin lock may be held around these calls: copying to user memory may resolve a page fault, which takes locks of the address space and of
//! page caches.

use crate::user::{copy_in, copy_out, fill_out};
use crate::{PAGE_SIZE, Page};
use abi::Result;

/// One buffer of a program (struct iovec).
#[derive(Clone, Copy, Debug, PartialEq, Eq, zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable, zerocopy::KnownLayout)]
#[repr(C)]
pub struct UserRange {
    /// First byte.
    pub address: usize,
    /// Number of bytes.
    pub len: usize,
}

/// A position in a list of user buffers.
struct Cursor<'a> {
    ranges: &'a [UserRange],
    /// Bytes of the first range that are used up.
    used: usize,
}

impl<'a> Cursor<'a> {
    fn remaining(&self) -> usize {
        self.ranges.iter().fold(0usize, |sum, range| sum.saturating_add(range.len)).saturating_sub(self.used)
    }

    /// The next stretch without a gap, at most `max` bytes. `None` at the end.
    fn next(&mut self, max: usize) -> Option<(usize, usize)> {
        while let [first, rest @ ..] = self.ranges {
            if self.used < first.len {
                return Some((first.address.wrapping_add(self.used), (first.len - self.used).min(max)));
            }
            (self.ranges, self.used) = (rest, 0);
        }
        None
    }
}

enum SinkTarget<'a> {
    Kernel(&'a mut [u8]),
    User(Cursor<'a>),
}

/// Where `read` puts bytes.
pub struct IoSink<'a> {
    target: SinkTarget<'a>,
    done: usize,
}

impl<'a> IoSink<'a> {
    /// Fills a kernel buffer from its start.
    pub fn kernel(buffer: &'a mut [u8]) -> IoSink<'a> {
        IoSink { target: SinkTarget::Kernel(buffer), done: 0 }
    }

    /// Fills a program's buffers one after the other.
    pub fn user(ranges: &'a [UserRange]) -> IoSink<'a> {
        IoSink { target: SinkTarget::User(Cursor { ranges, used: 0 }), done: 0 }
    }

    /// Bytes that still fit.
    pub fn remaining(&self) -> usize {
        match &self.target {
            SinkTarget::Kernel(buffer) => buffer.len() - self.done,
            SinkTarget::User(cursor) => cursor.remaining(),
        }
    }

    /// Bytes put so far: the result of the read.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Puts bytes, as many as fit and can be written. EFAULT only when nothing was ever put.
    pub fn put(&mut self, bytes: &[u8]) -> Result<usize> {
        // SAFETY: `bytes` is readable for its length.
        unsafe { self.put_raw(bytes.as_ptr(), bytes.len()) }
    }

    /// Puts `len` bytes of a page from `offset` on (cut at the page's end), without an intermediate copy.
    pub fn put_page(&mut self, page: &Page, offset: usize, len: usize) -> Result<usize> {
        let len = len.min(PAGE_SIZE.saturating_sub(offset));
        if len == 0 {
            return Ok(0);
        }
        // SAFETY: the stretch lies inside the page, which stays allocated while we hold a reference.
        unsafe { self.put_raw(page.pointer().add(offset), len) }
    }

    /// Puts `len` zero bytes.
    pub fn put_zeros(&mut self, len: usize) -> Result<usize> {
        self.put_pieces(len, |place, _, count| match place {
            Place::Kernel(bytes) => {
                bytes.fill(0);
                Ok(())
            }
            Place::User(address) => fill_out(address, 0, count).map_err(|stop| (stop.done, stop.error)),
        })
    }

    /// # Safety
    /// `source` must be readable for `len` bytes.
    unsafe fn put_raw(&mut self, source: *const u8, len: usize) -> Result<usize> {
        self.put_pieces(len, |place, at, count| match place {
            Place::Kernel(bytes) => {
                // SAFETY: `at + count <= len`, so the source is readable; the destination is a slice of `count` bytes elsewhere.
                unsafe { bytes.as_mut_ptr().copy_from_nonoverlapping(source.add(at), count) };
                Ok(())
            }
            // SAFETY: `at + count <= len`.
            Place::User(address) => unsafe { copy_out(address, source.add(at), count) }.map_err(|stop| (stop.done, stop.error)),
        })
    }

    /// Walks over the next `len` bytes of room in pieces: `step(place, offset from the start, count)`.
    fn put_pieces(
        &mut self,
        len: usize,
        mut step: impl FnMut(Place<'_>, usize, usize) -> Result<(), (usize, abi::Errno)>,
    ) -> Result<usize> {
        let mut moved = 0;
        while moved < len {
            let (count, outcome) = match &mut self.target {
                SinkTarget::Kernel(buffer) => {
                    let room = buffer.get_mut(self.done..).unwrap_or_default();
                    let count = room.len().min(len - moved);
                    if count == 0 {
                        break;
                    }
                    (count, step(Place::Kernel(&mut room[..count]), moved, count))
                }
                SinkTarget::User(cursor) => {
                    let Some((address, count)) = cursor.next(len - moved) else { break };
                    let outcome = step(Place::User(address), moved, count);
                    cursor.used += outcome.as_ref().map_or_else(|(done, _)| *done, |()| count);
                    (count, outcome)
                }
            };
            let (done, error) = match outcome {
                Ok(()) => (count, None),
                Err((done, error)) => (done, Some(error)),
            };
            moved += done;
            self.done += done;
            match error {
                Some(error) if self.done == 0 => return Err(error),
                Some(_) => break,
                None => {}
            }
        }
        Ok(moved)
    }
}

enum Place<'b> {
    Kernel(&'b mut [u8]),
    User(usize),
}

enum SourceOrigin<'a> {
    Kernel(&'a [u8]),
    User(Cursor<'a>),
}

/// Where `write` takes bytes from.
pub struct IoSource<'a> {
    origin: SourceOrigin<'a>,
    done: usize,
}

impl<'a> IoSource<'a> {
    /// Takes from a kernel buffer.
    pub fn kernel(bytes: &'a [u8]) -> IoSource<'a> {
        IoSource { origin: SourceOrigin::Kernel(bytes), done: 0 }
    }

    /// Takes from a program's buffers one after the other.
    pub fn user(ranges: &'a [UserRange]) -> IoSource<'a> {
        IoSource { origin: SourceOrigin::User(Cursor { ranges, used: 0 }), done: 0 }
    }

    /// Bytes still to be taken.
    pub fn remaining(&self) -> usize {
        match &self.origin {
            SourceOrigin::Kernel(bytes) => bytes.len() - self.done,
            SourceOrigin::User(cursor) => cursor.remaining(),
        }
    }

    /// Bytes taken so far: the result of the write.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Takes bytes into `buffer`, as many as there are and can be read. EFAULT only when nothing was ever taken.
    pub fn take(&mut self, buffer: &mut [u8]) -> Result<usize> {
        // SAFETY: `buffer` is writable for its length.
        unsafe { self.take_raw(buffer.as_mut_ptr(), buffer.len()) }
    }

    /// Takes `len` bytes into a page at `offset` (cut at the page's end), without an intermediate copy.
    pub fn take_to_page(&mut self, page: &Page, offset: usize, len: usize) -> Result<usize> {
        let len = len.min(PAGE_SIZE.saturating_sub(offset));
        if len == 0 {
            return Ok(0);
        }
        // SAFETY: the stretch lies inside the page, which stays allocated while we hold a reference; nobody holds a Rust reference to it.
        unsafe { self.take_raw(page.pointer().add(offset), len) }
    }

    /// # Safety
    /// `destination` must be writable for `len` bytes.
    unsafe fn take_raw(&mut self, destination: *mut u8, len: usize) -> Result<usize> {
        let mut moved = 0;
        while moved < len {
            match &mut self.origin {
                SourceOrigin::Kernel(bytes) => {
                    let rest = bytes.get(self.done..).unwrap_or_default();
                    let count = rest.len().min(len - moved);
                    if count == 0 {
                        break;
                    }
                    // SAFETY: `moved + count <= len`; the source is a slice of at least `count` bytes elsewhere.
                    unsafe { destination.add(moved).copy_from_nonoverlapping(rest.as_ptr(), count) };
                    moved += count;
                    self.done += count;
                }
                SourceOrigin::User(cursor) => {
                    let Some((address, count)) = cursor.next(len - moved) else { break };
                    // SAFETY: `moved + count <= len`.
                    let outcome = unsafe { copy_in(destination.add(moved), address, count) };
                    let done = outcome.as_ref().map_or_else(|stop| stop.done, |()| count);
                    cursor.used += done;
                    moved += done;
                    self.done += done;
                    match outcome {
                        Err(stop) if self.done == 0 => return Err(stop.error),
                        Err(_) => break,
                        Ok(()) => {}
                    }
                }
            }
        }
        Ok(moved)
    }
}
