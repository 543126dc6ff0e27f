//! What the tests share: memory for an allocator, and how much of it.

use core::alloc::Layout;

/// Bytes of a test's memory: an odd number of pages, so that no allocator can count on a power of two. Miri pays for each step and each byte.
pub const SIZE: usize = if cfg!(miri) { 7 * 4096 } else { 251 * 4096 };

/// Rounds of a randomised test: few under Miri.
pub fn rounds(normal: usize) -> usize {
    if cfg!(miri) { (normal / 200).max(20) } else { normal }
}

/// Page-aligned memory, freed when dropped.
pub struct Memory {
    pub start: *mut u8,
    pub size: usize,
}

impl Memory {
    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 4096).expect("a valid layout")
    }

    pub fn new(size: usize) -> Memory {
        // SAFETY: the size isn't zero.
        let start = unsafe { std::alloc::alloc_zeroed(Memory::layout(size)) };
        assert!(!start.is_null());
        Memory { start, size }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout; the tests keep no block longer.
        unsafe { std::alloc::dealloc(self.start, Memory::layout(self.size)) };
    }
}
