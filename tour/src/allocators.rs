//! Chapter 11: how the real heap is made, watched from outside.
//!
//! Small blocks come from slabs, one size class each; slabs and large blocks come from a buddy system of frames. The simpler designs of the
//! series (bump, linked list, fixed-size blocks) are compared in the tour's own allocator crate.

use alloc::alloc::{alloc, dealloc};
use core::alloc::Layout;

use crate::{claim, say};

pub fn run() {
    classes();
    buddies();
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
