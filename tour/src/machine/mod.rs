//! What the chapters need of the bare machine: a serial port to speak on, a descriptor table of their own, a way back from faults.

pub mod gdt;
pub mod idt;
pub mod map;
pub mod recovery;
pub mod serial;

use core::sync::atomic::{AtomicPtr, Ordering};

use arch::boot::BootInfo;

static BOOT: AtomicPtr<BootInfo> = AtomicPtr::new(core::ptr::null_mut());

/// Makes the machine ready for a chapter.
pub fn prepare(boot: &'static BootInfo) {
    BOOT.store(core::ptr::from_ref(boot).cast_mut(), Ordering::Relaxed);
    serial::initialise();
}

/// What the boot loader said.
pub fn boot_info() -> &'static BootInfo {
    // SAFETY: null before `prepare`, and from then on a reference that lives for ever and is only read.
    unsafe { BOOT.load(Ordering::Relaxed).as_ref() }.expect("chapters run after `prepare`")
}
