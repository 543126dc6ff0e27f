//! The seam for another heap: what the kernel's binary may put in the place of the slab heap, before the first allocation.
//!
//! It serves comparison and teaching (`heap=` on the kernel's command line) and watching (`heap.trace`). The choice costs the slab heap
//! nothing: with a replacement the magazines simply stay empty and without room, so every request takes the long way, and only that asks
//! whether there is one.

use super::{Heap, HeapStats, KERNEL_HEAP, class_for};
use core::alloc::{GlobalAlloc, Layout};

/// A heap that can stand in for the slab heap. Requests of more than 32 KiB that would touch the reserve of frames never reach it.
pub trait Replacement: GlobalAlloc + Sync {
    /// What it holds now.
    fn stats(&self) -> HeapStats;

    /// Gives frames back that it can do without.
    fn trim(&self) {}
}

/// The heap has given out something already, or was replaced before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InUse;

/// Lets all requests to the kernel's heap go to `replacement` from now on, for ever. To be called before the first allocation: what the slab
/// heap gave out couldn't be told from what the replacement gives.
pub fn replace(replacement: &'static dyn Replacement) -> Result<(), InUse> {
    KERNEL_HEAP.replace(replacement)
}

impl Heap {
    pub(super) fn replace(&self, replacement: &'static dyn Replacement) -> Result<(), InUse> {
        if self.caches.iter().any(|cache| cache.is_used()) || self.stats() != HeapStats::default() {
            return Err(InUse);
        }
        self.replacement.set(replacement).map_err(|_| InUse)
    }
}

/// The kernel's slab heap without its magazines, for a replacement that only watches and passes requests on.
pub struct Slabs;

// SAFETY: each class gives out disjoint blocks of the size and alignment of the layout, as do the large blocks, and takes back what it gave.
unsafe impl GlobalAlloc for Slabs {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match class_for(layout.size(), layout.align()) {
            Some(class) => KERNEL_HEAP.take_one(class),
            None => KERNEL_HEAP.allocate_frames(layout),
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match class_for(layout.size(), layout.align()) {
            // SAFETY: same layout, same class; the caller gives the object up.
            Some(class) => unsafe { KERNEL_HEAP.put_one(class, pointer) },
            None => KERNEL_HEAP.release_frames(pointer, layout),
        }
    }
}

impl Replacement for Slabs {
    fn stats(&self) -> HeapStats {
        KERNEL_HEAP.slab_stats()
    }

    fn trim(&self) {
        KERNEL_HEAP.trim_slabs();
    }
}
