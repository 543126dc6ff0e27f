//! The first serial port, polled: the simplest way to speak to the outside.
//!
//! A 16550 takes a byte when its transmitter is empty, which a status bit tells. The real driver (`drivers::uart`) fills a queue and works
//! by interrupts.

use core::fmt::{self, Arguments, Write};

use arch::port::Port;

const FIRST: u16 = 0x3f8;
const STATUS: u16 = FIRST + 5;
/// A byte waits to be read.
const ARRIVED: u8 = 1;
/// The transmitter takes another byte.
const EMPTY: u8 = 1 << 5;

fn write(offset: u16, value: u8) {
    // SAFETY: the standard place of the first serial port, which nobody else drives while a chapter runs.
    unsafe { Port::new(FIRST + offset) }.write(value);
}

/// 115200 baud, eight bits, no parity, no interrupts.
pub fn initialise() {
    for (offset, value) in [(1, 0), (3, 0x80), (0, 1), (1, 0), (3, 3), (2, 0xc7), (4, 0x0b)] {
        write(offset, value);
    }
}

/// Sends a byte.
pub fn byte(value: u8) {
    // SAFETY: as in `write`.
    let status: Port<u8> = unsafe { Port::new(STATUS) };
    while status.read() & EMPTY == 0 {
        core::hint::spin_loop();
    }
    write(0, value);
}

/// Waits until the other side sends something.
pub fn wait_for_byte() {
    // SAFETY: as in `write`.
    let status: Port<u8> = unsafe { Port::new(STATUS) };
    while status.read() & ARRIVED == 0 {
        core::hint::spin_loop();
    }
}

struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(byte);
        Ok(())
    }
}

/// Sends a line.
pub fn line(text: Arguments<'_>) {
    // Sending can't fail.
    let _ = Serial.write_fmt(text);
    byte(b'\n');
}
