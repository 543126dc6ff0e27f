//! What the receive interrupt of a serial line hands to the task that reads it: bytes, and what was wrong with them, as words of a ring.

use drivers::uart::Received;
use sync::Ring;

/// Items that fit; a power of two.
pub(super) const RING_SIZE: usize = 2048;

/// The kinds of an item, above its byte.
const DAMAGED: u16 = 0x100;
const BREAK: u16 = 0x200;

pub(super) struct InputRing(Ring<RING_SIZE>);

impl InputRing {
    pub(super) const fn new() -> InputRing {
        InputRing(Ring::new())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The producer's side; false when the ring is full.
    pub(super) fn push(&self, item: Received) -> bool {
        self.0.push(match item {
            Received::Byte(byte) => u16::from(byte),
            Received::Damaged(byte) => u16::from(byte) | DAMAGED,
            Received::Break => BREAK,
        })
    }

    /// The oldest item, left where it is. The consumer's side.
    pub(super) fn peek(&self) -> Option<Received> {
        let word = self.0.peek()?;
        Some(match word & !0xff {
            0 => Received::Byte(word as u8),
            DAMAGED => Received::Damaged(word as u8),
            _ => Received::Break,
        })
    }

    /// Takes what `peek` showed. The consumer's side.
    pub(super) fn advance(&self) {
        self.0.advance();
    }
}
