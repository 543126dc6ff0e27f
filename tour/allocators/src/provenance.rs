//! The right to touch memory, beside the address of it.
//!
//! To the compiler a pointer is more than a number: it may reach only the object that it was made from. What a program gives back is such a
//! narrow pointer, to one block; an allocator that joins this block with its neighbours must reach all of it. So a region's right is *exposed* when
//! the region arrives, and taken up again from the bare address.

use core::ptr::with_exposed_provenance_mut;

/// Makes the right to a region known.
pub fn expose(start: *mut u8) -> usize {
    start.expose_provenance()
}

/// A pointer to this address, with the right of the region that it lies in.
#[inline]
pub fn at<T>(address: usize) -> *mut T {
    with_exposed_provenance_mut(address)
}
