//! Chapter 10: what the collections do with a heap.
//!
//! `alloc` brings boxes, vectors and maps, and wants one thing of a kernel: a global allocator. Here is what they ask of it.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BinaryHeap, LinkedList, VecDeque};
use alloc::rc::Rc;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use alloc::{format, vec};

use crate::{claim, say};

pub fn run() {
    let before = memory::heap::stats().used_bytes;
    boxes();
    vectors();
    counted();
    others();
    refusals();
    let after = memory::heap::stats().used_bytes;
    claim!(after == before, "all is given back: {after} bytes are in use, as before");
}

fn boxes() {
    let boxed = Box::new(41);
    let address = core::ptr::from_ref(&*boxed).addr();
    claim!(*boxed == 41, "a box holds 41, at {address:#x} in the map of all memory");
    drop(boxed);
    let many: Vec<Box<usize>> = (0..1000).map(Box::new).collect();
    claim!(many.iter().zip(0..).all(|(boxed, number)| **boxed == number), "a thousand boxes keep their values");
    let lasting = Box::new(1);
    for number in 0..10_000 {
        assert_eq!(*Box::new(number), number);
    }
    claim!(*lasting == 1, "ten thousand boxes come and go beside one that stays");
}

fn vectors() {
    let mut numbers: Vec<u64> = Vec::new();
    let mut places = vec![(numbers.capacity(), 0)];
    for number in 0..500 {
        numbers.push(number);
        if places.last().is_some_and(|&(capacity, _)| capacity != numbers.capacity()) {
            places.push((numbers.capacity(), numbers.as_ptr().addr()));
        }
    }
    let moves = places.len() - 1;
    claim!(numbers.iter().sum::<u64>() == 499 * 500 / 2, "a vector of 500 numbers adds up to {}", 499 * 500 / 2);
    claim!(moves == 8, "it grew {moves} times on the way, to twice its size each time");
}

fn counted() {
    let counted = Rc::new(vec![1, 2, 3]);
    let again = counted.clone();
    claim!(Rc::strong_count(&again) == 2, "a counted pointer has two owners");
    drop(counted);
    claim!(Rc::strong_count(&again) == 1, "and now one");
}

fn others() {
    let text = format!("{}-{}", String::from("heap"), 10);
    let list: LinkedList<u32> = (0..10).collect();
    let mut queue: VecDeque<u32> = (0..10).collect();
    queue.rotate_left(3);
    let mut heap: BinaryHeap<u32> = [3, 9, 1].into_iter().collect();
    let map: BTreeMap<u32, &str> = [(2, "two"), (1, "one")].into_iter().collect();
    let shared = Arc::new(5);
    claim!(text == "heap-10" && list.len() == 10 && queue.front() == Some(&3), "String, format!, LinkedList and VecDeque work");
    claim!(heap.pop() == Some(9) && map.values().eq(["one", "two"].iter()) && *shared == 5, "BinaryHeap, BTreeMap and Arc work");
}

fn refusals() {
    let mut bytes: Vec<u8> = Vec::new();
    claim!(bytes.try_reserve_exact(1 << 46).is_err(), "64 TiB are refused, and the kernel goes on");
    say!("What is refused is an answer, not a panic: system calls turn it into ENOMEM.");
}
