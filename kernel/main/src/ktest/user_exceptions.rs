//! Every exception that software can raise in ring 3: vector, error code, address and all registers as the kernel gets them, and the
//! program going on behind it.

use arch::PAGE_SIZE;
use arch::user::{Registers, Trap, UserContext};

use super::tables::{self, GATE_RING, SPARE, absent_segment, is_emulated};
use super::user_mode::distinct;
use super::user_space::{CODE, DATA, STACK, Space};
use crate::{kernel_test, user_code};

/// The flag that a fault sets in the saved image.
const RESUME: u64 = 1 << 16;
const TRAP: u64 = 1 << 8;

/// Runs `code` with a value of its own in each register, and expects the exception with the address `offset` bytes into the code. Then
/// goes on at `next`, where there has to be a system call.
fn expect(code: &[u8], (vector, error): (u8, u64), offset: usize, next: usize) {
    expect_with(code, 0, (vector, error), offset, next);
}

/// [`expect`] with more flags.
fn expect_with(code: &[u8], flags: u64, (vector, error): (u8, u64), offset: usize, next: usize) {
    let space = Space::new(code);
    let mut thread = space.thread();
    let before = Registers { rflags: distinct(&thread).rflags | flags, ..distinct(&thread) };
    *thread.registers_mut() = before;
    assert_eq!(space.run(&mut thread), Trap::Exception { vector, error });
    let after = *thread.registers();
    assert_eq!(after.rip, (CODE + offset) as u64, "address of exception {vector}");
    assert_eq!(Registers { rip: before.rip, rflags: after.rflags & !RESUME, ..after }, before, "registers of exception {vector}");
    resume(&space, &mut thread, before, next);
}

/// Lets the program go on `offset` bytes into its code, where a system call has to come with all registers unchanged.
fn resume(space: &Space, thread: &mut UserContext, before: Registers, offset: usize) {
    thread.registers_mut().rip = (CODE + offset) as u64;
    thread.registers_mut().rflags &= !TRAP;
    assert_eq!(space.run(thread), Trap::Syscall);
    let r = *thread.registers();
    let registers = |r: Registers| [r.rax, r.rbx, r.rdx, r.rsi, r.rdi, r.rbp, r.rsp, r.r8, r.r9, r.r10, r.r12, r.r13, r.r14, r.r15];
    assert_eq!(registers(r), registers(before));
    assert_eq!((r.rip, r.rcx, r.orig_rax), ((CODE + offset + 2) as u64, (CODE + offset + 2) as u64, before.rax));
}

user_code!(divide, "div dword ptr [0x500000]", "syscall");
user_code!(breakpoint, "int3", "syscall");
user_code!(breakpoint_by_number, ".byte 0xcd, 3", "syscall");
user_code!(overflow, "int 4", "syscall");
user_code!(into, ".byte 0xce", "syscall");
user_code!(bound, ".byte 0x62, 0, 0, 0, 0, 0", "syscall");
user_code!(undefined, "ud2", "syscall");
user_code!(privileged, "cli", "syscall");
user_code!(bad_segment, "mov ds, word ptr [0x500008]", "syscall");
user_code!(spare_segment, "mov ds, word ptr [0x500000]", "syscall");
user_code!(spare_stack, "mov ss, word ptr [0x500000]", "syscall");
user_code!(timer, "int 0x30", "syscall");
user_code!(by_number, "int 19", "syscall");
user_code!(step, "nop", "nop", "syscall");

fn divide_error() {
    expect(divide(), (0, 0), 0, divide().len() - 2);
}
kernel_test!("user_exception_divide_error", divide_error);

fn debug() {
    expect_with(step(), TRAP, (1, 0), 1, 2);
}
kernel_test!("user_exception_debug", debug);

fn breakpoints() {
    expect(breakpoint(), (3, 0), 1, 1);
    expect(breakpoint_by_number(), (3, 0), 2, 2);
}
kernel_test!("user_exception_breakpoint", breakpoints);

