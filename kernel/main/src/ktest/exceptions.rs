//! Every exception that software can raise in ring 0: what the handler is told, and that what was interrupted resumes.
//!
//! [`raise!`] runs an instruction with a value of its own in each general register and in the flags. The kernel's exception hook notes
//! vector and registers and, for a fault, goes on behind the instruction; then all registers must be what they were.

use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering};

use arch::interrupts::set_exception_hook;
use arch::user::Registers;

use super::tables::{self, SPARE, absent_segment};
use crate::kernel_test;

/// Words that the assembly code below and the hook share with the tests.
#[repr(C)]
struct Words([AtomicU64; 32]);

/// Where the instruction begins, where the next one begins, and the stack pointer there.
static PLACES: Words = Words([const { AtomicU64::new(0) }; 32]);
/// The registers behind the instruction, in the order of [`words`].
static AFTER: Words = Words([const { AtomicU64::new(0) }; 32]);
/// What the hook saw: vector, CR2, the registers.
static CAUGHT: Words = Words([const { AtomicU64::new(0) }; 32]);
static COUNT: AtomicU64 = AtomicU64::new(0);

impl Words {
    fn get(&self, at: usize) -> u64 {
        self.0[at].load(Ordering::Relaxed)
    }
    fn set(&self, values: &[u64]) {
        self.0.iter().zip(values).for_each(|(word, value)| word.store(*value, Ordering::Relaxed));
    }
}

/// The flags that are set before the instruction: carry, parity, adjust, zero, sign, direction, overflow; interrupts stay on.
const FLAGS: u64 = 0xed7;
const CARRY_ETC: u64 = 0xcd5;
/// The flag that a fault sets in the saved image, so that a debugger's breakpoint is not met again.
const RESUME: u64 = 1 << 16;
const TRAP: u64 = 1 << 8;

fn words(r: &Registers) -> [u64; 21] {
    [
        r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, r.rflags, r.rsp, r.rip,
        r.cs, r.ss, r.orig_rax,
    ]
}

fn hook(registers: &mut Registers, vector: u8) -> bool {
    let cr2: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, cr2", out(reg) cr2, options(nomem, nostack, preserves_flags)) };
    COUNT.fetch_add(1, Ordering::Relaxed);
    CAUGHT.set(&[u64::from(vector), cr2]);
    CAUGHT.0[2..].iter().zip(words(registers)).for_each(|(word, value)| word.store(value, Ordering::Relaxed));
    registers.rip = PLACES.get(1);
    registers.rflags &= !TRAP;
    true
}

/// What an exception has to be.
struct Expected {
    vector: u64,
    error: u64,
    /// Whether the saved address is that of the instruction itself, to be done again.
    fault: bool,
}

const fn fault(vector: u64, error: u64) -> Expected {
    Expected { vector, error, fault: true }
}

const fn trap(vector: u64) -> Expected {
    Expected { vector, error: 0, fault: false }
}

impl Expected {
    /// Compares with what the hook and the instruction's surroundings noted.
    fn check(&self) {
        let vector = self.vector;
        assert_eq!(COUNT.swap(0, Ordering::Relaxed), 1, "exceptions instead of number {vector}");
        assert_eq!(CAUGHT.get(0), vector);
        let caught: [u64; 21] = core::array::from_fn(|at| CAUGHT.get(2 + at));
        let after: [u64; 16] = core::array::from_fn(|at| AFTER.get(at));
        let numbers: [u64; 15] = core::array::from_fn(|at| at as u64 + 1);
        assert_eq!(caught[..15], numbers, "registers saved by exception {vector}");
        assert_eq!(after[..15], numbers, "registers behind exception {vector}");
        assert_eq!(caught[15] & !(RESUME | TRAP), FLAGS, "flags saved by exception {vector}");
        assert_eq!(after[15] & CARRY_ETC, CARRY_ETC, "flags behind exception {vector}");
        let place = if self.fault { PLACES.get(0) } else { PLACES.get(1) };
        assert_eq!(caught[16..20], [PLACES.get(2), place, 0x10, 0x18], "stack, address and segments of exception {vector}");
        assert_eq!(caught[20], self.error, "error code of exception {vector}");
    }
}

