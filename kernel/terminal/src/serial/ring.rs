//! The ring between the receive interrupt of a serial line and the task that reads it.
//!
//! One producer (the interrupt handler, under the lock of its port) and one consumer at a time: so two counters are enough, and neither
//! side ever waits for the other. The fixed size is what an interrupt handler needs: it allocates nothing.

use core::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use drivers::uart::Received;

/// Items that fit; a power of two.
pub(super) const RING_SIZE: usize = 2048;

/// The kinds of an item, above its byte.
const DAMAGED: u16 = 0x100;
const BREAK: u16 = 0x200;

pub(super) struct InputRing {
    slots: [AtomicU16; RING_SIZE],
    /// Items ever put in; only the producer changes it.
    head: AtomicUsize,
    /// Items ever taken out; only the consumer changes it.
    tail: AtomicUsize,
}

impl InputRing {
    pub(super) const fn new() -> InputRing {
        InputRing { slots: [const { AtomicU16::new(0) }; RING_SIZE], head: AtomicUsize::new(0), tail: AtomicUsize::new(0) }
    }

    pub(super) fn len(&self) -> usize {
        // The tail first: the head can only grow meanwhile, so the difference is never negative.
        let tail = self.tail.load(Ordering::Acquire);
        self.head.load(Ordering::Acquire).wrapping_sub(tail).min(RING_SIZE)
    }

    /// The producer's side; false when the ring is full.
    pub(super) fn push(&self, item: Received) -> bool {
        let head = self.head.load(Ordering::Relaxed);
        if head.wrapping_sub(self.tail.load(Ordering::Acquire)) >= RING_SIZE {
            return false;
        }
        let word = match item {
            Received::Byte(byte) => u16::from(byte),
            Received::Damaged(byte) => u16::from(byte) | DAMAGED,
            Received::Break => BREAK,
        };
        self.slots[head % RING_SIZE].store(word, Ordering::Relaxed);
        self.head.store(head.wrapping_add(1), Ordering::Release);
        true
    }

    /// The oldest item, left where it is. The consumer's side.
    pub(super) fn peek(&self) -> Option<Received> {
        let tail = self.tail.load(Ordering::Relaxed);
        if tail == self.head.load(Ordering::Acquire) {
            return None;
        }
        let word = self.slots[tail % RING_SIZE].load(Ordering::Relaxed);
        Some(match word & !0xff {
            0 => Received::Byte(word as u8),
            DAMAGED => Received::Damaged(word as u8),
            _ => Received::Break,
        })
    }

    /// Takes what `peek` showed. The consumer's side.
    pub(super) fn advance(&self) {
        let tail = self.tail.load(Ordering::Relaxed);
        if tail != self.head.load(Ordering::Acquire) {
            self.tail.store(tail.wrapping_add(1), Ordering::Release);
        }
    }
}
