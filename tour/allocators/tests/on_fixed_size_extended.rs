//! The library's collections on fixed-size blocks with all extensions.
#![cfg(not(miri))]

mod collections;

use collections::FromArena;
use tour_allocators::{FINE_CLASSES, FixedSize, Locked, Options};

const OPTIONS: Options = Options { classes: FINE_CLASSES, prefill: 8, longest_list: 32, split: true };

#[global_allocator]
static GLOBAL: Locked<FromArena<FixedSize>> = Locked::new(FromArena::new(FixedSize::with_options(OPTIONS)));
