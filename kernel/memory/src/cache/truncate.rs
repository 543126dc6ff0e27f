//! Making a file shorter, and punching holes.
//!
//! The caller sets the file's new size *before* it calls: then pages are removed, then taken away from every address space, then removed again.
//! A page fault that read the old size may have made a page in between, but only until its space was locked to take pages away; the second
//! removal catches that page.

use super::PageCache;
use crate::PAGE_SIZE;
use core::ops::Range;

/// Pages removed while the index stays locked.
const BATCH: usize = 64;

impl PageCache {
    /// Removes all pages beyond `len` bytes and clears the rest of the last page, so that a file that grows again shows zeros there.
    pub fn truncate(&self, len: u64) {
        let first = len.div_ceil(PAGE_SIZE as u64);
        let tail = (len % PAGE_SIZE as u64) as usize;
        if tail != 0
            && let Some(page) = self.get(len / PAGE_SIZE as u64)
        {
            page.fill(tail, PAGE_SIZE - tail, 0);
        }
        self.remove_pages(first..u64::MAX);
    }

    /// Makes the bytes of `range` a hole (FALLOC_FL_PUNCH_HOLE, MADV_REMOVE): whole pages vanish, the parts at both ends are cleared.
    pub fn punch(&self, range: Range<u64>) {
        let page_size = PAGE_SIZE as u64;
        let (first, last) = (range.start.div_ceil(page_size), range.end / page_size);
        let clear = |from: u64, to: u64| {
            if from < to
                && let Some(page) = self.get(from / page_size)
            {
                page.fill((from % page_size) as usize, (to - from) as usize, 0);
            }
        };
        if first > last {
            clear(range.start, range.end);
            return;
        }
        clear(range.start, (first * page_size).min(range.end));
        clear((last * page_size).max(range.start), range.end);
        self.remove_pages(first..last);
    }

    fn remove_pages(&self, pages: Range<u64>) {
        self.drop_slots(&pages);
        if !self.mappers.is_empty() {
            self.mappers.each(|space| space.forget_pages(self.id(), &pages));
            self.drop_slots(&pages);
        }
    }

    fn drop_slots(&self, pages: &Range<u64>) {
        let mut removed = 0;
        loop {
            let mut batch = [const { None }; BATCH];
            let mut count = 0;
            let mut slots = self.slots.lock();
            while count < BATCH {
                let Some(index) = slots.range(pages.clone()).next_back().map(|(index, _)| *index) else { break };
                batch[count] = slots.remove(&index);
                count += 1;
            }
            drop(slots);
            removed += count as u64;
            if count < BATCH {
                break;
            }
        }
        self.release(removed);
        // Who waits for a page that is gone must look again.
        self.loaded.wake_all();
    }
}
