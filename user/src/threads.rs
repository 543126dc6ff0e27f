//! Threads without the C library: a stack, `clone`, and a function that never returns. They are small (a test wants ten thousand) and
//! live only as long as their body: the stack stays mapped.

use crate::sys;
use crate::sys::{Errno, Result};
use core::arch::asm;

const FLAGS: usize =
    (libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND | libc::CLONE_THREAD | libc::CLONE_SYSVSEM) as usize;

/// The body gets the number given at the start. It must not touch thread-local storage (the new thread shares its parent's), so:
/// system calls and atomics only.
pub type Body = extern "C" fn(usize) -> !;

/// Starts a thread on a stack that ends at `top` (16-byte aligned); its thread id. `more_flags` go to `clone`; `cleared` is the word
/// for CLONE_CHILD_CLEARTID.
pub fn start(top: usize, body: Body, argument: usize, more_flags: i32, cleared: usize) -> Result<i32> {
    let answer: isize;
    // SAFETY: the child has its own stack and never returns into this function: it calls the body and traps behind it.
    unsafe {
        asm!("syscall", "test rax, rax", "jnz 2f", "xor ebp, ebp", "mov rdi, r13", "call r12", "ud2", "2:",
            inlateout("rax") 56isize => answer, in("rdi") FLAGS | more_flags as usize, in("rsi") top, in("rdx") 0, in("r10") cleared,
            in("r8") 0, in("r12") body as usize, in("r13") argument, out("rcx") _, out("r11") _);
    }
    if answer < 0 { Err(Errno(-answer as i32)) } else { Ok(answer as i32) }
}

/// Ends the calling thread only.
pub fn exit_thread() -> ! {
    loop {
        let _ = sys!(exit, 0);
    }
}
