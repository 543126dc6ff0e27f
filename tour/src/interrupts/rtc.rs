//! The real-time clock's periodic interrupt: line 8, on the second controller.
//!
//! It shows why the end of an interrupt has to be said twice there. The clock has a second acknowledgement of its own: until its status
//! register C is read, no further interrupt comes.

use core::sync::atomic::{AtomicU64, Ordering};

use arch::port::Port;

use super::pic::PICS;
use super::{CLOCK, halt_until, listen};
use crate::claim;
use crate::machine::idt::{Frame, stub};

const STATUS_B: u8 = 0x0b;
const STATUS_C: u8 = 0x0c;
const PERIODIC: u8 = 1 << 6;

static BEATS: AtomicU64 = AtomicU64::new(0);

fn read(register: u8) -> u8 {
    // SAFETY: the clock's ports; the real kernel read the time at boot.
    unsafe {
        Port::<u8>::new(0x70).write(register);
        Port::<u8>::new(0x71).read()
    }
}

fn write(register: u8, value: u8) {
    // SAFETY: as in `read`.
    unsafe {
        Port::<u8>::new(0x70).write(register);
        Port::<u8>::new(0x71).write(value);
    }
}

extern "C" fn beat(_: &mut Frame) {
    BEATS.fetch_add(1, Ordering::Relaxed);
    read(STATUS_C);
    PICS.end_of_interrupt(CLOCK);
}
stub!(beat_stub, beat);

pub fn show() {
    read(STATUS_C);
    write(STATUS_B, read(STATUS_B) | PERIODIC);
    // SAFETY: interrupts are off, and all lines are masked.
    unsafe { listen(CLOCK, beat_stub) };
    halt_until(|| BEATS.load(Ordering::Relaxed) >= 10);
    write(STATUS_B, read(STATUS_B) & !PERIODIC);
    PICS.set_masks(0xff, 0xff);
    claim!(BEATS.load(Ordering::Relaxed) >= 10, "ten beats of the clock on line 8 of the second controller, each acknowledged at both");
}
