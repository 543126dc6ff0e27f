//! Plain text straight onto a screen: for last words, when nothing of the terminal can be trusted any more.

use core::fmt;

use super::{Cell, Display, Place};

/// Writes from the upper left corner on, in one pair of colours, wrapping at the right edge. Each line is cleared before it is
/// written. What comes after the last line isn't shown: the beginning of a message says most.
pub struct Writer<D> {
    display: D,
    place: Place,
    blank: Cell,
}

impl<D: Display> Writer<D> {
    /// Clears nothing but the line that it begins with.
    pub fn new(display: D, foreground: u8, background: u8) -> Writer<D> {
        let mut writer = Writer { display, place: Place::default(), blank: Cell { character: ' ', foreground, background, blink: false } };
        writer.display.set_cursor(None);
        writer.clear_row(0);
        writer
    }

    fn clear_row(&mut self, row: usize) {
        for column in 0..self.display.columns() {
            self.display.draw(Place { row, column }, self.blank);
        }
    }

    fn new_line(&mut self) {
        self.place = Place { row: self.place.row.saturating_add(1), column: 0 };
        if self.place.row < self.display.rows() {
            self.clear_row(self.place.row);
        }
    }
}

impl<D: Display> fmt::Write for Writer<D> {
    /// Never fails.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if character == '\n' {
                self.new_line();
            } else if !character.is_control() {
                if self.place.column >= self.display.columns() {
                    self.new_line();
                }
                self.display.draw(self.place, Cell { character, ..self.blank });
                self.place.column += 1;
            }
        }
        Ok(())
    }
}
