//! What is particular to each design.

mod common;

use common::{Memory, SIZE, rounds};
use core::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use tour_allocators::align::{align_up, align_up_by_remainder};
use tour_allocators::{Allocator, Buddy, Bump, FINE_CLASSES, FixedSize, LinkedList, Locked, Options, Pool};

/// An allocator over some memory.
fn over<A: Allocator>(mut allocator: A, memory: &Memory) -> A {
    // SAFETY: the memory is for this allocator alone and outlives it.
    unsafe { allocator.add_region(memory.start, memory.size) };
    allocator
}

fn bytes(size: usize) -> Layout {
    Layout::from_size_align(size, 8).unwrap()
}

#[test]
fn both_ways_of_rounding_up_agree() {
    for align in (0..13).map(|shift| 1 << shift) {
        for address in (0..300).chain([4095, 4096, 4097, 1 << 40, (1 << 40) + 1]) {
            let rounded = align_up(address, align);
            assert_eq!(rounded, align_up_by_remainder(address, align));
            assert!(rounded >= address && rounded - address < align && rounded.is_multiple_of(align));
        }
    }
    assert_eq!(align_up_by_remainder(13, 6), 18, "which masking can't do");
}

/// Bytes of memory for these boxes.
const FOR_BOXES: usize = if cfg!(miri) { 2048 } else { SIZE };

/// Many short-lived boxes beside one that lives long; null is reported as the number of boxes before it.
fn many_boxes_long_lived<A: Allocator>(allocator: &Locked<A>, long_lived: *mut u8) -> Result<(), usize> {
    assert!(!long_lived.is_null());
    // SAFETY: the block is ours and that long.
    unsafe { long_lived.cast::<u64>().write(1) };
    for number in 0..FOR_BOXES / 4 {
        // SAFETY: the size isn't zero; the block is given back with its layout.
        unsafe {
            let block = allocator.alloc(bytes(8)).cast::<u64>();
            if block.is_null() {
                return Err(number);
            }
            block.write(number as u64);
            assert_eq!(block.read(), number as u64);
            allocator.dealloc(block.cast(), bytes(8));
        }
    }
    // SAFETY: still ours.
    assert_eq!(unsafe { long_lived.cast::<u64>().read() }, 1);
    Ok(())
}

fn long_lived_beside_many<A: Allocator>(allocator: A) -> Result<(), usize> {
    let memory = Memory::new(FOR_BOXES);
    let allocator = Locked::new(over(allocator, &memory));
    let long_lived = allocator.lock().allocate(bytes(8));
    many_boxes_long_lived(&allocator, long_lived)
}

#[test]
fn bump_fails_many_boxes_long_lived() {
    let failed_at = long_lived_beside_many(Bump::new()).expect_err("the plain bump allocator reuses nothing while a block lives");
    assert_eq!(failed_at, FOR_BOXES / 8 - 1, "all memory is used up by then");
}

#[test]
fn others_pass_many_boxes_long_lived() {
    assert_eq!(long_lived_beside_many(LinkedList::new()), Ok(()));
    assert_eq!(long_lived_beside_many(FixedSize::new()), Ok(()));
    assert_eq!(long_lived_beside_many(Buddy::new()), Ok(()));
}

#[test]
fn bump_with_rewind_passes_many_boxes_long_lived() {
    assert_eq!(long_lived_beside_many(Bump::with_rewind()), Ok(()));
}

#[test]
fn bump_from_the_back_passes_many_boxes_long_lived() {
    let memory = Memory::new(FOR_BOXES);
    let allocator = Locked::new(over(Bump::new(), &memory));
    let long_lived = allocator.lock().allocate_back(bytes(8));
    assert_eq!(many_boxes_long_lived(&allocator, long_lived), Ok(()));
    // SAFETY: live with this layout.
    unsafe { allocator.dealloc(long_lived, bytes(8)) };
    assert_eq!(allocator.lock().used(), 0);
}

