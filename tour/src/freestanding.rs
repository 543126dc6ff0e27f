//! Chapter 1: what is left of a Rust program when no operating system is below it.
//!
//! Without `std` there are no threads, files or heap, but all of `core`: this chapter shows that formatting, floats and memory routines
//! work on the bare machine. The entry, the linker script and the panic handler that a program needs are the real kernel's. A freestanding
//! program for Linux, built with `-nostartfiles`, is in `tour/freestanding/`.

use core::fmt::Write;
use core::hint::black_box;
use core::panic::Location;

use crate::{claim, say};

/// A place for text without a heap.
struct Text {
    bytes: [u8; 64],
    length: usize,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = self.bytes.get_mut(self.length..self.length + text.len()).ok_or(core::fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}

/// Formats into the buffer, compares, and forgets.
fn is_written(expected: &str, text: core::fmt::Arguments<'_>) -> bool {
    let mut buffer = Text { bytes: [0; 64], length: 0 };
    buffer.write_fmt(text).is_ok() && &buffer.bytes[..buffer.length] == expected.as_bytes()
}

/// What `core` can do by itself.
pub fn run() {
    say!("No start-up library ran before this kernel: the boot loader jumped to its entry.");
    let here = run as fn() as usize;
    claim!(here >= 0xffff_ffff_8000_0000, "this function is at {here:#x}, in the topmost 2 GiB");
    let local = black_box(0_u8);
    let stack = (&raw const local).addr();
    claim!(stack > 0xffff_8000_0000_0000, "the stack, at {stack:#x}, is one that the kernel made");
    let third = black_box(1.0_f64) / black_box(3.0);
    claim!(is_written("0.3333333333333333", format_args!("{third}")), "1.0 / 3.0 is {third}, without a floating-point unit");
    let number = black_box(1.337_f64);
    claim!(is_written("1.337", format_args!("{number}")), "1.337 is printed as {number}");
    memory_routines();
    let place = Location::caller();
    claim!(place.file().ends_with(".rs") && place.line() > 0, "a panic would name its place, as in {place}");
}

/// The compiler calls memcpy, memmove, memset and memcmp by itself; without libc they come from `compiler_builtins`.
fn memory_routines() {
    let mut bytes: [u8; 32] = core::array::from_fn(|at| at as u8);
    let copy = black_box(bytes);
    claim!(black_box(&copy) == black_box(&bytes), "a copy equals its original (memcpy, memcmp)");
    black_box(&mut bytes).copy_within(0..16, 8);
    claim!(bytes[8..24] == copy[..16] && bytes[..8] == copy[..8], "overlapping pieces move correctly (memmove)");
    black_box(&mut bytes).fill(7);
    claim!(bytes.iter().all(|&byte| byte == 7), "a buffer is filled (memset)");
}
