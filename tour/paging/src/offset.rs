//! All of physical memory at one offset: the real kernel's way.

use core::sync::atomic::{AtomicU64, Ordering};

use arch::{Frame, phys_to_virt};

use crate::{Entry, Mmu, Place, Reach, Walker};

/// Reaches a table by adding to its physical address.
#[derive(Debug)]
pub struct Offset<M> {
    mmu: M,
}

impl<M: Mmu> Offset<M> {
    /// A mapper for the address space below `root`, which need not be the active one.
    ///
    /// # Safety
    /// `root` and all tables below it must be page tables in memory that the kernel's map of physical memory covers, as long as the mapper lives,
    /// and nobody else may change them meanwhile. The caller answers for what it maps where.
    pub unsafe fn mapper(root: Frame, mmu: M) -> Walker<Offset<M>> {
        Walker::new(root, Offset { mmu })
    }
}

fn entry(table: Place, index: usize) -> &'static AtomicU64 {
    // SAFETY: the promise of the constructor: a page table's frame, seen through the map of physical memory. The index is below 512. Entries
    // are atomics, since the processor writes accessed and dirty bits at any time.
    unsafe { &*phys_to_virt(table.frame.address()).cast::<AtomicU64>().add(index % 512) }
}

impl<M: Mmu> Reach for Offset<M> {
    fn load(&mut self, table: Place, index: usize) -> Entry {
        Entry(entry(table, index).load(Ordering::Acquire))
    }

    fn store(&mut self, table: Place, index: usize, value: Entry) {
        entry(table, index).store(value.0, Ordering::Release);
    }

    fn invalidate(&mut self, address: usize) {
        self.mmu.invalidate(address);
    }

    fn forget(&mut self, _table: Place) {
        // The map of physical memory shows the frame as before.
    }
}
