//! Tests of the line discipline: by hand for what a recording can't show, and against recordings of Linux.

mod by_hand;
mod recorded;

use std::vec::Vec;

use abi::termios::{Control, Termios, cc};

use super::{Discipline, Effects};

/// A discipline with what the device sent so far.
struct Bench {
    discipline: Discipline,
    effects: Effects,
    sent: Vec<u8>,
}

impl Bench {
    fn new(change: impl FnOnce(&mut Termios)) -> Bench {
        let mut termios = Termios::standard(Control::CS8.union(Control::CREAD));
        change(&mut termios);
        Bench { discipline: Discipline::new(termios).unwrap(), effects: Effects::default(), sent: Vec::new() }
    }

    /// Not canonical, no echo, with VMIN and VTIME.
    fn raw(min: u8, time: u8) -> Bench {
        Bench::new(|termios| {
            (termios.iflag, termios.oflag, termios.lflag) = (0, 0, 0);
            termios.cc[cc::VMIN] = min;
            termios.cc[cc::VTIME] = time;
        })
    }

    /// Types `bytes`; returns the echo.
    fn typed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let taken = self.discipline.receive(bytes, &mut self.effects);
        assert_eq!(taken, bytes.len(), "no room for all of the input");
        self.drain();
        std::mem::take(&mut self.sent)
    }

    fn drain(&mut self) {
        let sent = &mut self.sent;
        self.discipline.drain_echo(&mut |bytes| {
            sent.extend_from_slice(bytes);
            bytes.len()
        });
    }

    /// A program writes `bytes` to a device with room for `space`; returns what the device got and how many were used up.
    fn write(&mut self, bytes: &[u8], space: usize) -> (Vec<u8>, usize) {
        let mut out = Vec::new();
        if !self.discipline.accepts_output() {
            return (out, 0);
        }
        let used = self.discipline.write(bytes, space, &mut |part| out.extend_from_slice(part));
        (out, used)
    }

    /// A read of `size` bytes, `None` where it would block.
    fn read(&mut self, size: usize) -> Option<Vec<u8>> {
        if !self.discipline.is_readable(size, super::ReadMode::Available) {
            return None;
        }
        let mut buffer = std::vec![0; size];
        let part = self.discipline.read(&mut buffer, &mut self.effects);
        buffer.truncate(part.count);
        Some(buffer)
    }
}
