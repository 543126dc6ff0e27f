//! Every allocator against a model: a map of the blocks that are live. Checked are alignment, overlap, contents, sizes of zero, exhaustion, and that
//! everything comes back.

mod common;

use common::{Memory, SIZE, rounds};
use core::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::collections::BTreeMap;
use tour_allocators::{Allocator, Buddy, Bump, CLASSES_TO_A_PAGE, Dummy, FINE_CLASSES, FixedSize, LinkedList, Locked, Options, PageSource};

/// xorshift64*: the same numbers in every run.
struct Random(Cell<u64>);

impl Random {
    fn new(seed: u64) -> Random {
        Random(Cell::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1))
    }

    fn below(&self, bound: usize) -> usize {
        let mut x = self.0.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.set(x);
        ((x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as usize) % bound
    }
}

/// Pages of the host. Those that an allocator has cut up never come back from it, so what is lent is freed in the end.
#[derive(Default)]
struct HostPages {
    lent: Vec<(*mut u8, usize)>,
}

/// So many at most: each class keeps a page for ever once it was used, and some must be left.
const MOST_PAGES: usize = SIZE / 4096 + 16;

fn pages_layout(pages: usize) -> Layout {
    Layout::from_size_align(pages * 4096, 4096).unwrap()
}

// SAFETY: the host's allocator gives blocks of this size and alignment, which are nobody else's.
unsafe impl PageSource for HostPages {
    fn allocate(&mut self, pages: usize) -> *mut u8 {
        let lent: usize = self.lent.iter().map(|(_, pages)| pages).sum();
        if pages > MOST_PAGES - lent {
            return std::ptr::null_mut();
        }
        // SAFETY: the size isn't zero, as nobody asks for no page.
        let start = unsafe { std::alloc::alloc(pages_layout(pages)) };
        self.lent.push((start, pages));
        start
    }

    unsafe fn release(&mut self, start: *mut u8, pages: usize) {
        let number = self.lent.iter().position(|lent| *lent == (start, pages)).expect("what is released was lent");
        self.lent.swap_remove(number);
        // SAFETY: allocated above with this layout.
        unsafe { std::alloc::dealloc(start, pages_layout(pages)) };
    }
}

impl Drop for HostPages {
    fn drop(&mut self) {
        for (start, pages) in self.lent.drain(..) {
            // SAFETY: allocated above with this layout; the allocator that used them ends too.
            unsafe { std::alloc::dealloc(start, pages_layout(pages)) };
        }
    }
}

/// A live block as the model knows it.
struct Block {
    pointer: *mut u8,
    layout: Layout,
    mark: u8,
}

/// The allocator and the model side by side.
struct Pair<A: Allocator> {
    allocator: Locked<A>,
    live: BTreeMap<usize, Block>,
}

impl<A: Allocator> Pair<A> {
    fn new(mut allocator: A, memory: &Memory) -> Pair<A> {
        // SAFETY: the memory lives longer than the pair, and is for this one alone.
        unsafe { allocator.add_region(memory.start, memory.size) };
        Pair { allocator: Locked::new(allocator), live: BTreeMap::new() }
    }

    /// Enters a new block into the model; false if it is null.
    fn admit(&mut self, pointer: *mut u8, layout: Layout, mark: u8) -> bool {
        if pointer.is_null() {
            return false;
        }
        assert!(pointer.addr().is_multiple_of(layout.align()), "{pointer:p} isn't aligned for {layout:?}");
        let end = pointer.addr() + layout.size().max(1);
        if let Some((start, before)) = self.live.range(..end).next_back() {
            assert!(
                start + before.layout.size().max(1) <= pointer.addr(),
                "{pointer:p} {layout:?} overlaps {:?} at {start:#x}",
                before.layout
            );
        }
        // SAFETY: the block is ours and that long.
        unsafe { pointer.write_bytes(mark, layout.size()) };
        self.live.insert(pointer.addr(), Block { pointer, layout, mark });
        true
    }

