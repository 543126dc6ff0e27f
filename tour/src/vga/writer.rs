//! Writing text at the bottom of the screen.

use core::fmt;

use super::buffer::{BUFFER_HEIGHT, BUFFER_WIDTH, Buffer, ScreenChar};
use super::color::ColorCode;

/// What a byte that code page 437 and ASCII don't share is shown as: a square.
const UNPRINTABLE: u8 = 0xfe;

/// Writes into the bottom row, and scrolls the screen up for each new line.
pub struct Writer<'a> {
    column_position: usize,
    color_code: ColorCode,
    buffer: &'a mut Buffer,
}

impl<'a> Writer<'a> {
    /// A writer at the left end of the bottom row.
    pub fn new(buffer: &'a mut Buffer, color_code: ColorCode) -> Writer<'a> {
        Writer { column_position: 0, color_code, buffer }
    }

    /// The colours of what is written from now on.
    pub fn set_color(&mut self, color_code: ColorCode) {
        self.color_code = color_code;
    }

    /// What is on the screen at a place, counted from the upper left corner. The place must exist.
    pub fn cell(&self, row: usize, column: usize) -> ScreenChar {
        self.buffer.cells[row][column].read()
    }

    /// Writes a character, or begins a new line for `\n`. A full line wraps.
    pub fn write_byte(&mut self, byte: u8) {
        if byte == b'\n' {
            return self.new_line();
        }
        if self.column_position >= BUFFER_WIDTH {
            self.new_line();
        }
        let cell = ScreenChar { character: byte, color: self.color_code };
        self.buffer.cells[BUFFER_HEIGHT - 1][self.column_position].write(cell);
        self.column_position += 1;
    }

    /// Writes text; bytes outside of printable ASCII become squares.
    pub fn write_string(&mut self, text: &str) {
        for byte in text.bytes() {
            self.write_byte(if matches!(byte, b' '..=b'~' | b'\n') { byte } else { UNPRINTABLE });
        }
    }

    fn new_line(&mut self) {
        for row in 1..BUFFER_HEIGHT {
            for column in 0..BUFFER_WIDTH {
                let cell = self.cell(row, column);
                self.buffer.cells[row - 1][column].write(cell);
            }
        }
        self.clear_row(BUFFER_HEIGHT - 1);
        self.column_position = 0;
    }

    fn clear_row(&mut self, row: usize) {
        let blank = ScreenChar { character: b' ', color: self.color_code };
        self.buffer.cells[row].iter_mut().for_each(|cell| cell.write(blank));
    }
}

impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write_string(text);
        Ok(())
    }
}
