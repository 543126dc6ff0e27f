//! mmap(2) and munmap(2).

use super::area::{Area, AreaFlags, Mapping};
use super::areas::{MAX_AREAS, MIN_ADDRESS};
use super::types::{Backing, Fault, MapFlags, MapRequest, Protection};
use super::{AddressSpace, Inner, STEP, is_aligned, page_align};
use crate::PAGE_SIZE;
use crate::cache::Registration;
use crate::frames;
use crate::mapped::{AnonymousObject, MappedFile};
use abi::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

impl AddressSpace {
    /// mmap(2), after the caller has checked what concerns the file descriptor. Returns the address.
    ///
    /// EINVAL (length 0, unaligned fixed address or offset), EOVERFLOW, ENOMEM (no room, too many areas, a limit, more than all memory), EPERM
    /// (below the lowest address, or locking is not allowed), EEXIST (FIXED_NOREPLACE), EAGAIN (too much locked).
    pub fn map(&self, request: MapRequest) -> Result<usize> {
        let len = self.check_request(&request)?;
        frames::admit()?;
        let shared = request.flags.contains(MapFlags::SHARED);
        let (file, first) = match &request.backing {
            Backing::File { file, offset } => (Some(file.clone()), offset / PAGE_SIZE as u64),
            Backing::Anonymous if shared => (Some(AnonymousObject::new(len as u64)? as Arc<dyn MappedFile>), 0),
            Backing::Anonymous => (None, 0),
        };
        let shared_memory = shared && matches!(request.backing, Backing::Anonymous);
        let mut area = Area {
            start: 0,
            end: 0,
            protection: request.protection,
            may: request.may | request.protection,
            flags: area_flags(request.flags),
            mapping: file.map(|file| Mapping { file: Registration::new(file, self.id, &self.me), first }),
        };
        let fixed = request.flags.intersects(MapFlags::FIXED | MapFlags::FIXED_NOREPLACE);
        let (range, locked) = loop {
            // Goes after the lock, at the end of each round.
            let mut dropped = Vec::new();
            let mut inner = self.inner.lock();
            if inner.areas.len() >= MAX_AREAS {
                return Err(Errno::ENOMEM);
            }
            let range = inner.place(&request, len)?;
            let occupied = fixed && inner.areas.overlaps(&range);
            if occupied && request.flags.contains(MapFlags::FIXED_NOREPLACE) {
                return Err(Errno::EEXIST);
            }
            if request.flags.contains(MapFlags::LOCKED) && inner.limits.locked == 0 {
                return Err(Errno::EPERM);
            }
            let locked = request.flags.contains(MapFlags::LOCKED) || inner.lock_future;
            if locked {
                inner.check_lock(len)?;
            }
            (area.start, area.end) = (range.start, range.end);
            area.flags.set(AreaFlags::LOCKED, locked);
            let replaced = if occupied { inner.areas.pages_in(&range) * PAGE_SIZE } else { 0 };
            inner.check_growth(len - replaced.min(len), if area.is_data() { len } else { 0 })?;
            check_commit(&area, shared_memory)?;
            if occupied {
                // Removed step by step, with the lock released in between: look again at what is there now.
                inner.check_cuts(&range)?;
                inner.unmap_step(range, STEP, &mut dropped);
                continue;
            }
            inner.areas.insert(area);
            inner.note_peak();
            break (range, locked);
        };
        if locked || request.flags.contains(MapFlags::POPULATE) {
            self.populate(range.clone());
        }
        Ok(range.start)
    }

    /// munmap(2). EINVAL (unaligned, empty or beyond the end), ENOMEM (an area would have to be cut in two and there are too many).
    pub fn unmap(&self, address: usize, len: usize) -> Result<()> {
        let range = user_range(address, len).ok_or(Errno::EINVAL)?;
        self.inner.lock().check_cuts(&range)?;
        self.unmap_range(range);
        Ok(())
    }

    /// Unmaps in steps.
    pub(super) fn unmap_range(&self, range: Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            let mut dropped = Vec::new();
            at = self.inner.lock().unmap_step(at..range.end, STEP, &mut dropped);
        }
    }

    /// Fills the page table for `range`; the first page that can't be had ends it silently, as MAP_POPULATE wants.
    pub(super) fn populate(&self, range: Range<usize>) -> Option<Fault> {
        let mut at = range.start;
        while at < range.end {
            let mut inner = self.inner.lock();
            let area = inner.areas.find_from(at).filter(|area| area.start < range.end)?.clone();
            at = at.max(area.start);
            if area.protection.is_empty() {
                at = area.end;
                continue;
            }
            let end = area.end.min(range.end).min(at + STEP * PAGE_SIZE);
            while at < end {
                match inner.touch(&area, at) {
                    Fault::Resolved => at += PAGE_SIZE,
                    other => return Some(other),
                }
            }
        }
        None
    }

    /// The checks that need no look at the space. Returns the length in whole pages.
    fn check_request(&self, request: &MapRequest) -> Result<usize> {
        if request.len == 0 {
            return Err(Errno::EINVAL);
        }
        let len = page_align(request.len).ok_or(Errno::ENOMEM)?;
        // Growing down would shift what the addresses show.
        let private_memory = matches!(request.backing, Backing::Anonymous) && !request.flags.contains(MapFlags::SHARED);
        if request.flags.contains(MapFlags::GROWSDOWN) && !private_memory {
            return Err(Errno::EINVAL);
        }
        if let Backing::File { offset, .. } = request.backing {
            if !offset.is_multiple_of(PAGE_SIZE as u64) {
                return Err(Errno::EINVAL);
            }
            if offset.checked_add(len as u64).is_none() {
                return Err(Errno::EOVERFLOW);
            }
        }
        Ok(len)
    }
}

