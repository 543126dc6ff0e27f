//! The heap: alignment, no overlap, contents kept, and every byte back in the end.

use super::*;
use crate::testing::{Random, rounds, serial};

#[test]
fn every_size_and_alignment_has_a_block_that_fits() {
    for (class, shape) in CLASSES.iter().enumerate() {
        assert!(class == 0 || CLASSES[class - 1].size < shape.size, "sizes rise");
        assert_eq!(usize::from(shape.size) % classes::UNIT, 0);
        assert!(shape.capacity() > 1);
        let slab = PAGE_SIZE << shape.order;
        assert!(
            shape.capacity() as usize * usize::from(shape.size) * 10 >= slab * 9 || shape.size == 1152,
            "a slab of {} is full enough",
            shape.size
        );
    }
    for size in (1..6000).step_by(if cfg!(miri) { 97 } else { 1 }) {
        for align in (0..13).map(|shift| 1usize << shift) {
            match class_for(size, align) {
                Some(class) => {
                    let got = usize::from(CLASSES[class].size);
                    assert!(got >= size && got % align.min(got) == 0 && (align <= 16 || got % align == 0), "{size} {align} {got}");
                }
                None => assert!(PAGE_SIZE << order_for(Layout::from_size_align(size, align).unwrap()) >= size.max(align)),
            }
        }
    }
}

#[test]
fn blocks_are_disjoint_and_keep_their_content() {
    let _serial = serial();
    let before = frames::stats();
    let heap = Heap::new();
    let random = Random::new(3);
    let mut live: Vec<(*mut u8, Layout, u8)> = Vec::new();
    let check = |pointer: *mut u8, layout: Layout, mark: u8| {
        // SAFETY: the block is live and that long; `fill` initialised it.
        let bytes = unsafe { core::slice::from_raw_parts(pointer, layout.size()) };
        assert!(bytes == vec![mark; bytes.len()], "a block of {} bytes was overwritten", layout.size());
    };
    for round in 0..rounds(20_000) {
        let mark = round as u8;
        if live.len() < 400 && (live.is_empty() || random.below(5) < 3) {
            let size = 1 + if random.chance(10) { random.below(20_000) } else { random.below(3000) >> random.below(8) };
            let layout = Layout::from_size_align(size, 1 << if random.chance(10) { random.below(13) } else { random.below(5) }).unwrap();
            // SAFETY: the size isn't zero.
            let pointer = unsafe { heap.alloc(layout) };
            assert!(!pointer.is_null() && pointer.addr() % layout.align() == 0);
            // SAFETY: the block is ours and that long.
            unsafe { pointer.write_bytes(mark, size) };
            live.push((pointer, layout, mark));
        } else {
            let (pointer, layout, mark) = live.swap_remove(random.below(live.len()));
            check(pointer, layout, mark);
            if random.chance(3) {
                let size = 1 + random.below(5000);
                // SAFETY: the block is live with this layout.
                let moved = unsafe { heap.realloc(pointer, layout, size) };
                let new_layout = Layout::from_size_align(size, layout.align()).unwrap();
                check(moved, Layout::from_size_align(size.min(layout.size()), 1).unwrap(), mark);
                // SAFETY: the block is ours and that long.
                unsafe { moved.write_bytes(mark, size) };
                live.push((moved, new_layout, mark));
            } else {
                // SAFETY: the block is live with this layout.
                unsafe { heap.dealloc(pointer, layout) };
            }
        }
    }
    for (pointer, layout, mark) in live {
        check(pointer, layout, mark);
        // SAFETY: the block is live with this layout.
        unsafe { heap.dealloc(pointer, layout) };
    }
    assert_eq!(heap.stats().used_bytes, 0);
    heap.trim();
    assert_eq!(heap.stats(), HeapStats::default());
    assert_eq!(frames::stats(), before, "every frame came back");
}

#[test]
fn empty_slabs_go_back_but_one() {
    let _serial = serial();
    let heap = Heap::new();
    let layout = Layout::new::<[u64; 8]>();
    // Slabs of 64 objects, all of them full.
    let count = if cfg!(miri) { 128 } else { 1024 };
    // SAFETY: the size isn't zero.
    let blocks: Vec<*mut u8> = (0..count).map(|_| unsafe { heap.alloc(layout) }).collect();
    assert_eq!(heap.stats(), HeapStats { used_bytes: count * 64, slab_frames: count / 64, large_frames: 0 });
    for block in blocks {
        // SAFETY: the block is live with this layout.
        unsafe { heap.dealloc(block, layout) };
    }
    assert_eq!(heap.stats(), HeapStats { used_bytes: 0, slab_frames: 1, large_frames: 0 });
    heap.trim();
    assert_eq!(heap.stats().slab_frames, 0);
}

#[test]
fn exhaustion_gives_null() {
    let _serial = serial();
    let before = frames::stats();
    let heap = Heap::new();
    let layout = Layout::from_size_align(1 << 20, 8).unwrap();
    let mut blocks = Vec::new();
    loop {
        // SAFETY: the size isn't zero.
        let block = unsafe { heap.alloc(layout) };
        if block.is_null() {
            break;
        }
        blocks.push(block);
    }
    assert!(!blocks.is_empty());
    // SAFETY: the size isn't zero.
    assert!(unsafe { heap.alloc(Layout::from_size_align(1 << 40, 8).unwrap()) }.is_null());
    for block in blocks {
        // SAFETY: the block is live with this layout.
        unsafe { heap.dealloc(block, layout) };
    }
    assert_eq!(frames::stats(), before);
}

#[test]
fn large_blocks_leave_the_reserve_alone() {
    let _serial = serial();
    let mut pages = Vec::new();
    while let Ok(page) = crate::Page::zeroed() {
        pages.push(page);
    }
    let heap = Heap::new();
    let size = PAGE_SIZE << frames::LARGE_ORDER;
    // SAFETY: the size isn't zero.
    assert!(unsafe { heap.alloc(Layout::from_size_align(size + 1, 8).unwrap()) }.is_null(), "a size that a program may have chosen");
    let layout = Layout::from_size_align(size, 8).unwrap();
    // SAFETY: as above.
    let block = unsafe { heap.alloc(layout) };
    assert!(!block.is_null(), "the kernel's own");
    // SAFETY: the block is live with this layout.
    unsafe { heap.dealloc(block, layout) };
}
