//! The library's collections on fixed-size blocks.
#![cfg(not(miri))]

mod collections;

use collections::FromArena;
use tour_allocators::{FixedSize, Locked};

#[global_allocator]
static GLOBAL: Locked<FromArena<FixedSize>> = Locked::new(FromArena::new(FixedSize::new()));
