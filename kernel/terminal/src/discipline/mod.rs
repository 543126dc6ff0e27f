//! The line discipline: what happens between a terminal's wire and the programs that read and write it (termios(3)).
//!
//! It is a pure state machine: bytes from the wire go in through `receive`, programs take them out through `read` and send theirs
//! through `write`; everything else that must happen (signals, wake-ups, flow control) is written down in an `Effects` that the owner acts on
//! after it has let go of its lock. Behaviour, down to the echo of an erased tab, is that of Linux's `n_tty`, which is what programs
//! were tried against; where termios(3) and Linux differ, Linux counts (IMAXBEL: nothing rings).

mod echo;
mod erase;
mod output;
mod queue;
mod read;
mod receive;
#[cfg(test)]
mod tests;

use abi::termios::{Input, Local, Output, Termios, cc};
use abi::{Result, SignalSet};
use echo::Echo;
use queue::InputQueue;
pub use queue::QUEUE_SIZE;
pub use read::{ReadMode, ReadPart};
pub use receive::Item;

/// Flow of output, changed by the STOP and START characters or TCXONC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    Stop,
    Start,
}

/// What the owner of a discipline has to do after a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Effects {
    /// Signals for the foreground process group.
    pub signals: SignalSet,
    /// Readers may find something now.
    pub readable: bool,
    /// Throw away output that the device hasn't sent yet.
    pub flush_output: bool,
    /// The input queue was emptied by a signal character.
    pub flushed_input: bool,
    /// Output was stopped or started.
    pub flow: Option<Flow>,
    /// Send this byte ahead of all others: STOP or START to the other side (IXOFF).
    pub urgent: Option<u8>,
}

/// A set of byte values.
#[derive(Clone, Copy, Default)]
struct ByteSet([u64; 4]);

impl ByteSet {
    fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] & (1 << (byte & 63)) != 0
    }

    fn remove(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] &= !(1 << (byte & 63));
    }
}

/// The state of one terminal's discipline.
pub struct Discipline {
    termios: Termios,
    /// Bytes that need more than being queued, under the present settings.
    special: ByteSet,
    queue: InputQueue,
    echo: Echo,
    /// The next byte is literal (VLNEXT was typed).
    literal: bool,
    /// Between the `\` and the `/` of an ECHOPRT erasure.
    erasing: bool,
    /// ICANON was switched on with bytes in the queue: they count as a line of their own.
    pushed: bool,
    /// Output is stopped.
    stopped: bool,
    /// The other side was asked to stop sending (IXOFF).
    throttled: bool,
}

impl Discipline {
    /// ENOMEM when there is no room for the queues.
    pub fn new(termios: Termios) -> Result<Self> {
        let mut discipline = Discipline {
            termios,
            special: ByteSet::default(),
            queue: InputQueue::new()?,
            echo: Echo::new()?,
            literal: false,
            erasing: false,
            pushed: false,
            stopped: false,
            throttled: false,
        };
        discipline.find_special();
        Ok(discipline)
    }

    pub fn termios(&self) -> &Termios {
        &self.termios
    }

    /// Whether output is stopped.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Whether lines are edited: ICANON without EXTPROC.
    pub fn is_canonical(&self) -> bool {
        self.termios.local() & (Local::ICANON | Local::EXTPROC) == Local::ICANON
    }

    /// Changes the settings. Bytes already typed become a line of their own when editing is switched on, and readable at once when it
    /// is switched off, as on Linux. The owner wakes readers and writers.
    pub fn set_termios(&mut self, termios: Termios, effects: &mut Effects) {
        let old = self.termios;
        self.termios = termios;
        if (old.lflag ^ termios.lflag) & (Local::ICANON | Local::EXTPROC).bits() != 0 {
            self.queue.clear_marks();
            if termios.local().contains(Local::ICANON) && self.queue.len() > 0 {
                self.queue.mark(self.queue.head.wrapping_sub(1));
                self.queue.canon = self.queue.head;
                self.pushed = true;
            } else {
                self.queue.canon = self.queue.tail;
                self.pushed = false;
            }
            self.erasing = false;
            self.literal = false;
        }
        // A terminal stopped by ^S would hang for ever once ^Q is an ordinary byte.
        if old.input().contains(Input::IXON) && !termios.input().contains(Input::IXON) {
            self.start(effects);
        }
        self.find_special();
        effects.readable = true;
    }

