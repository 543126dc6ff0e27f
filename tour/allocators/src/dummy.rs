//! The allocator that never has anything.
//!
//! Rust's answer to null is the allocation-error handler. On stable Rust without the standard library that is a panic with the message "memory
//! allocation of N bytes failed"; this allocator serves to see it.

use crate::Allocator;
use core::alloc::Layout;

/// Refuses every request.
#[derive(Debug, Default, Clone, Copy)]
pub struct Dummy;

// SAFETY: it gives out no block.
unsafe impl Allocator for Dummy {
    unsafe fn add_region(&mut self, _: *mut u8, _: usize) {}

    fn allocate(&mut self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn deallocate(&mut self, _: *mut u8, _: Layout) {
        // Nothing was given out, so nothing can come back.
    }

    fn used(&self) -> usize {
        0
    }
}
