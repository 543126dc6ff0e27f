//! The library's collections on the buddy allocator.
#![cfg(not(miri))]

mod collections;

use collections::FromArena;
use tour_allocators::{Buddy, Locked};

#[global_allocator]
static GLOBAL: Locked<FromArena<Buddy>> = Locked::new(FromArena::new(Buddy::new()));
