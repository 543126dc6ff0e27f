//! brk(2): the heap that grows up from the end of the program.

use super::AddressSpace;
use super::area::{Area, AreaFlags};
use super::areas::MAX_AREAS;
use super::map::check_commit;
use super::types::Protection;
use super::{Inner, page_align};
use crate::PAGE_SIZE;
use crate::frames;

impl AddressSpace {
    /// Sets where the heap begins; it is empty. For execve(2).
    pub fn set_brk_start(&self, address: usize) {
        let mut inner = self.inner.lock();
        (inner.brk_start, inner.brk) = (address, address);
    }

    /// Where the heap begins.
    pub fn brk_start(&self) -> usize {
        self.inner.lock().brk_start
    }

    /// The system call brk: sets the end of the heap and returns it; when `end` can't be had (0, say) it returns the old end instead of an error.
    pub fn brk(&self, end: usize) -> usize {
        let mut inner = self.inner.lock();
        let old = inner.brk;
        let (Some(old_pages), Some(new_pages)) = (page_align(old), page_align(end)) else { return old };
        if end < inner.brk_start || new_pages > arch::USER_END || end - inner.brk_start > inner.limits.data {
            return old;
        }
        if new_pages < old_pages {
            drop(inner);
            self.unmap_range(new_pages..old_pages);
            self.inner.lock().brk = end;
            return end;
        }
        let range = old_pages..new_pages;
        if !range.is_empty() {
            if !inner.grow_heap(old_pages, new_pages) {
                return old;
            }
            if inner.lock_future {
                inner.brk = end;
                drop(inner);
                self.populate(range);
                return end;
            }
        }
        inner.brk = end;
        end
    }
}

impl Inner {
    fn grow_heap(&mut self, from: usize, to: usize) -> bool {
        // One page more must be free, so that the heap never touches what is above it.
        let (len, wanted) = (to - from, from..to.saturating_add(PAGE_SIZE));
        let mut flags = AreaFlags::empty();
        flags.set(AreaFlags::LOCKED, self.lock_future);
        let area =
            Area { start: from, end: to, protection: Protection::READ | Protection::WRITE, may: Protection::all(), flags, mapping: None };
        let refused = !self.areas.is_free(&wanted)
            || self.areas.len() >= MAX_AREAS
            || (self.lock_future && self.check_lock(len).is_err())
            || self.check_growth(len, len).is_err()
            || check_commit(&area, false).is_err()
            || frames::admit().is_err();
        if refused {
            return false;
        }
        self.areas.insert(area);
        self.note_peak();
        true
    }
}
