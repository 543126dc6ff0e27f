//! Printing characters, and the control characters.

use super::State;
use unicode_width::UnicodeWidthChar;

/// Columns from one tab stop to the next at the beginning.
const TAB: usize = 8;

impl State {
    pub(super) fn print_character(&mut self, character: char) {
        let character = match self.charsets {
            [_, charset] if self.shifted => charset.map(character),
            [charset, _] => charset.map(character),
        };
        // A combining mark has no cell of its own, and the grid has one character a cell.
        let width = character.width().unwrap_or(0);
        if width == 0 {
            return;
        }
        self.put(character);
        // The second half of a wide character is a blank, as the Linux console has it.
        if width > 1 && !self.wrap_pending {
            self.put(' ');
        }
    }

    fn put(&mut self, character: char) {
        if self.wrap_pending {
            self.carriage_return();
            self.index();
        }
        if self.insert {
            self.insert_blanks(1);
        }
        let column = self.cursor.column;
        let cell = self.style.cell(character, self.negative);
        if let Some(slot) = self.grid.row_mut(self.cursor.row).get_mut(column) {
            *slot = cell;
        }
        if column + 1 < self.columns() {
            self.cursor.column = column + 1;
        } else {
            self.wrap_pending = self.autowrap;
        }
    }

    /// C0 controls. Those of C1 are obeyed in their other form only, as ESC and a letter.
    pub(super) fn control(&mut self, byte: u8) {
        match byte {
            0x08 => {
                self.cursor.column = self.cursor.column.saturating_sub(1);
                self.wrap_pending = false;
            }
            b'\t' => self.tab_forward(1),
            b'\n' | 0x0b | 0x0c => {
                if self.keyboard.new_line {
                    self.carriage_return();
                }
                self.line_feed();
            }
            b'\r' => self.carriage_return(),
            0x0e => self.shifted = true,
            0x0f => self.shifted = false,
            _ => {}
        }
    }

    pub(super) fn carriage_return(&mut self) {
        self.cursor.column = 0;
        self.wrap_pending = false;
    }

    pub(super) fn line_feed(&mut self) {
        self.wrap_pending = false;
        self.index();
    }

    /// One line down, scrolling at the region's end.
    pub(super) fn index(&mut self) {
        self.wrap_pending = false;
        if self.cursor.row + 1 == self.bottom {
            let blank = self.blank();
            self.grid.scroll_up(self.top..self.bottom, 1, blank);
        } else if self.cursor.row + 1 < self.rows() {
            self.cursor.row += 1;
        }
    }

    /// One line up, scrolling at the region's beginning.
    pub(super) fn reverse_index(&mut self) {
        self.wrap_pending = false;
        if self.cursor.row == self.top {
            let blank = self.blank();
            self.grid.scroll_down(self.top..self.bottom, 1, blank);
        } else {
            self.cursor.row = self.cursor.row.saturating_sub(1);
        }
    }

    pub(super) fn tab_forward(&mut self, count: usize) {
        self.wrap_pending = false;
        let last = self.columns() - 1;
        for _ in 0..count.min(self.columns()) {
            let stop = self.tabs.iter().enumerate().skip(self.cursor.column + 1).find(|(_, stop)| **stop);
            self.cursor.column = stop.map_or(last, |(column, _)| column);
        }
    }

    pub(super) fn tab_backward(&mut self, count: usize) {
        self.wrap_pending = false;
        for _ in 0..count.min(self.columns()) {
            let stop = self.tabs.iter().enumerate().take(self.cursor.column).rev().find(|(_, stop)| **stop);
            self.cursor.column = stop.map_or(0, |(column, _)| column);
        }
    }

    pub(super) fn set_default_tabs(&mut self) {
        self.tabs.iter_mut().enumerate().for_each(|(column, stop)| *stop = column % TAB == 0 && column > 0);
    }

    /// Pushes the rest of the line to the right; what leaves it is lost.
    pub(super) fn insert_blanks(&mut self, count: usize) {
        let (column, blank) = (self.cursor.column, self.blank());
        if let Some(rest) = self.grid.row_mut(self.cursor.row).get_mut(column..) {
            let count = count.min(rest.len());
            rest.rotate_right(count);
            rest.iter_mut().take(count).for_each(|cell| *cell = blank);
        }
    }

    /// Pulls the rest of the line to the left; blanks come in at its end.
    pub(super) fn delete_characters(&mut self, count: usize) {
        let (column, blank) = (self.cursor.column, self.blank());
        if let Some(rest) = self.grid.row_mut(self.cursor.row).get_mut(column..) {
            let count = count.min(rest.len());
            rest.rotate_left(count);
            rest.iter_mut().rev().take(count).for_each(|cell| *cell = blank);
        }
    }
}
