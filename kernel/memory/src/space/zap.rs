//! Taking pages out of a page table: collect, flush, then free.

use super::{AddressSpace, Inner, STEP};
use crate::PAGE_SIZE;
use crate::cache::Registration;
use crate::page::Page;
use alloc::vec::Vec;
use arch::Frame;
use core::ops::{ControlFlow, Range};

/// Pages that are collected before a flush. A kilobyte of stack, and far above the length at which a flush becomes a full one.
const BATCH: usize = 128;

/// Areas that one step of an unmapping removes.
const AREA_STEP: usize = 64;

impl Inner {
    /// Takes out the pages of `range` for which `choose` says so, at most `max`. Returns the address up to which all of `range` was handled.
    pub(super) fn zap(&mut self, range: Range<usize>, max: usize, choose: impl Fn(&Page) -> bool) -> usize {
        let (mut at, mut left) = (range.start, max);
        while at < range.end && left > 0 {
            let mut batch: [Option<Page>; BATCH] = [const { None }; BATCH];
            let (mut count, mut touched, mut reached) = (0, range.end..range.end, range.end);
            let room = left.min(BATCH);
            self.table.visit(at..range.end, &mut |address, leaf| {
                if count == room {
                    reached = address;
                    return ControlFlow::Break(());
                }
                if Page::with_entry(leaf.frame(), &choose) == Some(true)
                    && let Some((frame, _)) = leaf.clear()
                    && let Some(slot) = batch.get_mut(count)
                {
                    // SAFETY: the entry that owned this reference was just cleared.
                    *slot = unsafe { Page::from_entry(frame) };
                    touched = touched.start.min(address)..address + PAGE_SIZE;
                    count += 1;
                }
                ControlFlow::Continue(())
            });
            if count > 0 {
                self.flush(touched);
            }
            for page in batch.into_iter().flatten() {
                self.count_out(page.is_cached());
            }
            (at, left) = (reached, left - count);
        }
        at
    }

    /// Unmaps the start of `range`: at most `pages` pages and [`AREA_STEP`] areas. Returns the address up to which all is unmapped.
    pub(super) fn unmap_step(&mut self, range: Range<usize>, pages: usize, dropped: &mut Vec<Registration>) -> usize {
        let reached = self.zap(range.clone(), pages, |_| true);
        self.areas.remove_range(range.start..reached, AREA_STEP, dropped)
    }

    /// Takes the reference of an entry that another page replaced, or that was cleared, and lets go of it.
    pub(super) fn release_entry(&mut self, frame: Frame) {
        // SAFETY: the callers replaced or cleared the entry that owned this reference, and have flushed it.
        if let Some(page) = unsafe { Page::from_entry(frame) } {
            self.count_out(page.is_cached());
        }
    }
}

impl AddressSpace {
    /// Takes pages `pages` of the file with page cache `cache` out of the table: the file was cut or got a hole. If it was cut (`pages` goes on
    /// for ever), private copies go too, as on Linux.
    pub(crate) fn forget_pages(&self, cache: u64, pages: &Range<u64>) {
        let copies = pages.end == u64::MAX;
        let mut at = 0;
        loop {
            let mut inner = self.inner.lock();
            let Some(area) = inner.areas.find_from(at) else { return };
            let (start, end) = (area.start.max(at), area.end);
            let Some(mapping) = area.mapping.as_ref().filter(|mapping| mapping.file.file().cache().id() == cache) else {
                at = end;
                continue;
            };
            // The addresses of the area at which the pages appear.
            let place = |index: u64| {
                let pages_in = usize::try_from(index.saturating_sub(mapping.first)).unwrap_or(usize::MAX);
                area.start.saturating_add(pages_in.saturating_mul(PAGE_SIZE)).clamp(start, end)
            };
            let range = place(pages.start)..place(pages.end);
            at = if range.is_empty() {
                end
            } else {
                let reached = inner.zap(range.clone(), STEP, |page| copies || page.is_cached());
                if reached == range.end { end } else { reached }
            };
        }
    }
}
