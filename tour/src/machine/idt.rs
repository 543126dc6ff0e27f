//! An interrupt descriptor table of a chapter's own, and the stubs between the processor and a Rust function.
//!
//! The series writes handlers as `extern "x86-interrupt"` functions, which only a nightly compiler has. On stable Rust a naked function
//! does the same work, and shows it: save all registers, call, restore, `iretq`.

use core::arch::asm;

use crate::gate::Gate;

/// What a handler finds on its stack: all registers as the interrupted code had them, the error code (or 0), and what the processor
/// pushed. Changes take effect on return.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Frame {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rbp: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rdx: u64,
    pub rcx: u64,
    pub rbx: u64,
    pub rax: u64,
    pub error_code: u64,
    pub rip: u64,
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
}

/// Makes the stub of a handler: `stub!(name, handler)`, or `stub!(name, handler, error_code)` for the vectors whose exception pushes one.
macro_rules! stub {
    ($name:ident, $handler:path) => {
        $crate::machine::idt::stub!(@ $name, $handler, "push 0");
    };
    ($name:ident, $handler:path, error_code) => {
        $crate::machine::idt::stub!(@ $name, $handler, "");
    };
    (@ $name:ident, $handler:path, $error:literal) => {
        // `sym` below takes any function: this one has the right type.
        const _: extern "C" fn(&mut $crate::machine::idt::Frame) = $handler;

        #[unsafe(naked)]
        extern "C" fn $name() {
            core::arch::naked_asm!(
                $error,
                "push rax", "push rbx", "push rcx", "push rdx", "push rsi", "push rdi", "push rbp",
                "push r8", "push r9", "push r10", "push r11", "push r12", "push r13", "push r14", "push r15",
                "mov rdi, rsp",
                // The calling convention wants an aligned stack; rbp brings the old one back.
                "mov rbp, rsp",
                "and rsp, -16",
                "cld",
                "call {handler}",
                "mov rsp, rbp",
                "pop r15", "pop r14", "pop r13", "pop r12", "pop r11", "pop r10", "pop r9", "pop r8",
                "pop rbp", "pop rdi", "pop rsi", "pop rdx", "pop rcx", "pop rbx", "pop rax",
                "add rsp, 8",
                "iretq",
                handler = sym $handler,
            );
        }
    };
}
pub(crate) use stub;

/// A table of 256 gates.
#[repr(C, align(16))]
pub struct Table([Gate; 256]);

#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: u64,
}

impl Table {
    /// A table without handlers, in memory that is never given back.
    pub fn leak() -> &'static mut Table {
        alloc::boxed::Box::leak(alloc::boxed::Box::new(Table([Gate::MISSING; 256])))
    }

    /// Sets a vector's gate to a stub.
    pub fn set(&mut self, vector: u8, stub: extern "C" fn()) {
        self.0[usize::from(vector)] = gate(stub);
    }

    /// Sets a vector's gate to a stub that runs on an interrupt stack.
    pub fn set_on_stack(&mut self, vector: u8, stub: extern "C" fn(), stack: u8) {
        self.0[usize::from(vector)] = gate(stub).on_stack(stack);
    }

    /// Makes the processor use this table from now on. It must live for ever, which the type demands: a table on the stack of a
    /// function that returns would be read all the same.
    ///
    /// # Safety
    /// Interrupts are off, or all that can come have gates.
    pub unsafe fn load(&'static self) {
        let pointer = Pointer { limit: size_of::<Table>() as u16 - 1, base: core::ptr::from_ref(self).addr() as u64 };
        // SAFETY: the table stays where it is, and its gates lead to stubs of this module.
        unsafe { asm!("lidt [{}]", in(reg) &pointer, options(readonly, nostack, preserves_flags)) };
    }
}

fn gate(stub: extern "C" fn()) -> Gate {
    Gate::new(stub as usize as u64, code_segment())
}

/// The running code's segment selector.
pub fn code_segment() -> u16 {
    let selector: u16;
    // SAFETY: reads a register.
    unsafe { asm!("mov {0:x}, cs", out(reg) selector, options(nomem, nostack, preserves_flags)) };
    selector
}

/// The address whose access faulted last (CR2).
pub fn fault_address() -> u64 {
    let address: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, cr2", out(reg) address, options(nomem, nostack, preserves_flags)) };
    address
}
