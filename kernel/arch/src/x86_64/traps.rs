//! Traps taken in kernel mode.
//!
//! Interrupts run their handler and resume. A page fault in one of the user-copy routines resumes at its fixup. Breakpoints
//! resume. Everything else is a bug in the kernel: it panics with all registers.

use core::fmt;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::copy;
use super::{interrupts, kernel_map, latency, registers};
use crate::USER_END;
use crate::context::Registers;

pub const DEBUG: u8 = 1;
pub const NON_MASKABLE: u8 = 2;
pub const BREAKPOINT: u8 = 3;
const INVALID_OPCODE: u8 = 6;
pub const NO_FPU: u8 = 7;
pub const DOUBLE_FAULT: u8 = 8;
pub const GENERAL_PROTECTION: u8 = 13;
pub const PAGE_FAULT: u8 = 14;
pub const MACHINE_CHECK: u8 = 18;
/// Vectors from here on are interrupts.
pub const FIRST_INTERRUPT: u8 = 32;

/// The interrupt flag.
const INTERRUPTS: u64 = 1 << 9;

/// Names of the exceptions, by vector.
#[rustfmt::skip]
const NAMES: [&str; 32] = [
    "divide error", "debug", "non-maskable interrupt", "breakpoint", "overflow", "bound range exceeded", "invalid opcode", "no FPU",
    "double fault", "coprocessor segment overrun", "invalid TSS", "segment not present", "stack fault", "general protection fault", "page fault", "reserved (15)",
    "x87 floating-point error", "alignment check", "machine check", "SIMD floating-point error", "virtualization", "control protection", "reserved (22)", "reserved (23)",
    "reserved (24)", "reserved (25)", "reserved (26)", "reserved (27)", "hypervisor injection", "VMM communication", "security", "reserved (31)",
];

/// Shows the registers in a few lines.
struct Dump<'a>(&'a Registers);

impl fmt::Display for Dump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let r = self.0;
        writeln!(f, "rip {:016x}  rsp {:016x}  rflags {:08x}  cs {:x}  ss {:x}", r.rip, r.rsp, r.rflags, r.cs, r.ss)?;
        writeln!(f, "rax {:016x}  rbx {:016x}  rcx {:016x}  rdx {:016x}", r.rax, r.rbx, r.rcx, r.rdx)?;
        writeln!(f, "rsi {:016x}  rdi {:016x}  rbp {:016x}  r8  {:016x}", r.rsi, r.rdi, r.rbp, r.r8)?;
        writeln!(f, "r9  {:016x}  r10 {:016x}  r11 {:016x}  r12 {:016x}", r.r9, r.r10, r.r11, r.r12)?;
        writeln!(f, "r13 {:016x}  r14 {:016x}  r15 {:016x}", r.r13, r.r14, r.r15)?;
        write!(f, "cr2 {:016x}  cr3 {:016x}  error code {:#x}", registers::read_cr2(), registers::read_cr3(), r.orig_rax)
    }
}

/// What the stubs call for a trap that came in kernel mode; returning resumes the code with `registers` as they are then.
pub extern "C" fn kernel_trap(registers: &mut Registers, vector: u32) {
    let vector = vector as u8;
    if vector == INVALID_OPCODE && latency::emulate(registers) {
        return;
    }
    let timed = latency::is_on() && registers.rflags & INTERRUPTS != 0;
    if timed {
        latency::begin(vector.into());
    }
    match vector {
        FIRST_INTERRUPT.. => interrupts::dispatch(vector),
        PAGE_FAULT if recover(registers) => {}
        _ if asked_hook(registers, vector) => {}
        // A breakpoint that somebody compiled in.
        BREAKPOINT => {}
        // A `syscall` right behind a `mov ss` under the debugger's eyes can bring a debug exception into the kernel.
        // SAFETY: forgets what it was about.
        DEBUG => unsafe { registers::write_dr6(0xffff_0ff0) },
        NON_MASKABLE => interrupts::count_non_maskable(),
        _ => fatal(registers, vector),
    }
    if timed {
        latency::end(registers.rip);
    }
}

/// A function that is asked about an exception: its registers and its vector.
type Hook = fn(&mut Registers, u8) -> bool;

static HOOK: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Has `hook` called first, with interrupts off, for each exception that comes in kernel mode and isn't resolved by a fixup. If it says
/// true, what was interrupted resumes with the registers as they are then; else the exception takes its course. For debuggers and tests.
pub fn set_exception_hook(hook: fn(&mut Registers, u8) -> bool) {
    HOOK.store(hook as *mut (), Ordering::Release);
}

fn asked_hook(registers: &mut Registers, vector: u8) -> bool {
    let hook = HOOK.load(Ordering::Acquire);
    // SAFETY: null, or a function of this type that `set_exception_hook` stored.
    !hook.is_null() && unsafe { core::mem::transmute::<*mut (), Hook>(hook)(registers, vector) }
}

/// Sends a page fault of a user-copy routine to its fixup.
fn recover(registers: &mut Registers) -> bool {
    if registers::read_cr2() >= USER_END as u64 {
        return false;
    }
    match copy::fixup(registers.rip as usize) {
        Some(fixup) => {
            registers.rip = fixup as u64;
            true
        }
        None => false,
    }
}

#[cold]
fn fatal(registers: &Registers, vector: u8) -> ! {
    let name = NAMES.get(usize::from(vector)).copied().unwrap_or("unknown");
    let address = registers::read_cr2() as usize;
    match vector {
        DOUBLE_FAULT if kernel_map::is_guard(address) || kernel_map::is_guard(registers.rsp as usize) => {
            panic!("kernel stack overflow\n{}", Dump(registers))
        }
        PAGE_FAULT if kernel_map::is_guard(address) => panic!("kernel stack overflow\n{}", Dump(registers)),
        PAGE_FAULT => panic!("page fault in the kernel: {} at {address:#x}\n{}", describe(registers.orig_rax), Dump(registers)),
        _ => panic!("{name} in the kernel\n{}", Dump(registers)),
    }
}

/// What a page fault's error code says.
fn describe(error: u64) -> &'static str {
    match (error & 0x10 != 0, error & 2 != 0, error & 1 != 0) {
        (true, _, false) => "execution of an unmapped page",
        (true, _, true) => "execution of a protected page",
        (false, true, false) => "write to an unmapped page",
        (false, true, true) => "write to a protected page",
        (false, false, false) => "read of an unmapped page",
        (false, false, true) => "read of a protected page",
    }
}
