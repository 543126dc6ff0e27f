//! The buddy allocator: halves, and halves of halves.
//!
//! All blocks are powers of two in size and aligned to it. A request takes the smallest free block that is large enough and halves it until it fits; the
//! other halves, the *buddies*, become free blocks. The address of a block's buddy differs in the one bit that is the block's size, so a freed
//! block finds its buddy by one exclusive-or, and if that is free as well, the two are one block again. Both ways take as many steps as there
//! are sizes, no matter how much memory there is. The price is the rounding to powers of two.
//!
//! To know whether the buddy is free, a map at the begin of the region has a byte for each smallest block: the order of the free block that begins
//! there, or that none does. Free blocks are in a list for each order, linked both ways so that a buddy can leave from the middle.

use crate::Allocator;
use crate::align::{align_down, align_up};
use crate::provenance::{at, expose};
use core::alloc::Layout;
use core::ptr::{NonNull, null_mut};

/// Bytes of the smallest block, order 0.
const SMALLEST: usize = 32;
/// Orders 0 to 31: up to 64 GiB.
const ORDERS: usize = 32;
/// No free block begins here. Otherwise the map says the order plus 1.
const NOT_FREE: u8 = 0;

/// What lies at the begin of each free block.
struct Free {
    next: Option<NonNull<Free>>,
    previous: Option<NonNull<Free>>,
}

/// What lies at the begin of each region, before its map.
#[derive(Clone, Copy)]
struct Region {
    next: Option<NonNull<Region>>,
    /// Where the map lies: a byte for each smallest block.
    map: usize,
    /// Where the blocks begin and end.
    begin: usize,
    end: usize,
}
const _: () = assert!(size_of::<Free>() <= SMALLEST && size_of::<Region>() <= SMALLEST);

/// Lists of free blocks by order.
#[derive(Debug)]
pub struct Buddy {
    regions: Option<NonNull<Region>>,
    lists: [Option<NonNull<Free>>; ORDERS],
    used: usize,
}

// SAFETY: regions and free blocks belong to the allocator, wherever it goes.
unsafe impl Send for Buddy {}

impl Buddy {
    /// An allocator without memory.
    pub const fn new() -> Buddy {
        Buddy { regions: None, lists: [None; ORDERS], used: 0 }
    }

    /// How many free blocks there are of each order (32 bytes times two to the power of it).
    pub fn free_blocks(&self) -> [usize; ORDERS] {
        self.lists.map(|first| {
            let (mut count, mut at) = (0, first);
            while let Some(block) = at {
                count += 1;
                // SAFETY: a block on a list is free and holds its links.
                at = unsafe { block.as_ref().next };
            }
            count
        })
    }

    /// The order of the block for a layout: alignment comes with the size.
    fn order(layout: Layout) -> Option<usize> {
        let size = layout.size().max(layout.align()).max(SMALLEST).checked_next_power_of_two()?;
        let order = (size / SMALLEST).trailing_zeros() as usize;
        (order < ORDERS).then_some(order)
    }

    fn region_of(&self, address: usize) -> Option<Region> {
        let mut at = self.regions;
        while let Some(region) = at {
            // SAFETY: the header of a region, written when it was added.
            let region = unsafe { region.read() };
            if (region.begin..region.end).contains(&address) {
                return Some(region);
            }
            at = region.next;
        }
        None
    }

    /// # Safety
    /// The block is free and lies in the region.
    unsafe fn push(&mut self, region: &Region, address: usize, order: usize) {
        let block: *mut Free = at(address);
        let next = self.lists[order];
        // SAFETY: the block is free, so its begin is ours, and so is the map.
        unsafe {
            block.write(Free { next, previous: None });
            region.mark(address).write(order as u8 + 1);
        }
        if let Some(mut next) = next {
            // SAFETY: a block on the list.
            unsafe { next.as_mut().previous = NonNull::new(block) };
        }
        self.lists[order] = NonNull::new(block);
    }

