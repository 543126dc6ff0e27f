//! The host's interrupts aren't measured.

use crate::types::LongestOff;

/// The longest stretch of CPU number `cpu` with interrupts off: never known here.
pub fn longest(_cpu: usize) -> Option<LongestOff> {
    None
}
