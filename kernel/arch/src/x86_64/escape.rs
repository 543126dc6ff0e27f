//! Giving up a computation in the middle: back to a point further up the same stack, whatever happened below it.
//!
//! Panics abort here, so nothing runs destructors on the way. What an abandoned computation owned is lost: memory that it had allocated, locks
//! that it held, counts that it would have taken back. That makes this a tool for tests that must panic, and for nothing else.

use core::arch::naked_asm;
use core::convert::Infallible;
use core::sync::atomic::{AtomicUsize, Ordering};

/// A point to come back to. One computation at a time can run below it.
#[derive(Debug, Default)]
pub struct Point {
    /// The stack pointer to come back with; 0 when nothing runs below this point.
    stack: AtomicUsize,
}

impl Point {
    pub const fn new() -> Point {
        Point { stack: AtomicUsize::new(0) }
    }

    /// Calls `f`. True when it returned; false when it was given up by [`Point::leave`], which leaves interrupts off.
    pub fn run(&self, f: fn()) -> bool {
        // SAFETY: the slot outlives the call, and `call` calls the function that it gets.
        let left = unsafe { enter(self.stack.as_ptr(), call, f as usize) };
        self.stack.store(0, Ordering::Relaxed);
        left == 0
    }

    /// Whether something runs below it.
    pub fn is_active(&self) -> bool {
        self.stack.load(Ordering::Relaxed) != 0
    }

    /// Gives up what runs below this point, from a handler on any stack: the call of [`Point::run`] answers false.
    ///
    /// None if nothing runs below it: then there is nowhere to go.
    ///
    /// # Safety
    /// To be called on the CPU that is in `run`. Nobody may use what lies on the abandoned part of the stack any more: no list may hold a node
    /// from there, nor another CPU a reference. What the computation had begun stays half done; the caller answers for that.
    pub unsafe fn leave(&self) -> Option<Infallible> {
        match self.stack.load(Ordering::Relaxed) {
            0 => None,
            // SAFETY: `enter` stored it and hasn't returned, so what it pushed is there.
            stack => unsafe { resume(stack) },
        }
    }
}

extern "C" fn call(f: usize) {
    // SAFETY: `run` passes the address of such a function.
    let f = unsafe { core::mem::transmute::<usize, fn()>(f) };
    f();
}

/// Saves what a function must keep and where the stack is, and calls `f(argument)`. Returns 0 behind it, and 1 when `resume` came back here.
#[unsafe(naked)]
unsafe extern "C" fn enter(slot: *mut usize, f: extern "C" fn(usize), argument: usize) -> usize {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        // The ABI wants a multiple of 16 at the call.
        "sub rsp, 8",
        "mov [rdi], rsp",
        "mov rdi, rdx",
        "call rsi",
        "xor eax, eax",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Goes on behind the call in `enter`, with the flags that a handler has: interrupts off, no direction, no access to user memory.
#[unsafe(naked)]
unsafe extern "C" fn resume(stack: usize) -> ! {
    naked_asm!(
        "mov rsp, rdi",
        "push 2",
        "popfq",
        "mov eax, 1",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}
