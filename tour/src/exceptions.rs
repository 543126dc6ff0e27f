//! Chapter 5: an interrupt descriptor table of our own, and exceptions that are caught.
//!
//! A breakpoint is the friendliest exception: its handler looks, and the program goes on behind the `int3`. Others come *before* the
//! instruction that caused them, and come again if the handler changes nothing.

use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::machine::idt::{Frame, Table, code_segment, stub};
use crate::machine::recovery;
use crate::spinlock::Spinlock;
use crate::{claim, say};

const DIVIDE_ERROR: u8 = 0;
const BREAKPOINT: u8 = 3;
const INVALID_OPCODE: u8 = 6;
const GENERAL_PROTECTION: u8 = 13;

static SEEN: Spinlock<Option<Frame>> = Spinlock::new(None);
static BREAKPOINTS: AtomicU32 = AtomicU32::new(0);

extern "C" fn breakpoint(frame: &mut Frame) {
    BREAKPOINTS.fetch_add(1, Ordering::Relaxed);
    *SEEN.lock() = Some(*frame);
}
stub!(breakpoint_stub, breakpoint);

/// Goes on behind the two bytes of a `ud2`.
extern "C" fn invalid_opcode(frame: &mut Frame) {
    *SEEN.lock() = Some(*frame);
    frame.rip += 2;
}
stub!(invalid_opcode_stub, invalid_opcode);

extern "C" fn divide_error(frame: &mut Frame) {
    *SEEN.lock() = Some(*frame);
    recovery::leave(frame);
}
stub!(divide_error_stub, divide_error);

extern "C" fn general_protection(frame: &mut Frame) {
    *SEEN.lock() = Some(*frame);
    recovery::leave(frame);
}
stub!(general_protection_stub, general_protection, error_code);

fn last() -> Frame {
    SEEN.lock().take().expect("a handler ran")
}

pub fn run() {
    arch::interrupts::disable();
    let table = Table::leak();
    table.set(BREAKPOINT, breakpoint_stub);
    table.set(INVALID_OPCODE, invalid_opcode_stub);
    table.set(DIVIDE_ERROR, divide_error_stub);
    table.set(GENERAL_PROTECTION, general_protection_stub);
    // SAFETY: interrupts are off; this chapter raises only the exceptions that have gates.
    unsafe { table.load() };
    catch_a_breakpoint();
    skip_an_instruction();
    give_up();
}

fn catch_a_breakpoint() {
    let (behind, stack): (u64, u64);
    // SAFETY: the handler resumes behind the `int3` with all registers as they were. The code looks at rsp only.
    unsafe {
        asm!("lea {0}, [rip + 2f]", "mov {1}, rsp", "int3", "2:", out(reg) behind, out(reg) stack);
    }
    let frame = last();
    say!("EXCEPTION: BREAKPOINT at {:#x}, stack {:#x}, flags {:#x}", frame.rip, frame.rsp, frame.rflags);
    claim!(frame.rip == behind, "the saved instruction pointer is the one behind int3");
    claim!(frame.rsp == stack, "the saved stack pointer is ours");
    claim!(frame.cs == u64::from(code_segment()) && frame.rflags & 1 << 9 == 0, "the code segment is ours, and interrupts were off");
    claim!(BREAKPOINTS.load(Ordering::Relaxed) == 1, "It did not crash!");
}

fn skip_an_instruction() {
    let behind: u64;
    // SAFETY: the handler resumes behind the `ud2`.
    unsafe { asm!("lea {0}, [rip + 2f]", "ud2", "2:", out(reg) behind) };
    let frame = last();
    claim!(frame.rip == behind - 2, "an invalid opcode is reported with its own address: the handler had to step over it");
}

extern "C" fn divide_by_zero() {
    // SAFETY: the exception comes before anything is changed, and the handler doesn't come back here.
    unsafe { asm!("div {0:e}", in(reg) 0, inout("eax") 1 => _, inout("edx") 0 => _) };
}

extern "C" fn load_a_bad_selector() {
    // SAFETY: as above: 0xf8 is beyond the descriptor table.
    unsafe { asm!("mov ds, {0:x}", in(reg) 0xf8_u16) };
}

fn give_up() {
    // SAFETY: the functions hold nothing.
    let returned = unsafe { recovery::guarded(divide_by_zero) };
    claim!(!returned && last().error_code == 0, "a division by zero gave its function up");
    // SAFETY: as above.
    let returned = unsafe { recovery::guarded(load_a_bad_selector) };
    let code = last().error_code;
    claim!(!returned && code == 0xf8, "a bad selector is a general protection fault with the error code {code:#x}, which names it");
}
