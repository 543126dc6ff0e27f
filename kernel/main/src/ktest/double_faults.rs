//! Which exception within which becomes a double fault (Intel SDM volume 3, table 6-5), and overflows of each of the kernel's stacks.
//!
//! An exception *during the delivery* of another one is made by breaking the other one's gate: a selector that is no code segment's gives a
//! general protection fault, an absent gate a segment-not-present fault, and a stack that isn't mapped a page fault.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use arch::interrupts::set_exception_hook;
use arch::user::Registers;

use super::tables::{self, GATE_SELECTOR, GATE_STACK, PRESENT};
use super::traps::overflow;
use super::user_space::Space;
use crate::{kernel_test, kernel_test_panics};

/// The vectors of the exceptions used here.
const DIVIDE_ERROR: u8 = 0;
const BREAKPOINT: u8 = 3;
const DOUBLE_FAULT: u8 = 8;
const PROTECTION: u8 = 13;
const PAGE_FAULT: u8 = 14;

/// An interrupt stack that nobody else uses, and where it ends: at the page behind is no memory, nor at those before.
const BROKEN_STACK: u64 = 7;
const NO_STACK: u64 = 0xffff_ff7f_dead_c000;

/// The delivery of this exception will meet a general protection fault.
fn protection_fault_in(vector: u8) {
    tables::change_gate(vector, GATE_SELECTOR, 0x18 << 16);
}

/// The delivery of this exception will find its gate absent.
fn absent_gate_in(vector: u8) {
    tables::change_gate(vector, PRESENT, 0);
}

/// The delivery of this exception will meet a page fault.
fn page_fault_in(vector: u8) {
    tables::set_interrupt_stack(BROKEN_STACK as usize, NO_STACK);
    tables::change_gate(vector, GATE_STACK, BROKEN_STACK << 32);
}

fn divide() {
    // SAFETY: none: this must fault.
    unsafe { asm!("div {0:e}", in(reg) 0, inout("eax") 1 => _, inout("edx") 0 => _) };
}

fn violate() {
    // SAFETY: none: this must fault.
    unsafe { asm!("movabs al, byte ptr [0x800000000000]", out("al") _) };
}

fn touch_nothing() {
    // SAFETY: none: this must fault.
    unsafe { asm!("mov byte ptr [{}], 0", in(reg) 0xdead_beef_usize) };
}

fn breakpoint() {
    // SAFETY: none: the handler is broken, so this must panic.
    unsafe { asm!("int3") };
}

// Two contributory exceptions.

fn protection_then_protection() {
    protection_fault_in(PROTECTION);
    violate();
}
kernel_test_panics!("double_fault_protection_then_protection", protection_then_protection, "double fault in the kernel");

fn divide_then_protection() {
    protection_fault_in(DIVIDE_ERROR);
    divide();
}
kernel_test_panics!("double_fault_divide_then_protection", divide_then_protection, "double fault in the kernel");

fn divide_then_absent() {
    absent_gate_in(DIVIDE_ERROR);
    divide();
}
kernel_test_panics!("double_fault_divide_then_absent_gate", divide_then_absent, "double fault in the kernel");

// A page fault, then a page fault or a contributory exception.

fn page_fault_then_page_fault() {
    page_fault_in(PAGE_FAULT);
    touch_nothing();
}
kernel_test_panics!("double_fault_page_fault_then_page_fault", page_fault_then_page_fault, "double fault in the kernel");

fn page_fault_then_protection() {
    protection_fault_in(PAGE_FAULT);
    touch_nothing();
}
kernel_test_panics!("double_fault_page_fault_then_protection", page_fault_then_protection, "double fault in the kernel");

fn page_fault_without_handler() {
    absent_gate_in(PAGE_FAULT);
    touch_nothing();
}
kernel_test_panics!("double_fault_page_fault_without_handler", page_fault_without_handler, "double fault in the kernel");

// No double faults: a page fault after a contributory exception, and anything after a benign one, are handled one after the other.

fn divide_then_page_fault() {
    page_fault_in(DIVIDE_ERROR);
    divide();
}
kernel_test_panics!(
    "double_fault_divide_then_page_fault_is_none",
    divide_then_page_fault,
    "page fault in the kernel: write to an unmapped page at 0xffffff7fdeadbff8"
);

