//! Control and model-specific registers.

use core::arch::asm;

pub const EFER: u32 = 0xc000_0080;
pub const STAR: u32 = 0xc000_0081;
pub const LSTAR: u32 = 0xc000_0082;
pub const SFMASK: u32 = 0xc000_0084;
pub const FS_BASE: u32 = 0xc000_0100;
pub const GS_BASE: u32 = 0xc000_0101;
pub const KERNEL_GS_BASE: u32 = 0xc000_0102;
pub const APIC_BASE: u32 = 0x1b;

/// Reads a model-specific register.
///
/// # Safety
/// The processor must have it.
pub unsafe fn read_msr(register: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the caller says it exists; reading has no effect on memory.
    unsafe { asm!("rdmsr", in("ecx") register, out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags)) };
    u64::from(high) << 32 | u64::from(low)
}

/// Writes a model-specific register.
///
/// # Safety
/// The processor must have it, and the value must be one that the running code can live with.
pub unsafe fn write_msr(register: u32, value: u64) {
    // SAFETY: the caller's promise.
    unsafe { asm!("wrmsr", in("ecx") register, in("eax") value as u32, in("edx") (value >> 32) as u32, options(nostack, preserves_flags)) };
}

macro_rules! control_register {
    (read $read:ident $name:literal) => {
        #[doc = concat!("Reads ", $name, ".")]
        #[inline]
        pub fn $read() -> u64 {
            let value;
            // SAFETY: reading a control register changes nothing.
            unsafe { asm!(concat!("mov {}, ", $name), out(reg) value, options(nomem, nostack, preserves_flags)) };
            value
        }
    };
    (write $write:ident $name:literal) => {
        #[doc = concat!("Writes ", $name, ".")]
        ///
        /// # Safety
        /// The running code must keep working under the new value.
        #[inline]
        pub unsafe fn $write(value: u64) {
            // SAFETY: the caller's promise.
            unsafe { asm!(concat!("mov ", $name, ", {}"), in(reg) value, options(nostack, preserves_flags)) };
        }
    };
}
control_register!(read read_cr0 "cr0");
control_register!(write write_cr0 "cr0");
control_register!(read read_cr2 "cr2");
control_register!(read read_cr3 "cr3");
control_register!(write write_cr3 "cr3");
control_register!(write write_cr4 "cr4");
control_register!(write write_dr6 "dr6");

/// Bits of CR0.
pub mod cr0 {
    pub const MONITOR_COPROCESSOR: u64 = 1 << 1;
    pub const EMULATION: u64 = 1 << 2;
    pub const TASK_SWITCHED: u64 = 1 << 3;
    pub const NUMERIC_ERROR: u64 = 1 << 5;
    pub const WRITE_PROTECT: u64 = 1 << 16;
    pub const ALIGNMENT_MASK: u64 = 1 << 18;
}

/// Bits of CR4.
pub mod cr4 {
    pub const PAE: u64 = 1 << 5;
    pub const MACHINE_CHECK: u64 = 1 << 6;
    pub const GLOBAL_PAGES: u64 = 1 << 7;
    pub const OSFXSR: u64 = 1 << 9;
    pub const OSXMMEXCPT: u64 = 1 << 10;
    pub const UMIP: u64 = 1 << 11;
    pub const OSXSAVE: u64 = 1 << 18;
    pub const SMEP: u64 = 1 << 20;
    pub const SMAP: u64 = 1 << 21;
}

/// Bits of EFER.
pub mod efer {
    pub const SYSCALL: u64 = 1 << 0;
    pub const NO_EXECUTE: u64 = 1 << 11;
}

/// The time-stamp counter.
#[inline]
pub fn read_tsc() -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: reads a counter.
    unsafe { asm!("rdtsc", out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags)) };
    u64::from(high) << 32 | u64::from(low)
}
