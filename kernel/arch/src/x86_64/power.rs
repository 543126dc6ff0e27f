//! Ends of the machine's life.

use super::interrupts;
use super::port::Port;
use crate::types::ExitCode;

/// Ends the virtual machine with this status, by QEMU's isa-debug-exit; halts for ever on machines without it.
pub fn exit(code: ExitCode) -> ! {
    // SAFETY: a port that ends the machine, which is what the caller wants.
    unsafe { Port::<u32>::new(0xf4) }.write(code as u32);
    halt()
}

/// Restarts the machine, by the reset register of the chipset or the keyboard controller.
pub fn reboot() -> ! {
    // SAFETY: ports that restart the machine, which is what the caller wants.
    unsafe {
        Port::<u8>::new(0xcf9).write(0x06);
        Port::<u8>::new(0x64).write(0xfe);
    }
    halt()
}

fn halt() -> ! {
    loop {
        interrupts::disable();
        // SAFETY: stops this processor; nothing is left to do.
        unsafe { core::arch::asm!("hlt", options(nomem, nostack)) };
    }
}
