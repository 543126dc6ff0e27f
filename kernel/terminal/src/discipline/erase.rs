//! Line editing: VERASE, VWERASE and VKILL, and what they look like on the screen.

use abi::termios::{Local, cc};

use super::Discipline;
use super::output::is_continuation;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Character,
    Word,
    Line,
}

impl Discipline {
    /// Closes the `\…/` of an ECHOPRT erasure.
    pub(super) fn finish_erasing(&mut self) {
        if core::mem::take(&mut self.erasing) {
            self.echo.raw(&self.termios, b'/');
        }
    }

    /// Acts on an erase character: takes back a character, a word or the line.
    pub(super) fn erase(&mut self, byte: u8) {
        if self.queue.head == self.queue.canon {
            return;
        }
        let echo = self.has_local(Local::ECHO);
        let extent = if byte == self.control(cc::VERASE) {
            Extent::Character
        } else if byte == self.control(cc::VWERASE) {
            Extent::Word
        } else {
            if !echo {
                self.queue.head = self.queue.canon;
                return;
            }
            if !self.has_local(Local::ECHOK | Local::ECHOKE | Local::ECHOE) {
                self.kill_without_wiping();
                return;
            }
            Extent::Line
        };
        let mut in_word = false;
        while self.queue.head != self.queue.canon {
            let Some((start, first)) = self.last_character() else { break };
            if extent == Extent::Word {
                if is_word(first) {
                    in_word = true;
                } else if in_word {
                    break;
                }
            }
            let end = core::mem::replace(&mut self.queue.head, start);
            if echo {
                self.show_erased(first, start, end, extent);
            }
            if extent == Extent::Character {
                break;
            }
        }
        if self.queue.head == self.queue.canon && echo {
            self.finish_erasing();
        }
    }

    /// Where the last character of the edited line starts, and its first byte. `None` when the line begins in the middle of a UTF-8
    /// character: half of one isn't erased.
    fn last_character(&self) -> Option<(usize, u8)> {
        let mut start = self.queue.head;
        loop {
            start = start.wrapping_sub(1);
            let byte = self.queue.at(start);
            if !is_continuation(&self.termios, byte) {
                return Some((start, byte));
            }
            if start == self.queue.canon {
                return None;
            }
        }
    }

    /// VKILL on a terminal that can't wipe out what stands there: shows the character, and goes to a new line with ECHOK.
    fn kill_without_wiping(&mut self) {
        self.queue.head = self.queue.canon;
        self.finish_erasing();
        self.echo.typed(&self.termios, self.termios.cc[cc::VKILL]);
        if self.has_local(Local::ECHOK) {
            self.echo.raw(&self.termios, b'\n');
        }
    }

    fn show_erased(&mut self, first: u8, start: usize, end: usize, extent: Extent) {
        if self.has_local(Local::ECHOPRT) {
            if !self.erasing {
                self.echo.raw(&self.termios, b'\\');
                self.erasing = true;
            }
            self.echo.typed(&self.termios, first);
            let mut position = start.wrapping_add(1);
            while position != end {
                let byte = self.queue.at(position);
                self.echo.raw(&self.termios, byte);
                position = position.wrapping_add(1);
            }
        } else if extent == Extent::Character && !self.has_local(Local::ECHOE) {
            self.echo.typed(&self.termios, self.termios.cc[cc::VERASE]);
        } else if first == b'\t' {
            let (columns, after_tab) = self.columns_before(start);
            self.echo.rub_out_tab(columns, after_tab);
        } else if !first.is_ascii_control() {
            self.echo.rub_out(&self.termios);
        } else if self.has_local(Local::ECHOCTL) {
            self.echo.rub_out(&self.termios);
            self.echo.rub_out(&self.termios);
        }
    }

    /// The width of the edited line from the tab before `position`, or from its start, up to `position`.
    fn columns_before(&self, position: usize) -> (u32, bool) {
        let mut columns: u32 = 0;
        let mut position = position;
        while position != self.queue.canon {
            position = position.wrapping_sub(1);
            let byte = self.queue.at(position);
            if byte == b'\t' {
                return (columns, true);
            }
            if byte.is_ascii_control() {
                columns = columns.wrapping_add(if self.has_local(Local::ECHOCTL) { 2 } else { 0 });
            } else if !is_continuation(&self.termios, byte) {
                columns = columns.wrapping_add(1);
            }
        }
        (columns, false)
    }
}

/// Letters, digits and the underscore; of the upper half, Latin-1's letters, as in the kernel of Linux.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || (byte >= 0xc0 && byte != 0xd7 && byte != 0xf7)
}
