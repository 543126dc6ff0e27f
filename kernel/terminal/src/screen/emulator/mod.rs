//! A terminal emulator: bytes that programs write become cells of a grid.
//!
//! It speaks what the Linux console speaks (console_codes(4)), so that `TERM=linux` is true: the VT102's sequences, colours, UTF-8;
//! and beside that the alternate screen of xterm, which many programs ask for without asking terminfo. The parser is the `vte` crate's;
//! the functions here say what each sequence does. Whatever comes in, nothing is allocated, no work is longer than one screen, and the
//! cursor stays inside.

mod charset;
mod csi;
mod escape;
mod palette_filter;
mod style;
mod text;

use abi::{Errno, Result};
use alloc::vec::Vec;
use drivers::display::{Cell, Place};
use drivers::keyboard::Modes;

use super::grid::Grid;
use charset::Charset;
use palette_filter::{Filtered, PaletteFilter};
use style::Style;

/// Bytes of an operating system command that are looked at: none is obeyed, so few.
const COMMAND_BYTES: usize = 64;
/// Room for answers to a program's questions.
const REPLY_BYTES: usize = 64;

/// What is saved and restored together with the cursor.
#[derive(Clone, Copy)]
struct Saved {
    place: Place,
    wrap_pending: bool,
    style: Style,
    charsets: [Charset; 2],
    shifted: bool,
    origin: bool,
}

/// Everything but the parser, which needs to be borrowed beside it.
struct State {
    grid: Grid,
    cursor: Place,
    /// A character was written into the last column: the next one goes to the next line.
    wrap_pending: bool,
    style: Style,
    /// First row of the scroll region, and the one behind its last.
    top: usize,
    bottom: usize,
    /// One for each column.
    tabs: Vec<bool>,
    charsets: [Charset; 2],
    /// The second of them is in use.
    shifted: bool,
    saved: Saved,
    /// Positions count from the region's top, and the cursor stays in it (DECOM).
    origin: bool,
    autowrap: bool,
    insert: bool,
    negative: bool,
    cursor_shown: bool,
    keyboard: Modes,
    reply: [u8; REPLY_BYTES],
    replied: usize,
}

/// A terminal's screen and what draws on it.
pub(super) struct Emulator {
    parser: vte::Parser<COMMAND_BYTES>,
    filter: PaletteFilter,
    state: State,
}

impl Emulator {
    /// ENOMEM; EINVAL for a size that no screen has.
    pub(super) fn new(rows: usize, columns: usize) -> Result<Emulator> {
        let grid = Grid::new(rows, columns)?;
        let mut tabs = Vec::new();
        tabs.try_reserve_exact(columns).map_err(|_| Errno::ENOMEM)?;
        tabs.resize(columns, false);
        let saved = Saved {
            place: Place::default(),
            wrap_pending: false,
            style: Style::default(),
            charsets: [Charset::Plain, Charset::Graphics],
            shifted: false,
            origin: false,
        };
        let mut state = State {
            grid,
            cursor: saved.place,
            wrap_pending: saved.wrap_pending,
            style: saved.style,
            top: 0,
            bottom: rows,
            tabs,
            charsets: saved.charsets,
            shifted: saved.shifted,
            saved,
            origin: saved.origin,
            autowrap: true,
            insert: false,
            negative: false,
            cursor_shown: true,
            keyboard: Modes::default(),
            reply: [0; REPLY_BYTES],
            replied: 0,
        };
        state.reset();
        Ok(Emulator { parser: vte::Parser::new_with_size(), filter: PaletteFilter::default(), state })
    }

    /// Takes what a program writes.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        // Who writes wants to see it.
        self.state.grid.look_back(isize::MIN);
        let mut rest = bytes;
        while let [byte, behind @ ..] = rest {
            let plain = self.filter.plain(rest);
            if plain > 0 {
                let (text, behind) = rest.split_at(plain);
                self.write_text(text);
                rest = behind;
                continue;
            }
            match self.filter.pass(*byte) {
                Filtered::Nothing => {}
                Filtered::One(byte) => self.parser.advance(&mut self.state, &[byte]),
                Filtered::Two(bytes) => self.parser.advance(&mut self.state, &bytes),
            }
            rest = behind;
        }
    }

    /// Takes bytes of which none begins a sequence. Where they go on with a character that began in an earlier call, they go to the parser
    /// one by one: given more, version 0.15 of it loses what stands behind such a character.
    fn write_text(&mut self, text: &[u8]) {
        let (first, rest) = text.split_at(text.iter().take_while(|byte| !byte.is_ascii()).count());
        first.iter().for_each(|byte| self.parser.advance(&mut self.state, &[*byte]));
        self.parser.advance(&mut self.state, rest);
    }

    /// Shows text of the kernel: in the present style, without looking for sequences in it, and without disturbing one that a program
    /// is in the middle of. What isn't ASCII is shown as ■.
    pub(super) fn write_plain(&mut self, bytes: &[u8]) {
        self.state.grid.look_back(isize::MIN);
        for &byte in bytes {
            match byte {
                b'\n' => {
                    self.state.carriage_return();
                    self.state.line_feed();
                }
                b' '..=b'~' => self.state.print_character(char::from(byte)),
                _ => self.state.print_character('■'),
            }
        }
    }

    pub(super) fn grid(&self) -> &Grid {
        &self.state.grid
    }

    pub(super) fn grid_mut(&mut self) -> &mut Grid {
        &mut self.state.grid
    }

    /// The cursor, unless it is hidden or out of view.
    pub(super) fn cursor(&self) -> Option<Place> {
        (self.state.cursor_shown && self.state.grid.is_at_end()).then_some(self.state.cursor)
    }

    pub(super) fn keyboard_modes(&self) -> Modes {
        self.state.keyboard
    }

    /// Takes the answers that programs are to get as if they were typed.
    pub(super) fn take_reply(&mut self) -> ([u8; REPLY_BYTES], usize) {
        (self.state.reply, core::mem::take(&mut self.state.replied))
    }
}

impl State {
    fn rows(&self) -> usize {
        self.grid.rows()
    }

    fn columns(&self) -> usize {
        self.grid.columns()
    }

    fn blank(&self) -> Cell {
        self.style.blank(self.negative)
    }

    /// Queues an answer, whole or not at all.
    fn answer(&mut self, text: core::fmt::Arguments<'_>) {
        struct Tail<'a>(&'a mut [u8]);
        impl core::fmt::Write for Tail<'_> {
            fn write_str(&mut self, text: &str) -> core::fmt::Result {
                let (now, later) = core::mem::take(&mut self.0).split_at_mut_checked(text.len()).ok_or(core::fmt::Error)?;
                now.copy_from_slice(text.as_bytes());
                self.0 = later;
                Ok(())
            }
        }
        let mut tail = Tail(self.reply.get_mut(self.replied..).unwrap_or_default());
        if core::fmt::write(&mut tail, text).is_ok() {
            self.replied = REPLY_BYTES - tail.0.len();
        }
    }
}

impl vte::Perform for State {
    fn print(&mut self, character: char) {
        self.print_character(character);
    }

    fn execute(&mut self, byte: u8) {
        self.control(byte);
    }

    fn csi_dispatch(&mut self, parameters: &vte::Params, intermediates: &[u8], ignore: bool, action: char) {
        if !ignore {
            self.control_sequence(parameters, intermediates, action);
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], ignore: bool, byte: u8) {
        if !ignore {
            self.escape(intermediates, byte);
        }
    }
}
