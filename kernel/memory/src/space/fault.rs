//! Page faults: from "nothing there" or "not like that" to an entry in the page table.
//!
//! The common case is the first touch of private anonymous memory: one comparison with the area remembered from last time, a zeroed frame, one
//! entry. There is no shared page of zeros for first *reads*: programs that only ever read fresh memory are rare, and for all others it would
//! double the faults.

use super::area::{Area, Mapping, allows, entry_flags};
use super::types::{Fault, Protection, Segv};
use super::{AddressSpace, Inner};
use crate::PAGE_SIZE;
use crate::cache::PageWait;
use crate::page::Page;
use abi::Errno;
use arch::Frame;
use arch::paging::PageFlags;
use arch::user::Access;
use core::ops::ControlFlow;

/// Pages that a read fault on a file maps at once if they are in the page cache: the aligned window around the address.
const AROUND: usize = 16;

const NOT_MAPPED: Fault = Fault::Denied(Segv::Segv { mapped: false });
const NOT_ALLOWED: Fault = Fault::Denied(Segv::Segv { mapped: true });

impl AddressSpace {
    /// Handles a page fault, of the program or of the kernel on its behalf. After [`Fault::Resolved`] the access can be done again.
    pub fn fault(&self, address: usize, access: Access) -> Fault {
        if address >= arch::USER_END {
            return NOT_MAPPED;
        }
        self.inner.lock().fault(address & !(PAGE_SIZE - 1), access)
    }
}

impl Inner {
    pub(super) fn fault(&mut self, page: usize, access: Access) -> Fault {
        match self.areas.recent(page) {
            Some(protection) if allows(protection, access) => self.anonymous_fault(page, protection, access),
            Some(_) => NOT_ALLOWED,
            None => self.area_fault(page, access),
        }
    }

    fn area_fault(&mut self, page: usize, access: Access) -> Fault {
        if self.areas.find(page).is_none() && !self.grow_stack(page) {
            return NOT_MAPPED;
        }
        let Some(area) = self.areas.find(page) else { return NOT_MAPPED };
        if !allows(area.protection, access) {
            return NOT_ALLOWED;
        }
        let (range, protection, shared) = (area.start..area.end, area.protection, area.is_shared());
        if area.mapping.is_none() {
            self.areas.remember(range, protection);
            return self.anonymous_fault(page, protection, access);
        }
        match self.table.translate(page) {
            Some((frame, flags)) => self.present_fault(page, frame, flags, protection, shared, access),
            None => self.file_fault(page, access),
        }
    }

    /// A fault in private anonymous memory.
    #[inline]
    fn anonymous_fault(&mut self, page: usize, protection: Protection, access: Access) -> Fault {
        if let Some((frame, flags)) = self.table.translate(page) {
            return self.present_fault(page, frame, flags, protection, false, access);
        }
        let Ok(fresh) = Page::zeroed() else { return Fault::OutOfMemory };
        self.enter(page, fresh, entry_flags(protection, true), false)
    }

    /// A fault on an entry that is there: a write to a page that is shared for now, or a TLB that was behind.
    fn present_fault(
        &mut self,
        page: usize,
        frame: Frame,
        flags: PageFlags,
        protection: Protection,
        shared: bool,
        access: Access,
    ) -> Fault {
        let wanted = entry_flags(protection, true);
        if access != Access::Write || flags.contains(PageFlags::WRITE) {
            self.table.protect(page, entry_flags(protection, flags.contains(PageFlags::WRITE)));
            self.flush(page..page + PAGE_SIZE);
            return Fault::Resolved;
        }
        if shared || Page::with_entry(frame, Page::is_exclusive) == Some(true) {
            // The fault itself dropped this CPU's stale translation (Intel SDM volume 3, 4.10.4.1).
            self.table.protect(page, wanted);
            return Fault::Resolved;
        }
        let Some(Ok(copy)) = Page::with_entry(frame, Page::copy) else { return Fault::OutOfMemory };
        let entered = self.enter(page, copy, wanted, false);
        if matches!(entered, Fault::Resolved) {
            self.flush(page..page + PAGE_SIZE);
            self.release_entry(frame);
        }
        entered
    }

