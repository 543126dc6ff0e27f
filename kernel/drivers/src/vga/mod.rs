//! VGA text mode: 25 rows of 80 cells of two bytes each, which the adapter turns into pixels itself.
//!
//! The cells lie in memory at 0xb8000, the cursor's place in two registers. Both are seen through traits, so that the code runs against
//! a model in tests; the real memory has to be read and written volatile, and never wider than 16 bits: not every adapter serves wider
//! accesses to its memory. (IBM VGA; the registers are described by the FreeVGA project.)

mod code_page;
#[cfg(test)]
pub(crate) mod tests;

use crate::display::{Cell, Display, Place, nearest_basic};
use code_page::encode;

pub const ROWS: usize = 25;
pub const COLUMNS: usize = 80;
/// Physical address of the upper left cell.
pub const ADDRESS: u64 = 0xb8000;

/// The memory of the cells and the ports of the adapter.
pub trait Adapter {
    /// The cell with this index, counted through the rows; below `ROWS * COLUMNS`.
    fn read(&self, index: usize) -> TextCell;
    fn write(&mut self, index: usize, cell: TextCell);
    /// Reads a register of the CRT controller (index port 0x3d4).
    fn read_crtc(&mut self, register: u8) -> u8;
    fn write_crtc(&mut self, register: u8, value: u8);
    /// Reads a register of the graphics controller (index port 0x3ce).
    fn read_graphics(&mut self, register: u8) -> u8;
}

/// The colours of the text mode, in the adapter's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Colour {
    Black = 0,
    Blue = 1,
    Green = 2,
    Cyan = 3,
    Red = 4,
    Magenta = 5,
    Brown = 6,
    LightGrey = 7,
    DarkGrey = 8,
    LightBlue = 9,
    LightGreen = 10,
    LightCyan = 11,
    LightRed = 12,
    Pink = 13,
    Yellow = 14,
    White = 15,
}

/// In ANSI's order, which has red and blue the other way round.
const ANSI: [Colour; 16] = [
    Colour::Black,
    Colour::Red,
    Colour::Green,
    Colour::Brown,
    Colour::Blue,
    Colour::Magenta,
    Colour::Cyan,
    Colour::LightGrey,
    Colour::DarkGrey,
    Colour::LightRed,
    Colour::LightGreen,
    Colour::Yellow,
    Colour::LightBlue,
    Colour::Pink,
    Colour::LightCyan,
    Colour::White,
];

/// The colour that looks most like one of the 256.
fn colour(number: u8) -> Colour {
    ANSI.get(usize::from(nearest_basic(number))).copied().unwrap_or(Colour::LightGrey)
}

/// The colour byte: four bits of foreground, three of background, and the highest one lets the character blink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct ColourCode(u8);

impl ColourCode {
    /// Backgrounds have no bright variant: only the lower three bits of one count.
    pub const fn new(foreground: Colour, background: Colour, blink: bool) -> ColourCode {
        ColourCode((blink as u8) << 7 | (background as u8 & 7) << 4 | foreground as u8)
    }
}

/// One cell as it lies in the adapter's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct TextCell {
    /// In code page 437.
    pub character: u8,
    pub colour: ColourCode,
}

impl TextCell {
    /// The two bytes in the order in which they lie in memory.
    pub fn to_bits(self) -> u16 {
        u16::from_le_bytes([self.character, self.colour.0])
    }

    pub fn from_bits(bits: u16) -> TextCell {
        let [character, colour] = bits.to_le_bytes();
        TextCell { character, colour: ColourCode(colour) }
    }
}

impl From<Cell> for TextCell {
    fn from(cell: Cell) -> TextCell {
        let colour = ColourCode::new(colour(cell.foreground), colour(cell.background), cell.blink);
        TextCell { character: encode(cell.character), colour }
    }
}

/// Registers of the CRT controller.
const CURSOR_START: u8 = 0x0a;
const START_HIGH: u8 = 0x0c;
const START_LOW: u8 = 0x0d;
const CURSOR_HIGH: u8 = 0x0e;
const CURSOR_LOW: u8 = 0x0f;
/// In `CURSOR_START`: there is no cursor.
const CURSOR_OFF: u8 = 0x20;

/// The register of the graphics controller that says how its memory is used.
const MISCELLANEOUS: u8 = 6;
const GRAPHICS: u8 = 1;
const AT_B8000: u8 = 0b1100;

/// A screen in text mode.
pub struct TextMode<A> {
    adapter: A,
    shows_cursor: bool,
}

impl<A: Adapter> TextMode<A> {
    /// Takes the adapter into service. None if none answers, or if it isn't in text mode.
    pub fn detect(mut adapter: A) -> Option<TextMode<A>> {
        let mode = adapter.read_graphics(MISCELLANEOUS);
        if mode & (GRAPHICS | AT_B8000) != AT_B8000 {
            return None;
        }
        // Where there is no memory, or no register, what was written doesn't come back.
        let before = adapter.read(0);
        let keeps = [0x55aa, 0xaa55].map(TextCell::from_bits).into_iter().all(|pattern| {
            adapter.write(0, pattern);
            adapter.read(0) == pattern
        });
        adapter.write(0, before);
        let answers = [0x5a, 0xa5].into_iter().all(|value| {
            adapter.write_crtc(CURSOR_LOW, value);
            adapter.read_crtc(CURSOR_LOW) == value
        });
        (keeps && answers).then(|| TextMode::new(adapter))
    }

    /// Takes an adapter into service that is known to be in text mode: its first cell is the screen's upper left one from now on, and
    /// the cursor is hidden.
    pub fn new(mut adapter: A) -> TextMode<A> {
        adapter.write_crtc(START_HIGH, 0);
        adapter.write_crtc(START_LOW, 0);
        let mut screen = TextMode { adapter, shows_cursor: true };
        screen.set_cursor(None);
        screen
    }
}

impl<A: Adapter> Display for TextMode<A> {
    fn rows(&self) -> usize {
        ROWS
    }

    fn columns(&self) -> usize {
        COLUMNS
    }

    fn draw(&mut self, place: Place, cell: Cell) {
        if place.row < ROWS && place.column < COLUMNS {
            self.adapter.write(place.row * COLUMNS + place.column, cell.into());
        }
    }

    fn set_cursor(&mut self, cursor: Option<(Place, Cell)>) {
        let place = cursor.map(|(place, _)| place).filter(|place| place.row < ROWS && place.column < COLUMNS);
        if place.is_some() != self.shows_cursor {
            let start = self.adapter.read_crtc(CURSOR_START);
            let start = if place.is_some() { start & !CURSOR_OFF } else { start | CURSOR_OFF };
            self.adapter.write_crtc(CURSOR_START, start);
        }
        if let Some(place) = place {
            let [low, high] = ((place.row * COLUMNS + place.column) as u16).to_le_bytes();
            self.adapter.write_crtc(CURSOR_HIGH, high);
            self.adapter.write_crtc(CURSOR_LOW, low);
        }
        self.shows_cursor = place.is_some();
    }
}
