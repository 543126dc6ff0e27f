//! The bump allocator: one address, up to which memory is given away.
//!
//! An allocation rounds the address up and moves it on. Single blocks aren't reused: all that is known about the memory behind the address is how many
//! blocks in it are live, and when that count comes down to zero, everything is free at once. So one long-lived block keeps the whole heap
//! from being reused, which is why this is no heap for a kernel, and why it is a fine one for a compiler or for one frame of a game.
//!
//! Two extensions take some of that away. When the block freed is the one given out last, the address moves back over it, which makes stacks of
//! blocks cheap. And long-lived blocks can be taken from the other end ([`Bump::allocate_back`]), where they don't stand in the way of the
//! short-lived ones: each end has its own count.

use crate::Allocator;
use crate::align::{align_down, align_up};
use crate::provenance::{at, expose};
use core::alloc::Layout;
use core::ptr::null_mut;

/// Memory is given out from both ends of one region; what lies between `next` and `back` is free.
#[derive(Debug)]
pub struct Bump {
    start: usize,
    end: usize,
    /// Where the next block from the front begins, at the earliest.
    next: usize,
    /// Where the next block from the back ends, at the latest.
    back: usize,
    /// Live blocks from the front.
    front_blocks: usize,
    /// Live blocks from the back.
    back_blocks: usize,
    /// Whether the last block is reclaimed when it is freed first.
    rewind: bool,
}

impl Bump {
    /// The plain allocator, without memory.
    pub const fn new() -> Bump {
        Bump { start: 0, end: 0, next: 0, back: 0, front_blocks: 0, back_blocks: 0, rewind: false }
    }

    /// One that moves back over the last block when that is freed.
    pub const fn with_rewind() -> Bump {
        Bump { rewind: true, ..Bump::new() }
    }

    /// A block from the far end, for what is to live long. It is given back like any other.
    pub fn allocate_back(&mut self, layout: Layout) -> *mut u8 {
        let Some(begin) = self.back.checked_sub(layout.size().max(1)) else { return null_mut() };
        let begin = align_down(begin, layout.align());
        if begin < self.next || self.end == 0 {
            return null_mut();
        }
        self.back = begin;
        self.back_blocks += 1;
        at(begin)
    }
}

impl Default for Bump {
    fn default() -> Self {
        Bump::new()
    }
}

// SAFETY: blocks from the front begin at or behind `next` and end at the new one, blocks from the back likewise, and `next` never passes `back`. An
// end is only reset when no block of it is live, or to the begin of its last block.
unsafe impl Allocator for Bump {
    /// The region takes the place of the one before, whose rest is lost: this allocator knows one stretch of memory only.
    unsafe fn add_region(&mut self, start: *mut u8, size: usize) {
        self.start = expose(start);
        self.end = self.start + size;
        self.next = self.start;
        self.back = self.end;
    }

    fn allocate(&mut self, layout: Layout) -> *mut u8 {
        // Zero bytes take one, so that each block has an address of its own.
        let begin = align_up(self.next, layout.align());
        let Some(end) = begin.checked_add(layout.size().max(1)) else { return null_mut() };
        if end > self.back {
            return null_mut();
        }
        self.next = end;
        self.front_blocks += 1;
        at(begin)
    }

    unsafe fn deallocate(&mut self, block: *mut u8, layout: Layout) {
        let begin = block.addr();
        if begin >= self.back {
            self.back_blocks -= 1;
            if self.back_blocks == 0 {
                self.back = self.end;
            } else if self.rewind && begin == self.back {
                self.back = begin + layout.size().max(1);
            }
        } else {
            self.front_blocks -= 1;
            if self.front_blocks == 0 {
                self.next = self.start;
            } else if self.rewind && begin + layout.size().max(1) == self.next {
                self.next = begin;
            }
        }
    }

    fn used(&self) -> usize {
        (self.next - self.start) + (self.end - self.back)
    }
}
