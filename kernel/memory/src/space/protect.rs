//! mprotect(2).

use super::area::entry_flags;
use super::areas::MAX_AREAS;
use super::map::check_commit;
use super::types::Protection;
use super::{AddressSpace, Inner, STEP, is_aligned, page_align};
use crate::PAGE_SIZE;
use crate::page::Page;
use abi::{Errno, Result};
use arch::paging::PageFlags;
use core::ops::{ControlFlow, Range};

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
    /// Protects the start of `range`: the part in one area, at most [`STEP`] pages of it. Returns where to go on.
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
        end = self.end_of_step(range.start..end);
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

    /// The end of the longest start of `range` that has no more than [`STEP`] pages in the table.
    fn end_of_step(&mut self, range: Range<usize>) -> usize {
        if self.resident <= STEP {
            return range.end;
        }
        let (mut count, mut end) = (0, range.end);
        self.table.visit(range, &mut |address, _| {
            if count == STEP {
                end = address;
                return ControlFlow::Break(());
            }
            count += 1;
            ControlFlow::Continue(())
        });
        end
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