    /// Throws away input that wasn't read yet (TCIFLUSH).
    pub fn flush_input(&mut self, effects: &mut Effects) {
        self.queue.clear();
        self.literal = false;
        self.erasing = false;
        self.pushed = false;
        effects.flushed_input = true;
        self.unthrottle(effects);
    }

    /// Throws away echo that the device hasn't taken yet (TCOFLUSH).
    pub fn flush_echo(&mut self) {
        self.echo.clear();
    }

    /// Stops output (STOP character, TCOOFF).
    pub fn stop(&mut self, effects: &mut Effects) {
        if !self.stopped {
            self.stopped = true;
            effects.flow = Some(Flow::Stop);
        }
    }

    /// Lets output go on (START character, TCOON).
    pub fn start(&mut self, effects: &mut Effects) {
        if self.stopped {
            self.stopped = false;
            effects.flow = Some(Flow::Start);
        }
    }

    /// Whether a program's bytes may go out now: output isn't stopped, and no echo waits that must come first.
    pub fn accepts_output(&self) -> bool {
        !self.stopped && self.echo.is_empty()
    }

    /// How many bytes a program may send when the device has room for `space`, however much output processing makes of each.
    pub fn output_budget(&self, space: usize) -> usize {
        let flags = self.termios.output();
        let longest = match (flags.contains(Output::OPOST), flags & Output::TABDLY == Output::XTABS) {
            (false, _) => 1,
            (true, false) => 2,
            (true, true) => 8,
        };
        space / longest
    }

    /// Sends a program's bytes through output processing. `space` is what the device takes; `emit` gets the result in pieces. Returns
    /// how many of `bytes` were used up.
    pub fn write(&mut self, bytes: &[u8], space: usize, emit: &mut dyn FnMut(&[u8])) -> usize {
        let mut left = space;
        for (done, &byte) in bytes.iter().enumerate() {
            let fits = self.echo.cursor.process(&self.termios, byte, left, &mut |out| {
                left = left.saturating_sub(out.len());
                emit(out);
            });
            if !fits {
                return done;
            }
        }
        bytes.len()
    }

    /// Hands waiting echo to the device through `send`, which says how much it took. Returns whether all is gone.
    pub fn drain_echo(&mut self, send: &mut dyn FnMut(&[u8]) -> usize) -> bool {
        let mut buffer = [0; 64];
        while !self.stopped && !self.echo.is_empty() {
            let count = self.echo.peek(&mut buffer);
            let taken = send(buffer.get(..count).unwrap_or_default());
            self.echo.taken(taken);
            if taken < count {
                break;
            }
        }
        self.echo.is_empty()
    }

    /// One control character of the settings.
    fn control(&self, index: usize) -> u8 {
        self.termios.cc.get(index).copied().unwrap_or(abi::termios::DISABLED)
    }

    fn has_input(&self, flags: Input) -> bool {
        self.termios.input().contains(flags)
    }

    fn has_local(&self, flags: Local) -> bool {
        self.termios.local().contains(flags)
    }

    /// Works out which bytes need a closer look, so that all others take the short way.
    fn find_special(&mut self) {
        let mut special = ByteSet::default();
        let (input, local) = (self.termios.input(), self.termios.local());
        let mut add = |active: bool, indices: &[usize]| {
            if active {
                for &index in indices {
                    special.insert(self.termios.cc.get(index).copied().unwrap_or(abi::termios::DISABLED));
                }
            }
        };
        let canonical = local.contains(Local::ICANON);
        let extended = canonical && local.contains(Local::IEXTEN);
        add(canonical, &[cc::VERASE, cc::VKILL, cc::VEOF, cc::VEOL]);
        add(extended, &[cc::VWERASE, cc::VLNEXT, cc::VEOL2]);
        add(extended && local.contains(Local::ECHO), &[cc::VREPRINT]);
        add(input.contains(Input::IXON), &[cc::VSTART, cc::VSTOP]);
        add(local.contains(Local::ISIG), &[cc::VINTR, cc::VQUIT, cc::VSUSP]);
        // A character that is switched off has the value 0, which must not make the byte 0 special.
        special.remove(abi::termios::DISABLED);
        if input.intersects(Input::IGNCR | Input::ICRNL) {
            special.insert(b'\r');
        }
        if canonical || input.contains(Input::INLCR) {
            special.insert(b'\n');
        }
        self.special = special;
    }
}
