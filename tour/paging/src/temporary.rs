//! A window into which tables are mapped for a moment.
//!
//! One level-1 table covers 512 pages: the window. The first of them shows that very table, so its other 511 entries can be written through
//! it: each is a slot. Whoever wants to see a frame looks for a free slot, maps the frame there, reads or writes, and unmaps it.

use arch::Frame;
use arch::paging::FrameSource;

use crate::address::ENTRIES;
use crate::{Entry, Flags, MapError, Mapper, Mmu, Offset, Page, PageSize, Place, Reach, Walker};

/// Slots for [`Temporary::open`]: all but the first entry, which shows the table, and the second, which walks use.
pub const SLOTS: usize = ENTRIES - 2;
/// The slot of the walks.
const WALK: usize = 1;

/// Reaches tables one at a time through a window.
#[derive(Debug)]
pub struct Temporary<M> {
    mmu: M,
    /// Where the window begins: a multiple of 2 MiB.
    window: usize,
}

/// A frame that can be seen; to be given back by [`Temporary::close`].
#[derive(Debug)]
#[must_use = "the slot stays taken until it is closed"]
pub struct Slot {
    index: usize,
    /// Where the frame is seen.
    pub address: usize,
}

impl<M: Mmu> Temporary<M> {
    /// Makes a window at the multiple of 2 MiB `window`. This first step can't be done through the window: a boot loader does it.
    pub fn install<N: Mmu>(tables: &mut Walker<Offset<N>>, window: usize, frames: &mut dyn FrameSource) -> Result<(), MapError> {
        if !window.is_multiple_of(PageSize::Size2M.bytes()) {
            return Err(MapError::Misaligned);
        }
        // Mapping anything makes the tables; then the entry is turned to the last of them.
        tables.map(Page::small(window), tables.root(), Flags::DATA, frames)?;
        let table = tables.table(window, 1).ok_or(MapError::NoFrame)?;
        tables.set_entry(window, 1, Entry::new(table.frame, Flags::DATA));
        Ok(())
    }

    /// Takes the window away again. All slots must be closed.
    pub fn remove<N: Mmu>(tables: &mut Walker<Offset<N>>, window: usize, frames: &mut dyn FrameSource) {
        if tables.unmap(Page::small(window)).is_ok() {
            tables.free_empty_tables(window, frames);
        }
    }

    /// A mapper for the address space below `root`, which need not be the active one.
    ///
    /// # Safety
    /// A window must be in the active address space as long as the mapper is used, and nobody else may use it. `root` and the tables below it
    /// must be page tables that nobody else changes. The caller answers for what it maps where.
    pub unsafe fn mapper(root: Frame, window: usize, mmu: M) -> Walker<Temporary<M>> {
        Walker::new(root, Temporary { mmu, window })
    }

    fn entry_address(&self, slot: usize) -> usize {
        self.window + 8 * slot
    }

    fn put(&mut self, slot: usize, frame: Frame) -> usize {
        self.mmu.store(self.entry_address(slot), Entry::new(frame, Flags::DATA).0);
        self.window + slot * PageSize::Size4K.bytes()
    }

    fn clear(&mut self, slot: usize) {
        self.mmu.store(self.entry_address(slot), 0);
        self.mmu.invalidate(self.window + slot * PageSize::Size4K.bytes());
    }

    /// Shows a frame in the first free slot. None when all [`SLOTS`] are taken.
    pub fn open(&mut self, frame: Frame) -> Option<Slot> {
        let index = (WALK + 1..ENTRIES).find(|&slot| self.mmu.load(self.entry_address(slot)) == 0)?;
        let address = self.put(index, frame);
        Some(Slot { index, address })
    }

    /// Gives a slot back.
    pub fn close(&mut self, slot: Slot) {
        self.clear(slot.index);
    }
}

impl<M: Mmu> Reach for Temporary<M> {
    fn load(&mut self, table: Place, index: usize) -> Entry {
        let address = self.put(WALK, table.frame);
        let entry = self.mmu.load(address + 8 * index);
        self.clear(WALK);
        Entry(entry)
    }

    fn store(&mut self, table: Place, index: usize, entry: Entry) {
        let address = self.put(WALK, table.frame);
        self.mmu.store(address + 8 * index, entry.0);
        self.clear(WALK);
    }

    fn invalidate(&mut self, address: usize) {
        self.mmu.invalidate(address);
    }

    fn forget(&mut self, _table: Place) {
        // It was unmapped after the last look at it.
    }
}
