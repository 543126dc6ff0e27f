//! The kernel's half of the address space.

use crate::PhysAddr;

/// Where all of physical memory is mapped, writable, never executable.
pub const DIRECT_MAP: usize = 0xffff_8000_0000_0000;
/// Where kernel stacks with their guard pages, and device registers, are mapped.
pub const WINDOW: usize = 0xffff_ff00_0000_0000;
/// What is added to a physical address to get where the kernel's image is linked.
pub const KERNEL_BASE: usize = 0xffff_ffff_8000_0000;

/// Where physical memory at `address` can be reached.
#[inline]
pub fn phys_to_virt(address: PhysAddr) -> *mut u8 {
    core::ptr::with_exposed_provenance_mut(DIRECT_MAP.wrapping_add(address.0 as usize))
}

/// The physical address behind a pointer into the physical map: the inverse of [`phys_to_virt`].
#[inline]
pub fn virt_to_phys(pointer: *const u8) -> PhysAddr {
    PhysAddr(pointer.addr().wrapping_sub(DIRECT_MAP) as u64)
}
