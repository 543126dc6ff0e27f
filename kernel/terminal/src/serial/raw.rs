//! The raw host channels /dev/hostio0 and /dev/hostio1: a serial line without terminal, for programs whose standard input and output are
//! pipes or files on the host.
//!
//! Output is eight-bit clean. Input carries one escape, because a serial line knows no end: DLE (0x10) before 0x10 is a literal 0x10,
//! before 0x04 the end of the file. After that every read gives 0 bytes.

use abi::{Errno, Result};
use drivers::uart::Received;
use fs::{File, Io, PollEvents, Side, Turn};
use memory::{IoSink, IoSource};
use sync::{SpinLock, WaitQueue};

use super::SerialLine;

const DLE: u8 = 0x10;
const END_OF_FILE: u8 = 0x04;

/// Bytes moved at a time; they pass through the stack.
const CHUNK: usize = 256;

/// Takes the escapes out of a stream of bytes.
#[derive(Default)]
pub(super) struct Decoder {
    escaped: bool,
    ended: bool,
}

impl Decoder {
    /// What `byte` adds to the file, if anything.
    pub(super) fn decode(&mut self, byte: u8) -> Option<u8> {
        if core::mem::take(&mut self.escaped) {
            if byte == END_OF_FILE {
                self.ended = true;
                return None;
            }
            return Some(byte);
        }
        if byte == DLE {
            self.escaped = true;
            return None;
        }
        Some(byte)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }
}

/// One channel. All its openings share it, as all descriptors of a pipe do.
pub(crate) struct RawChannel {
    line: &'static SerialLine,
    decoder: SpinLock<Decoder>,
    /// Whether the line's input belongs to the channel; if not, reading is the end of the file.
    readable: bool,
    read_turn: Turn,
    write_turn: Turn,
}

impl RawChannel {
    pub(crate) const fn new(line: &'static SerialLine, readable: bool) -> RawChannel {
        RawChannel {
            line,
            decoder: SpinLock::new(Decoder { escaped: false, ended: false }),
            readable,
            read_turn: Turn::new(),
            write_turn: Turn::new(),
        }
    }

    /// Takes decoded bytes into `buffer`.
    fn fetch(&self, buffer: &mut [u8]) -> usize {
        let mut decoder = self.decoder.lock();
        let mut count = 0;
        while let Some(slot) = buffer.get_mut(count) {
            if decoder.has_ended() {
                break;
            }
            let Some(item) = self.line.input.peek() else { break };
            self.line.input.advance();
            if let Received::Byte(byte) | Received::Damaged(byte) = item
                && let Some(plain) = decoder.decode(byte)
            {
                *slot = plain;
                count += 1;
            }
        }
        count
    }

    fn has_ended(&self) -> bool {
        !self.readable || self.decoder.lock().has_ended()
    }

    /// Looks past escapes at the head of the input, which are nothing to read: whether a read would give something.
    fn has_input(&self) -> bool {
        let mut decoder = self.decoder.lock();
        loop {
            if decoder.has_ended() {
                return true;
            }
            match self.line.input.peek() {
                None => return false,
                Some(Received::Byte(DLE)) if !decoder.escaped => {
                    decoder.escaped = true;
                    self.line.input.advance();
                }
                Some(Received::Byte(END_OF_FILE)) if decoder.escaped => {
                    decoder.ended = true;
                    self.line.input.advance();
                }
                Some(Received::Break) => self.line.input.advance(),
                Some(_) => return true,
            }
        }
    }
}

impl File for RawChannel {
    fn try_read(&self, _: &mut Io, sink: &mut IoSink<'_>) -> Result<usize> {
        let _turn = self.read_turn.take();
        if self.has_ended() || sink.remaining() == 0 {
            return Ok(0);
        }
        let mut total = 0;
        let mut buffer = [0; CHUNK];
        loop {
            let size = sink.remaining().min(CHUNK);
            let count = self.fetch(buffer.get_mut(..size).unwrap_or_default());
            if count == 0 {
                break;
            }
            match sink.put(buffer.get(..count).unwrap_or_default()) {
                Ok(put) => total += put,
                Err(error) if total == 0 => return Err(error),
                Err(_) => break,
            }
        }
        self.line.resume_receiving();
        if total == 0 && !self.has_ended() { Err(Errno::EAGAIN) } else { Ok(total) }
    }

    fn try_write(&self, _: &mut Io, source: &mut IoSource<'_>) -> Result<usize> {
        if source.remaining() == 0 {
            return Ok(0);
        }
        let _turn = self.write_turn.take();
        let mut total = 0;
        let mut buffer = [0; CHUNK];
        while source.remaining() > 0 {
            let size = self.line.room().min(source.remaining()).min(CHUNK);
            let Some(space) = buffer.get_mut(..size).filter(|space| !space.is_empty()) else { break };
            match source.take(space) {
                Ok(0) => break,
                Ok(count) => {
                    self.line.put(space.get(..count).unwrap_or_default());
                    total += count;
                }
                Err(error) if total == 0 => return Err(error),
                Err(_) => break,
            }
        }
        if total == 0 { Err(Errno::EAGAIN) } else { Ok(total) }
    }

    fn poll(&self) -> PollEvents {
        let mut events = PollEvents::empty();
        if self.has_ended() || self.has_input() {
            events |= PollEvents::IN | PollEvents::RDNORM;
        }
        if self.line.room() > 0 {
            events |= PollEvents::OUT | PollEvents::WRNORM;
        }
        events
    }

    fn wait_queue(&self, side: Side) -> Option<&WaitQueue> {
        Some(match side {
            Side::Read => &self.line.readers,
            Side::Write => &self.line.writers,
        })
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}