    fn allocate(&mut self, layout: Layout, mark: u8) -> bool {
        let pointer = self.allocator.lock().allocate(layout);
        self.admit(pointer, layout, mark)
    }

    /// Takes a block out of the model, after a look at its contents.
    fn remove(&mut self, number: usize) -> Block {
        let address = *self.live.keys().nth(number).unwrap();
        let block = self.live.remove(&address).unwrap();
        check(block.pointer, block.layout.size(), block.mark);
        block
    }

    fn release(&mut self, number: usize) {
        let block = self.remove(number);
        // SAFETY: live with this layout.
        unsafe { self.allocator.dealloc(block.pointer, block.layout) };
    }

    /// Changes a block's size; it stays as it is if there is no memory.
    fn resize(&mut self, number: usize, size: usize, mark: u8) {
        let block = self.remove(number);
        let layout = Layout::from_size_align(size, block.layout.align()).unwrap();
        // SAFETY: live with this layout; the new size isn't zero.
        let moved = unsafe { self.allocator.realloc(block.pointer, block.layout, size) };
        if moved.is_null() {
            self.live.insert(block.pointer.addr(), block);
        } else {
            check(moved, size.min(block.layout.size()), block.mark);
            assert!(self.admit(moved, layout, mark));
        }
    }

    fn release_all(&mut self) {
        while !self.live.is_empty() {
            self.release(self.live.len() / 2);
        }
        assert_eq!(self.allocator.lock().used(), 0);
    }
}

fn check(pointer: *mut u8, length: usize, mark: u8) {
    // SAFETY: the block is live, that long, and was filled.
    let bytes = unsafe { core::slice::from_raw_parts(pointer, length) };
    // Compared at one stroke, which Miri does natively.
    assert!(bytes == vec![mark; length], "a block of {length} bytes was overwritten");
}

/// Random requests, then all is given back; `whole` is then asked for at once.
fn behaves<A: Allocator>(allocator: A, whole: Option<usize>) {
    let memory = Memory::new(SIZE);
    let mut pair = Pair::new(allocator, &memory);
    for seed in 1..=if cfg!(miri) { 1 } else { 4 } {
        let random = Random::new(seed);
        for round in 0..rounds(6000) {
            let mark = round as u8;
            let count = pair.live.len();
            match random.below(10) {
                0..5 if count < 300 => {
                    let size = if random.below(20) == 0 { random.below(SIZE / 8) } else { random.below(16 << random.below(8)) };
                    let align = 1 << random.below(if random.below(20) == 0 { 12 } else { 5 });
                    pair.allocate(Layout::from_size_align(size, align).unwrap(), mark);
                }
                5 if count > 0 => pair.resize(random.below(count), 1 + random.below(3000), mark),
                _ if count > 0 => pair.release(random.below(count)),
                _ => {}
            }
        }
        pair.release_all();
        if let Some(whole) = whole {
            assert!(pair.allocate(Layout::from_size_align(whole, 8).unwrap(), 7), "the free memory is not in one piece");
            pair.release_all();
        }
    }
    exhausts(&mut pair);
}

/// Takes all there is in blocks of one size, and once more.
fn exhausts<A: Allocator>(pair: &mut Pair<A>) {
    let mut counts = Vec::new();
    for _ in 0..2 {
        let layout = Layout::from_size_align(1000, 8).unwrap();
        while pair.allocate(layout, 1) {
            assert!(pair.live.len() * 1000 <= MOST_PAGES * 4096, "more than there is");
        }
        assert!(!pair.allocate(Layout::from_size_align(MOST_PAGES * 4096 + 1, 8).unwrap(), 1));
        counts.push(pair.live.len());
        pair.release_all();
    }
    assert!(counts[0] > 4 && counts[0] == counts[1], "as many the second time: {counts:?}");
}

/// Blocks of no bytes have addresses of their own, and are given back.
fn serves_zero_bytes<A: Allocator>(allocator: A) {
    let memory = Memory::new(SIZE);
    let mut pair = Pair::new(allocator, &memory);
    for align in [1, 8, 64, 4096] {
        assert!(pair.allocate(Layout::from_size_align(0, align).unwrap(), 0));
        assert!(pair.allocate(Layout::from_size_align(24, align).unwrap(), 1));
    }
    assert_eq!(pair.live.len(), 8);
    pair.release_all();
}

