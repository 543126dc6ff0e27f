//! A freestanding program for Linux on x86_64: no standard library, no C library, no start-up code.
//!
//! ```text
//! cargo rustc --manifest-path tour/freestanding/Cargo.toml -- -C link-arg=-nostartfiles -C link-arg=-static
//! ```
//! `-nostartfiles` leaves out the C runtime's own `_start`, which would look for a `main`. Linux's loader gives a program a stack with its
//! arguments on it and jumps to the entry; nothing returns from there, so the program must end itself, by a system call.

#![no_std]
#![no_main]

use core::arch::{asm, naked_asm};
use core::panic::PanicInfo;

const EXIT_GROUP: usize = 231;
const WRITE: usize = 1;

/// The linker's default name of the entry. Linux leaves the stack aligned, without the return address that a function expects: a call puts
/// one there.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!("xor ebp, ebp", "call {main}", main = sym main)
}

extern "C" fn main() -> ! {
    let text = b"no standard library here\n";
    // SAFETY: write(2) only reads the constant.
    unsafe { call(WRITE, 1, text.as_ptr().addr(), text.len()) };
    exit(42)
}

/// # Safety
/// That of the system call.
unsafe fn call(number: usize, first: usize, second: usize, third: usize) -> usize {
    let result;
    // SAFETY: the caller's promise; the registers are those of the system-call convention.
    unsafe {
        asm!("syscall", inlateout("rax") number => result, in("rdi") first, in("rsi") second, in("rdx") third,
            lateout("rcx") _, lateout("r11") _);
    }
    result
}

/// Ends the program.
fn exit(status: usize) -> ! {
    loop {
        // SAFETY: exit_group(2) touches no memory, and doesn't return.
        unsafe { call(EXIT_GROUP, status, 0, 0) };
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(101)
}
