//! Random bits of the host: the seeds of its hash tables.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// 64 random bits from the processor, if it has a source of them.
pub fn hardware() -> Option<u64> {
    Some(RandomState::new().hash_one(0))
}
