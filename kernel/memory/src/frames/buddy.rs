//! The buddy allocator: free memory as aligned blocks of 2^order frames.
//!
//! Each order has a doubly linked list of free blocks, its links kept in the frames' [`FrameInfo`], so the allocator never touches the memory
//! it manages. A bit per order says which lists are not empty: finding a block is one bit scan, splitting it at most [`ORDERS`] steps. A freed
//! block is merged with its buddy (the block whose number differs in one bit) as long as that one is free too: again at most [`ORDERS`] steps. So
//! both directions are O(1) in the amount of memory.

use super::info::{FrameInfo, Kind, NONE};
use core::sync::atomic::Ordering::Relaxed;

/// Number of block sizes: orders 0 to 11, that is 4 KiB to 8 MiB.
pub const ORDERS: usize = 12;

/// Blocks of this order (32 KiB) and above count as large.
pub const LARGE_ORDER: usize = 3;

/// The lists of free blocks over an array of frame descriptions.
pub(crate) struct Buddy {
    infos: &'static [FrameInfo],
    /// Length of `infos`. Kept here, and elements reached only by index, so that Miri need not look at the whole array at every access.
    count: usize,
    heads: [u32; ORDERS],
    /// Bit `o` is set when the list of order `o` is not empty.
    nonempty: u32,
    free: usize,
    /// Free frames in large blocks.
    large: usize,
}

impl Buddy {
    /// An allocator that manages nothing.
    pub const fn empty() -> Buddy {
        Buddy { infos: &[], count: 0, heads: [NONE; ORDERS], nonempty: 0, free: 0, large: 0 }
    }

    /// An allocator over the frames that `infos` describes, all of them still reserved.
    pub const fn new(infos: &'static [FrameInfo]) -> Buddy {
        Buddy { infos, count: infos.len(), heads: [NONE; ORDERS], nonempty: 0, free: 0, large: 0 }
    }

    /// Free frames in all blocks together.
    pub const fn free_frames(&self) -> usize {
        self.free
    }

    /// Free frames in blocks of [`LARGE_ORDER`] and above.
    pub const fn large_frames(&self) -> usize {
        self.large
    }

    /// Takes a block of 2^`order` frames and returns the number of its first frame, which is a multiple of its size.
    pub fn allocate(&mut self, order: usize) -> Option<u32> {
        let candidates = self.nonempty.checked_shr(order as u32)? << order;
        if order >= ORDERS || candidates == 0 {
            return None;
        }
        let mut have = candidates.trailing_zeros() as usize;
        let number = self.heads[have];
        self.unlink(number, have);
        while have > order {
            have -= 1;
            self.link(number + (1 << have), have);
        }
        self.infos[number as usize].set_kind(Kind::Used);
        self.free -= 1 << order;
        Some(number)
    }

    /// Gives back a block of 2^`order` frames and merges it with its free neighbours.
    ///
    /// A block that is already free is a bug of the caller; it is refused (false) rather than handed out twice.
    #[must_use]
    pub fn free(&mut self, number: u32, order: usize) -> bool {
        let size = 1u32 << order;
        let valid = order < ORDERS
            && number.is_multiple_of(size)
            && number != NONE
            && (number as usize).saturating_add(size as usize) <= self.count;
        if !valid || self.infos[number as usize].kind() == Kind::Free {
            return false;
        }
        self.free += size as usize;
        self.infos[number as usize].set_kind(Kind::Used);
        let (mut number, mut order) = (number, order);
        while order + 1 < ORDERS {
            let buddy = number ^ (1 << order);
            if buddy as usize >= self.count {
                break;
            }
            let info = &self.infos[buddy as usize];
            if info.kind() != Kind::Free || usize::from(info.order.load(Relaxed)) != order {
                break;
            }
            self.unlink(buddy, order);
            number &= !(1 << order);
            order += 1;
        }
        self.link(number, order);
        true
    }

    /// Gives the frames `start..end` to the allocator as the largest aligned blocks that fit. Returns how many were taken in.
    pub fn add_range(&mut self, start: u32, end: u32) -> usize {
        let (mut at, before) = (start.max(1), self.free);
        while at < end {
            let room = (end - at).ilog2();
            let order = at.trailing_zeros().min(room).min(ORDERS as u32 - 1);
            if !self.free(at, order as usize) {
                log::error!("frame {at:#x} was given to the allocator twice");
            }
            at += 1 << order;
        }
        self.free - before
    }

    /// How many free blocks each order has, for /proc/buddyinfo and the tests.
    pub fn blocks(&self) -> [usize; ORDERS] {
        core::array::from_fn(|order| {
            let (mut count, mut at) = (0, self.heads[order]);
            while at != NONE {
                count += 1;
                at = self.infos[at as usize].next.load(Relaxed);
            }
            count
        })
    }

    fn link(&mut self, number: u32, order: usize) {
        let head = self.heads[order];
        let info = &self.infos[number as usize];
        info.set_kind(Kind::Free);
        info.order.store(order as u8, Relaxed);
        info.next.store(head, Relaxed);
        info.previous.store(NONE, Relaxed);
        if head != NONE {
            self.infos[head as usize].previous.store(number, Relaxed);
        }
        self.heads[order] = number;
        self.nonempty |= 1 << order;
        self.large += if order >= LARGE_ORDER { 1 << order } else { 0 };
    }

    fn unlink(&mut self, number: u32, order: usize) {
        let info = &self.infos[number as usize];
        let (next, previous) = (info.next.load(Relaxed), info.previous.load(Relaxed));
        info.set_kind(Kind::Used);
        self.large -= if order >= LARGE_ORDER { 1 << order } else { 0 };
        if next != NONE {
            self.infos[next as usize].previous.store(previous, Relaxed);
        }
        if previous != NONE {
            self.infos[previous as usize].next.store(next, Relaxed);
        } else {
            self.heads[order] = next;
            if next == NONE {
                self.nonempty &= !(1 << order);
            }
        }
    }
}
