//! The kernel's heap: what lives on it, and what happens when an allocation fails.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BinaryHeap, LinkedList, VecDeque};
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::{kernel_test, kernel_test_panics};

/// More than any machine here has.
const TOO_MUCH: usize = 1 << 40;

/// Code that asks for memory of a size that a program chose asks so.
fn failure_is_an_answer() {
    let mut bytes = Vec::<u8>::new();
    assert!(bytes.try_reserve_exact(core::hint::black_box(TOO_MUCH)).is_err());
    assert_eq!(bytes.capacity(), 0);
    // A failure leaves the heap whole.
    assert!(bytes.try_reserve_exact(100_000).is_ok());
}
kernel_test!("heap_failure_is_an_answer", failure_is_an_answer);

fn failure_without_an_answer() {
    let bytes = Vec::<u8>::with_capacity(core::hint::black_box(TOO_MUCH));
    core::hint::black_box(bytes);
}
kernel_test_panics!("heap_failure_is_reported", failure_without_an_answer, "memory allocation of 1099511627776 bytes failed");

/// What is freed is used again, and nothing is lost.
fn balance_returns_to_zero() {
    let before = memory::heap::stats().used_bytes;
    for round in 0..3 {
        let boxes: Vec<_> = (0..2000_u64).map(|number| Box::new([number; 5])).collect();
        assert!(boxes.iter().enumerate().all(|(number, value)| **value == [number as u64; 5]), "round {round}");
        assert!(memory::heap::stats().used_bytes >= before + 2000 * 40);
        drop(boxes);
        assert_eq!(memory::heap::stats().used_bytes, before);
    }
}
kernel_test!("heap_balance_returns_to_zero", balance_returns_to_zero);

/// Elements of a collection.
const COUNT: u64 = 2000;

/// Each type of the library that allocates, on whatever heap the kernel runs.
fn serves_the_collections() {
    let (one, other) = (Box::new(41), Box::new(13));
    assert_eq!((*one, *other), (41, 13));
    let mut numbers = Vec::new();
    let mut moves = 0;
    for number in 0..COUNT {
        let before = numbers.as_ptr();
        numbers.push(number);
        moves += u32::from(numbers.as_ptr() != before);
    }
    assert_eq!(numbers.iter().sum::<u64>(), (COUNT - 1) * COUNT / 2);
    assert!(moves > 1, "it grows by moving");
    let counted = Rc::new(numbers);
    let second = counted.clone();
    assert_eq!(Rc::strong_count(&counted), 2);
    drop(counted);
    assert_eq!((Rc::strong_count(&second), second.len() as u64), (1, COUNT));
    let shared = Arc::new(5);
    let weak = Arc::downgrade(&shared);
    assert_eq!(weak.upgrade().as_deref(), Some(&5));
    drop(shared);
    assert_eq!(weak.upgrade(), None);
    let mut text = String::new();
    (0..COUNT).for_each(|number| text += &format!("{number},"));
    assert!(text.split_terminator(',').map(str::parse).eq((0..COUNT).map(Ok::<u64, core::num::ParseIntError>)));
    let mut list: LinkedList<u64> = (0..COUNT).collect();
    assert_eq!(list.split_off(COUNT as usize / 2).front(), Some(&(COUNT / 2)));
    let mut queue: VecDeque<u64> = (0..COUNT).collect();
    queue.rotate_left(COUNT as usize / 2);
    assert_eq!(queue.pop_front(), Some(COUNT / 2));
    assert!((0..COUNT).map(|number| number * 7919 % COUNT).collect::<BinaryHeap<_>>().into_sorted_vec().is_sorted());
    let mut tree: BTreeMap<u64, Box<u64>> = (0..COUNT).map(|number| (number * 7919, Box::new(number))).collect();
    tree.retain(|_, number| **number % 2 == 0);
    assert!(tree.len() as u64 == COUNT / 2 && tree.iter().all(|(key, number)| *key == **number * 7919));
}
kernel_test!("heap_serves_the_collections", serves_the_collections);

/// Boxes of 80 MB all told, one after the other, beside one that lives all the time: ten times what the bump allocator has.
fn many_boxes_long_lived() {
    let long_lived = Box::new(1_u64);
    for number in 0..10_000_u64 {
        let value = Box::new([number; 1024]);
        assert_eq!(core::hint::black_box(&*value)[1023], number);
    }
    assert_eq!(*core::hint::black_box(&*long_lived), 1);
}
kernel_test!("heap_many_boxes_long_lived", many_boxes_long_lived);