macro_rules! behaviour {
    ($($name:ident: $allocator:expr, $whole:expr;)*) => {
        mod random_requests {
            use super::*;
            $(
                #[test]
                fn $name() {
                    behaves($allocator, $whole);
                }
            )*
        }
        mod zero_bytes {
            use super::*;
            $(
                #[test]
                fn $name() {
                    serves_zero_bytes($allocator);
                }
            )*
        }
    };
}

/// What a buddy allocator over the tests' memory can give at once: the map takes a part, and blocks are powers of two at multiples of themselves.
const LARGEST_BUDDY: usize = (SIZE / 4).next_power_of_two() / 2;

behaviour! {
    bump: Bump::new(), Some(SIZE);
    bump_with_rewind: Bump::with_rewind(), Some(SIZE);
    linked_list: LinkedList::new(), Some(SIZE);
    fixed_size: FixedSize::new(), Some(SIZE);
    fixed_size_prefilled: FixedSize::with_options(Options { prefill: 4, ..Options::PLAIN }), Some(SIZE);
    fixed_size_fine: FixedSize::with_options(Options { classes: FINE_CLASSES, ..Options::PLAIN }), Some(SIZE);
    fixed_size_bounded: FixedSize::with_options(Options { longest_list: 3, ..Options::PLAIN }), Some(SIZE);
    fixed_size_split: FixedSize::with_options(Options { split: true, ..Options::PLAIN }), Some(SIZE);
    fixed_size_all: FixedSize::with_options(Options { classes: FINE_CLASSES, prefill: 4, longest_list: 8, split: true }), Some(SIZE);
    fixed_size_pages: FixedSize::with_pages(Options { classes: CLASSES_TO_A_PAGE, ..Options::PLAIN }, HostPages::default()), None;
    fixed_size_pages_split: FixedSize::with_pages(Options { split: true, ..Options::PLAIN }, HostPages::default()), None;
    buddy: Buddy::new(), Some(LARGEST_BUDDY);
}

#[test]
fn memory_that_is_not_aligned_is_used_as_far_as_it_goes() {
    fn odd<A: Allocator>(mut allocator: A) {
        let memory = Memory::new(SIZE);
        for (skip, size) in [(3, 1), (17, 70), (129, SIZE - 200)] {
            // SAFETY: disjoint parts of memory that is ours.
            unsafe { allocator.add_region(memory.start.add(skip), size) };
        }
        let block = allocator.allocate(Layout::new::<[u64; 9]>());
        assert!(!block.is_null() && block.addr().is_multiple_of(8));
        // SAFETY: live with this layout.
        unsafe { allocator.deallocate(block, Layout::new::<[u64; 9]>()) };
        assert_eq!(allocator.used(), 0);
    }
    odd(Bump::new());
    odd(LinkedList::new());
    odd(FixedSize::new());
    odd(Buddy::new());
}

#[test]
fn the_dummy_refuses_everything() {
    let memory = Memory::new(4096);
    let mut pair = Pair::new(Dummy, &memory);
    assert!(!pair.allocate(Layout::new::<u8>(), 0));
    assert_eq!(pair.allocator.lock().used(), 0);
}

#[test]
fn huge_requests_are_refused_without_overflow() {
    fn refuses<A: Allocator>(allocator: A) {
        let memory = Memory::new(SIZE);
        let mut pair = Pair::new(allocator, &memory);
        for align in [1, 4096, 1 << 40] {
            assert!(!pair.allocate(Layout::from_size_align(isize::MAX as usize + 1 - align, align).unwrap(), 0));
        }
    }
    refuses(Bump::new());
    refuses(LinkedList::new());
    refuses(FixedSize::new());
    refuses(FixedSize::with_pages(Options::PLAIN, HostPages::default()));
    refuses(Buddy::new());
}
