//! A way back from code that faults for good.
//!
//! [`guarded`] notes where it is and calls a function. A handler that can't resume the function changes its frame with [`leave`]: its
//! `iretq` then goes to the end of [`guarded`]. This is C's setjmp and longjmp; the frames in between vanish without their destructors.

use core::arch::naked_asm;
use core::sync::atomic::{AtomicU64, Ordering};

use super::idt::Frame;

/// The stack pointer to go back to, 0 when nobody is guarded.
static STACK: AtomicU64 = AtomicU64::new(0);

/// Calls the function. True: it returned; false: a handler gave it up.
///
/// # Safety
/// The function holds nothing with a destructor that matters at the place where it faults.
pub unsafe fn guarded(function: extern "C" fn()) -> bool {
    // SAFETY: the stack pointer that is stored is valid until the call returns, and is taken back right behind.
    let returned = unsafe { call(function, STACK.as_ptr()) };
    STACK.store(0, Ordering::Relaxed);
    returned != 0
}

/// Makes the interrupted function give up: on return, the handler goes back to [`guarded`].
pub fn leave(frame: &mut Frame) {
    let stack = STACK.load(Ordering::Relaxed);
    assert!(stack != 0, "a fault outside of guarded code at {:#x}", frame.rip);
    frame.rsp = stack;
    frame.rip = give_up as *const () as u64;
}

#[unsafe(naked)]
unsafe extern "C" fn call(function: extern "C" fn(), place: *mut u64) -> u64 {
    naked_asm!(
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rsi], rsp",
        "sub rsp, 8",
        "call rdi",
        "add rsp, 8",
        "mov eax, 1",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "ret",
    )
}

/// The end of [`call`] for a function that didn't return.
#[unsafe(naked)]
unsafe extern "C" fn give_up() {
    naked_asm!("xor eax, eax", "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx", "ret")
}
