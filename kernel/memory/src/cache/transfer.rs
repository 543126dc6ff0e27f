//! `read` and `write` on a page cache.

use super::{PageCache, Slot};
use crate::io::{IoSink, IoSource};
use crate::{PAGE_SIZE, Page};
use abi::{Errno, Result};

impl PageCache {
    /// Puts the bytes from position `pos` up to `size` (the length of the file) or as many as the sink takes; returns how many. Holes read as
    /// zeros and stay holes. The count is short when a page is not there yet; EAGAIN when that is so at once, EFAULT when nothing could be put.
    pub fn read_at(&self, pos: u64, size: u64, sink: &mut IoSink<'_>) -> Result<usize> {
        let mut moved = 0usize;
        let wanted = usize::try_from(size.saturating_sub(pos)).unwrap_or(usize::MAX).min(sink.remaining());
        while moved < wanted {
            let at = pos + moved as u64;
            let (index, offset) = (at / PAGE_SIZE as u64, (at % PAGE_SIZE as u64) as usize);
            let len = (PAGE_SIZE - offset).min(wanted - moved);
            let page = match self.find(index) {
                Ok(page) => page,
                Err(_) if moved > 0 => break,
                Err(error) => return Err(error),
            };
            let outcome = match page {
                Some(page) => sink.put_page(&page, offset, len),
                None => sink.put_zeros(len),
            };
            match outcome {
                Ok(count) => {
                    moved += count;
                    if count < len {
                        break;
                    }
                }
                Err(_) if moved > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(moved)
    }

    /// Takes all bytes of the source to position `pos` on; returns how many. The caller has checked limits on the length of the file, and sets
    /// its size afterwards. The count is short when memory, the size limit or the source ends it early; an error comes only when nothing was
    /// written: ENOSPC, ENOMEM, EAGAIN (a page is being read), EFAULT, EFBIG.
    pub fn write_at(&self, pos: u64, source: &mut IoSource<'_>) -> Result<usize> {
        let mut moved = 0usize;
        let wanted = source.remaining();
        pos.checked_add(wanted as u64).ok_or(Errno::EFBIG)?;
        while moved < wanted {
            let at = pos + moved as u64;
            let (index, offset) = (at / PAGE_SIZE as u64, (at % PAGE_SIZE as u64) as usize);
            let len = (PAGE_SIZE - offset).min(wanted - moved);
            match self.write_page(index, offset, len, source) {
                Ok(count) => {
                    moved += count;
                    if count < len {
                        break;
                    }
                }
                Err(_) if moved > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(moved)
    }

    /// Writes to one page. A page that is to be overwritten as a whole is neither cleared nor read first.
    fn write_page(&self, index: u64, offset: usize, len: usize, source: &mut IoSource<'_>) -> Result<usize> {
        if len < PAGE_SIZE || self.slots.lock().contains_key(&index) {
            let page = self.get_or_create(index)?;
            return source.take_to_page(&page, offset, len);
        }
        let page = Page::for_overwrite()?;
        let count = source.take_to_page(&page, 0, PAGE_SIZE)?;
        if count == PAGE_SIZE {
            let there = self.insert(index, page.clone(), false)?;
            if there.frame() != page.frame() {
                copy_front(&page, &there, count);
            }
        } else if count > 0 {
            // The source ended early: only its bytes count, the rest of the page stays what it was.
            let there = self.get_or_create(index)?;
            copy_front(&page, &there, count);
        }
        Ok(count)
    }

    /// The page at `index`; `None` for a hole.
    fn find(&self, index: u64) -> Result<Option<Page>> {
        match self.slots.lock().get(&index) {
            Some(Slot { loading: true, .. }) => return Err(Errno::EAGAIN),
            Some(slot) => return Ok(Some(slot.page.clone())),
            None if self.source.is_none() => return Ok(None),
            None => {}
        }
        self.get_or_create(index).map(Some)
    }
}

/// Copies the first `len` bytes of one page to another.
fn copy_front(from: &Page, to: &Page, len: usize) {
    let mut piece = [0; 256];
    let mut at = 0;
    while at < len {
        let count = (len - at).min(piece.len());
        from.read(at, &mut piece[..count]);
        to.write(at, &piece[..count]);
        at += count;
    }
}
