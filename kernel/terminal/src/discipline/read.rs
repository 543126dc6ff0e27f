//! What a program's read takes out of the input queue.

use abi::termios::{DISABLED, cc};

use super::{Discipline, Effects};

/// How patient a read is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadMode {
    /// Waits for a line, or for VMIN bytes.
    Blocking,
    /// Takes what is there: O_NONBLOCK, or the time of VTIME is over.
    Available,
}

/// What one call of `read` gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadPart {
    /// Bytes put into the buffer.
    pub count: usize,
    /// The read is complete (a line ended, or the queue is dry) even if the program asked for more.
    pub complete: bool,
}

impl Discipline {
    /// Bytes that a read could take now (FIONREAD): whole lines only in canonical mode, without end-of-file marks.
    pub fn available(&self) -> usize {
        if !self.is_canonical() {
            return self.queue.len();
        }
        let mut count = 0;
        let mut position = self.queue.tail;
        while position != self.queue.canon {
            if !(self.queue.is_end(position) && self.queue.at(position) == DISABLED) {
                count += 1;
            }
            position = position.wrapping_add(1);
        }
        count
    }

    /// Whether a read that asks for `wanted` bytes has enough to finish.
    pub fn is_readable(&self, wanted: usize, mode: ReadMode) -> bool {
        if self.is_canonical() {
            return self.queue.complete() > 0;
        }
        let minimum = match mode {
            ReadMode::Blocking => usize::from(self.minimum()).clamp(1, wanted.max(1)),
            ReadMode::Available => 1,
        };
        self.queue.len() >= minimum
    }

    /// Whether poll(2) calls the terminal readable: a line, or VMIN bytes when no timer runs (VTIME = 0), else one byte.
    pub fn polls_readable(&self) -> bool {
        let mode = if self.time() == 0 { ReadMode::Blocking } else { ReadMode::Available };
        self.is_readable(usize::MAX, mode)
    }

    /// VMIN.
    pub fn minimum(&self) -> u8 {
        self.control(cc::VMIN)
    }

    /// VTIME, in tenths of a second.
    pub fn time(&self) -> u8 {
        self.control(cc::VTIME)
    }

    /// Takes bytes into `buffer`: in canonical mode at most to the end of a line. An end-of-file mark ends the read and vanishes, so
    /// that one at the start of a line gives the famous zero bytes.
    pub fn read(&mut self, buffer: &mut [u8], effects: &mut Effects) -> ReadPart {
        let part = if self.is_canonical() { self.read_line(buffer) } else { self.read_raw(buffer) };
        self.unthrottle(effects);
        part
    }

    fn read_raw(&mut self, buffer: &mut [u8]) -> ReadPart {
        let mut count = 0;
        for slot in buffer.iter_mut() {
            let Some((byte, _)) = self.queue.take(self.queue.head) else { break };
            *slot = byte;
            count += 1;
        }
        // Outside canonical mode no line is being edited: what was read must not look like one when editing is switched on later.
        self.queue.canon = self.queue.tail;
        ReadPart { count, complete: self.queue.len() == 0 }
    }

    fn read_line(&mut self, buffer: &mut [u8]) -> ReadPart {
        let mut count = 0;
        for slot in buffer.iter_mut() {
            let Some((byte, end)) = self.queue.take(self.queue.canon) else { break };
            // Bytes that were pushed when editing was switched on end in whatever byte came last, which is data.
            let pushed = end && core::mem::take(&mut self.pushed);
            if end && byte == DISABLED && !pushed {
                return ReadPart { count, complete: true };
            }
            *slot = byte;
            count += 1;
            if end {
                return ReadPart { count, complete: true };
            }
        }
        // A line that just fills the buffer takes its end-of-file mark along, or the next read would see a false end of file.
        let tail = self.queue.tail;
        if count > 0 && tail != self.queue.canon && self.queue.is_end(tail) && self.queue.at(tail) == DISABLED {
            self.queue.take(self.queue.canon);
            return ReadPart { count, complete: true };
        }
        ReadPart { count, complete: self.queue.complete() == 0 }
    }
}
