//! Taking pages out of a page table: collect, flush, then free.

use super::{AddressSpace, Inner, STEP};
use crate::PAGE_SIZE;
use crate::cache::Registration;
use crate::page::Page;
use alloc::vec::Vec;
use arch::Frame;
use core::ops::{ControlFlow, Range};

/// Pages that are collected before a flush. Half a kilobyte of stack, and above the length at which a flush becomes a full one.
const BATCH: usize = 64;

/// Areas that one step of an unmapping removes.
const AREA_STEP: usize = 64;

impl Inner {
    /// Takes out the pages of `range` for which `choose` says so, at most `max`. Returns the address up to which all of `range` was handled.
    pub(super) fn zap(&mut self, range: Range<usize>, max: usize, choose: impl Fn(&Page) -> bool) -> usize {
        let (mut at, mut left) = (range.start, max);
        while at < range.end && left > 0 {
            // Frames, not pages: an array of pages would be dropped slot by slot, used or not.
            let mut batch = [Frame::from_number(0); BATCH];
            let (mut count, mut touched, mut reached) = (0, range.end..range.end, range.end);
            let room = left.min(BATCH);
            self.table.visit(at..range.end, &mut |address, leaf| {
                if count == room {
                    reached = address;
                    return ControlFlow::Break(());
                }
                if Page::with_entry(leaf.frame(), &choose) == Some(true)
                    && let Some(slot) = batch.get_mut(count)
                    && let Some((frame, _)) = leaf.clear()
                {
                    *slot = frame;
                    touched = touched.start.min(address)..address + PAGE_SIZE;
                    count += 1;
                }
                ControlFlow::Continue(())
            });
            if count > 0 {
                self.flush(touched);
            }
            for frame in batch.into_iter().take(count) {
                self.release_entry(frame);
            }
            (at, left) = (reached, left - count);
        }
        at
    }

    /// Unmaps the start of `range`: at most `pages` pages and [`AREA_STEP`] areas. Returns the address up to which all is unmapped.
    ///
    /// Only where areas are can pages be, so the table is searched area by area.
    pub(super) fn unmap_step(&mut self, range: Range<usize>, pages: usize, dropped: &mut Vec<Registration>) -> usize {
        let (mut at, limit) = (range.start, self.resident.saturating_sub(pages));
        for _ in 0..AREA_STEP {
            let Some(area) = self.areas.find_from(at).filter(|area| area.start < range.end) else {
                at = range.end;
                break;
            };
            let part = area.start.max(at)..area.end.min(range.end);
            at = if self.resident == 0 { part.end } else { self.zap(part.clone(), self.resident - limit, |_| true) };
            if at < part.end {
                break;
            }
        }
        self.areas.remove_range(range.start..at, dropped);
        at
    }

    /// Takes the reference of an entry that another page replaced, or that was cleared, and lets go of it.
    pub(super) fn release_entry(&mut self, frame: Frame) {
        // SAFETY: the callers replaced or cleared the entry that owned this reference, and have flushed it if a TLB could hold it.
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
