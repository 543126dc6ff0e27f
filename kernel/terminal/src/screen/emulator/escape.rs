//! Sequences of ESC and a letter, and what they share with others: save, restore, reset.

use super::{Charset, Modes, Saved, State, Style};
use drivers::display::{Cell, Place};

impl State {
    pub(super) fn escape(&mut self, intermediates: &[u8], byte: u8) {
        match (intermediates, byte) {
            ([], b'7') => self.save_cursor(),
            ([], b'8') => self.restore_cursor(),
            ([], b'D') => self.line_feed(),
            ([], b'E') => {
                self.carriage_return();
                self.line_feed();
            }
            ([], b'M') => self.reverse_index(),
            ([], b'H') => {
                if let Some(stop) = self.tabs.get_mut(self.cursor.column) {
                    *stop = true;
                }
            }
            ([], b'Z') => self.answer(format_args!("\x1b[?6c")),
            ([], b'c') => self.reset(),
            ([], b'=') => self.keyboard.application_keypad = true,
            ([], b'>') => self.keyboard.application_keypad = false,
            (b"#", b'8') => {
                // The screen alignment test of a VT100: a screen full of E.
                let cell = Cell { character: 'E', ..self.blank() };
                let rows = self.rows();
                self.grid.fill_rows(0..rows, cell);
            }
            (b"(", _) => self.choose_charset(0, byte),
            (b")", _) => self.choose_charset(1, byte),
            _ => {}
        }
    }

    fn choose_charset(&mut self, which: usize, byte: u8) {
        let charset = if byte == b'0' { Charset::Graphics } else { Charset::Plain };
        if let Some(slot) = self.charsets.get_mut(which) {
            *slot = charset;
        }
    }

    pub(super) fn save_cursor(&mut self) {
        self.saved = Saved {
            place: self.cursor,
            wrap_pending: self.wrap_pending,
            style: self.style,
            charsets: self.charsets,
            shifted: self.shifted,
            origin: self.origin,
        };
    }

    pub(super) fn restore_cursor(&mut self) {
        let Saved { place, wrap_pending, style, charsets, shifted, origin } = self.saved;
        (self.cursor, self.wrap_pending, self.style) = (place, wrap_pending, style);
        (self.charsets, self.shifted, self.origin) = (charsets, shifted, origin);
    }

    /// As after power-on; the scroll-back stays.
    pub(super) fn reset(&mut self) {
        self.grid.set_alternate(false);
        self.cursor = Place::default();
        self.wrap_pending = false;
        self.style = Style::default();
        (self.top, self.bottom) = (0, self.rows());
        self.set_default_tabs();
        self.charsets = [Charset::Plain, Charset::Graphics];
        self.shifted = false;
        (self.origin, self.autowrap, self.insert, self.negative, self.cursor_shown) = (false, true, false, false, true);
        self.keyboard = Modes::default();
        self.save_cursor();
        let rows = self.rows();
        self.grid.fill_rows(0..rows, Cell::BLANK);
    }
}
