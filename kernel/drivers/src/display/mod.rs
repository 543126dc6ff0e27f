//! What a text screen is to those who draw on it: cells in rows and columns, and a cursor.
//!
//! The two kinds of screens, [`crate::vga`] and [`crate::framebuffer`], show the same [`Cell`]s, each as well as it can.

mod palette;
mod writer;

pub use palette::{nearest_basic, rgb};
pub use writer::Writer;

/// What one place of a screen shows. Colours are numbers of the 256-colour palette: 0 to 7 the basic colours in ANSI's order
/// (black, red, green, brown, blue, magenta, cyan, grey), 8 to 15 the same ones bright, then a cube of 6×6×6 colours and 24 greys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    pub character: char,
    pub foreground: u8,
    pub background: u8,
    /// Shown blinking, where the screen can.
    pub blink: bool,
}

impl Cell {
    /// Nothing, grey on black.
    pub const BLANK: Cell = Cell { character: ' ', foreground: 7, background: 0, blink: false };
}

/// A place on a screen, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    pub row: usize,
    pub column: usize,
}

/// A screen that shows text. Places outside it are ignored.
pub trait Display {
    fn rows(&self) -> usize;
    fn columns(&self) -> usize;
    /// Shows a cell.
    fn draw(&mut self, place: Place, cell: Cell);
    /// Puts the cursor onto a place, whose cell is given too since a screen of pixels has to draw both; or hides it.
    fn set_cursor(&mut self, cursor: Option<(Place, Cell)>);
}

impl<D: Display + ?Sized> Display for alloc::boxed::Box<D> {
    fn rows(&self) -> usize {
        (**self).rows()
    }

    fn columns(&self) -> usize {
        (**self).columns()
    }

    fn draw(&mut self, place: Place, cell: Cell) {
        (**self).draw(place, cell);
    }

    fn set_cursor(&mut self, cursor: Option<(Place, Cell)>) {
        (**self).set_cursor(cursor);
    }
}
