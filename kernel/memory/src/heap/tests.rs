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
    // What rests in two magazines keeps at most as many slabs as they have objects; one more is in stock.
    let rest = HeapStats { slab_frames: heap.stats().slab_frames, ..HeapStats::default() };
    assert_eq!(heap.stats(), rest);
    assert!(rest.slab_frames <= 2 * magazine::capacity(3) as usize / 64 + 2, "{rest:?}");
    heap.trim();
    assert_eq!(heap.stats(), HeapStats::default());
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

#[test]
fn magazines_are_bounded_and_do_not_count_as_used() {
    let _serial = serial();
    let heap = Heap::new();
    // Statistics after each step look at all processors, which Miri takes long for.
    for (class, shape) in CLASSES.iter().enumerate().skip(if cfg!(miri) { 24 } else { 0 }) {
        let layout = Layout::from_size_align(usize::from(shape.size), 16).unwrap();
        let capacity = magazine::capacity(class) as usize;
        assert!(capacity >= 2 && capacity * layout.size() <= PAGE_SIZE.max(2 * layout.size()));
        // SAFETY: the size isn't zero.
        let blocks: Vec<*mut u8> = (0..5 * capacity).map(|_| unsafe { heap.alloc(layout) }).collect();
        assert_eq!(heap.stats().used_bytes, blocks.len() * layout.size());
        for (given, block) in blocks.iter().enumerate() {
            // SAFETY: the block is live with this layout.
            unsafe { heap.dealloc(*block, layout) };
            assert_eq!(heap.stats().used_bytes, (blocks.len() - given - 1) * layout.size());
            let resting = heap.caches.get().of(class).count();
            assert!(resting <= 2 * capacity, "{resting} objects of {} rest", shape.size);
        }
        let distinct: std::collections::BTreeSet<_> = blocks.iter().collect();
        assert_eq!(distinct.len(), blocks.len());
        heap.trim();
        assert_eq!((heap.stats(), heap.caches.get().of(class).count()), (HeapStats::default(), 0));
    }
}

#[test]
fn other_processors_empty_their_magazines_when_asked() {
    let _serial = serial();
    let heap = Heap::new();
    let layout = Layout::new::<[u64; 4]>();
    // SAFETY: the size isn't zero; the block is given back with its layout.
    let round = || unsafe { heap.dealloc(heap.alloc(layout), layout) };
    let (step, turn) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            round();
            step.wait();
            turn.wait();
            // The long way of another class.
            // SAFETY: as above.
            unsafe { heap.dealloc(heap.alloc(Layout::new::<[u64; 16]>()), Layout::new::<[u64; 16]>()) };
            step.wait();
            turn.wait();
        });
        step.wait();
        let resting = || heap.caches.iter().map(|cache| cache.of(1).count()).sum::<usize>();
        let before = resting();
        assert!(before > 0);
        heap.trim();
        assert_eq!((resting(), heap.stats().used_bytes), (before, 0), "they belong to the other processor");
        turn.wait();
        step.wait();
        assert_eq!(resting(), 0);
        turn.wait();
    });
    heap.caches.iter().filter(|cache| cache.is_used()).for_each(|cache| heap.drain(cache));
    heap.trim();
    assert_eq!(heap.stats(), HeapStats::default());
}

#[test]
fn a_lack_of_memory_empties_the_magazines() {
    let _serial = serial();
    let heap = Heap::new();
    let (small, other) = (Layout::new::<[u64; 2]>(), Layout::new::<[u64; 64]>());
    // SAFETY: the size isn't zero; the block is given back with its layout.
    unsafe { heap.dealloc(heap.alloc(small), small) };
    let mut taken = Vec::new();
    while let Some(frame) = frames::allocate(0) {
        taken.push(frame);
    }
    // SAFETY: as above.
    let block = unsafe { heap.alloc(other) };
    assert!(!block.is_null(), "the frame of the small objects serves");
    // SAFETY: as above.
    unsafe { heap.dealloc(block, other) };
    taken.into_iter().for_each(|frame| frames::free(frame, 0));
    heap.trim();
    assert_eq!(heap.stats(), HeapStats::default());
}

/// Gives out memory of the host, and counts.
struct Counting(AtomicUsize);

// SAFETY: passes requests on to the host's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.fetch_add(1, Relaxed);
        // SAFETY: the same contract.
        unsafe { std::alloc::System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.0.fetch_sub(1, Relaxed);
        // SAFETY: the same contract.
        unsafe { std::alloc::System.dealloc(pointer, layout) }
    }
}

impl Replacement for Counting {
    fn stats(&self) -> HeapStats {
        HeapStats { used_bytes: self.0.load(Relaxed), ..HeapStats::default() }
    }
}

#[test]
fn a_replacement_gets_every_request() {
    static OTHER: Counting = Counting(AtomicUsize::new(0));
    let _serial = serial();
    let before = frames::stats();
    let heap = Heap::new();
    assert_eq!(heap.replace(&OTHER), Ok(()));
    assert_eq!(heap.replace(&OTHER), Err(InUse));
    let sizes = [1, 16, 24, 500, 2000, 5000, 30_000];
    let layouts: Vec<Layout> = sizes.iter().map(|size| Layout::from_size_align(*size, 8).unwrap()).collect();
    // SAFETY: the sizes aren't zero.
    let mut blocks: Vec<*mut u8> = layouts.iter().map(|layout| unsafe { heap.alloc(*layout) }).collect();
    assert_eq!(heap.stats().used_bytes, sizes.len());
    // SAFETY: the block is live with its layout; its new size is 40.
    blocks[2] = unsafe { heap.realloc(blocks[2], layouts[2], 40) };
    for (block, layout) in blocks.into_iter().zip(layouts) {
        let layout = if layout.size() == 24 { Layout::from_size_align(40, 8).unwrap() } else { layout };
        // SAFETY: the block is live with this layout.
        unsafe { heap.dealloc(block, layout) };
    }
    assert_eq!((heap.stats().used_bytes, frames::stats()), (0, before));
}

#[test]
fn a_heap_in_use_is_not_replaced() {
    static OTHER: Counting = Counting(AtomicUsize::new(0));
    let _serial = serial();
    let heap = Heap::new();
    let layout = Layout::new::<u64>();
    // SAFETY: the size isn't zero.
    let block = unsafe { heap.alloc(layout) };
    assert_eq!(heap.replace(&OTHER), Err(InUse));
    // SAFETY: the block is live with this layout.
    unsafe { heap.dealloc(block, layout) };
    assert_eq!(heap.replace(&OTHER), Err(InUse), "its magazines hold objects");
    heap.trim();
}
