//! CR3 and the translation cache.

use core::sync::atomic::{AtomicU64, Ordering};

use super::memory::phys_to_virt;
use super::registers;
use crate::{Frame, PAGE_SIZE, PhysAddr};

/// The root of the kernel's own table: no user half.
static KERNEL_ROOT: AtomicU64 = AtomicU64::new(0);

pub(super) fn set_kernel_root(root: Frame) {
    KERNEL_ROOT.store(root.address().0, Ordering::Relaxed);
}

pub(super) fn kernel_root() -> Frame {
    Frame::containing(PhysAddr(KERNEL_ROOT.load(Ordering::Relaxed)))
}

pub(crate) fn load(root: Frame) {
    // SAFETY: every root has the kernel's half, in which the running code and its data are.
    unsafe { registers::write_cr3(root.address().0) };
}

pub(crate) fn load_kernel() {
    load(kernel_root());
}

pub(crate) fn loaded() -> Option<Frame> {
    Some(Frame::containing(PhysAddr(registers::read_cr3())))
}

pub(crate) fn invalidate(address: usize) {
    // SAFETY: drops a cached translation; the next access walks the tables.
    unsafe { core::arch::asm!("invlpg [{}]", in(reg) address, options(nostack, preserves_flags)) };
}

/// Gives a new root the kernel's half. All its entries exist since boot, so roots never differ there.
pub(crate) fn copy_kernel_half(root: Frame) {
    let half = PAGE_SIZE / 2;
    // SAFETY: both are frames of page tables, and the new one isn't in use yet.
    unsafe {
        let from = phys_to_virt(kernel_root().address()).add(half);
        core::ptr::copy_nonoverlapping(from, phys_to_virt(root.address()).add(half), half);
    }
}