#[test]
fn bump_without_short_lived_boxes_starts_again() {
    let memory = Memory::new(4096);
    let mut bump = over(Bump::new(), &memory);
    let first = bump.allocate(bytes(100));
    let second = bump.allocate(bytes(100));
    // SAFETY: live with this layout.
    unsafe { bump.deallocate(first, bytes(100)) };
    assert!(bump.used() >= 200, "the first isn't reused while the second lives");
    // SAFETY: live with this layout.
    unsafe { bump.deallocate(second, bytes(100)) };
    assert_eq!((bump.used(), bump.allocate(bytes(100))), (0, first));
}

#[test]
fn bump_ends_never_cross() {
    let memory = Memory::new(4096);
    let mut bump = over(Bump::with_rewind(), &memory);
    let (mut front, mut back) = (Vec::new(), Vec::new());
    loop {
        let (low, high) = (bump.allocate(bytes(100)), bump.allocate_back(bytes(200)));
        front.extend(Some(low).filter(|block| !block.is_null()));
        back.extend(Some(high).filter(|block| !block.is_null()));
        if low.is_null() && high.is_null() {
            break;
        }
    }
    assert!(front.last().unwrap().addr() + 100 <= back.last().unwrap().addr());
    for (blocks, size) in [(front, 100), (back, 200)] {
        for block in blocks.into_iter().rev() {
            // SAFETY: live with this layout.
            unsafe { bump.deallocate(block, bytes(size)) };
        }
    }
    assert_eq!(bump.used(), 0);
}

#[test]
fn linked_list_loses_nothing_to_alignment() {
    let memory = Memory::new(SIZE);
    let mut list = over(LinkedList::new(), &memory);
    let small = list.allocate(bytes(16));
    let aligned = list.allocate(Layout::from_size_align(64, 4096).unwrap());
    assert_eq!(aligned.addr(), memory.start.addr() + 4096);
    assert_eq!(list.used(), 16 + 64, "what lies between is free");
    assert_eq!(list.fragments(), (2, SIZE - 4096 - 64));
    let between = list.allocate(bytes(4096 - 16));
    assert_eq!(between.addr(), small.addr() + 16, "and is given out");
    for (block, layout) in [(aligned, Layout::from_size_align(64, 4096).unwrap()), (small, bytes(16)), (between, bytes(4080))] {
        // SAFETY: live with this layout.
        unsafe { list.deallocate(block, layout) };
    }
    assert_eq!((list.used(), list.fragments()), (0, (1, SIZE)));
}

#[test]
fn linked_list_merges_in_any_order() {
    let memory = Memory::new(6 * 64);
    let orders: [[usize; 6]; 5] = [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [0, 2, 4, 1, 3, 5], [3, 2, 5, 0, 4, 1], [1, 0, 5, 4, 2, 3]];
    for order in orders {
        let mut list = over(LinkedList::new(), &memory);
        let blocks: Vec<*mut u8> = (0..6).map(|_| list.allocate(bytes(64))).collect();
        assert_eq!((list.fragments(), list.allocate(bytes(1)).is_null()), ((0, 0), true));
        for number in order {
            // SAFETY: live with this layout.
            unsafe { list.deallocate(blocks[number], bytes(64)) };
        }
        assert_eq!(list.fragments(), (1, 6 * 64));
        assert!(!list.allocate(bytes(6 * 64)).is_null());
    }
}

#[test]
fn linked_list_joins_regions_that_touch() {
    let memory = Memory::new(SIZE);
    let mut list = LinkedList::new();
    for number in [2, 0, 1] {
        // SAFETY: disjoint parts of memory that is ours.
        unsafe { list.add_region(memory.start.add(number * 1024), 1024) };
    }
    assert_eq!(list.fragments(), (1, 3072));
}

