//! The buddy allocator against a bitmap, and the pool as a whole.

use super::*;
use crate::testing::{Random, rounds, serial};

/// An allocator keeps its metadata for ever; what is kept on purpose is told apart from what leaks by being reachable from here.
static KEPT: std::sync::Mutex<Vec<&'static [FrameInfo]>> = std::sync::Mutex::new(Vec::new());

/// A fresh allocator over `count` frames, none of them given yet.
fn fresh(count: usize) -> Buddy {
    let infos: &'static [FrameInfo] = (0..count).map(|_| FrameInfo::default()).collect::<Vec<_>>().leak();
    KEPT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(infos);
    Buddy::new(infos)
}

#[test]
fn whole_range_comes_back_merged() {
    let frames = if cfg!(miri) { 300 } else { 5000 };
    let mut buddy = fresh(frames);
    assert_eq!(buddy.add_range(1, frames as u32), frames - 1);
    let before = buddy.blocks();
    let mut taken = Vec::new();
    while let Some(number) = buddy.allocate(0) {
        taken.push(number);
    }
    assert_eq!((taken.len(), buddy.free_frames()), (frames - 1, 0));
    for number in taken {
        assert!(buddy.free(number, 0));
    }
    assert_eq!(buddy.blocks(), before, "all blocks are merged again");
}

#[test]
fn blocks_are_aligned_and_never_overlap() {
    let count = if cfg!(miri) { 500 } else { 3000 };
    let mut buddy = fresh(count);
    buddy.add_range(7, count as u32);
    let before = (buddy.blocks(), buddy.free_frames());
    let random = Random::new(1);
    let mut used = vec![false; count];
    let mut live: Vec<(u32, usize)> = Vec::new();
    for _ in 0..rounds(20_000) {
        if random.chance(2) || live.is_empty() {
            let order = random.below(if random.chance(8) { ORDERS } else { 4 });
            if let Some(number) = buddy.allocate(order) {
                assert_eq!(number % (1 << order), 0, "aligned to its size");
                for frame in number..number + (1 << order) {
                    assert!(!used[frame as usize] && frame >= 7, "frame {frame} was handed out twice or never given");
                    used[frame as usize] = true;
                }
                live.push((number, order));
            } else {
                // Refused means: no aligned run of that size is free.
                let size = 1usize << order;
                let free_run = (0..count / size).any(|run| run * size >= 7 && !used[run * size..(run + 1) * size].contains(&true));
                assert!(!free_run, "an order {order} block was free but not found");
            }
        } else {
            let (number, order) = live.swap_remove(random.below(live.len()));
            assert!(buddy.free(number, order));
            used[number as usize..number as usize + (1 << order)].fill(false);
        }
        assert_eq!(buddy.free_frames(), before.1 - used.iter().filter(|used| **used).count());
    }
    for (number, order) in live {
        assert!(buddy.free(number, order));
    }
    assert_eq!((buddy.blocks(), buddy.free_frames()), before);
}

#[test]
fn a_block_is_not_freed_twice() {
    let mut buddy = fresh(64);
    buddy.add_range(1, 64);
    let (a, _b) = (buddy.allocate(0).unwrap(), buddy.allocate(0).unwrap());
    assert!(buddy.free(a, 0));
    let free = buddy.free_frames();
    assert!(!buddy.free(a, 0), "freed twice");
    assert!(!buddy.free(1 << 20, 0), "no such frame");
    assert!(!buddy.free(3, 1), "not aligned");
    assert!(!buddy.free(4, ORDERS), "no such order");
    assert_eq!(buddy.free_frames(), free);
    assert_eq!(buddy.allocate(ORDERS), None);
    assert_eq!(buddy.allocate(usize::MAX), None);
}

#[test]
fn the_reserve_is_for_the_kernel() {
    let _serial = serial();
    let before = stats();
    let mut pages = Vec::new();
    while let Ok(page) = crate::Page::zeroed() {
        pages.push(page);
    }
    assert_eq!(admit(), Err(Errno::ENOMEM));
    assert_eq!(stats().free, before.reserve, "programs get everything but the reserve");
    let frame = allocate(0).expect("the kernel still gets frames");
    free(frame, 0);
    drop(pages);
    assert_eq!((stats(), admit()), (before, Ok(())));
}

#[test]
fn memory_in_small_pieces_still_has_blocks_for_the_kernel() {
    let _serial = serial();
    let before = stats();
    let mut pages = Vec::new();
    while let Ok(page) = crate::Page::zeroed() {
        pages.push(page);
    }
    // Every second page goes: half of memory is free, in single frames.
    let mut keep = false;
    pages.retain(|_| {
        keep = !keep;
        keep
    });
    assert!(stats().free > before.total / 3);
    let mut blocks = Vec::new();
    while admit().is_ok() {
        blocks.push(allocate(1).unwrap());
    }
    let large = allocate(LARGE_ORDER).expect("a block for what was admitted last");
    assert!(crate::Page::zeroed().is_ok(), "pages are still to be had");
    free(large, LARGE_ORDER);
    for block in blocks {
        free(block, 1);
    }
    drop(pages);
    assert_eq!((stats(), admit()), (before, Ok(())));
}

#[test]
fn pages_count_their_references() {
    let _serial = serial();
    let before = stats();
    let page = crate::Page::zeroed().unwrap();
    page.write(4090, &[1, 2, 3, 4, 5, 6, 7, 8]);
    let mut bytes = [9; 8];
    assert_eq!(page.read(4090, &mut bytes), 6);
    assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 9, 9]);
    let second = page.clone();
    assert_eq!((page.refs(), page.is_exclusive()), (2, false));
    let copy = page.copy().unwrap();
    drop(page);
    assert!(second.is_exclusive());
    second.fill(4000, 1000, 7);
    copy.read(4090, &mut bytes);
    assert_eq!(bytes[..6], [1, 2, 3, 4, 5, 6]);
    drop((second, copy));
    assert_eq!(stats(), before);
}

/// What is given to the allocator is what the memory map calls usable, less what is taken: compared byte by byte, in a small memory.
#[test]
fn what_is_taken_at_boot_is_never_given_out() {
    let random = Random::new(7);
    const PAGES: usize = 64;
    let page = PAGE_SIZE as u64;
    let range = |random: &Random| {
        let start = random.below(PAGES * PAGE_SIZE) as u64;
        start..start + random.below(8 * PAGE_SIZE) as u64
    };
    for _ in 0..rounds(2000) {
        let region = range(&random);
        let taken: Vec<_> = (0..random.below(5)).map(|_| range(&random)).collect();
        let touches = |frame: u64, range: &core::ops::Range<u64>| range.start < (frame + 1) * page && frame * page < range.end;
        let mut given = Vec::new();
        setup::each_gap(region.clone(), &taken, &mut |gap| {
            let (start, end) = setup::whole_frames(&gap);
            given.extend((start..end).map(u64::from));
        });
        assert!(given.is_sorted_by(|a, b| a < b), "each once: {given:?}");
        for frame in 0..2 * PAGES as u64 {
            let whole = region.start <= frame * page && (frame + 1) * page <= region.end;
            let free = whole && !taken.iter().any(|taken| !taken.is_empty() && touches(frame, taken));
            assert_eq!(given.contains(&frame), free, "frame {frame} of {region:?} without {taken:?}");
        }
    }
}
