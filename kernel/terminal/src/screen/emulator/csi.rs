//! Control sequences: `ESC [`, numbers, and a letter that says what to do (console_codes(4)).

use core::ops::Range;
use vte::Params;

use super::State;
use drivers::display::Place;
use drivers::keyboard::Modes;

/// The parameter at an index; `default` if it is missing or 0, which means the same.
fn number(parameters: &Params, index: usize, default: usize) -> usize {
    match parameters.iter().nth(index).and_then(|parameter| parameter.first()) {
        Some(&value) if value > 0 => usize::from(value),
        _ => default,
    }
}

impl State {
    pub(super) fn control_sequence(&mut self, parameters: &Params, intermediates: &[u8], action: char) {
        match (intermediates, action) {
            ([], _) => self.plain_sequence(parameters, action),
            (b"?", 'h' | 'l') => {
                for parameter in parameters {
                    self.private_mode(parameter.first().copied().unwrap_or(0), action == 'h');
                }
            }
            (b"?", 'n') => self.report(number(parameters, 0, 0)),
            // DECSTR, the soft reset; clears nothing.
            (b"!", 'p') => {
                (self.top, self.bottom) = (0, self.rows());
                (self.origin, self.autowrap, self.insert, self.cursor_shown) = (false, true, false, true);
                self.style = super::Style::default();
                self.charsets = [super::Charset::Plain, super::Charset::Graphics];
                self.shifted = false;
                self.keyboard = Modes::default();
            }
            _ => {}
        }
    }

