//! Walking the chain of stack frames by rbp, and where the names of the functions are.

use super::memory::{DIRECT_MAP, KERNEL_BASE};

/// More frames than this are a loop.
const MOST: usize = 64;

unsafe extern "C" {
    static __symbols_start: u64;
}

/// Where addresses in the table of names count from.
pub const BASE: usize = KERNEL_BASE;

/// The table of function names that the `pollux` command appended to the image; empty if it didn't.
pub fn names() -> &'static [u8] {
    let start = &raw const __symbols_start;
    // SAFETY: the linker put the table's length there and the `pollux` command, which changed it, as many bytes behind it. The
    // compiler can't know the value, since the loader brings it.
    unsafe { core::slice::from_raw_parts(start.add(1).cast(), start.read_volatile() as usize) }
}

/// Calls `f` with the return addresses of this function's callers, innermost first. The trap stubs link the interrupted
/// code into the chain, so a walk from a handler continues there.
#[inline(never)]
pub fn walk(f: &mut dyn FnMut(usize)) {
    let mut frame: usize;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {}, rbp", out(reg) frame, options(nomem, nostack, preserves_flags)) };
    for _ in 0..MOST {
        if frame < DIRECT_MAP || !frame.is_multiple_of(8) {
            return;
        }
        // SAFETY: the chain consists of frames on mapped kernel stacks as long as rbp is used as frame pointer; a value that
        // isn't a kernel address ended the walk above.
        let (next, address) = unsafe { (*(frame as *const usize), *((frame + 8) as *const usize)) };
        if address == 0 {
            return;
        }
        f(address);
        frame = next;
    }
}
