//! Floating-point and vector registers, loaded when a program first uses them.
//!
//! The kernel itself never touches them, so they may stay a program's while others run. A CPU remembers whose state it
//! holds (`Block::fpu_owner`); anybody else enters ring 3 with CR0.TS set, and their first vector instruction traps to
//! [`load`], which saves the one state and loads the other.
//!
//! A thread stays on the CPU it started on, as the executor's tasks do, so its state is either in its save area or in that
//! CPU. Whoever moves threads between CPUs must have the old one [`store`] and [`forget`] the area first.

use core::arch::asm;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::block::{self, Block};
use super::registers::{self, cr0};
use super::{cpu, interrupts};
use crate::context::UserContext;
use crate::fpu_area::{self, FpuArea};
use crate::guards::hold;
use crate::types::Features;

const X87: u64 = 1;
const SSE: u64 = 2;
const AVX: u64 = 4;

static STATES: AtomicU64 = AtomicU64::new(0);
static AREA_SIZE: AtomicUsize = AtomicUsize::new(fpu_area::LEGACY);

/// Switches the states on that this kernel saves.
pub fn initialise() {
    if cpu::features().contains(Features::XSAVE) {
        let mut states = X87 | SSE;
        if cpu::features().contains(Features::AVX) && u64::from(cpu::leaf(13).eax) & AVX != 0 {
            states |= AVX;
        }
        // SAFETY: CR4.OSXSAVE is set, and CPUID says these states exist.
        unsafe { asm!("xsetbv", in("ecx") 0, in("eax") states as u32, in("edx") 0, options(nomem, nostack, preserves_flags)) };
        STATES.store(states, Ordering::Relaxed);
        AREA_SIZE.store((cpu::subleaf(13, 0).ebx as usize).clamp(fpu_area::LEGACY + 64, fpu_area::MAX), Ordering::Relaxed);
    }
    set_traps(block::this(), true);
}

/// Bytes of a save area.
pub fn area_size() -> usize {
    AREA_SIZE.load(Ordering::Relaxed)
}

/// The states (XCR0 bits) that are saved; 0 on a processor without XSAVE, where FXSAVE serves.
pub fn states() -> u64 {
    STATES.load(Ordering::Relaxed)
}

fn set_traps(block: &Block, traps: bool) {
    block.fpu_traps.set(traps);
    let control = registers::read_cr0() & !cr0::TASK_SWITCHED;
    // SAFETY: the bit makes FPU instructions trap; the kernel has none outside this file.
    unsafe { registers::write_cr0(if traps { control | cr0::TASK_SWITCHED } else { control }) };
}

/// Before ring 3: FPU instructions trap unless the registers hold this context's state.
pub fn arm(block: &Block, context: &UserContext) {
    let owner = block.fpu_owner.get();
    let own = context.fpu.as_ref().is_some_and(|area| area.as_ptr() == owner);
    if block.fpu_traps.get() == own {
        set_traps(block, !own);
    }
}

/// After an FPU instruction trapped, with interrupts off: gives the context the registers. False if there is no memory
/// for its save area.
#[cold]
pub fn load(context: &mut UserContext) -> bool {
    let block = block::this();
    if context.fpu.is_none() {
        // Allocation may want interrupts on for a while; nothing of this CPU's state is in hand yet.
        interrupts::enable();
        context.fpu = FpuArea::with_image(&fpu_area::initial_image());
        interrupts::disable();
    }
    let Some(area) = &context.fpu else {
        interrupts::enable();
        return false;
    };
    set_traps(block, false);
    let owner = block.fpu_owner.replace(area.as_ptr());
    if owner == area.as_ptr() {
        return true;
    }
    // SAFETY: the owner's area is alive (`forget` is called before one is freed); the new one is this context's. Both are
    // 64-byte aligned and of the size that the states need.
    unsafe {
        if !owner.is_null() {
            save(owner);
        }
        restore(area.as_ptr());
    }
    true
}

/// # Safety
/// `area` must be a save area, and CR0.TS clear.
unsafe fn save(area: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe {
        match states() {
            0 => asm!("fxsave64 [{}]", in(reg) area, options(nostack, preserves_flags)),
            states => asm!("xsave64 [{}]", in(reg) area, in("eax") states as u32, in("edx") 0, options(nostack, preserves_flags)),
        }
    }
}

/// # Safety
/// `area` must be a save area with a valid image, and CR0.TS clear.
unsafe fn restore(area: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe {
        match states() {
            0 => asm!("fxrstor64 [{}]", in(reg) area, options(nostack, preserves_flags)),
            states => asm!("xrstor64 [{}]", in(reg) area, in("eax") states as u32, in("edx") 0, options(nostack, preserves_flags)),
        }
    }
}

/// Brings a save area up to date if this CPU's registers hold its state.
pub fn store(area: *mut u8) {
    let _hold = hold();
    let block = block::this();
    if block.fpu_owner.get() == area {
        let traps = block.fpu_traps.get();
        if traps {
            set_traps(block, false);
        }
        // SAFETY: the area is alive, as its owner called us.
        unsafe { save(area) };
        if traps {
            set_traps(block, true);
        }
    }
}

/// Says that what this CPU holds of an area must never be written to it again.
pub fn forget(area: *mut u8) {
    let _hold = hold();
    let block = block::this();
    if block.fpu_owner.get() == area {
        block.fpu_owner.set(core::ptr::null_mut());
        // Whoever is loaded must be armed anew.
        block.next_ticket();
    }
}
