//! Mapping one page of device memory by hand, at the virtual address that equals its physical one.

use arch::{PhysAddr, phys_to_virt};

const PRESENT_AND_WRITABLE: u64 = 3;
const NO_CACHE: u64 = 1 << 4 | 1 << 3;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// Physical address of the page table in use (CR3).
pub fn root() -> u64 {
    let root: u64;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {}, cr3", out(reg) root, options(nomem, nostack, preserves_flags)) };
    root & ADDRESS
}

/// The entries of the table at a physical address.
///
/// # Safety
/// A page table is there, and nobody else changes it meanwhile.
pub unsafe fn entries<'a>(table: u64) -> &'a mut [u64; 512] {
    // SAFETY: the caller's promise; all memory is mapped at an offset.
    unsafe { &mut *phys_to_virt(PhysAddr(table)).cast() }
}

/// The index of an address in the table of this level.
pub fn index(address: u64, level: u32) -> usize {
    (address >> (12 + 9 * (level - 1)) & 511) as usize
}

/// Maps the page at `physical`, uncached and writable, at the same virtual address, and gives where.
///
/// # Safety
/// Device memory whose accesses harm nothing, in the lower half of the address space, where no process is yet.
pub unsafe fn identity(physical: u64) -> *mut u8 {
    let mut table = root();
    for level in (2..=4).rev() {
        // SAFETY: a live table; only the boot processor is at work.
        let entry = unsafe { &mut entries(table)[index(physical, level)] };
        if *entry == 0 {
            let frame = memory::frames::allocate(0).expect("a frame for a page table");
            // SAFETY: a fresh frame of our own.
            unsafe { entries(frame.address().0).fill(0) };
            *entry = frame.address().0 | PRESENT_AND_WRITABLE;
        }
        table = *entry & ADDRESS;
    }
    // SAFETY: as above; the entry was empty, so no flush is needed.
    unsafe { entries(table)[index(physical, 1)] = physical & ADDRESS | PRESENT_AND_WRITABLE | NO_CACHE };
    core::ptr::with_exposed_provenance_mut(physical as usize)
}
