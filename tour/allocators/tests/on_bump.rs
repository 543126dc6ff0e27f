//! The library's collections on the bump allocator.
#![cfg(not(miri))]

mod collections;

use collections::FromArena;
use tour_allocators::{Bump, Locked};

#[global_allocator]
static GLOBAL: Locked<FromArena<Bump>> = Locked::new(FromArena::new(Bump::new()));