/// Does `$instruction` under the hook, and checks what came.
macro_rules! raise {
    ($expected:expr, $($instruction:literal),+ $(, $name:ident = sym $value:path)*) => {{
        set_exception_hook(hook);
        // SAFETY: registers that the compiler can't be told about are saved by hand; the memory written is the tests'.
        unsafe {
            asm!(
                "push rbx",
                "push rbp",
                "lea rax, [rip + 3f]",
                "mov [rip + {places}], rax",
                "lea rax, [rip + 4f]",
                "mov [rip + {places} + 8], rax",
                "push {flags}",
                "popfq",
                "mov [rip + {places} + 16], rsp",
                "mov rax, 1", "mov rbx, 2", "mov rcx, 3", "mov rdx, 4", "mov rsi, 5", "mov rdi, 6", "mov rbp, 7", "mov r8, 8",
                "mov r9, 9", "mov r10, 10", "mov r11, 11", "mov r12, 12", "mov r13, 13", "mov r14, 14", "mov r15, 15",
                "3:",
                $($instruction,)+
                "4:",
                "mov [rip + {after}], rax", "mov [rip + {after} + 8], rbx", "mov [rip + {after} + 16], rcx",
                "mov [rip + {after} + 24], rdx", "mov [rip + {after} + 32], rsi", "mov [rip + {after} + 40], rdi",
                "mov [rip + {after} + 48], rbp", "mov [rip + {after} + 56], r8", "mov [rip + {after} + 64], r9",
                "mov [rip + {after} + 72], r10", "mov [rip + {after} + 80], r11", "mov [rip + {after} + 88], r12",
                "mov [rip + {after} + 96], r13", "mov [rip + {after} + 104], r14", "mov [rip + {after} + 112], r15",
                "pushfq",
                "pop [rip + {after} + 120]",
                "cld",
                "pop rbp",
                "pop rbx",
                flags = const FLAGS,
                places = sym PLACES,
                after = sym AFTER,
                $($name = sym $value,)*
                out("rax") _, out("rcx") _, out("rdx") _, out("rsi") _, out("rdi") _, out("r8") _, out("r9") _, out("r10") _,
                out("r11") _, out("r12") _, out("r13") _, out("r14") _, out("r15") _,
            );
        }
        let expected: Expected = $expected;
        expected.check();
    }};
}

static ZERO: AtomicU64 = AtomicU64::new(0);
static SELECTOR: AtomicU64 = AtomicU64::new(SPARE as u64);
static BAD_SELECTOR: AtomicU64 = AtomicU64::new(0x1238);

fn divide_error() {
    raise!(fault(0, 0), "div dword ptr [rip + {zero}]", zero = sym ZERO);
}
kernel_test!("exception_divide_error", divide_error);

fn single_step() {
    // The trap comes behind the instruction that follows the one that set the flag. `popfq` brings the other flags back.
    raise!(trap(1), "pushfq", "or qword ptr [rsp], 0x100", "popfq", "nop");
}

/// A breakpoint of the processor's own, on a store to eight bytes.
fn debug_registers() {
    static WATCHED: AtomicU64 = AtomicU64::new(0);
    // SAFETY: a debug register with an address of ours; switched off again below.
    unsafe {
        asm!("mov dr0, {0}", "mov dr7, {1}", in(reg) &raw const WATCHED, in(reg) 0x0009_0402_u64, options(nostack, preserves_flags));
    }
    raise!(trap(1), "mov qword ptr [rip + {watched}], 5", watched = sym WATCHED);
    let status: u64;
    // SAFETY: as above.
    unsafe { asm!("mov {0}, dr6", "mov dr7, {1}", out(reg) status, in(reg) 0x400_u64, options(nostack, preserves_flags)) };
    assert_eq!(status & 0xf, 1, "the first breakpoint's");
    assert_eq!(WATCHED.load(Ordering::Relaxed), 5);
}

fn debug() {
    single_step();
    debug_registers();
}
kernel_test!("exception_debug", debug);

fn non_maskable() {
    raise!(trap(2), "int 2");
}
kernel_test!("exception_non_maskable", non_maskable);

fn breakpoint() {
    raise!(trap(3), "int3");
    raise!(trap(3), "int 3");
}
kernel_test!("exception_breakpoint", breakpoint);

fn overflow() {
    // 64-bit mode has no `into`, but the vector can be named.
    raise!(trap(4), "int 4");
}
kernel_test!("exception_overflow", overflow);

fn bound_range() {
    // Nor has it `bound`.
    raise!(trap(5), "int 5");
}
kernel_test!("exception_bound_range", bound_range);

fn invalid_opcode() {
    raise!(fault(6, 0), "ud2");
    // `into`.
    raise!(fault(6, 0), ".byte 0xce");
}
kernel_test!("exception_invalid_opcode", invalid_opcode);

fn no_fpu() {
    raise!(fault(7, 0), "fld1");
    raise!(fault(7, 0), "movq xmm0, rax");
}
kernel_test!("exception_no_fpu", no_fpu);

