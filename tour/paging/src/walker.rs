//! The walk through four levels of tables, written once for all ways to reach them.

use arch::paging::FrameSource;
use arch::{Frame, PhysAddr};

use crate::address::{ENTRIES, index, is_canonical, sign_extend, span};
use crate::mapper::frame_fits;
use crate::{Entry, Flags, MapError, Mapper, Page, PageSize, Translation, UnmapError};

/// A table, named in both ways: some reach it by its frame, others by what it translates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The frame that it is in.
    pub frame: Frame,
    /// 4 for the root, 1 for the last.
    pub level: u32,
    /// Any address that it translates.
    pub address: usize,
}

impl Place {
    fn root(frame: Frame, address: usize) -> Place {
        Place { frame, level: 4, address }
    }

    /// The table that `entry` of this one points to.
    fn below(self, entry: Entry) -> Place {
        Place { frame: entry.frame(), level: self.level - 1, address: self.address }
    }

    fn index(self) -> usize {
        index(self.address, self.level)
    }
}

/// A way to get at the entries of a page table.
pub trait Reach {
    /// The entry with this index, below 512.
    fn load(&mut self, table: Place, index: usize) -> Entry;
    /// Replaces that entry.
    fn store(&mut self, table: Place, index: usize, entry: Entry);
    /// Drops the cached translation of the page at `address`.
    fn invalidate(&mut self, address: usize);
    /// This table has just been taken out of the tree: forgets where it was seen.
    fn forget(&mut self, table: Place);
}

/// A mapper that reaches the tables below one root by `R`.
#[derive(Debug)]
pub struct Walker<R> {
    reach: R,
    root: Frame,
}

impl<R: Reach> Walker<R> {
    /// Walks the tables below `root`, which must be the ones that `reach` reaches.
    pub fn new(root: Frame, reach: R) -> Walker<R> {
        Walker { reach, root }
    }

    /// The way to the tables.
    pub fn reach(&mut self) -> &mut R {
        &mut self.reach
    }

    /// The table on `level` (1 to 4) that translates `address`. None if a level above it has no entry, or a huge page.
    pub fn table(&mut self, address: usize, level: u32) -> Option<Place> {
        let mut table = Place::root(self.root, address);
        while table.level > level {
            let entry = self.reach.load(table, table.index());
            if !entry.is_present() || table.level < 4 && entry.is_huge() {
                return None;
            }
            table = table.below(entry);
        }
        Some(table)
    }

    /// The entry for `address` in the table on `level`.
    pub fn entry(&mut self, address: usize, level: u32) -> Option<Entry> {
        let table = self.table(address, level)?;
        Some(self.reach.load(table, table.index()))
    }

    /// Replaces that entry by anything, and flushes nothing: to show what the processor makes of it. False when there is no such table.
    pub fn set_entry(&mut self, address: usize, level: u32, entry: Entry) -> bool {
        let Some(table) = self.table(address, level) else { return false };
        self.reach.store(table, table.index(), entry);
        true
    }

    /// Shows each mapped page in the order of addresses, with its frame and the flags of its entry. A table that is the root again is left out:
    /// it is how [`Recursive`](crate::Recursive) sees the tables themselves.
    pub fn visit(&mut self, show: &mut dyn FnMut(Page, Frame, Flags)) {
        let root = Place::root(self.root, 0);
        self.visit_table(root, show);
    }

    fn visit_table(&mut self, table: Place, show: &mut dyn FnMut(Page, Frame, Flags)) {
        for index in 0..ENTRIES {
            let entry = self.reach.load(table, index);
            if !entry.is_present() || table.level == 4 && entry.frame() == self.root {
                continue;
            }
            let address = sign_extend(table.address + index * span(table.level));
            if table.level == 1 || table.level < 4 && entry.is_huge() {
                show(Page { address, size: PageSize::of_level(table.level) }, entry.frame(), entry.flags());
            } else {
                self.visit_table(Place { address, ..table.below(entry) }, show);
            }
        }
    }

    /// The table in which the entry of `page` stands.
    fn table_of(&mut self, page: Page) -> Result<Place, UnmapError> {
        let mut table = Place::root(self.root, page.address);
        while table.level > page.size.level() {
            let entry = self.reach.load(table, table.index());
            if !entry.is_present() {
                return Err(UnmapError::NotMapped);
            }
            if table.level < 4 && entry.is_huge() {
                return Err(UnmapError::ParentIsHuge);
            }
            table = table.below(entry);
        }
        Ok(table)
    }

    /// The table and entry of a page that is mapped.
    fn mapped(&mut self, page: Page) -> Result<(Place, Entry), UnmapError> {
        if !page.is_valid() {
            return Err(UnmapError::NotMapped);
        }
        let table = self.table_of(page)?;
        let entry = self.reach.load(table, table.index());
        let is_page = entry.is_present() && (table.level == 1 || entry.is_huge());
        if is_page { Ok((table, entry)) } else { Err(UnmapError::NotMapped) }
    }