fn protection_then_page_fault() {
    page_fault_in(PROTECTION);
    violate();
}
kernel_test_panics!(
    "double_fault_protection_then_page_fault_is_none",
    protection_then_page_fault,
    "page fault in the kernel: write to an unmapped page at 0xffffff7fdeadbff8"
);

fn breakpoint_then_protection() {
    protection_fault_in(BREAKPOINT);
    breakpoint();
}
kernel_test_panics!(
    "double_fault_breakpoint_then_protection_is_none",
    breakpoint_then_protection,
    "general protection fault in the kernel"
);

fn breakpoint_then_page_fault() {
    page_fault_in(BREAKPOINT);
    breakpoint();
}
kernel_test_panics!(
    "double_fault_breakpoint_then_page_fault_is_none",
    breakpoint_then_page_fault,
    "page fault in the kernel: write to an unmapped page at 0xffffff7fdeadbff8"
);

fn breakpoint_then_absent() {
    absent_gate_in(BREAKPOINT);
    breakpoint();
}
kernel_test_panics!("double_fault_breakpoint_then_absent_gate_is_none", breakpoint_then_absent, "segment not present in the kernel");

/// The breakpoint's fault finds its own handler broken too: that pair counts, whatever came before.
fn breakpoint_then_two() {
    page_fault_in(BREAKPOINT);
    absent_gate_in(PAGE_FAULT);
    breakpoint();
}
kernel_test_panics!("double_fault_breakpoint_then_page_fault_then_absent_gate", breakpoint_then_two, "double fault in the kernel");

/// In ring 3 the same rules hold. It isn't the program's fault, so it is the kernel that ends.
fn in_user_mode() {
    protection_fault_in(PROTECTION);
    let space = Space::new(&[0xf4]);
    let mut thread = space.thread();
    let trap = space.run(&mut thread);
    panic!("{trap:?}");
}
kernel_test_panics!("double_fault_in_user_mode", in_user_mode, "double fault in user mode at 0x400000");

/// Without a stack of its own the double fault of a stack overflow can't be delivered: a triple fault, which resets the machine. The host has to
/// take that for a failure.
fn stack_overflow_without_interrupt_stack() {
    tables::change_gate(DOUBLE_FAULT, GATE_STACK, 0);
    overflow();
}
kernel_test!("reset_stack_overflow_without_interrupt_stack", stack_overflow_without_interrupt_stack);

// Stack overflows. The kernel's main stack is `trap_stack_overflow`'s matter, a program's stack `user_stack_overflow`'s.

/// Vector on whose stack the hook recurses.
static OVERFLOW_IN: AtomicU32 = AtomicU32::new(0);

fn overflow_hook(_registers: &mut Registers, vector: u8) -> bool {
    static DONE: AtomicBool = AtomicBool::new(false);
    if u32::from(vector) == OVERFLOW_IN.load(Ordering::Relaxed) && !DONE.swap(true, Ordering::Relaxed) {
        overflow();
    }
    false
}

fn overflow_within(vector: u8) {
    OVERFLOW_IN.store(vector.into(), Ordering::Relaxed);
    set_exception_hook(overflow_hook);
}

fn debug_stack() {
    overflow_within(1);
    // SAFETY: none: the hook overflows the stack of this exception.
    unsafe { asm!("int 1") };
}
kernel_test_panics!("stack_overflow_of_the_debug_stack", debug_stack, "kernel stack overflow");

fn non_maskable_stack() {
    overflow_within(2);
    // SAFETY: as above.
    unsafe { asm!("int 2") };
}
kernel_test_panics!("stack_overflow_of_the_non_maskable_stack", non_maskable_stack, "kernel stack overflow");

fn machine_check_stack() {
    overflow_within(18);
    // SAFETY: as above.
    unsafe { asm!("int 18") };
}
kernel_test_panics!("stack_overflow_of_the_machine_check_stack", machine_check_stack, "kernel stack overflow");

/// The last resort itself: its overflow is a double fault again, which begins anew at the top of the same stack.
fn double_fault_stack() {
    overflow_within(8);
    protection_fault_in(PROTECTION);
    violate();
}
kernel_test_panics!("stack_overflow_of_the_double_fault_stack", double_fault_stack, "kernel stack overflow");
