//! `heap.trace`: each request to the heap as a line on the debug console, for the recorded trace that allocators are compared on.
//!
//! The lines are control lines, which `pollux run --log` shows: `heap a SIZE ALIGN ADDRESS` for an allocation, `heap r OLD NEW-SIZE ADDRESS` for a
//! change of size, `heap f ADDRESS` for a release; addresses in hexadecimal. The slabs serve the requests, without magazines.

use core::alloc::{GlobalAlloc, Layout};
use core::fmt::Write;

use memory::heap::{HeapStats, Replacement, Slabs};

use crate::logger::Console;

/// Passes requests on and writes them down.
pub struct Recorder;

/// Writes a line that nothing can come between.
fn report(line: core::fmt::Arguments<'_>) {
    let _hold = arch::interrupts::hold();
    // Writing to the console can't fail.
    let _ = writeln!(Console, "\x01heap {line}");
}

// SAFETY: every request is passed on to `Slabs`, which keeps the contract.
unsafe impl GlobalAlloc for Recorder {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the same contract.
        let block = unsafe { Slabs.alloc(layout) };
        if !block.is_null() {
            report(format_args!("a {} {} {:x}", layout.size(), layout.align(), block.addr()));
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        report(format_args!("f {:x}", block.addr()));
        // SAFETY: the same contract.
        unsafe { Slabs.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the same contract.
        let new = unsafe { Slabs.realloc(block, layout, new_size) };
        if !new.is_null() {
            report(format_args!("r {:x} {new_size} {:x}", block.addr(), new.addr()));
        }
        new
    }
}

impl Replacement for Recorder {
    fn stats(&self) -> HeapStats {
        Slabs.stats()
    }

    fn trim(&self) {
        Slabs.trim();
    }
}
