//! One area: a run of pages with the same rights and the same backing (Linux calls it a VMA).

use super::types::Protection;
use crate::PAGE_SIZE;
use crate::cache::Registration;
use arch::paging::PageFlags;
use arch::user::Access;

bitflags::bitflags! {
    /// What is special about an area.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub(crate) struct AreaFlags: u8 {
        /// Writes go to the file.
        const SHARED = 1;
        /// Grows down on faults just below it.
        const GROWS_DOWN = 2;
        /// By mlock(2).
        const LOCKED = 4;
        /// A child doesn't get it.
        const DONT_FORK = 8;
        /// A child gets it empty.
        const WIPE_ON_FORK = 16;
        /// Not in a core dump.
        const DONT_DUMP = 32;
        /// Not counted against memory.
        const NO_RESERVE = 64;
    }
}

/// A file behind an area.
#[derive(Clone)]
pub(crate) struct Mapping {
    pub file: Registration,
    /// Index of the page that the area's first page shows.
    pub first: u64,
}

/// A run of pages. `start` and `end` are multiples of the page size, `start < end`.
#[derive(Clone)]
pub(crate) struct Area {
    pub start: usize,
    pub end: usize,
    pub protection: Protection,
    pub may: Protection,
    pub flags: AreaFlags,
    pub mapping: Option<Mapping>,
}

impl Area {
    pub fn pages(&self) -> usize {
        (self.end - self.start) / PAGE_SIZE
    }

    pub fn is_shared(&self) -> bool {
        self.flags.contains(AreaFlags::SHARED)
    }

    /// Whether its pages are counted as data: private and writable, but no stack (what RLIMIT_DATA limits).
    pub fn is_data(&self) -> bool {
        self.protection.contains(Protection::WRITE) && !self.flags.intersects(AreaFlags::SHARED | AreaFlags::GROWS_DOWN)
    }

    /// Index in the file of the page at `address`.
    pub fn index_of(&self, address: usize) -> u64 {
        self.mapping.as_ref().map_or(0, |mapping| mapping.first + ((address - self.start) / PAGE_SIZE) as u64)
    }

    /// Whether `next`, which begins where this one ends, continues it in every respect.
    pub fn continues(&self, next: &Area) -> bool {
        if self.end != next.start || self.protection != next.protection || self.may != next.may || self.flags != next.flags {
            return false;
        }
        match (&self.mapping, &next.mapping) {
            (None, None) => true,
            (Some(a), Some(b)) => a.file.file().cache().id() == b.file.file().cache().id() && self.index_of(self.end) == b.first,
            _ => false,
        }
    }

    /// Cuts the area in two at `address`, which lies strictly inside; keeps the lower part and returns the upper one.
    pub fn split_off(&mut self, address: usize) -> Area {
        let mut upper = self.clone();
        if let Some(mapping) = &mut upper.mapping {
            mapping.first = self.index_of(address);
        }
        upper.start = address;
        self.end = address;
        upper
    }

    /// Rights of a page-table entry in this area.
    pub fn entry_flags(&self, writable: bool) -> PageFlags {
        entry_flags(self.protection, writable)
    }
}

/// Rights of a page-table entry for a protection, writable only if `writable` says that nobody else's data is touched.
pub(crate) fn entry_flags(protection: Protection, writable: bool) -> PageFlags {
    let mut flags = PageFlags::USER;
    flags.set(PageFlags::EXECUTE, protection.contains(Protection::EXECUTE));
    flags.set(PageFlags::WRITE, writable && protection.contains(Protection::WRITE));
    // The kernel's own copies run in ring 0, so taking away USER would not stop them.
    flags.set(PageFlags::INACCESSIBLE, protection.is_empty());
    flags
}

/// Whether a protection lets a program do this. On x86 what can be written or executed can be read.
pub(crate) fn allows(protection: Protection, access: Access) -> bool {
    match access {
        Access::Read => !protection.is_empty(),
        Access::Write => protection.contains(Protection::WRITE),
        Access::Execute => protection.contains(Protection::EXECUTE),
    }
}
