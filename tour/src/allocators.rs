//! Chapter 11: the designs of `tour/allocators` at the same task, and how the real heap is made, watched from outside.
//!
//! In the real heap small blocks come from slabs, one size class each, by way of magazines of free blocks; slabs and large blocks come from a buddy
//! system of frames.

use alloc::alloc::{alloc, dealloc};
use alloc::vec;
use core::alloc::Layout;

use tour_allocators::{Allocator, Buddy, Bump, FixedSize, LinkedList};

use crate::{claim, say};

/// Bytes that each design gets, and how many short-lived boxes are tried.
const REGION: usize = 16 << 10;
const BOXES: usize = 10_000;

pub fn run() {
    designs();
    classes();
    buddies();
}

/// How many short-lived boxes a design serves beside one that lives long.
fn short_lived_boxes<A: Allocator>(allocator: A) -> usize {
    let mut memory = vec![0_u64; REGION / 8];
    // Declared behind the memory, so that it goes first.
    let mut allocator = allocator;
    let layout = Layout::new::<u64>();
    // SAFETY: the memory is this allocator's alone, outlives it, and each block is given back with its layout.
    unsafe {
        allocator.add_region(memory.as_mut_ptr().cast(), REGION);
        let long_lived = allocator.allocate(layout);
        let served = (0..BOXES).take_while(|_| {
            let block = allocator.allocate(layout);
            if !block.is_null() {
                allocator.deallocate(block, layout);
            }
            !block.is_null()
        });
        let served = served.count();
        allocator.deallocate(long_lived, layout);
        assert_eq!(allocator.used(), 0, "everything came back");
        served
    }
}

fn designs() {
    say!("Ten thousand boxes come and go in {} KiB, while one lives:", REGION >> 10);
    let served = short_lived_boxes(Bump::new());
    claim!(served < BOXES, "the bump allocator ends after {served}: nothing is used again before all is free");
    claim!(short_lived_boxes(Bump::with_rewind()) == BOXES, "one that takes the last block back serves all");
    claim!(short_lived_boxes(LinkedList::new()) == BOXES, "a linked list of free blocks serves all");
    claim!(short_lived_boxes(FixedSize::new()) == BOXES, "lists of blocks of fixed sizes serve all");
    claim!(short_lived_boxes(Buddy::new()) == BOXES, "buddies serve all");
}

fn classes() {
    let layout = Layout::from_size_align(40, 8).expect("a sound layout");
    // SAFETY: the layout isn't empty, and each block is given back with it.
    let (first, second) = unsafe {
        let (first, second) = (alloc(layout), alloc(layout));
        dealloc(second, layout);
        dealloc(first, layout);
        (first.addr(), second.addr())
    };
    let distance = first.abs_diff(second);
    claim!(distance >= 40 && distance.is_multiple_of(8), "two blocks of 40 bytes lie {distance} bytes apart");
    let frames = memory::frames::stats().free;
    for _ in 0..10_000 {
        // SAFETY: as above.
        unsafe { dealloc(alloc(layout), layout) };
    }
    claim!(memory::frames::stats().free == frames, "ten thousand blocks that come and go take no frame: freed ones are used again");
}

fn buddies() {
    memory::heap::trim();
    let before = memory::frames::blocks();
    say!("Free blocks by size, from 1 frame to 2048: {before:?}");
    let frame = memory::frames::allocate(0).expect("a frame");
    let frame_count = memory::frames::stats().free;
    memory::frames::free(frame, 0);
    claim!(memory::frames::stats().free == frame_count + 1, "a frame was taken and given back");
    let large = memory::frames::allocate(9).expect("2 MiB in one piece");
    claim!(large.address().0.is_multiple_of(2 << 20), "a block of 512 frames, at {:#x}, is aligned to its size", large.address().0);
    memory::frames::free(large, 9);
    claim!(memory::frames::blocks() == before, "and all buddies have merged again");
}
