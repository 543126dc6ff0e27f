//! Chapter 2: Hello World in nine lines, through a raw pointer.
//!
//! In text mode the card shows what lies at physical address 0xb8000: for each cell a character and a colour. The chapter has to map that
//! page first, as the real kernel maps devices nowhere by itself; the series' kernel found it mapped by its boot loader.

use crate::machine::map;
use crate::{claim, say};

/// Where the cells of VGA text mode are.
pub const CELLS: u64 = 0xb8000;

static HELLO: &[u8] = b"Hello World!";
/// Light cyan on black.
const COLOUR: u8 = 0xb;

pub fn run() {
    // SAFETY: the card's memory; drawing harms nothing.
    let buffer = unsafe { map::identity(CELLS) };
    for (at, &byte) in HELLO.iter().enumerate() {
        // SAFETY: 24 of the 4000 bytes of the page just mapped. Volatile, because nothing here ever reads what the card shows.
        unsafe {
            buffer.add(at * 2).write_volatile(byte);
            buffer.add(at * 2 + 1).write_volatile(COLOUR);
        }
    }
    say!("Wrote {} cells from {CELLS:#x} on.", HELLO.len());
    // SAFETY: as above.
    let cell = |at: usize| unsafe { (buffer.add(at * 2).read_volatile(), buffer.add(at * 2 + 1).read_volatile()) };
    let shown = HELLO.iter().enumerate().all(|(at, &byte)| cell(at) == (byte, COLOUR));
    claim!(shown, "the card holds \"Hello World!\" in colour {COLOUR:#x}");
}