impl Inner {
    /// Where a mapping of `len` bytes goes.
    fn place(&mut self, request: &MapRequest, len: usize) -> Result<Range<usize>> {
        if len > arch::USER_END {
            return Err(Errno::ENOMEM);
        }
        if request.flags.intersects(MapFlags::FIXED | MapFlags::FIXED_NOREPLACE) {
            if request.address > arch::USER_END - len {
                return Err(Errno::ENOMEM);
            }
            if !is_aligned(request.address) {
                return Err(Errno::EINVAL);
            }
            if request.address < MIN_ADDRESS {
                return Err(Errno::EPERM);
            }
            return Ok(request.address..request.address + len);
        }
        let wish = request.address & !(PAGE_SIZE - 1);
        if wish != 0
            && let Some(end) = wish.max(MIN_ADDRESS).checked_add(len).filter(|end| *end <= arch::USER_END)
            && self.areas.is_free(&(end - len..end))
        {
            return Ok(end - len..end);
        }
        self.find_room(len)
    }

    /// The highest free range below the mapping top, else below the stack.
    pub(super) fn find_room(&mut self, len: usize) -> Result<Range<usize>> {
        let top = self.mmap_top();
        let start = self.areas.find_room(len, top).or_else(|| self.areas.find_room(len, arch::USER_END)).ok_or(Errno::ENOMEM)?;
        Ok(start..start + len)
    }

    /// Whether `bytes` more, `data` of them private and writable, stay within the limits: ENOMEM.
    pub(super) fn check_growth(&self, bytes: usize, data: usize) -> Result<()> {
        let sums = self.areas.sums();
        let over = |pages: usize, more: usize, limit: usize| (pages * PAGE_SIZE).checked_add(more).is_none_or(|sum| sum > limit);
        if over(sums.total, bytes, self.limits.address_space) || (data > 0 && over(sums.data, data, self.limits.data)) {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }

    /// Whether `bytes` more may be locked: EAGAIN.
    pub(super) fn check_lock(&self, bytes: usize) -> Result<()> {
        let locked = self.areas.sums().locked * PAGE_SIZE;
        if locked.checked_add(bytes).is_none_or(|sum| sum > self.limits.locked) { Err(Errno::EAGAIN) } else { Ok(()) }
    }

    /// Whether areas may be cut at both ends of `range`: ENOMEM when that makes too many.
    pub(super) fn check_cuts(&self, range: &Range<usize>) -> Result<()> {
        // Cutting a piece off one end replaces an area by a shorter one; only a cut out of the middle adds one.
        let adds = self.areas.cuts(range) == 2 && self.areas.find(range.start).is_some_and(|area| area.end > range.end);
        if adds && self.areas.len() >= MAX_AREAS { Err(Errno::ENOMEM) } else { Ok(()) }
    }
}

/// Linux's heuristic overcommit: only what could never be had is refused, a single mapping larger than all memory.
pub(super) fn check_commit(area: &Area, shared_memory: bool) -> Result<()> {
    let private_writable = !area.is_shared() && area.protection.contains(Protection::WRITE);
    let counted = (private_writable || shared_memory) && !area.flags.contains(AreaFlags::NO_RESERVE);
    if counted && area.pages() > frames::stats().total { Err(Errno::ENOMEM) } else { Ok(()) }
}

/// The whole pages of a range that a program named. `None` if it is unaligned, empty or beyond the end of user space.
pub(super) fn user_range(address: usize, len: usize) -> Option<Range<usize>> {
    let len = page_align(len).filter(|len| *len > 0)?;
    let end = address.checked_add(len).filter(|end| *end <= arch::USER_END && is_aligned(address))?;
    Some(address..end)
}

fn area_flags(flags: MapFlags) -> AreaFlags {
    let mut area = AreaFlags::empty();
    area.set(AreaFlags::SHARED, flags.contains(MapFlags::SHARED));
    area.set(AreaFlags::GROWS_DOWN, flags.contains(MapFlags::GROWSDOWN));
    area.set(AreaFlags::LOCKED, flags.contains(MapFlags::LOCKED));
    area.set(AreaFlags::NO_RESERVE, flags.contains(MapFlags::NORESERVE));
    area
}