/// The segment with the stack pointers is too short for the debug exception's.
fn invalid_tss() {
    let limit = tables::set_tss_limit(tables::TSS_WITHOUT_DEBUG_STACK);
    raise!(fault(10, 0x40), "int 1");
    tables::set_tss_limit(limit);
    raise!(trap(1), "int 1");
}
kernel_test!("exception_invalid_tss", invalid_tss);

fn segment_not_present() {
    tables::set_descriptor(SPARE, absent_segment(0));
    raise!(fault(11, SPARE.into()), "mov ds, word ptr [rip + {selector}]", selector = sym SELECTOR);
    // A gate that is absent.
    tables::change_gate(0x55, tables::PRESENT, 0);
    raise!(fault(11, tables::gate_error(0x55)), "int 0x55");
}
kernel_test!("exception_segment_not_present", segment_not_present);

fn stack_fault() {
    tables::set_descriptor(SPARE, absent_segment(0));
    raise!(fault(12, SPARE.into()), "mov ss, word ptr [rip + {selector}]", selector = sym SELECTOR);
}
kernel_test!("exception_stack_fault", stack_fault);

fn general_protection() {
    raise!(fault(13, 0), "movabs al, byte ptr [0x800000000000]");
    raise!(fault(13, 0x1238), "mov ds, word ptr [rip + {selector}]", selector = sym BAD_SELECTOR);
}
kernel_test!("exception_general_protection", general_protection);

fn page_fault() {
    raise!(fault(14, 2), "movabs byte ptr [0x600123], al");
    assert_eq!(CAUGHT.get(1), 0x60_0123);
    raise!(fault(14, 0), "movabs al, byte ptr [0xffffff0000000ff8]");
    assert_eq!(CAUGHT.get(1), 0xffff_ff00_0000_0ff8);
    raise!(fault(14, 3), "mov byte ptr [rip + 3b], 0");
    assert_eq!(CAUGHT.get(1), PLACES.get(0), "code is present and not to be written");
}
kernel_test!("exception_page_fault", page_fault);

/// Lets the kernel use the floating-point registers, for one instruction's sake: nothing else of the test does.
fn with_fpu(f: impl FnOnce()) {
    // SAFETY: no user thread's state is in them.
    unsafe { asm!("clts", "fninit", options(nostack)) };
    f();
    // SAFETY: as it was before.
    unsafe { asm!("fninit", "mov rax, cr0", "or rax, 8", "mov cr0, rax", out("rax") _, options(nostack)) };
}

fn x87_error() {
    static UNMASKED: AtomicU64 = AtomicU64::new(0x37b);
    with_fpu(|| {
        // SAFETY: in the registers that `with_fpu` lends: a division by zero, whose exception comes at the next instruction.
        unsafe { asm!("fldcw [rip + {0}]", "fldz", "fld1", "fdiv st, st(1)", sym UNMASKED, options(nostack)) };
        raise!(fault(16, 0), "fwait");
    });
}
kernel_test!("exception_x87_error", x87_error);

fn simd_error() {
    // QEMU's emulation masks these exceptions, so the vector is named.
    raise!(trap(19), "int 19");
}
kernel_test!("exception_simd_error", simd_error);

/// Vectors with an error code that ring 0 can't have by itself (alignment is checked in ring 3 only): the frame is built by hand, as the
/// processor would, on a stack that it would have aligned.
fn error_codes_by_hand() {
    static HANDLER: AtomicU64 = AtomicU64::new(0);
    static STACK: AtomicU64 = AtomicU64::new(0);
    for vector in [17, 21, 29, 30] {
        HANDLER.store(tables::handler(vector), Ordering::Relaxed);
        raise!(
            Expected { vector: vector.into(), error: 0x1d, fault: false },
            "mov [rip + {stack}], rsp",
            "and rsp, -16",
            "push 0x18",
            "push [rip + {stack}]",
            "push {flags}",
            "push 0x10",
            "push [rip + {places} + 8]",
            "push 0x1d",
            "jmp [rip + {handler}]",
            stack = sym STACK,
            handler = sym HANDLER
        );
    }
}
kernel_test!("exception_error_codes_by_hand", error_codes_by_hand);

/// The other vectors below 32, which devices and later processors may use, as far as they have no error code.
fn reserved_vectors() {
    raise!(trap(9), "int 9");
    raise!(trap(15), "int 15");
    raise!(trap(18), "int 18");
    raise!(trap(20), "int 20");
    raise!(trap(22), "int 22");
    raise!(trap(28), "int 28");
    raise!(trap(31), "int 31");
}
kernel_test!("exception_reserved_vectors", reserved_vectors);
