//! Ends of the machine's life.

use super::interrupts;
use super::port::Port;
use crate::types::ExitCode;

/// The line status registers of the two serial ports, and their bit for "all bytes have left".
const SERIAL_STATUS: [u16; 2] = [0x3fd, 0x2fd];
const ALL_SENT: u8 = 1 << 6;
/// What an absent port reads as.
const ABSENT: u8 = 0xff;

/// Ends the virtual machine with this status, by QEMU's isa-debug-exit; halts for ever on machines without it.
///
/// Bytes that a serial port still holds would be lost, so an end that isn't a panic waits for them, however slowly the
/// other side reads.
pub fn exit(code: ExitCode) -> ! {
    if code != ExitCode::Panic {
        for number in SERIAL_STATUS {
            // SAFETY: reading a status register has no effect that matters at the end.
            let status = unsafe { Port::<u8>::new(number) };
            while !matches!(status.read(), ABSENT) && status.read() & ALL_SENT == 0 {
                core::hint::spin_loop();
            }
        }
    }
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
