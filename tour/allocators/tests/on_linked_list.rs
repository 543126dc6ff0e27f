//! The library's collections on the linked-list allocator.
#![cfg(not(miri))]

mod collections;

use collections::FromArena;
use tour_allocators::{LinkedList, Locked};

#[global_allocator]
static GLOBAL: Locked<FromArena<LinkedList>> = Locked::new(FromArena::new(LinkedList::new()));