#[test]
fn fixed_size_rounds_up_to_a_class() {
    let memory = Memory::new(SIZE);
    for (options, size, takes) in [
        (Options::PLAIN, 130, 256),
        (Options::PLAIN, 2048, 2048),
        (Options::PLAIN, 2049, 2064),
        (Options { classes: FINE_CLASSES, ..Options::PLAIN }, 130, 160),
        (Options { classes: FINE_CLASSES, ..Options::PLAIN }, 1100, 1280),
    ] {
        let mut allocator = over(FixedSize::with_options(options), &memory);
        assert!(!allocator.allocate(bytes(size)).is_null());
        assert_eq!(allocator.used(), takes, "{size} bytes");
    }
}

#[test]
fn fixed_size_alignment_picks_the_class() {
    let memory = Memory::new(SIZE);
    let mut allocator = over(FixedSize::with_options(Options { classes: FINE_CLASSES, ..Options::PLAIN }), &memory);
    let block = allocator.allocate(Layout::from_size_align(40, 32).unwrap());
    assert!(block.addr().is_multiple_of(32));
    assert_eq!(allocator.used(), 64, "the class of 48 is aligned to 16 only");
}

#[test]
fn fixed_size_bounded_list_gives_back() {
    let memory = Memory::new(16 * 64);
    let fill = |options| {
        let mut allocator = over(FixedSize::with_options(options), &memory);
        let blocks: Vec<*mut u8> = (0..16).map(|_| allocator.allocate(bytes(64))).collect();
        assert!(blocks.iter().all(|block| !block.is_null()));
        for block in blocks {
            // SAFETY: live with this layout.
            unsafe { allocator.deallocate(block, bytes(64)) };
        }
        allocator
    };
    // Nothing was drained to serve this: it comes from what the full list gave back.
    let mut bounded = fill(Options { longest_list: 4, ..Options::PLAIN });
    assert!(!bounded.allocate(bytes(512)).is_null());
    // The plain one must take its lists apart.
    let mut plain = fill(Options::PLAIN);
    assert!(!plain.allocate(bytes(512)).is_null());
}

#[test]
fn fixed_size_split_uses_a_larger_block() {
    let memory = Memory::new(2048);
    let mut allocator = over(FixedSize::with_options(Options { split: true, ..Options::PLAIN }), &memory);
    let large = allocator.allocate(bytes(2048));
    assert!(!large.is_null() && allocator.allocate(bytes(16)).is_null());
    // SAFETY: live with this layout.
    unsafe { allocator.deallocate(large, bytes(2048)) };
    let blocks: Vec<usize> = (0..128).map(|_| allocator.allocate(bytes(16)).addr()).collect();
    let expected: Vec<usize> = (0..128).map(|number| large.addr() + 16 * number).collect();
    assert_eq!(blocks, expected);
}

#[test]
fn buddies_merge_again() {
    let memory = Memory::new(SIZE);
    let mut buddy = over(Buddy::new(), &memory);
    let before = buddy.free_blocks();
    let sizes = [1, 32, 33, 100, 4096, 31, 2000, 64];
    let mut blocks: Vec<(*mut u8, usize)> = sizes.iter().map(|size| (buddy.allocate(bytes(*size)), *size)).collect();
    assert!(blocks.iter().all(|(block, size)| !block.is_null() && block.addr().is_multiple_of(size.next_power_of_two())));
    assert_eq!(buddy.used(), sizes.iter().map(|size| size.next_power_of_two().max(32)).sum::<usize>());
    assert_ne!(buddy.free_blocks(), before);
    blocks.swap(1, 6);
    blocks.swap(0, 3);
    for (block, size) in blocks {
        // SAFETY: live with this layout.
        unsafe { buddy.deallocate(block, bytes(size)) };
    }
    assert_eq!((buddy.used(), buddy.free_blocks()), (0, before));
}

