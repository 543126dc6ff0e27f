//! Output processing (OPOST) and the place of the cursor, which tab expansion and erasing of tabs need to know.

use abi::termios::{Input, Output, Termios};

/// Columns from one tab stop to the next.
const TAB: u32 = 8;

/// Eight blanks: the longest expansion of one byte.
const BLANKS: [u8; TAB as usize] = [b' '; TAB as usize];

/// Where the cursor of a terminal stands, as far as the bytes that went through it tell.
#[derive(Default)]
pub(super) struct Cursor {
    pub(super) column: u32,
    /// The column in which the line being edited began.
    pub(super) line_start: u32,
}

/// Whether `byte` goes on with a UTF-8 character that began earlier, on a terminal with IUTF8.
pub(super) fn is_continuation(termios: &Termios, byte: u8) -> bool {
    byte & 0xc0 == 0x80 && termios.input().contains(Input::IUTF8)
}

/// The capital letter, in Latin-1: these two are older than UTF-8, and Linux never changed them (`ß` becomes `¿`).
fn to_upper(byte: u8) -> u8 {
    if byte.is_ascii_lowercase() || (byte >= 0xdf && byte != 0xf7) { byte - 0x20 } else { byte }
}

/// The small letter, in Latin-1.
pub(super) fn to_lower(byte: u8) -> u8 {
    if byte.is_ascii_uppercase() || (matches!(byte, 0xc0..=0xde) && byte != 0xd7) { byte + 0x20 } else { byte }
}

impl Cursor {
    /// Sends one byte through output processing. `emit` gets one to eight bytes, or none for a byte that is swallowed. Returns false,
    /// with nothing done, when the result doesn't fit into `space` bytes.
    pub(super) fn process(&mut self, termios: &Termios, byte: u8, space: usize, emit: &mut dyn FnMut(&[u8])) -> bool {
        let flags = termios.output();
        if space == 0 {
            return false;
        }
        if !flags.contains(Output::OPOST) {
            emit(&[byte]);
            return true;
        }
        let mut byte = byte;
        match byte {
            b'\n' => {
                if flags.contains(Output::ONLRET) {
                    self.column = 0;
                }
                if flags.contains(Output::ONLCR) {
                    if space < 2 {
                        return false;
                    }
                    self.column = 0;
                    self.line_start = 0;
                    emit(b"\r\n");
                    return true;
                }
                self.line_start = self.column;
            }
            b'\r' => {
                if flags.contains(Output::ONOCR) && self.column == 0 {
                    return true;
                }
                if flags.contains(Output::OCRNL) {
                    byte = b'\n';
                    if flags.contains(Output::ONLRET) {
                        self.column = 0;
                        self.line_start = 0;
                    }
                } else {
                    self.column = 0;
                    self.line_start = 0;
                }
            }
            b'\t' => {
                let blanks = TAB - self.column % TAB;
                if flags & Output::TABDLY == Output::XTABS {
                    let Some(blanks) = BLANKS.get(..blanks as usize) else { return true };
                    if space < blanks.len() {
                        return false;
                    }
                    self.column = self.column.wrapping_add(blanks.len() as u32);
                    emit(blanks);
                    return true;
                }
                self.column = self.column.wrapping_add(blanks);
            }
            0x08 => self.column = self.column.saturating_sub(1),
            _ if !byte.is_ascii_control() => {
                if flags.contains(Output::OLCUC) {
                    byte = to_upper(byte);
                }
                if !is_continuation(termios, byte) {
                    self.column = self.column.wrapping_add(1);
                }
            }
            _ => {}
        }
        emit(&[byte]);
        true
    }
}
