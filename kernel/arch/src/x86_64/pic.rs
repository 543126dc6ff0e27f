//! The old interrupt controllers (8259): two chips of eight lines, the secondary on line 2 of the primary.
//!
//! Where the newer controllers work, both are moved out of the way and masked for good. With `noapic` they are all there is.
//!
//! A chip that is asked which line it was, and finds that none is active any more, answers 7. Such a *spurious* interrupt isn't in
//! service and must not be acknowledged, or the end of another one would be lost; when the secondary was the one, the primary doesn't
//! know and has its line 2 in service.

use core::sync::atomic::{AtomicU16, Ordering};

use super::port::Port;
use crate::guards::hold;

/// Where their vectors lie while they are masked: nothing listens there, since even then they can raise a spurious one.
const ASIDE: u8 = 0xe0;
const PRIMARY: u16 = 0x20;
const SECONDARY: u16 = 0xa0;
/// The primary's line for the secondary.
const CASCADE: u8 = 2;
/// The line that a chip names when there is none, counted within the chip.
const NONE: u8 = 7;

/// The first of the four words that initialise a chip: edge-triggered, two chips, four words.
const INITIALISE: u8 = 0x11;
/// The last: 8086 mode, ends announced by software.
const MODE_8086: u8 = 0x01;
/// Commands: the end of one line's interrupt (the line is added), and that the next read gives what is in service.
const SPECIFIC_END: u8 = 0x60;
const READ_IN_SERVICE: u8 = 0x0b;

/// Masked lines of both.
static MASK: AtomicU16 = AtomicU16::new(0xffff);

/// A chip's command port; its data port is the next one.
fn command(chip: u16) -> Port<u8> {
    // SAFETY: one of the two controllers, which nobody else drives; an absent one ignores this.
    unsafe { Port::new(chip) }
}

fn data(chip: u16) -> Port<u8> {
    // SAFETY: as in `command`.
    unsafe { Port::new(chip + 1) }
}

/// Moves both out of the way, masked.
pub fn disable() {
    initialise(ASIDE);
}

/// Gives line 0 this vector and the others those that follow, and masks all lines.
pub fn initialise(vector: u8) {
    for (chip, vector, wiring) in [(PRIMARY, vector, 1 << CASCADE), (SECONDARY, vector + 8, CASCADE)] {
        command(chip).write(INITIALISE);
        data(chip).write(vector);
        data(chip).write(wiring);
        data(chip).write(MODE_8086);
        data(chip).write(0xff);
    }
    MASK.store(0xffff, Ordering::Relaxed);
}

/// Lets a line (0 to 15) through, and the secondary if it is one of its own.
pub fn open(line: u8) {
    let _hold = hold();
    let cascade = if line < 8 { 0 } else { 1 << CASCADE };
    let opened = 1 << (line % 16) | cascade;
    let mask = MASK.fetch_and(!opened, Ordering::Relaxed) & !opened;
    let [low, high] = mask.to_le_bytes();
    data(PRIMARY).write(low);
    data(SECONDARY).write(high);
}

/// Whether the interrupt of this line (0 to 15) is none. If so, it is dealt with.
pub fn is_spurious(line: u8) -> bool {
    let chip = if line < 8 { PRIMARY } else { SECONDARY };
    if line % 8 != NONE {
        return false;
    }
    command(chip).write(READ_IN_SERVICE);
    let spurious = command(chip).read() & 1 << NONE == 0;
    if spurious && chip == SECONDARY {
        command(PRIMARY).write(SPECIFIC_END | CASCADE);
    }
    spurious
}

/// Says that the interrupt of this line (0 to 15) was dealt with. If it wasn't one (a software interrupt), that changes nothing.
pub fn end_of_interrupt(line: u8) {
    if line >= 8 {
        command(SECONDARY).write(SPECIFIC_END | (line - 8));
        command(PRIMARY).write(SPECIFIC_END | CASCADE);
    } else {
        command(PRIMARY).write(SPECIFIC_END | line);
    }
}
