//! mlock(2) and its family. Nothing is ever written to a swap device here, so locking means: counted against the limit, filled at once, and kept
//! from madvise(2).

use super::area::AreaFlags;
use super::areas::MAX_AREAS;
use super::types::Fault;
use super::{AddressSpace, page_align};
use crate::PAGE_SIZE;
use abi::{Errno, Result};
use core::ops::Range;

impl AddressSpace {
    /// mlock(2), or mlock2(2) with MLOCK_ONFAULT if `fill` is false. EPERM (the limit is 0), ENOMEM (over the limit, or a hole in the range),
    /// EAGAIN (pages can't be had), EINVAL.
    pub fn lock(&self, address: usize, len: usize, fill: bool) -> Result<()> {
        let range = page_range(address, len)?;
        {
            let inner = self.inner.lock();
            if inner.limits.locked == 0 {
                return Err(Errno::EPERM);
            }
            let already = locked_in(&inner.areas, &range);
            inner.check_lock(range.len() - already.min(range.len())).map_err(|_| Errno::ENOMEM)?;
        }
        self.set_locked(range.clone(), true)?;
        if !fill {
            return Ok(());
        }
        match self.populate(range) {
            None | Some(Fault::Resolved) => Ok(()),
            Some(Fault::Denied(_)) => Err(Errno::ENOMEM),
            Some(Fault::OutOfMemory | Fault::Deferred(_)) => Err(Errno::EAGAIN),
        }
    }

    /// munlock(2). ENOMEM (a hole in the range), EINVAL.
    pub fn unlock(&self, address: usize, len: usize) -> Result<()> {
        self.set_locked(page_range(address, len)?, false)
    }

    /// mlockall(2): what is mapped now (`current`), what will be (`future`), filled at once unless it is false. EPERM, ENOMEM (over the limit).
    pub fn lock_all(&self, current: bool, future: bool, fill: bool) -> Result<()> {
        {
            let mut inner = self.inner.lock();
            if inner.limits.locked == 0 {
                return Err(Errno::EPERM);
            }
            if current && inner.areas.sums().total.saturating_mul(PAGE_SIZE) > inner.limits.locked {
                return Err(Errno::ENOMEM);
            }
            inner.lock_future = future;
        }
        if current {
            self.lock_everything(true);
            if fill {
                self.populate(0..arch::USER_END);
            }
        }
        Ok(())
    }

    /// munlockall(2).
    pub fn unlock_all(&self) {
        self.inner.lock().lock_future = false;
        self.lock_everything(false);
    }

    /// One area at a time, because there may be tens of thousands.
    fn lock_everything(&self, locked: bool) {
        let mut at = 0;
        loop {
            let mut inner = self.inner.lock();
            let Some(range) = inner.areas.find_from(at).map(|area| area.start..area.end) else { return };
            at = range.end;
            let Ok(()) = inner.areas.change(range, |area| {
                area.flags.set(AreaFlags::LOCKED, locked);
                Ok::<(), core::convert::Infallible>(())
            });
        }
    }

    fn set_locked(&self, range: Range<usize>, locked: bool) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let mut inner = self.inner.lock();
        if inner.areas.len() + inner.areas.cuts(&range) > MAX_AREAS {
            return Err(Errno::ENOMEM);
        }
        let mut at = range.start;
        inner.areas.change(range.clone(), |area| {
            if area.start > at {
                return Err(Errno::ENOMEM);
            }
            at = area.end;
            area.flags.set(AreaFlags::LOCKED, locked);
            Ok(())
        })?;
        if at < range.end { Err(Errno::ENOMEM) } else { Ok(()) }
    }
}

/// The pages that a range touches; unlike munmap, mlock takes addresses inside a page.
fn page_range(address: usize, len: usize) -> Result<Range<usize>> {
    let start = address & !(PAGE_SIZE - 1);
    let len = len.checked_add(address - start).and_then(page_align).ok_or(Errno::EINVAL)?;
    let end = start.checked_add(len).ok_or(Errno::EINVAL)?;
    if end > arch::USER_END { Err(Errno::ENOMEM) } else { Ok(start..end) }
}

/// Bytes of `range` that are locked already.
fn locked_in(areas: &super::areas::AreaMap, range: &Range<usize>) -> usize {
    let (mut at, mut locked) = (range.start, 0);
    while let Some(area) = areas.find_from(at).filter(|area| area.start < range.end) {
        if area.flags.contains(AreaFlags::LOCKED) {
            locked += area.end.min(range.end) - area.start.max(range.start);
        }
        at = area.end;
    }
    locked
}
