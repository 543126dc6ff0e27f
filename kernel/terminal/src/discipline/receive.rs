//! What the discipline does with each byte from the wire.

use abi::Signal;
use abi::termios::{DISABLED, Input, Local, cc};

use super::output::to_lower;
use super::queue::QUEUE_SIZE;
use super::{Discipline, Effects};

/// When fewer slots than this are free, the other side is asked to stop (IXOFF); when fewer bytes than this wait, to go on.
const THRESHOLD: usize = 128;

/// One thing from the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Item {
    Byte(u8),
    /// A byte with a parity or framing error.
    Damaged(u8),
    Break,
}

impl Discipline {
    /// Takes bytes for as long as there is room. Returns how many were taken; the owner keeps the others until somebody has read.
    pub fn receive(&mut self, bytes: &[u8], effects: &mut Effects) -> usize {
        for (done, &byte) in bytes.iter().enumerate() {
            if !self.receive_item(Item::Byte(byte), effects) {
                return done;
            }
        }
        bytes.len()
    }

    /// How many bytes `receive` certainly takes now. `usize::MAX` in a line without end, whose surplus is dropped.
    pub fn input_room(&self) -> usize {
        if self.is_endless_line() {
            return usize::MAX;
        }
        self.free_slots().saturating_sub(1)
    }

    /// Takes one item; false when there is no room for it.
    pub fn receive_item(&mut self, item: Item, effects: &mut Effects) -> bool {
        if !self.make_room() {
            return false;
        }
        let literal = core::mem::take(&mut self.literal);
        match item {
            Item::Byte(byte) => {
                let byte = self.fold(byte);
                if self.has_local(Local::EXTPROC) {
                    self.queue.put(byte);
                    effects.readable = true;
                } else if !literal && self.special.contains(byte) {
                    self.receive_special(byte, effects);
                } else {
                    self.receive_plain(byte, effects);
                }
            }
            Item::Break => self.receive_break(effects),
            Item::Damaged(byte) => self.receive_damaged(byte, effects),
        }
        self.throttle(effects);
        true
    }

    /// Whether a byte that comes in now has a place. One slot stays free, so that a line of 4095 bytes still gets its newline. A line
    /// that is longer loses its last byte for each that follows: the reader can't finish it, so waiting would be for ever.
    fn make_room(&mut self) -> bool {
        let room = self.free_slots();
        if room > 1 {
            return true;
        }
        if !self.is_endless_line() {
            return false;
        }
        if room == 0 {
            self.queue.head = self.queue.head.wrapping_sub(1);
        }
        true
    }

    /// Free places in the queue, counting three for each byte with PARMRK, which one byte may become.
    fn free_slots(&self) -> usize {
        let free = QUEUE_SIZE.saturating_sub(self.queue.len());
        if self.has_input(Input::PARMRK) { free.div_ceil(3) } else { free }
    }

    /// Only an unfinished line is in the queue.
    fn is_endless_line(&self) -> bool {
        self.has_local(Local::ICANON) && self.queue.complete() == 0
    }

    /// ISTRIP and IUCLC.
    fn fold(&self, byte: u8) -> u8 {
        let byte = if self.has_input(Input::ISTRIP) { byte & 0x7f } else { byte };
        if self.has_input(Input::IUCLC) && self.has_local(Local::IEXTEN) { to_lower(byte) } else { byte }
    }

    /// IXANY: any byte starts stopped output.
    fn start_by_any(&mut self, effects: &mut Effects) {
        if self.has_input(Input::IXON | Input::IXANY) {
            self.start(effects);
        }
    }

    fn receive_plain(&mut self, byte: u8, effects: &mut Effects) {
        self.start_by_any(effects);
        if self.has_local(Local::ECHO) {
            self.finish_erasing();
            self.note_line_start();
            self.echo.typed(&self.termios, byte);
        }
        self.queue_marked(byte);
        self.tell_readers(effects);
    }

    fn receive_special(&mut self, byte: u8, effects: &mut Effects) {
        if self.has_input(Input::IXON) {
            if byte == self.control(cc::VSTART) {
                return self.start(effects);
            }
            if byte == self.control(cc::VSTOP) {
                return self.stop(effects);
            }
        }
        if self.has_local(Local::ISIG) {
            for (index, signal) in [(cc::VINTR, Signal::SIGINT), (cc::VQUIT, Signal::SIGQUIT), (cc::VSUSP, Signal::SIGTSTP)] {
                if byte == self.control(index) {
                    return self.receive_signal(byte, signal, effects);
                }
            }
        }
        self.start_by_any(effects);
        let byte = match byte {
            b'\r' if self.has_input(Input::IGNCR) => return,
            b'\r' if self.has_input(Input::ICRNL) => b'\n',
            b'\n' if self.has_input(Input::INLCR) => b'\r',
            other => other,
        };
        if self.has_local(Local::ICANON) && self.edit(byte, effects) {
            return;
        }
        if self.has_local(Local::ECHO) {
            self.finish_erasing();
            if byte == b'\n' {
                self.echo.raw(&self.termios, byte);
            } else {
                self.note_line_start();
                self.echo.typed(&self.termios, byte);
            }
        }
        self.queue_marked(byte);
        self.tell_readers(effects);
    }