fn overflows() {
    expect(overflow(), (4, 0), 2, 2);
    // 64-bit mode has no instruction for it.
    expect(into(), (6, 0), 0, 1);
}
kernel_test!("user_exception_overflow", overflows);

fn invalid_opcodes() {
    expect(undefined(), (6, 0), 0, 2);
    // What was `bound` is the prefix of AVX-512 instructions, here one that doesn't exist.
    expect(bound(), (6, 0), 0, 6);
}
kernel_test!("user_exception_invalid_opcode", invalid_opcodes);

/// A space whose data begins with two words.
fn with_words(code: &[u8], words: [u64; 2]) -> Space {
    let space = Space::new(code);
    for (at, word) in words.into_iter().enumerate() {
        arch::user::store_u64(DATA + 8 * at, word).expect("mapped");
    }
    space
}

fn expect_selector_fault(code: &[u8], vector: u8, error: u64) {
    let space = with_words(code, [u64::from(SPARE) | 3, 0x1238 | 3]);
    let mut thread = space.thread();
    let before = distinct(&thread);
    *thread.registers_mut() = before;
    assert_eq!(space.run(&mut thread), Trap::Exception { vector, error });
    let after = *thread.registers();
    assert_eq!(Registers { rflags: after.rflags & !RESUME, ..after }, before, "a fault leaves everything as it was");
    resume(&space, &mut thread, before, code.len() - 2);
}

fn invalid_tss() {
    let limit = tables::set_tss_limit(tables::TSS_WITHOUT_DEBUG_STACK);
    let space = Space::new(step());
    let mut thread = space.thread();
    let before = Registers { rflags: distinct(&thread).rflags | TRAP, ..distinct(&thread) };
    *thread.registers_mut() = before;
    let trap = space.run(&mut thread);
    // Processors set the lowest bit when the event that met it came from outside; emulators differ.
    assert!(matches!(trap, Trap::Exception { vector: 10, error: 0x40 | 0x41 }), "{trap:?}");
    assert_eq!(thread.registers().rip, CODE as u64 + 1);
    tables::set_tss_limit(limit);
    resume(&space, &mut thread, before, 2);
}
kernel_test!("user_exception_invalid_tss", invalid_tss);

fn segment_not_present() {
    tables::set_descriptor(SPARE, absent_segment(3));
    expect_selector_fault(spare_segment(), 11, SPARE.into());
}
kernel_test!("user_exception_segment_not_present", segment_not_present);

fn stack_fault() {
    tables::set_descriptor(SPARE, absent_segment(3));
    expect_selector_fault(spare_stack(), 12, SPARE.into());
}
kernel_test!("user_exception_stack_fault", stack_fault);

fn general_protection() {
    expect(privileged(), (13, 0), 0, 1);
    expect_selector_fault(bad_segment(), 13, 0x1238);
    // A vector that isn't for programs: its number and the bit for the interrupt table.
    expect(timer(), (13, tables::gate_error(0x30)), 0, 2);
}
kernel_test!("user_exception_general_protection", general_protection);

user_code!(divide_x87, "fninit", "fldcw word ptr [0x500000]", "fldz", "fld1", "fdiv st, st(1)", "fwait", "fninit", "syscall");

fn x87_error() {
    // All masked but division by zero. It is reported by the next instruction that waits.
    let code = divide_x87();
    let space = with_words(code, [0x37b, 0]);
    let mut thread = space.thread();
    let before = distinct(&thread);
    *thread.registers_mut() = before;
    assert_eq!(space.run(&mut thread), Trap::Exception { vector: 16, error: 0 });
    let after = *thread.registers();
    let wait = after.rip as usize - CODE;
    assert_eq!(code[wait..], [0x9b, 0xdb, 0xe3, 0x0f, 0x05], "fwait, fninit, syscall");
    assert_eq!(Registers { rip: before.rip, rflags: after.rflags & !RESUME, ..after }, before);
    resume_behind(&space, &mut thread, before, wait + 1);
}
kernel_test!("user_exception_x87_error", x87_error);

