//! The stack: an area that grows down when a program touches the pages below it.

use super::area::{Area, AreaFlags};
use super::areas::{MIN_ADDRESS, STACK_GAP};
use super::types::Protection;
use super::{AddressSpace, Inner};
use crate::PAGE_SIZE;
use abi::{Errno, Result};

/// Bytes of stack that execve maps from the start (Linux: 128 KiB and the argument pages).
const INITIAL: usize = 132 << 10;

impl AddressSpace {
    /// Maps a new program's stack at the top of the space and returns its end, the address above the first value pushed. Call it once, after
    /// [`AddressSpace::set_limits`]. ENOMEM if something is in the way or the limit is below one page.
    pub fn map_stack(&self, protection: Protection) -> Result<usize> {
        let mut inner = self.inner.lock();
        let end = arch::USER_END;
        let size = INITIAL.min(inner.limits.stack & !(PAGE_SIZE - 1));
        let range = end.saturating_sub(size)..end;
        if range.is_empty() || inner.areas.overlaps(&range) {
            return Err(Errno::ENOMEM);
        }
        inner.check_growth(range.len(), 0)?;
        inner.areas.insert(Area {
            start: range.start,
            end: range.end,
            protection,
            may: Protection::all(),
            flags: AreaFlags::GROWS_DOWN,
            mapping: None,
        });
        inner.note_peak();
        Ok(end)
    }
}

impl Inner {
    /// Grows the area above `page` down to it, if it is one that does and limits and neighbours allow it.
    pub(super) fn grow_stack(&mut self, page: usize) -> bool {
        let Some(area) = self.areas.find_from(page).filter(|area| area.flags.contains(AreaFlags::GROWS_DOWN)) else { return false };
        let (start, end) = (area.start, area.end);
        let locked = area.flags.contains(AreaFlags::LOCKED);
        let grow = start - page;
        // Nothing that can be touched may lie in the gap; a PROT_NONE area below the stack is a guard page of the program's own.
        let blocked = self.areas.before(start).is_some_and(|below| {
            !below.protection.is_empty() && !below.flags.contains(AreaFlags::GROWS_DOWN) && page < below.end.saturating_add(STACK_GAP)
        });
        if blocked || page < MIN_ADDRESS || end - page > self.limits.stack || self.check_growth(grow, 0).is_err() {
            return false;
        }
        if locked && self.check_lock(grow).is_err() {
            return false;
        }
        self.areas.grow_down(start, page);
        self.note_peak();
        true
    }
}