    /// The editing and line-ending characters of canonical mode. False when `byte` is none of them.
    fn edit(&mut self, byte: u8, effects: &mut Effects) -> bool {
        let extended = self.has_local(Local::IEXTEN);
        let echo = self.has_local(Local::ECHO);
        let is = |index: usize| byte != DISABLED && byte == self.control(index);
        if is(cc::VERASE) || is(cc::VKILL) || (extended && is(cc::VWERASE)) {
            self.erase(byte);
        } else if extended && is(cc::VLNEXT) {
            self.literal = true;
            if echo {
                self.finish_erasing();
                if self.has_local(Local::ECHOCTL) {
                    // Shows a ^ under the cursor until the literal character replaces it.
                    self.echo.raw(&self.termios, b'^');
                    self.echo.raw(&self.termios, 0x08);
                }
            }
        } else if extended && echo && is(cc::VREPRINT) {
            self.reprint(byte);
        } else if byte == b'\n' {
            if echo || self.has_local(Local::ECHONL) {
                self.echo.raw(&self.termios, b'\n');
            }
            self.end_line(b'\n', effects);
        } else if is(cc::VEOF) {
            // The mark with a disabled character says: the line ends here, and this byte is no part of it.
            self.end_line(DISABLED, effects);
        } else if is(cc::VEOL) || (extended && is(cc::VEOL2)) {
            if echo {
                self.note_line_start();
                self.echo.typed(&self.termios, byte);
            }
            if byte == 0xff && self.has_input(Input::PARMRK) {
                self.queue.put(byte);
            }
            self.end_line(byte, effects);
        } else {
            return false;
        }
        true
    }

    fn end_line(&mut self, byte: u8, effects: &mut Effects) {
        self.queue.put_end(byte);
        effects.readable = true;
    }

    fn reprint(&mut self, byte: u8) {
        self.finish_erasing();
        self.echo.typed(&self.termios, byte);
        self.echo.raw(&self.termios, b'\n');
        let mut position = self.queue.canon;
        while position != self.queue.head {
            let typed = self.queue.at(position);
            self.echo.typed(&self.termios, typed);
            position = position.wrapping_add(1);
        }
    }

    fn receive_signal(&mut self, byte: u8, signal: Signal, effects: &mut Effects) {
        self.signal(signal, effects);
        if self.has_input(Input::IXON) {
            self.start(effects);
        }
        if self.has_local(Local::ECHO) {
            self.echo.typed(&self.termios, byte);
        }
    }

    /// Signals the foreground group; without NOFLSH, input and output that are on their way vanish.
    fn signal(&mut self, signal: Signal, effects: &mut Effects) {
        effects.signals = effects.signals.with(signal);
        if !self.has_local(Local::NOFLSH) {
            self.echo.clear();
            effects.flush_output = true;
            self.flush_input(effects);
        }
    }

    fn receive_break(&mut self, effects: &mut Effects) {
        if self.has_input(Input::IGNBRK) {
            return;
        }
        if self.has_input(Input::BRKINT) {
            return self.signal(Signal::SIGINT, effects);
        }
        if self.has_input(Input::PARMRK) {
            self.queue.put(0xff);
            self.queue.put(0);
        }
        self.queue.put(0);
        self.tell_readers(effects);
    }

    fn receive_damaged(&mut self, byte: u8, effects: &mut Effects) {
        if !self.has_input(Input::INPCK) {
            self.queue.put(byte);
        } else if self.has_input(Input::IGNPAR) {
            return;
        } else if self.has_input(Input::PARMRK) {
            self.queue.put(0xff);
            self.queue.put(0);
            self.queue.put(byte);
        } else {
            self.queue.put(0);
        }
        self.tell_readers(effects);
    }

    /// Queues an ordinary byte; with PARMRK a real 0xff is doubled, to differ from a mark.
    fn queue_marked(&mut self, byte: u8) {
        if byte == 0xff && self.has_input(Input::PARMRK) {
            self.queue.put(byte);
        }
        self.queue.put(byte);
    }

    /// The cursor's column belongs to the first character of a line, for erasing tabs later.
    fn note_line_start(&mut self) {
        if self.queue.canon == self.queue.head {
            self.echo.cursor.line_start = self.echo.cursor.column;
        }
    }

    fn tell_readers(&self, effects: &mut Effects) {
        if !self.is_canonical() {
            effects.readable = true;
        }
    }

    /// IXOFF: asks the other side to stop when the queue is nearly full. Not in an unfinished line, which only its end can make readable.
    fn throttle(&mut self, effects: &mut Effects) {
        if !self.has_input(Input::IXOFF) || self.throttled || (self.is_canonical() && self.queue.complete() == 0) {
            return;
        }
        if QUEUE_SIZE.saturating_sub(self.queue.len()) < THRESHOLD {
            self.throttled = true;
            effects.urgent = Some(self.control(cc::VSTOP)).filter(|&byte| byte != DISABLED);
        }
    }

    /// The other side of `throttle`, after a read.
    pub(super) fn unthrottle(&mut self, effects: &mut Effects) {
        if self.throttled && self.queue.len() <= THRESHOLD {
            self.throttled = false;
            effects.urgent = Some(self.control(cc::VSTART)).filter(|&byte| byte != DISABLED);
        }
    }
}
