//! The kernel's messages on a serial line that `console=` names, as on Linux: a machine by itself has no debug console. Where the `pollux` command
//! listens to one, the line is the programs' alone.
//!
//! Bytes are sent by polling, since a panic can wait for nothing else. They go past the line's driver, which sends on when the chip is empty
//! again. Firmware, boot loader or emulator have set the line's speed.

use core::sync::atomic::{AtomicBool, AtomicU16, Ordering};

use arch::port::Port;
use kernel::parameters::Parameters;

/// First ports of the lines, by name.
const LINES: [(&str, u16); 2] = [("ttyS0", 0x3f8), ("ttyS1", 0x2f8)];
/// Offset of the line status register, and its bit for "takes a byte".
const STATUS: u16 = 5;
const READY: u8 = 1 << 5;
/// Looks at the status before a line counts as stuck: far more than the slowest speed needs for a byte.
const PATIENCE: u32 = 100_000;

/// The line's first port; 0 for none.
static LINE: AtomicU16 = AtomicU16::new(0);
/// The other side takes nothing: bytes are dropped, without waiting, until it does again.
static STUCK: AtomicBool = AtomicBool::new(false);

/// Sends messages to the last serial line among the consoles, unless somebody hears the debug console.
pub fn initialise(parameters: &Parameters) {
    let named = |console: &str| LINES.iter().find(|(name, _)| console.split(',').next() == Some(*name)).map(|(_, port)| *port);
    let line = parameters.consoles.iter().rev().find_map(|console| named(console));
    if let (Some(port), false) = (line, parameters.hosted) {
        LINE.store(port, Ordering::Relaxed);
    }
}

/// Sends a text, if there is a line for it.
pub fn print(text: &str) {
    let line = LINE.load(Ordering::Relaxed);
    if line != 0 {
        for byte in text.bytes() {
            if byte == b'\n' {
                send(line, b'\r');
            }
            send(line, byte);
        }
    }
}

fn send(line: u16, byte: u8) {
    // SAFETY: the ports of a serial line. Its driver owns them, but reading the status has no effect that it would miss, and a byte is only
    // written when the chip has room.
    let (data, status) = unsafe { (Port::<u8>::new(line), Port::<u8>::new(line + STATUS)) };
    let tries = if STUCK.load(Ordering::Relaxed) { 1 } else { PATIENCE };
    let ready = (0..tries).any(|_| {
        core::hint::spin_loop();
        status.read() & READY != 0
    });
    STUCK.store(!ready, Ordering::Relaxed);
    if ready {
        data.write(byte);
    }
}