/// Goes on somewhere before the system call at the end of the code.
fn resume_behind(space: &Space, thread: &mut UserContext, before: Registers, offset: usize) {
    thread.registers_mut().rip = (CODE + offset) as u64;
    assert_eq!(space.run(thread), Trap::Syscall);
    assert_eq!(thread.registers().orig_rax, before.rax);
}

user_code!(misaligned, "mov eax, dword ptr [0x500001]", "syscall");
user_code!(divide_sse, "ldmxcsr [0x500000]", "movss xmm0, [0x500004]", "divss xmm0, [0x500008]", "syscall");

/// QEMU's emulation knows no alignment checks.
fn alignment_check() {
    const ALIGNMENT_CHECK: u64 = 1 << 18;
    if !is_emulated() {
        expect_with(misaligned(), ALIGNMENT_CHECK, (17, 0), 0, misaligned().len() - 2);
        return;
    }
    // Here the flag does nothing, but it is the program's own and stays.
    let space = Space::new(misaligned());
    let mut thread = space.thread();
    thread.registers_mut().rflags |= ALIGNMENT_CHECK;
    assert_eq!(space.run(&mut thread), Trap::Syscall);
    assert_ne!(thread.registers().rflags & ALIGNMENT_CHECK, 0);
    assert_ne!(control_register_0() & 1 << 18, 0, "the processor is told to check");
}
kernel_test!("user_exception_alignment_check", alignment_check);

fn control_register_0() -> u64 {
    let value;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {}, cr0", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}

/// QEMU's emulation masks all SSE exceptions.
fn simd_error() {
    let space = with_words(divide_sse(), [u64::from(1.0_f32.to_bits()) << 32 | 0x1d80, 0]);
    let mut thread = space.thread();
    let trap = space.run(&mut thread);
    if is_emulated() {
        assert_eq!(trap, Trap::Syscall);
        // The vector itself, opened to programs for the purpose.
        tables::change_gate(19, 0, GATE_RING);
        expect(by_number(), (19, 0), 2, 2);
    } else {
        assert_eq!(trap, Trap::Exception { vector: 19, error: 0 });
    }
}
kernel_test!("user_exception_simd_error", simd_error);

user_code!(numbers, ".irp n, 0, 5, 6, 9, 15, 16, 20, 22, 28, 31", "int \\n", ".endr", "syscall");

/// Vectors without an error code, opened to programs: each comes as what it is.
fn every_vector_by_number() {
    let vectors = [0, 5, 6, 9, 15, 16, 20, 22, 28, 31];
    vectors.into_iter().for_each(|vector| tables::change_gate(vector, 0, GATE_RING));
    let space = Space::new(numbers());
    let mut thread = space.thread();
    let before = distinct(&thread);
    *thread.registers_mut() = before;
    for (number, vector) in vectors.into_iter().enumerate() {
        assert_eq!(space.run(&mut thread), Trap::Exception { vector, error: 0 });
        assert_eq!(*thread.registers(), Registers { rip: (CODE + 2 * (number + 1)) as u64, ..before });
    }
    resume(&space, &mut thread, before, 2 * vectors.len());
}
kernel_test!("user_exception_vectors_by_number", every_vector_by_number);

user_code!(recurse, "2: call 2b");

/// A program that runs out of its stack faults below it.
fn stack_overflow() {
    let space = Space::new(recurse());
    let mut thread = space.thread();
    let trap = space.run(&mut thread);
    assert_eq!(trap, Trap::PageFault { address: STACK - 8, access: arch::user::Access::Write });
    assert_eq!((thread.registers().rsp, thread.registers().rip), (STACK as u64, CODE as u64));
    // With another page below, it goes on.
    let mut space = space;
    space.map_data(STACK - PAGE_SIZE, arch::paging::PageFlags::USER | arch::paging::PageFlags::WRITE);
    let trap = space.run(&mut thread);
    assert_eq!(trap, Trap::PageFault { address: STACK - PAGE_SIZE - 8, access: arch::user::Access::Write });
}
kernel_test!("user_stack_overflow", stack_overflow);
