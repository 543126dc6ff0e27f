//! Control lines that the host sends over the second serial line: `winsize ROWS COLUMNS` when the window of the user's terminal has a
//! new size.

use alloc::sync::Arc;

use abi::termios::Winsize;
use drivers::uart::Received;

use super::SerialLine;
use crate::tty::Tty;

/// Longer lines are none of ours; their rest is skipped.
const LONGEST: usize = 63;

/// Gathers bytes to lines.
pub(super) struct LineReader {
    bytes: [u8; LONGEST],
    used: usize,
    overlong: bool,
}

impl LineReader {
    pub(super) const fn new() -> LineReader {
        LineReader { bytes: [0; LONGEST], used: 0, overlong: false }
    }

    /// Adds a byte; gives the window size when it ends a line that names one.
    pub(super) fn add(&mut self, byte: u8) -> Option<Winsize> {
        if byte != b'\n' {
            match self.bytes.get_mut(self.used) {
                Some(slot) => {
                    *slot = byte;
                    self.used += 1;
                }
                None => self.overlong = true,
            }
            return None;
        }
        let used = core::mem::take(&mut self.used);
        if core::mem::take(&mut self.overlong) {
            return None;
        }
        parse(core::str::from_utf8(self.bytes.get(..used)?).ok()?)
    }
}

/// `winsize ROWS COLUMNS`; `None` for anything else.
fn parse(line: &str) -> Option<Winsize> {
    let mut words = line.split_ascii_whitespace();
    if words.next()? != "winsize" {
        return None;
    }
    let rows = words.next()?.parse().ok()?;
    let columns = words.next()?.parse().ok()?;
    words.next().is_none().then_some(Winsize { rows, columns, xpixel: 0, ypixel: 0 })
}

/// Reads control lines, for ever.
pub(crate) async fn obey(line: &'static SerialLine, tty: Option<Arc<Tty>>) {
    let mut reader = LineReader::new();
    loop {
        let item = line
            .readers
            .wait_until(|| {
                let item = line.input.peek();
                line.input.advance();
                item
            })
            .await;
        if let Received::Byte(byte) = item
            && let (Some(winsize), Some(tty)) = (reader.add(byte), &tty)
        {
            tty.set_winsize(winsize);
        }
        line.resume_receiving();
    }
}
