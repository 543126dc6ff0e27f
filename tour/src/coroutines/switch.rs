//! The switch itself: seven instructions that matter.
//!
//! The calling convention helps: a function that is called may change all registers but six and the stack pointer, so nothing else has to
//! be saved. They go onto the old stack, the stack pointer is exchanged, and they come from the new one. That `ret` then returns to another
//! caller is all there is to it. (The kernel has no floating-point registers in use; on the host their control words stay as they are.)

use core::arch::naked_asm;

/// Saves the running stack's pointer to `*from` and goes on with the stack `to`.
///
/// # Safety
/// `to` was saved by this function, or prepared by [`prepare`], and is not in use.
#[unsafe(naked)]
pub unsafe extern "C" fn switch(from: *mut usize, to: usize) {
    naked_asm!(
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rdi], rsp",
        "mov rsp, rsi",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "ret",
    )
}

/// Calls the function in r12 with r13: what the first switch to a new stack returns to.
#[unsafe(naked)]
unsafe extern "C" fn begin() {
    naked_asm!("mov rdi, r13", "call r12", "ud2")
}

/// Makes a stack look as if it had been left by [`switch`], so that the first switch to it calls `entry(argument)`. Gives the value to
/// switch to.
///
/// # Safety
/// `top` is the 16-byte-aligned end of a stack of 128 bytes or more, which nobody uses. `entry` never returns.
pub unsafe fn prepare(top: *mut usize, entry: extern "C" fn(usize) -> !, argument: usize) -> usize {
    // From the lowest address: r15, r14, r13, r12, rbp, rbx, the place to return to. Behind that return the stack is empty, and aligned.
    let frame = [0, 0, argument, entry as usize, 0, 0, begin as *const () as usize];
    // SAFETY: seven words below the end of the stack.
    unsafe {
        let place = top.sub(frame.len());
        place.cast::<[usize; 7]>().write(frame);
        place.expose_provenance()
    }
}
