//! `getppid`: what the cheapest system call costs, from the `syscall` instruction to the instruction after it. Run it under
//! `-icount shift=0`: the counter then counts instructions. The cost of two readings of the counter without a call between them is
//! measured the same way and taken off.

use bench::{Samples, report};
use core::arch::asm;

const SAMPLES: usize = 10_000;

/// The counter before and after `syscall`, with as little around it as can be.
fn around_call() -> u64 {
    let (start, end): (u64, u64);
    // SAFETY: rdtsc and getppid; rcx, r11, rax and rdx are declared.
    unsafe {
        asm!("rdtsc", "mov {start:e}, eax", "mov eax, 110", "syscall", "rdtsc", start = out(reg) start, lateout("rax") end, out("rdx") _,
            out("rcx") _, out("r11") _);
    }
    u64::from((end as u32).wrapping_sub(start as u32))
}

/// The same without the call.
fn around_nothing() -> u64 {
    let (start, end): (u64, u64);
    // SAFETY: rdtsc only.
    unsafe {
        asm!("rdtsc", "mov {start:e}, eax", "mov eax, 110", "rdtsc", start = out(reg) start, lateout("rax") end, out("rdx") _);
    }
    u64::from((end as u32).wrapping_sub(start as u32))
}

fn main() {
    let empty = Samples::collect(SAMPLES, around_nothing).minimum();
    let call = Samples::collect(SAMPLES, around_call);
    report("getppid_minimum", call.minimum().saturating_sub(empty), "instructions");
    report("getppid_median", call.median().saturating_sub(empty), "instructions");
}