    fn plain_sequence(&mut self, parameters: &Params, action: char) {
        let first = number(parameters, 0, 1);
        match action {
            'A' => self.move_rows(-(first as isize)),
            'B' | 'e' => self.move_rows(first as isize),
            'C' | 'a' => self.move_to_column(self.cursor.column.saturating_add(first)),
            'D' => self.move_to_column(self.cursor.column.saturating_sub(first)),
            'E' => {
                self.move_rows(first as isize);
                self.carriage_return();
            }
            'F' => {
                self.move_rows(-(first as isize));
                self.carriage_return();
            }
            'G' | '`' => self.move_to_column(first - 1),
            'd' => self.move_to(first - 1, self.cursor.column),
            'H' | 'f' => self.move_to(first - 1, number(parameters, 1, 1) - 1),
            'I' => self.tab_forward(first),
            'Z' => self.tab_backward(first),
            'J' => self.erase_display(number(parameters, 0, 0)),
            'K' => self.erase_line(number(parameters, 0, 0)),
            'L' => self.shift_lines(first, true),
            'M' => self.shift_lines(first, false),
            '@' => {
                self.wrap_pending = false;
                self.insert_blanks(first);
            }
            'P' => {
                self.wrap_pending = false;
                self.delete_characters(first);
            }
            'X' => {
                self.wrap_pending = false;
                let column = self.cursor.column;
                self.erase(self.cursor.row, column..column.saturating_add(first));
            }
            'S' => {
                let blank = self.blank();
                self.grid.scroll_up(self.top..self.bottom, first, blank);
            }
            'T' => {
                let blank = self.blank();
                self.grid.scroll_down(self.top..self.bottom, first, blank);
            }
            'm' => self.style.select(parameters),
            'r' => self.set_region(first, number(parameters, 1, self.rows())),
            's' => self.save_cursor(),
            'u' => self.restore_cursor(),
            'g' => match number(parameters, 0, 0) {
                0 => {
                    if let Some(stop) = self.tabs.get_mut(self.cursor.column) {
                        *stop = false;
                    }
                }
                3 => self.tabs.fill(false),
                _ => {}
            },
            'c' if number(parameters, 0, 0) == 0 => self.answer(format_args!("\x1b[?6c")),
            'n' => self.report(number(parameters, 0, 0)),
            'h' | 'l' => {
                for parameter in parameters {
                    match parameter.first() {
                        Some(4) => self.insert = action == 'h',
                        Some(20) => self.keyboard.new_line = action == 'h',
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    /// Rows in which the cursor stays when it moves up or down.
    fn vertical_limits(&self) -> Range<usize> {
        if self.origin { self.top..self.bottom } else { 0..self.rows() }
    }

    fn move_rows(&mut self, rows: isize) {
        self.wrap_pending = false;
        let limits = self.vertical_limits();
        self.cursor.row = self.cursor.row.saturating_add_signed(rows).clamp(limits.start, limits.end - 1);
    }

    fn move_to_column(&mut self, column: usize) {
        self.wrap_pending = false;
        self.cursor.column = column.min(self.columns() - 1);
    }

    /// To a place that a program has named.
    fn move_to(&mut self, row: usize, column: usize) {
        let limits = self.vertical_limits();
        self.cursor.row = row.saturating_add(limits.start).min(limits.end - 1);
        self.move_to_column(column);
    }

    fn erase(&mut self, row: usize, columns: Range<usize>) {
        let blank = self.blank();
        self.grid.fill(row, columns, blank);
    }

    fn erase_display(&mut self, part: usize) {
        self.wrap_pending = false;
        let (Place { row, column }, rows, columns) = (self.cursor, self.rows(), self.columns());
        let blank = self.blank();
        match part {
            0 => {
                self.erase(row, column..columns);
                self.grid.fill_rows(row + 1..rows, blank);
            }
            1 => {
                self.grid.fill_rows(0..row, blank);
                self.erase(row, 0..column + 1);
            }
            2 => self.grid.fill_rows(0..rows, blank),
            3 => {
                self.grid.fill_rows(0..rows, blank);
                self.grid.clear_history();
            }
            _ => {}
        }
    }

    fn erase_line(&mut self, part: usize) {
        self.wrap_pending = false;
        let Place { row, column } = self.cursor;
        match part {
            0 => self.erase(row, column..self.columns()),
            1 => self.erase(row, 0..column + 1),
            2 => self.erase(row, 0..self.columns()),
            _ => {}
        }
    }

    /// Inserts lines before the cursor's, or deletes from it on; nothing outside the scroll region.
    fn shift_lines(&mut self, count: usize, insert: bool) {
        self.wrap_pending = false;
        let row = self.cursor.row;
        if !(self.top..self.bottom).contains(&row) {
            return;
        }
        let blank = self.blank();
        if insert {
            self.grid.scroll_down(row..self.bottom, count, blank);
        } else {
            self.grid.delete_lines(row..self.bottom, count, blank);
        }
    }

    /// First and last row of the region, from 1. A region of less than two lines is none.
    fn set_region(&mut self, first: usize, last: usize) {
        let last = last.min(self.rows());
        if first < last {
            (self.top, self.bottom) = (first - 1, last);
            self.move_to(0, 0);
        }
    }

    fn report(&mut self, what: usize) {
        match what {
            5 => self.answer(format_args!("\x1b[0n")),
            6 => {
                let row = self.cursor.row - if self.origin { self.top.min(self.cursor.row) } else { 0 };
                self.answer(format_args!("\x1b[{};{}R", row + 1, self.cursor.column + 1));
            }
            _ => {}
        }
    }

    fn private_mode(&mut self, mode: u16, on: bool) {
        match mode {
            1 => self.keyboard.application_cursor = on,
            5 if self.negative != on => {
                self.negative = on;
                self.grid.for_each(|cell| core::mem::swap(&mut cell.foreground, &mut cell.background));
            }
            6 => {
                self.origin = on;
                self.move_to(0, 0);
            }
            7 => self.autowrap = on,
            25 => self.cursor_shown = on,
            47 | 1047 => self.alternate_screen(on),
            1048 if on => self.save_cursor(),
            1048 => self.restore_cursor(),
            1049 if on => {
                self.save_cursor();
                self.alternate_screen(true);
            }
            1049 => {
                self.alternate_screen(false);
                self.restore_cursor();
            }
            _ => {}
        }
    }

    /// The alternate screen is empty whenever it is entered.
    fn alternate_screen(&mut self, on: bool) {
        if self.grid.set_alternate(on) && on {
            let (rows, blank) = (self.rows(), self.blank());
            self.grid.fill_rows(0..rows, blank);
        }
    }
}
