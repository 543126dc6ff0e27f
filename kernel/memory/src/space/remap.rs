//! mremap(2): areas that grow, shrink and move with their pages.

use super::area::Area;
use super::areas::MAX_AREAS;
use super::map::{check_commit, user_range};
use super::types::RemapFlags;
use super::{AddressSpace, Inner, STEP, is_aligned, page_align};
use crate::PAGE_SIZE;
use crate::cache::Registration;
use crate::frames;
use crate::page::Page;
use abi::{Errno, Result};
use alloc::vec::Vec;
use arch::paging::PageFlags;
use core::ops::{ControlFlow, Range};

/// Pages whose entries are carried over at a time.
const BATCH: usize = 64;

/// A checked call.
struct Move {
    old: Range<usize>,
    new_len: usize,
    flags: RemapFlags,
}

impl AddressSpace {
    /// mremap(2). Returns the new address. EINVAL (flags, alignment, overlap), EFAULT (no area, or the range is more than one), EAGAIN (too much
    /// locked), ENOMEM (no room there, or a limit).
    pub fn remap(&self, address: usize, old_len: usize, new_len: usize, flags: RemapFlags, new_address: usize) -> Result<usize> {
        let may_move = flags.contains(RemapFlags::MAYMOVE);
        let keep = flags.contains(RemapFlags::DONTUNMAP);
        let fixed = flags.contains(RemapFlags::FIXED);
        if (fixed && !may_move) || (keep && (!may_move || old_len != new_len)) || !is_aligned(address) {
            return Err(Errno::EINVAL);
        }
        let (old_len, new_len) = (page_align(old_len).ok_or(Errno::EINVAL)?, page_align(new_len).ok_or(Errno::EINVAL)?);
        if new_len == 0 {
            return Err(Errno::EINVAL);
        }
        if self.inner.lock().areas.find(address).is_none() {
            return Err(Errno::EFAULT);
        }
        let old_end = address.checked_add(old_len).ok_or(Errno::EINVAL)?;
        let mut call = Move { old: address..old_end, new_len, flags };
        if fixed {
            return self.remap_fixed(call, new_address);
        }
        if old_len >= new_len && !keep {
            self.shrink(&mut call)?;
            return Ok(address);
        }
        frames::admit()?;
        let mut dropped = Vec::new();
        let mut inner = self.inner.lock();
        let area = inner.check_resize(&call)?;
        if !keep && inner.grow_in_place(&area, &call) {
            let locked = area.flags.contains(super::area::AreaFlags::LOCKED);
            drop(inner);
            if locked {
                self.populate(old_end..address + new_len);
            }
            return Ok(address);
        }
        if !may_move {
            return Err(Errno::ENOMEM);
        }
        let target = inner.find_room(new_len)?;
        inner.move_area(&area, &call, target.start, &mut dropped)?;
        drop(inner);
        Ok(target.start)
    }

    fn remap_fixed(&self, mut call: Move, new_address: usize) -> Result<usize> {
        let target = user_range(new_address, call.new_len).ok_or(Errno::EINVAL)?;
        if call.old.start < target.end && target.start < call.old.end {
            return Err(Errno::EINVAL);
        }
        if target.start < super::areas::MIN_ADDRESS {
            return Err(Errno::EPERM);
        }
        frames::admit()?;
        if self.inner.lock().areas.len() + 2 >= MAX_AREAS - 3 {
            return Err(Errno::ENOMEM);
        }
        self.unmap(target.start, target.len())?;
        if call.old.len() > call.new_len {
            self.shrink(&mut call)?;
        }
        let mut dropped = Vec::new();
        let mut inner = self.inner.lock();
        let area = inner.check_resize(&call)?;
        if inner.areas.overlaps(&target) {
            return Err(Errno::ENOMEM);
        }
        inner.move_area(&area, &call, target.start, &mut dropped)?;
        Ok(target.start)
    }

    /// Unmaps what is too much at the end.
    fn shrink(&self, call: &mut Move) -> Result<()> {
        let end = call.old.start + call.new_len.min(call.old.len());
        if end < call.old.end {
            self.unmap(end, call.old.end - end)?;
            call.old.end = end;
        }
        Ok(())
    }
}