    /// # Safety
    /// The block is on the list of this order, and lies in the region.
    unsafe fn unlink(&mut self, region: &Region, block: NonNull<Free>, order: usize) {
        // SAFETY: promised by the caller; its neighbours are on the list too.
        unsafe {
            let Free { next, previous } = block.read();
            if let Some(mut next) = next {
                next.as_mut().previous = previous;
            }
            match previous {
                Some(mut previous) => previous.as_mut().next = next,
                None => self.lists[order] = next,
            }
            region.mark(block.as_ptr().addr()).write(NOT_FREE);
        }
    }

    /// Joins a free block with its buddy as long as that is free too, and puts the result on its list.
    ///
    /// # Safety
    /// The block lies in the region and nobody uses it.
    unsafe fn merge(&mut self, region: &Region, address: usize, order: usize) {
        let (mut address, mut order) = (address, order);
        while order + 1 < ORDERS {
            let size = SMALLEST << order;
            let buddy = address ^ size;
            // SAFETY: the map has a byte for each place in the region.
            let free = buddy >= region.begin && buddy < region.end && unsafe { region.mark(buddy).read() } == order as u8 + 1;
            let Some(block) = NonNull::new(at(buddy)).filter(|_| free) else { break };
            // SAFETY: the map says that a free block of this order begins there.
            unsafe { self.unlink(region, block, order) };
            address = address.min(buddy);
            order += 1;
        }
        // SAFETY: free, as both halves are.
        unsafe { self.push(region, address, order) };
    }
}

impl Region {
    /// The map's byte for the block at an address of the region.
    fn mark(&self, address: usize) -> *mut u8 {
        at(self.map + (address - self.begin) / SMALLEST)
    }
}

impl Default for Buddy {
    fn default() -> Self {
        Buddy::new()
    }
}

// SAFETY: a block is given out once between two releases, because it leaves its list; halves are disjoint, and blocks are aligned to their size.
unsafe impl Allocator for Buddy {
    unsafe fn add_region(&mut self, start: *mut u8, size: usize) {
        let address = expose(start);
        let header = align_up(address, SMALLEST);
        let end = align_down(address + size, SMALLEST);
        let map = header + SMALLEST;
        // Each block takes its own bytes and one in the map. Rounded up, the map is long enough for all that fits behind it.
        let blocks = end.saturating_sub(map).div_ceil(SMALLEST + 1);
        let begin = align_up(map + blocks, SMALLEST);
        if begin >= end {
            return;
        }
        let region = Region { next: self.regions, map, begin, end };
        // SAFETY: header and map lie inside the region, which is ours from now on. Behind the map there are at most `blocks` blocks, as
        // 33 bytes times `blocks` are at least what lies behind the header; so the map ends before they begin.
        unsafe {
            at::<Region>(header).write(region);
            at::<u8>(map).write_bytes(NOT_FREE, (end - begin) / SMALLEST);
        }
        self.regions = NonNull::new(at(header));
        let mut place = begin;
        while place < end {
            let order = (place / SMALLEST).trailing_zeros().min(((end - place) / SMALLEST).ilog2()).min(ORDERS as u32 - 1);
            // SAFETY: a part of the region, aligned to its size.
            unsafe { self.push(&region, place, order as usize) };
            place += SMALLEST << order;
        }
    }

    fn allocate(&mut self, layout: Layout) -> *mut u8 {
        let Some(order) = Buddy::order(layout) else { return null_mut() };
        let Some(mut have) = (order..ORDERS).find(|have| self.lists[*have].is_some()) else { return null_mut() };
        let Some(block) = self.lists[have] else { return null_mut() };
        let address = block.as_ptr().addr();
        let Some(region) = self.region_of(address) else { return null_mut() };
        // SAFETY: the first block of its list.
        unsafe { self.unlink(&region, block, have) };
        while have > order {
            have -= 1;
            // SAFETY: the upper half of a block that we have just taken.
            unsafe { self.push(&region, address + (SMALLEST << have), have) };
        }
        self.used += SMALLEST << order;
        at(address)
    }

    unsafe fn deallocate(&mut self, block: *mut u8, layout: Layout) {
        if let (Some(order), Some(region)) = (Buddy::order(layout), self.region_of(block.addr())) {
            self.used -= SMALLEST << order;
            // SAFETY: a block of ours, of this order, that its owner gives up.
            unsafe { self.merge(&region, block.addr(), order) };
        }
    }

    fn used(&self) -> usize {
        self.used
    }
}
