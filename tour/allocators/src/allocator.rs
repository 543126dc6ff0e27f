//! What every allocator here can do.

use core::alloc::Layout;

/// An allocator that one owner at a time uses.
///
/// # Safety
/// A block from `allocate` has at least the size and the alignment of its layout, lies in memory given by `add_region`, and overlaps no other
/// block that is live. No method unwinds.
pub unsafe trait Allocator {
    /// Gives the allocator memory to work with. What begins or ends within a unit of the allocator is cut off.
    ///
    /// # Safety
    /// The `size` bytes at `start` must be valid for reads and writes and used for nothing else, as long as the allocator or a block of it
    /// lives.
    unsafe fn add_region(&mut self, start: *mut u8, size: usize);

    /// A block for this layout, or null if there is none. A layout of size zero gets a block of its own as well.
    fn allocate(&mut self, layout: Layout) -> *mut u8;

    /// Takes a block back.
    ///
    /// # Safety
    /// The block came from `allocate` of this allocator with the same layout, and nobody uses it any more.
    unsafe fn deallocate(&mut self, block: *mut u8, layout: Layout);

    /// Bytes that are given out, with all that rounding adds to them: zero when everything came back.
    fn used(&self) -> usize;
}