impl Inner {
    /// Linux's checks before an area changes its size or place. Returns a copy of the area.
    fn check_resize(&self, call: &Move) -> Result<Area> {
        let area = self.areas.find(call.old.start).ok_or(Errno::EFAULT)?.clone();
        if call.old.is_empty() && !area.is_shared() {
            return Err(Errno::EINVAL);
        }
        if call.old.end > area.end {
            return Err(Errno::EFAULT);
        }
        let first = area.index_of(call.old.start).checked_mul(PAGE_SIZE as u64);
        if first.is_none_or(|first| first.checked_add(call.new_len as u64).is_none()) {
            return Err(Errno::EINVAL);
        }
        let more = call.new_len.saturating_sub(call.old.len());
        if area.flags.contains(super::area::AreaFlags::LOCKED) {
            self.check_lock(more)?;
        }
        let copies = if call.flags.contains(RemapFlags::DONTUNMAP) { call.new_len } else { more };
        self.check_growth(copies, if area.is_data() { copies } else { 0 })?;
        let mut wanted = area.clone();
        wanted.end = wanted.start.saturating_add(more);
        check_commit(&wanted, false)?;
        Ok(area)
    }

    /// Lets the area end later if the range is its tail and the space behind it is free.
    fn grow_in_place(&mut self, area: &Area, call: &Move) -> bool {
        let Some(end) = call.old.start.checked_add(call.new_len).filter(|end| *end <= arch::USER_END) else { return false };
        if call.old.end != area.end || call.old.is_empty() || !self.areas.is_free(&(area.end..end)) {
            return false;
        }
        self.areas.grow_up(area.start, end);
        self.note_peak();
        true
    }

    /// Makes the new area, carries the pages over, and removes the old one unless it is to stay.
    ///
    /// The lock is held throughout: were it released half way, another thread could touch the new place before its page has come, and see zeros.
    fn move_area(&mut self, area: &Area, call: &Move, target: usize, dropped: &mut Vec<Registration>) -> Result<()> {
        let old = call.old.clone();
        let keep = call.flags.contains(RemapFlags::DONTUNMAP);
        if self.areas.len() + 1 + self.areas.cuts(&old) > MAX_AREAS {
            return Err(Errno::ENOMEM);
        }
        let mut moved = area.clone();
        if old.start > moved.start {
            moved = moved.split_off(old.start);
        }
        (moved.start, moved.end) = (target, target + call.new_len);
        self.areas.insert(moved);
        self.note_peak();
        if let Err(error) = self.carry_pages(&old, target) {
            // The pages that came over go back to where there is a table for them already.
            let _same_tables = self.carry_pages(&(target..target + old.len()), old.start);
            self.unmap_step(target..target + call.new_len, usize::MAX, dropped);
            return Err(error);
        }
        if !keep && !old.is_empty() {
            let mut at = old.start;
            while at < old.end {
                at = self.unmap_step(at..old.end, STEP, dropped);
            }
        }
        Ok(())
    }

    /// Moves page-table entries from `from` to the addresses from `to` on.
    fn carry_pages(&mut self, from: &Range<usize>, to: usize) -> Result<()> {
        let mut at = from.start;
        while at < from.end {
            let mut batch: [Option<(usize, Page, PageFlags)>; BATCH] = [const { None }; BATCH];
            let (mut count, mut reached) = (0, from.end);
            self.table.visit(at..from.end, &mut |address, leaf| {
                let Some(slot) = batch.get_mut(count) else {
                    reached = address;
                    return ControlFlow::Break(());
                };
                if let Some((frame, flags)) = leaf.clear() {
                    // SAFETY: the entry that owned this reference was just cleared.
                    *slot = unsafe { Page::from_entry(frame) }.map(|page| (address, page, flags));
                    count += 1;
                }
                ControlFlow::Continue(())
            });
            if count > 0 {
                self.flush(at..reached);
            }
            let mut failed = false;
            for (address, page, flags) in batch.into_iter().flatten() {
                let frame = page.into_entry();
                let place = if failed { address } else { to + (address - from.start) };
                if self.table.map(place, frame, flags, &mut self.tables).is_err() {
                    failed = true;
                    // The table of the old address is still there, so this entry can't fail to go back.
                    if self.table.map(address, frame, flags, &mut self.tables).is_err() {
                        self.release_entry(frame);
                    }
                }
            }
            if failed {
                return Err(Errno::ENOMEM);
            }
            at = reached;
        }
        Ok(())
    }
}
