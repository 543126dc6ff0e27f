//! What the tests of this room share: a seeded generator, memory set up once, and one test at a time where frames are counted.

use crate::frames;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of hosted memory. Miri pays for each of them.
const MEMORY: usize = if cfg!(miri) { 2 << 20 } else { 64 << 20 };

/// Sets memory up and keeps other tests of frames out until dropped.
pub fn serial() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    let guard = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    frames::init_hosted(MEMORY);
    guard
}

/// Rounds of a randomised test: few under Miri.
pub fn rounds(normal: usize) -> usize {
    if cfg!(miri) { (normal / 100).max(30) } else { normal }
}

/// A small generator (xorshift64*); the same seed gives the same run.
pub struct Random(std::cell::Cell<u64>);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(std::cell::Cell::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1))
    }

    pub fn next(&self) -> u64 {
        let mut x = self.0.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.set(x);
        x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// A number below `bound`.
    pub fn below(&self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn chance(&self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}
