//! What programs do with a heap: each type of the library that allocates, on an allocator that is the program's global one.
//!
//! Each file beside this folder names an allocator and takes these tests in, as a program of its own: everything in it, the test runner included,
//! lives on that allocator.
//!
//! Miri runs the other tests, but not these. Its rules for a `Box` that is an argument let nobody else write to its memory before the function
//! returns, and the function that frees it is the one that calls the allocator, which writes its links there.

use core::alloc::Layout;
use core::cell::UnsafeCell;
use std::collections::{BTreeMap, BinaryHeap, LinkedList, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use tour_allocators::Allocator;

/// Bytes of the program's heap.
pub const HEAP: usize = 64 << 20;

/// Static memory.
#[repr(align(4096))]
struct Arena(UnsafeCell<[u8; HEAP]>);

// SAFETY: only the one allocator that takes it touches it, behind a lock.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; HEAP]));

/// An allocator that takes the static memory at its first request: a static can't be filled before.
pub struct FromArena<A> {
    allocator: A,
    begun: bool,
}

impl<A> FromArena<A> {
    /// To be made once in a program.
    pub const fn new(allocator: A) -> FromArena<A> {
        FromArena { allocator, begun: false }
    }
}

// SAFETY: the allocator keeps the contract.
unsafe impl<A: Allocator> Allocator for FromArena<A> {
    unsafe fn add_region(&mut self, start: *mut u8, size: usize) {
        // SAFETY: the same contract.
        unsafe { self.allocator.add_region(start, size) }
    }

    fn allocate(&mut self, layout: Layout) -> *mut u8 {
        if !self.begun {
            self.begun = true;
            // SAFETY: the arena is this allocator's alone, for ever.
            unsafe { self.allocator.add_region(ARENA.0.get().cast(), HEAP) };
        }
        self.allocator.allocate(layout)
    }

    unsafe fn deallocate(&mut self, block: *mut u8, layout: Layout) {
        // SAFETY: the same contract.
        unsafe { self.allocator.deallocate(block, layout) }
    }

    fn used(&self) -> usize {
        self.allocator.used()
    }
}

/// Elements of a test's collection.
const COUNT: u64 = 5000;

/// The tests themselves come from the heap under test.
fn on_the_arena<T>(value: &T) {
    let start = ARENA.0.get().addr();
    assert!((start..start + HEAP).contains(&core::ptr::from_ref(value).addr()), "a block of another allocator");
}

#[test]
fn simple_allocation() {
    let (one, other) = (Box::new(41), Box::new(13));
    on_the_arena(&*one);
    assert_eq!((*one, *other), (41, 13));
}

#[test]
fn large_vec_grows_by_moving() {
    let mut numbers = Vec::new();
    let mut moves = 0;
    for number in 0..COUNT {
        let before = numbers.as_ptr();
        numbers.push(number);
        moves += u32::from(numbers.as_ptr() != before);
    }
    assert_eq!(numbers.iter().sum::<u64>(), (COUNT - 1) * COUNT / 2);
    assert!(moves > 1 && u64::from(moves) < COUNT / 2, "{moves} moves");
    on_the_arena(&numbers[0]);
}

#[test]
fn many_boxes_reuse_memory() {
    for number in 0..COUNT * 20 {
        assert_eq!(*Box::new(number), number);
    }
}

#[test]
fn many_boxes_beside_a_long_lived_one() {
    let long_lived = Box::new(1);
    for number in 0..COUNT * 20 {
        assert_eq!(*Box::new(number), number);
    }
    assert_eq!(*long_lived, 1);
}

#[test]
fn rc_and_arc_count() {
    let first = Rc::new(vec![1, 2, 3]);
    let second = first.clone();
    assert_eq!((Rc::strong_count(&first), *second == [1, 2, 3]), (2, true));
    drop(first);
    assert_eq!(Rc::strong_count(&second), 1);
    let shared = Arc::new(5);
    let weak = Arc::downgrade(&shared);
    assert_eq!((Arc::strong_count(&shared), weak.upgrade().as_deref()), (1, Some(&5)));
    drop(shared);
    assert_eq!(weak.upgrade(), None);
}

#[test]
fn strings_and_format() {
    let mut text = String::new();
    for number in 0..COUNT {
        text += &format!("{number},");
    }
    let numbers: Vec<u64> = text.split_terminator(',').map(|word| word.parse().unwrap()).collect();
    assert!(numbers.iter().copied().eq(0..COUNT));
}

#[test]
fn linked_list() {
    let mut list: LinkedList<u64> = (0..COUNT).collect();
    let tail = list.split_off(COUNT as usize / 2);
    list.push_front(7);
    assert_eq!((list.len() as u64, tail.front()), (COUNT / 2 + 1, Some(&(COUNT / 2))));
}

#[test]
fn queue() {
    let mut queue = VecDeque::new();
    for number in 0..COUNT {
        queue.push_back(number);
        queue.push_back(number);
        assert_eq!(queue.pop_front(), Some(number / 2));
    }
    assert_eq!(queue.len() as u64, COUNT);
}

#[test]
fn heap_sorts() {
    let heap: BinaryHeap<u64> = (0..COUNT).map(|number| number * 7919 % COUNT).collect();
    assert!(heap.into_sorted_vec().is_sorted());
}

#[test]
fn tree() {
    let mut tree: BTreeMap<u64, Box<u64>> = (0..COUNT).map(|number| (number * 7919, Box::new(number))).collect();
    tree.retain(|_, number| **number % 2 == 0);
    assert_eq!(tree.len() as u64, COUNT / 2);
    assert!(tree.iter().all(|(key, number)| *key == **number * 7919));
}

#[test]
fn alignment_of_a_page() {
    #[repr(align(4096))]
    struct Page([u8; 4096]);
    let pages: Vec<Box<Page>> = (0..8).map(|mark| Box::new(Page([mark; 4096]))).collect();
    for (mark, page) in pages.iter().enumerate() {
        assert!(core::ptr::from_ref(&**page).addr().is_multiple_of(4096));
        assert!(page.0 == [mark as u8; 4096]);
    }
}
