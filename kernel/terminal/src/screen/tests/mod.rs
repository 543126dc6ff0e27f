//! The emulator and the grid: bytes in, cells out. What is expected is what console_codes(4) and the VT102's manual say, and what the
//! Linux console shows.

mod devices;
mod modes;
mod properties;
mod scrolling;
mod sequences;
mod styles;

use std::string::String;
use std::vec::Vec;

use drivers::display::{Cell, Place};

use super::emulator::Emulator;

/// A screen of 10 columns to which text was written.
fn screen(rows: usize, text: &str) -> Emulator {
    let mut emulator = Emulator::new(rows, 10).unwrap();
    emulator.write(text.as_bytes());
    emulator
}

impl Emulator {
    fn cells(&self, row: usize) -> Vec<Cell> {
        (0..self.grid().columns()).map(|column| self.grid().cell(row, column)).collect()
    }

    /// The rows as text, without blanks at their ends.
    fn text(&self) -> Vec<String> {
        let row = |row| self.cells(row).iter().map(|cell| cell.character).collect::<String>().trim_end().into();
        (0..self.grid().rows()).map(row).collect()
    }

    fn place(&self) -> (usize, usize) {
        let Place { row, column } = self.cursor().unwrap();
        (row, column)
    }

    fn reply(&mut self) -> String {
        let (bytes, count) = self.take_reply();
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    }

    /// The rows of the view, as a painter sees them; those that aren't damaged are none.
    fn damage(&mut self) -> Vec<Option<String>> {
        let mut cells = std::vec![Cell::BLANK; self.grid().columns()];
        (0..self.grid().rows())
            .map(|row| {
                let damaged = self.grid_mut().take_damage(row, &mut cells);
                damaged.then(|| cells.iter().map(|cell| cell.character).collect::<String>().trim_end().into())
            })
            .collect()
    }
}
