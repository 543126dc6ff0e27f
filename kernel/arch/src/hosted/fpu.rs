//! The host's threads have their floating-point registers for themselves: nothing is ever loaded.

use crate::fpu_area;

/// Bytes of a save area.
pub fn area_size() -> usize {
    fpu_area::MAX
}

/// The states (XCR0 bits) that are saved: x87, SSE, AVX.
pub fn states() -> u64 {
    7
}

/// Brings a save area up to date.
pub fn store(_area: *mut u8) {}

/// Says that what a processor holds of this area must never be written to it again.
pub fn forget(_area: *mut u8) {}
