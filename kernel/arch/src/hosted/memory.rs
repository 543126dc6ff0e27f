//! Physical memory: one allocation, whose first byte has the physical address 0.

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::sync::OnceLock;

use crate::{PAGE_SIZE, PhysAddr};

pub(crate) struct Memory {
    base: *mut u8,
    pub(crate) bytes: usize,
}

// SAFETY: the pointer is to memory that is never freed; what is done with the bytes is the business of their owners.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

/// How much memory appears when nobody said how much.
const DEFAULT_BYTES: usize = 64 << 20;

static MEMORY: OnceLock<Memory> = OnceLock::new();

pub(crate) fn init(bytes: usize) -> &'static Memory {
    MEMORY.get_or_init(|| {
        let bytes = bytes.max(PAGE_SIZE).next_multiple_of(PAGE_SIZE);
        let layout = Layout::from_size_align(bytes, PAGE_SIZE).expect("a size that fits in memory");
        // SAFETY: the layout's size is at least one page.
        let base = unsafe { alloc_zeroed(layout) };
        if base.is_null() {
            handle_alloc_error(layout);
        }
        Memory { base, bytes }
    })
}

/// Where physical memory at `address` can be reached. On the host, memory of 64 MiB appears at the first use if
/// `hosted::init_memory` wasn't called before.
pub fn phys_to_virt(address: PhysAddr) -> *mut u8 {
    let memory = init(DEFAULT_BYTES);
    // A stray address gives a stray pointer, as on the machine; using it is what would be unsafe.
    memory.base.wrapping_add(address.0 as usize)
}

/// The physical address behind a pointer into the physical map: the inverse of [`phys_to_virt`].
pub fn virt_to_phys(pointer: *const u8) -> PhysAddr {
    PhysAddr(pointer.addr().wrapping_sub(init(DEFAULT_BYTES).base.addr()) as u64)
}