    /// The first touch of a page of a file.
    fn file_fault(&mut self, page: usize, access: Access) -> Fault {
        let Some((area, mapping)) = self.areas.find(page).and_then(|area| Some((area, area.mapping.as_ref()?))) else { return NOT_MAPPED };
        let (file, index) = (mapping.file.file(), area.index_of(page));
        if index.checked_mul(PAGE_SIZE as u64).is_none_or(|position| position >= file.size()) {
            return Fault::Denied(Segv::Bus);
        }
        let cached = match file.cache().get_or_create(index) {
            Ok(cached) => cached,
            Err(Errno::EAGAIN) => return Fault::Deferred(PageWait::new(file.clone(), index)),
            Err(Errno::ENOMEM) => return Fault::OutOfMemory,
            Err(_) => return Fault::Denied(Segv::Bus),
        };
        let shared = area.is_shared();
        if access == Access::Write && !shared {
            let flags = area.entry_flags(true);
            let Ok(copy) = cached.copy() else { return Fault::OutOfMemory };
            return self.enter(page, copy, flags, false);
        }
        let flags = area.entry_flags(shared);
        let entered = self.enter(page, cached, flags, true);
        if matches!(entered, Fault::Resolved) {
            self.map_around(page);
        }
        entered
    }

    /// Maps what the page cache holds of the window around `page`. It is only a saving: whatever stands in its way ends it.
    fn map_around(&mut self, page: usize) {
        let Inner { areas, table, tables, .. } = self;
        let Some((area, mapping)) = areas.find(page).and_then(|area| Some((area, area.mapping.as_ref()?))) else { return };
        let window = AROUND * PAGE_SIZE;
        let start = area.start.max(page & !(window - 1));
        let end = area.end.min((page & !(window - 1)) + window);
        let flags = area.entry_flags(area.is_shared());
        let mut added = 0;
        mapping.file.file().cache().visit(area.index_of(start)..area.index_of(end), |index, cached| {
            let address = area.start + (index - mapping.first) as usize * PAGE_SIZE;
            if address == page || table.translate(address).is_some() {
                return ControlFlow::Continue(());
            }
            let frame = cached.clone().into_entry();
            match table.map(address, frame, flags, tables) {
                Ok(()) => {
                    added += 1;
                    ControlFlow::Continue(())
                }
                Err(_) => {
                    // SAFETY: the reference just made was not entered anywhere.
                    drop(unsafe { Page::from_entry(frame) });
                    ControlFlow::Break(())
                }
            }
        });
        for _ in 0..added {
            self.count_in(true);
        }
    }

    /// Puts a page into the table.
    #[inline]
    pub(super) fn enter(&mut self, address: usize, page: Page, flags: PageFlags, cached: bool) -> Fault {
        let frame = page.into_entry();
        match self.table.map(address, frame, flags, &mut self.tables) {
            Ok(()) => {
                self.count_in(cached);
                Fault::Resolved
            }
            Err(_) => {
                // SAFETY: mapping failed, so no entry owns the reference.
                drop(unsafe { Page::from_entry(frame) });
                Fault::OutOfMemory
            }
        }
    }

    /// Fills the page table for `range`, as far as the areas allow: mlock(2), MAP_POPULATE. The first fault that can't be resolved ends it.
    pub(super) fn touch(&mut self, area: &Area, address: usize) -> Fault {
        let access = match &area.mapping {
            // Private writable memory is wanted for writing; touching it so saves a second fault for the copy.
            _ if area.protection.contains(Protection::WRITE) && !area.is_shared() => Access::Write,
            Some(Mapping { .. }) | None => Access::Read,
        };
        match self.table.translate(address) {
            Some((_, flags)) if access != Access::Write || flags.contains(PageFlags::WRITE) => Fault::Resolved,
            _ => self.fault(address, access),
        }
    }
}
