//! The processor itself.

use core::arch::asm;

use arch::{Frame, PhysAddr};

use crate::Mmu;

/// The MMU of this CPU.
#[derive(Debug, Clone, Copy)]
pub struct Processor(());

impl Processor {
    /// The right to touch any address.
    ///
    /// # Safety
    /// It may only be given addresses that are mapped, and whose memory the caller may read or write.
    pub unsafe fn new() -> Processor {
        Processor(())
    }
}

/// The frame of the active level-4 table: what CR3 says.
pub fn active_root() -> Frame {
    let value: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, cr3", out(reg) value, options(nomem, nostack, preserves_flags)) };
    Frame::containing(PhysAddr(value))
}

/// Loads CR3 with the value it has, which drops all cached translations but those of global pages.
pub fn reload_root() {
    // SAFETY: the address space stays the same.
    unsafe { asm!("mov {0}, cr3", "mov cr3, {0}", out(reg) _, options(nostack, preserves_flags)) };
}

/// Whether CR4.PGE is set: global pages exist.
pub fn has_global_pages() -> bool {
    let value: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, cr4", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value & 1 << 7 != 0
}

/// Drops the cached translation of one page.
pub fn invalidate(address: usize) {
    // SAFETY: the next access walks the tables again.
    unsafe { asm!("invlpg [{}]", in(reg) address, options(nostack, preserves_flags)) };
}

impl Mmu for Processor {
    fn load(&self, address: usize) -> u64 {
        // SAFETY: promised for `new`.
        unsafe { core::ptr::with_exposed_provenance::<u64>(address).read_volatile() }
    }

    fn store(&self, address: usize, value: u64) {
        // SAFETY: promised for `new`.
        unsafe { core::ptr::with_exposed_provenance_mut::<u64>(address).write_volatile(value) };
    }

    fn invalidate(&self, address: usize) {
        invalidate(address);
    }
}
