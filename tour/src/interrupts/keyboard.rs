//! The keyboard: line 1, a byte at port 0x60 for each key pressed and released.
//!
//! The chapter has no fingers: the keyboard controller has a command that makes a byte look as if the keyboard had sent it, interrupt
//! included.

use core::sync::atomic::{AtomicU64, Ordering};

use arch::port::Port;

use super::pic::PICS;
use super::{FIRST_VECTOR, KEYBOARD, halt_until, listen};
use crate::machine::idt::{Frame, stub};
use crate::{claim, say};

const DATA: u16 = 0x60;
const COMMAND: u16 = 0x64;
/// A byte waits to be read.
const OUTPUT_FULL: u8 = 1;
/// The controller has not yet taken what was written last.
const INPUT_FULL: u8 = 1 << 1;
const READ_CONFIGURATION: u8 = 0x20;
const WRITE_CONFIGURATION: u8 = 0x60;
/// The byte that follows comes from the keyboard, as far as anybody can tell.
const PRETEND: u8 = 0xd2;
/// Interrupts of the keyboard are on.
const INTERRUPT: u8 = 1;
const KEYBOARD_OFF: u8 = 1 << 4;

fn port(number: u16) -> Port<u8> {
    // SAFETY: the keyboard controller's ports, which nobody else drives while a chapter runs.
    unsafe { Port::new(number) }
}

fn write(number: u16, value: u8) {
    while port(COMMAND).read() & INPUT_FULL != 0 {
        core::hint::spin_loop();
    }
    port(number).write(value);
}

/// Reads the byte that waits: without that, no further interrupt comes.
pub fn read_scancode() -> u8 {
    port(DATA).read()
}

/// Switches the keyboard's interrupt on. The answer to its question may raise it already: the interrupt controllers are to be set up
/// afterwards, which makes them forget it.
pub fn initialise() {
    while port(COMMAND).read() & OUTPUT_FULL != 0 {
        read_scancode();
    }
    write(COMMAND, READ_CONFIGURATION);
    while port(COMMAND).read() & OUTPUT_FULL == 0 {
        core::hint::spin_loop();
    }
    let configuration = read_scancode();
    write(COMMAND, WRITE_CONFIGURATION);
    write(DATA, (configuration | INTERRUPT) & !KEYBOARD_OFF);
}

/// Makes a scancode come, when the one before has been read.
pub fn pretend(scancode: u8) {
    while port(COMMAND).read() & OUTPUT_FULL != 0 {
        core::hint::spin_loop();
    }
    write(COMMAND, PRETEND);
    write(DATA, scancode);
}

/// Digits and some letters of scancode set 1; bit 7 says that the key was released.
pub fn key(scancode: u8) -> Option<char> {
    Some(match scancode {
        0x02..=0x0a => char::from(b'1' + scancode - 0x02),
        0x0b => '0',
        0x1e => 'a',
        0x30 => 'b',
        0x2e => 'c',
        _ => return None,
    })
}

static LAST: AtomicU64 = AtomicU64::new(0);
static COUNT: AtomicU64 = AtomicU64::new(0);

extern "C" fn on_key(_: &mut Frame) {
    LAST.store(read_scancode().into(), Ordering::Relaxed);
    COUNT.fetch_add(1, Ordering::Relaxed);
    PICS.end_of_interrupt(KEYBOARD);
}
stub!(on_key_stub, on_key);

pub fn show() {
    initialise();
    PICS.initialise(FIRST_VECTOR);
    // SAFETY: interrupts are off, and all lines are masked.
    unsafe { listen(KEYBOARD, on_key_stub) };
    for (count, (scancode, expected)) in (1..).zip([(0x02, Some('1')), (0x82, None), (0x1e, Some('a')), (0x9e, None)]) {
        pretend(scancode);
        halt_until(|| COUNT.load(Ordering::Relaxed) >= count);
        let seen = LAST.load(Ordering::Relaxed) as u8;
        claim!(seen == scancode && key(seen) == expected, "scancode {seen:#x} came by vector 33: {:?}", key(seen));
    }
    PICS.set_masks(0xff, 0xff);
    say!("A press and a release, twice: bit 7 tells them apart.");
}