    /// The table below `table`, made if there is none.
    fn make_below(&mut self, table: Place, flags: Flags, frames: &mut dyn FrameSource) -> Result<Place, MapError> {
        let index = table.index();
        let mut entry = self.reach.load(table, index);
        if !entry.is_present() {
            let frame = frames.allocate().ok_or(MapError::NoFrame)?;
            entry = Entry::new(frame, Flags::TABLE | flags & Flags::USER);
            self.reach.store(table, index, entry);
        } else if table.level < 4 && entry.is_huge() {
            return Err(MapError::ParentIsHuge);
        } else if flags.contains(Flags::USER) && !entry.flags().contains(Flags::USER) {
            self.reach.store(table, index, Entry(entry.0 | Flags::USER.bits()));
        }
        Ok(table.below(entry))
    }

    fn make_tables(&mut self, page: Page, flags: Flags, frames: &mut dyn FrameSource) -> Result<Place, MapError> {
        let mut table = Place::root(self.root, page.address);
        while table.level > page.size.level() {
            table = self.make_below(table, flags, frames)?;
        }
        Ok(table)
    }

    fn is_empty(&mut self, table: Place) -> bool {
        (0..ENTRIES).all(|index| self.reach.load(table, index) == Entry(0))
    }
}

impl<R: Reach> Mapper for Walker<R> {
    fn map(&mut self, page: Page, frame: Frame, flags: Flags, frames: &mut dyn FrameSource) -> Result<(), MapError> {
        if !page.is_valid() || !frame_fits(frame, page.size) {
            return Err(MapError::Misaligned);
        }
        let table = match self.make_tables(page, flags, frames) {
            Ok(table) => table,
            Err(error) => {
                self.free_empty_tables(page.address, frames);
                return Err(error);
            }
        };
        if self.reach.load(table, table.index()).is_present() {
            return Err(MapError::AlreadyMapped);
        }
        let huge = if page.size == PageSize::Size4K { Flags::empty() } else { Flags::HUGE };
        self.reach.store(table, table.index(), Entry::new(frame, flags | Flags::PRESENT | huge));
        Ok(())
    }

    fn unmap(&mut self, page: Page) -> Result<(Frame, Flags), UnmapError> {
        // The processor may set the dirty bit between this load and the store. Taking the last word needs an exchange, which is the real
        // kernel's way; where one processor is at work here, nobody touches the page meanwhile.
        let (table, entry) = self.mapped(page)?;
        self.reach.store(table, table.index(), Entry(0));
        self.reach.invalidate(page.address);
        Ok((entry.frame(), entry.flags()))
    }

    fn set_flags(&mut self, page: Page, flags: Flags) -> Result<(), UnmapError> {
        let (table, entry) = self.mapped(page)?;
        let huge = entry.flags() & if table.level == 1 { Flags::empty() } else { Flags::HUGE };
        self.reach.store(table, table.index(), Entry::new(entry.frame(), flags | Flags::PRESENT | huge));
        self.reach.invalidate(page.address);
        Ok(())
    }

    fn translate(&mut self, address: usize) -> Option<Translation> {
        if !is_canonical(address) {
            return None;
        }
        let mut table = Place::root(self.root, address);
        let mut above = Flags::TABLE | Flags::USER;
        loop {
            let entry = self.reach.load(table, table.index());
            if !entry.is_present() {
                return None;
            }
            let effective = above.restrict(entry.flags());
            if table.level == 1 || table.level < 4 && entry.is_huge() {
                let size = PageSize::of_level(table.level);
                let offset = address % size.bytes();
                // A huge page's lowest address bits are none: bit 12 is its PAT bit.
                let start = entry.frame().address().0 & !(size.bytes() as u64 - 1);
                return Some(Translation {
                    physical: PhysAddr(start + offset as u64),
                    page: Page { address: address - offset, size },
                    flags: entry.flags(),
                    effective,
                });
            }
            above = effective;
            table = table.below(entry);
        }
    }

    fn free_empty_tables(&mut self, address: usize, frames: &mut dyn FrameSource) {
        for level in 1..4 {
            let Some(table) = self.table(address, level) else { continue };
            if !self.is_empty(table) {
                return;
            }
            let Some(above) = self.table(address, level + 1) else { return };
            self.reach.store(above, above.index(), Entry(0));
            self.reach.forget(table);
            // The processor caches upper entries too, and drops those of an address with any page there.
            self.reach.invalidate(address);
            frames.free(table.frame);
        }
    }

    fn root(&self) -> Frame {
        self.root
    }

    fn level_4(&mut self, index: usize) -> Entry {
        self.reach.load(Place::root(self.root, 0), index % ENTRIES)
    }
}
