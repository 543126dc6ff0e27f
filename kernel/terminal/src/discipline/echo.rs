//! Echo: what the terminal shows of the keys that are pressed.
//!
//! Echoed bytes are kept in a queue of their own until the device has room, so that a key press never waits and a program's output
//! is never split by it in the middle of a multi-byte sequence. A full queue drops new echo: input must go on.

use alloc::collections::VecDeque;

use abi::termios::{Local, Termios};
use abi::{Errno, Result};

use super::output::Cursor;

/// Bytes of echo that wait for the device.
const ECHO_SIZE: usize = 4096;

/// What is reserved at once; the rest is only needed by a terminal whose output is stopped while keys are pressed.
const ECHO_USUAL: usize = 64;

pub(super) struct Echo {
    queue: VecDeque<u8>,
    pub(super) cursor: Cursor,
}

impl Echo {
    /// ENOMEM.
    pub(super) fn new() -> Result<Self> {
        let mut queue = VecDeque::new();
        queue.try_reserve(ECHO_USUAL).map_err(|_| Errno::ENOMEM)?;
        Ok(Echo { queue, cursor: Cursor::default() })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.queue.clear();
    }

    /// Echoes `byte` as it is, through output processing. The byte 0xff passes unprocessed and counts as a column: it is the escape in
    /// Linux's echo queue, and programs see that.
    pub(super) fn raw(&mut self, termios: &Termios, byte: u8) {
        if byte == 0xff {
            self.push(byte);
            self.cursor.column = self.cursor.column.wrapping_add(1);
            return;
        }
        let queue = &mut self.queue;
        let space = ECHO_SIZE.saturating_sub(queue.len());
        self.cursor.process(termios, byte, space, &mut |bytes| {
            if queue.try_reserve(bytes.len()).is_ok() {
                queue.extend(bytes);
            }
        });
    }

    /// Echoes a typed byte: with ECHOCTL a control character is shown as ^X.
    pub(super) fn typed(&mut self, termios: &Termios, byte: u8) {
        if byte.is_ascii_control() && byte != b'\t' && termios.local().contains(Local::ECHOCTL) {
            let shown = byte ^ 0o100;
            let queue = &mut self.queue;
            if queue.len().saturating_add(2) <= ECHO_SIZE && queue.try_reserve(2).is_ok() {
                queue.extend([b'^', shown]);
                self.cursor.column = self.cursor.column.wrapping_add(2);
            }
        } else {
            self.raw(termios, byte);
        }
    }

    /// Wipes out the character before the cursor.
    pub(super) fn rub_out(&mut self, termios: &Termios) {
        for byte in [0x08, b' ', 0x08] {
            self.raw(termios, byte);
        }
    }

    /// Moves back over a tab. `columns` is the width of what stands between the tab and the tab before it (`after_tab`) or the start
    /// of the line.
    pub(super) fn rub_out_tab(&mut self, columns: u32, after_tab: bool) {
        let place = if after_tab { columns } else { columns.wrapping_add(self.cursor.line_start) };
        let back = 8 - place % 8;
        for _ in 0..back {
            self.push(0x08);
            self.cursor.column = self.cursor.column.saturating_sub(1);
        }
    }

    fn push(&mut self, byte: u8) {
        if self.queue.len() < ECHO_SIZE && self.queue.try_reserve(1).is_ok() {
            self.queue.push_back(byte);
        }
    }

    /// The bytes that wait, at most `buffer.len()`; `taken` then says how many of them the device took.
    pub(super) fn peek(&self, buffer: &mut [u8]) -> usize {
        let mut count = 0;
        for (slot, byte) in buffer.iter_mut().zip(&self.queue) {
            *slot = *byte;
            count += 1;
        }
        count
    }

    pub(super) fn taken(&mut self, count: usize) {
        self.queue.drain(..count.min(self.queue.len()));
    }
}