#[test]
fn buddy_works_in_several_regions() {
    let (one, other) = (Memory::new(8192), Memory::new(8192));
    let mut buddy = over(over(Buddy::new(), &one), &other);
    let blocks: Vec<*mut u8> = (0..8).map(|_| buddy.allocate(bytes(1024))).collect();
    let inside = |block: &&*mut u8, memory: &Memory| (memory.start.addr()..memory.start.addr() + 8192).contains(&block.addr());
    assert!(blocks.iter().filter(|block| inside(block, &one)).count() >= 3);
    assert!(blocks.iter().filter(|block| inside(block, &other)).count() >= 3);
    for block in blocks {
        // SAFETY: live with this layout.
        unsafe { buddy.deallocate(block, bytes(1024)) };
    }
    assert_eq!(buddy.used(), 0);
}

/// Stands for a task: its name's buffer is what is expensive to build.
struct Task {
    name: String,
    runs: u32,
}

thread_local! {
    static BUILT: Cell<u32> = const { Cell::new(0) };
    static DROPPED: Cell<u32> = const { Cell::new(0) };
}

impl Drop for Task {
    fn drop(&mut self) {
        DROPPED.set(DROPPED.get() + 1);
    }
}

fn build() -> Task {
    BUILT.set(BUILT.get() + 1);
    Task { name: String::with_capacity(100), runs: 0 }
}

#[test]
fn pool_keeps_objects_built() {
    let memory = Memory::new(SIZE);
    let pool = Pool::new(over(LinkedList::new(), &memory), build);
    for round in 0..rounds(2000) as u32 {
        let mut first = pool.take().expect("memory");
        let mut second = pool.take().expect("memory");
        first.name.push_str("init");
        second.name.push_str("shell");
        assert_eq!((first.name.as_str(), second.name.as_str(), pool.live()), ("init", "shell", 2));
        assert_eq!((first.runs, first.name.capacity()), (round, 100), "the object of the round before, with its buffer");
        first.runs += 1;
        first.name.clear();
        second.name.clear();
        drop(second);
        drop(first);
    }
    assert_eq!((BUILT.get(), DROPPED.get(), pool.live()), (16, 0, 0), "one slab, built once");
    drop(pool);
    assert_eq!((BUILT.get(), DROPPED.get()), (16, 16));
}

#[test]
fn pool_grows_and_ends_at_the_memory() {
    let memory = Memory::new(6000);
    let pool = Pool::new(over(LinkedList::new(), &memory), || [7_u64; 4]);
    let mut objects = Vec::new();
    while let Some(object) = pool.take() {
        assert_eq!(*object, [7; 4]);
        objects.push(object);
    }
    assert!(objects.len() >= 64 && objects.len().is_multiple_of(16));
    let places: std::collections::BTreeSet<usize> = objects.iter().map(|object| core::ptr::from_ref(&**object).addr()).collect();
    assert_eq!((places.len(), pool.live()), (objects.len(), objects.len()));
    drop(objects);
    assert_eq!(pool.live(), 0);
    assert!(pool.take().is_some() && pool.used() > 0);
}

#[test]
fn a_locked_allocator_serves_threads() {
    let memory = Memory::new(SIZE);
    let allocator = Locked::new(over(FixedSize::new(), &memory));
    std::thread::scope(|scope| {
        for mark in 1..=3_u8 {
            let allocator = &allocator;
            scope.spawn(move || {
                for round in 0..rounds(4000) {
                    let layout = bytes(8 + round % 200);
                    // SAFETY: the size isn't zero; the block is that long, and is given back with its layout.
                    unsafe {
                        let block = allocator.alloc(layout);
                        block.write_bytes(mark, layout.size());
                        assert!(core::slice::from_raw_parts(block, layout.size()) == vec![mark; layout.size()]);
                        allocator.dealloc(block, layout);
                    }
                }
            });
        }
    });
    assert_eq!(allocator.lock().used(), 0);
}
