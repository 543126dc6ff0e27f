//! One entry of the root points to the root.
//!
//! The processor's walk always takes four steps. An address whose first index is that entry spends one step on coming back to the root, so it
//! ends one step short of the page: at the level-1 table. Two such indices end at the level-2 table, and so on; four of them show the root.

use arch::Frame;

use crate::address::{index, join, recursive_table};
use crate::{Entry, Flags, Mmu, Offset, Place, Reach, Table, Walker};

/// Reaches the tables of the active address space, or of another one behind a door.
#[derive(Debug)]
pub struct Recursive<M> {
    mmu: M,
    /// The first index of all addresses: the recursive entry, or the one that holds another space's root.
    first: usize,
    /// The recursive entry.
    recursive: usize,
}

impl<M: Mmu> Recursive<M> {
    /// Makes entry `recursive` of the root recursive. This first step can't be done recursively: a boot loader does it before paging is on.
    pub fn install<N: Mmu>(tables: &mut Walker<Offset<N>>, recursive: usize) {
        let root = crate::Mapper::root(tables);
        tables.set_entry(join([recursive, 0, 0, 0], 0), 4, Entry::new(root, Flags::DATA));
    }

    /// A mapper for the active address space.
    ///
    /// # Safety
    /// `root` must be the active root as long as the mapper is used, its entry `recursive` must point to itself, and nobody else may change
    /// the tables. The caller answers for what it maps where.
    pub unsafe fn mapper(root: Frame, recursive: usize, mmu: M) -> Walker<Recursive<M>> {
        Walker::new(root, Recursive { mmu, first: recursive, recursive })
    }

    /// A mapper for another address space: entry `door` of the active root points to `root`, the root of the other one. Through it that
    /// space's own recursion is seen.
    ///
    /// # Safety
    /// As for [`Recursive::mapper`], but for the door: it must be in the active root as long as the mapper is used.
    pub unsafe fn door(root: Frame, door: usize, recursive: usize, mmu: M) -> Walker<Recursive<M>> {
        Walker::new(root, Recursive { mmu, first: door, recursive })
    }

    /// Where a table is seen.
    fn address(&self, table: Place) -> usize {
        let own = recursive_table(self.recursive, table.address, table.level);
        join([self.first, index(own, 3), index(own, 2), index(own, 1)], 0)
    }

    /// The level-4 table itself. Looking at it is as unsafe as any pointer to something that the processor writes to.
    pub fn level_4_table(&self) -> *const Table {
        let root = join([self.first, self.recursive, self.recursive, self.recursive], 0);
        core::ptr::with_exposed_provenance(root)
    }
}

impl<M: Mmu> Reach for Recursive<M> {
    fn load(&mut self, table: Place, index: usize) -> Entry {
        Entry(self.mmu.load(self.address(table) + 8 * index))
    }

    fn store(&mut self, table: Place, index: usize, entry: Entry) {
        self.mmu.store(self.address(table) + 8 * index, entry.0);
    }

    fn invalidate(&mut self, address: usize) {
        self.mmu.invalidate(address);
    }

    fn forget(&mut self, table: Place) {
        // The next table in this place is another frame at the same address.
        self.mmu.invalidate(self.address(table));
    }
}
