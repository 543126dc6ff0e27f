//! The input queue of a terminal: 4096 bytes with a mark on each byte that ends a line.
//!
//! Positions are counters that only grow and wrap at the word size; the low bits select the slot. Three of them cut the queue:
//! `tail` (next byte to read) ≤ `canon` (end of the last complete line) ≤ `head` (next free slot). Bytes between `canon` and `head` are the line
//! that is still being edited.

use alloc::boxed::Box;
use alloc::vec::Vec;

use abi::{Errno, Result};

/// Size of the queue: what Linux has, and so the longest line (4095 bytes and its newline).
pub const QUEUE_SIZE: usize = 4096;

const MASK: usize = QUEUE_SIZE - 1;

pub(super) struct InputQueue {
    bytes: Box<[u8; QUEUE_SIZE]>,
    /// One bit a slot: the byte there ends a line.
    ends: [u64; QUEUE_SIZE / 64],
    pub(super) tail: usize,
    pub(super) canon: usize,
    pub(super) head: usize,
}

impl InputQueue {
    /// An empty queue; ENOMEM.
    pub(super) fn new() -> Result<Self> {
        Ok(InputQueue { bytes: zeroed_box()?, ends: [0; QUEUE_SIZE / 64], tail: 0, canon: 0, head: 0 })
    }

    /// Bytes between `tail` and `head`.
    pub(super) fn len(&self) -> usize {
        self.head.wrapping_sub(self.tail)
    }

    /// Bytes of complete lines.
    pub(super) fn complete(&self) -> usize {
        self.canon.wrapping_sub(self.tail)
    }

    pub(super) fn at(&self, position: usize) -> u8 {
        self.bytes[position & MASK]
    }

    /// Adds a byte; the caller checked the room.
    pub(super) fn put(&mut self, byte: u8) {
        self.bytes[self.head & MASK] = byte;
        self.head = self.head.wrapping_add(1);
    }

    /// Adds a byte that ends a line, and completes the line.
    pub(super) fn put_end(&mut self, byte: u8) {
        self.mark(self.head);
        self.put(byte);
        self.canon = self.head;
    }

    pub(super) fn mark(&mut self, position: usize) {
        let slot = position & MASK;
        self.ends[slot / 64] |= 1 << (slot % 64);
    }

    fn unmark(&mut self, position: usize) {
        let slot = position & MASK;
        self.ends[slot / 64] &= !(1 << (slot % 64));
    }

    pub(super) fn is_end(&self, position: usize) -> bool {
        let slot = position & MASK;
        self.ends[slot / 64] & (1 << (slot % 64)) != 0
    }

    pub(super) fn clear_marks(&mut self) {
        self.ends = [0; QUEUE_SIZE / 64];
    }

    /// Forgets all input.
    pub(super) fn clear(&mut self) {
        self.clear_marks();
        self.tail = 0;
        self.canon = 0;
        self.head = 0;
    }

    /// Takes the byte at `tail`, if there is one before `limit`, with its end-of-line mark.
    pub(super) fn take(&mut self, limit: usize) -> Option<(u8, bool)> {
        if self.tail == limit {
            return None;
        }
        let byte = self.at(self.tail);
        let end = self.is_end(self.tail);
        self.unmark(self.tail);
        self.tail = self.tail.wrapping_add(1);
        Some((byte, end))
    }
}

fn zeroed_box() -> Result<Box<[u8; QUEUE_SIZE]>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(QUEUE_SIZE).map_err(|_| Errno::ENOMEM)?;
    bytes.resize(QUEUE_SIZE, 0);
    bytes.into_boxed_slice().try_into().map_err(|_| Errno::ENOMEM)
}
