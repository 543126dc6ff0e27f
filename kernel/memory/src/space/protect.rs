//! mprotect(2).

use super::area::entry_flags;
use super::areas::MAX_AREAS;
use super::map::check_commit;
use super::types::Protection;
use super::{AddressSpace, Inner, is_aligned, page_align};
use crate::PAGE_SIZE;
use crate::page::Page;
use abi::{Errno, Result};
use arch::paging::PageFlags;
use core::ops::{ControlFlow, Range};

/// Bytes whose rights change while the lock is held: one leaf table's worth.
const PIECE: usize = 512 * PAGE_SIZE;

impl AddressSpace {
    /// mprotect(2). EINVAL (unaligned), ENOMEM (a hole in the range, or too many areas), EACCES (more than the mapping may ever allow). After an
    /// error the part before the place of the error has its new protection, as on Linux.
    pub fn protect(&self, address: usize, len: usize, protection: Protection) -> Result<()> {
        if !is_aligned(address) {
            return Err(Errno::EINVAL);
        }
        if len == 0 {
            return Ok(());
        }
        let end = page_align(len).and_then(|len| address.checked_add(len)).filter(|end| *end <= arch::USER_END).ok_or(Errno::ENOMEM)?;
        let mut at = address;
        while at < end {
            at = self.inner.lock().protect_step(at..end, protection)?;
        }
        Ok(())
    }
}

impl Inner {
    /// Protects the start of `range`: the part in one area, at most one piece if that has pages. Returns where to go on.
    fn protect_step(&mut self, range: Range<usize>, protection: Protection) -> Result<usize> {
        let area = self.areas.find(range.start).ok_or(Errno::ENOMEM)?;
        let mut end = area.end.min(range.end);
        if !area.may.contains(protection) {
            return Err(Errno::EACCES);
        }
        if area.protection == protection {
            return Ok(end);
        }
        let (shared, was_data) = (area.is_shared(), area.is_data());
        let becomes_data = protection.contains(Protection::WRITE) && !shared && !was_data;
        if becomes_data {
            let mut wanted = area.clone();
            (wanted.start, wanted.end, wanted.protection) = (range.start, end, protection);
            self.check_growth(0, if wanted.is_data() { end - range.start } else { 0 })?;
            check_commit(&wanted, false)?;
        }
        // Pages far apart are skipped quickly, so only a range full of pages needs to be done in pieces.
        if end - range.start > PIECE && self.resident * PAGE_SIZE > PIECE {
            end = range.start + PIECE;
        }
        let part = range.start..end;
        if self.areas.len() + self.areas.cuts(&part) > MAX_AREAS {
            return Err(Errno::ENOMEM);
        }
        self.areas.change(part.clone(), |area| {
            area.protection = protection;
            Ok::<(), Errno>(())
        })?;
        self.protect_pages(part, protection, shared);
        Ok(end)
    }

    /// Gives the pages of `range` new rights. A private page becomes writable at once only if nobody shares it.
    fn protect_pages(&mut self, range: Range<usize>, protection: Protection, shared: bool) {
        let mut touched: Option<Range<usize>> = None;
        self.table.visit(range, &mut |address, leaf| {
            let writable = shared || Page::with_entry(leaf.frame(), Page::is_exclusive) == Some(true);
            let kept = leaf.flags() & (PageFlags::ACCESSED | PageFlags::DIRTY);
            leaf.set_flags(entry_flags(protection, writable) | kept);
            let start = touched.as_ref().map_or(address, |touched| touched.start);
            touched = Some(start..address + PAGE_SIZE);
            ControlFlow::Continue(())
        });
        if let Some(touched) = touched {
            self.flush(touched);
        }
    }
}
