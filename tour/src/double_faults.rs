//! Chapter 6: double faults.
//!
//! When the processor can't deliver an exception it raises a double fault, and when it can't deliver that, it resets. A handler on the
//! stack that has just overflowed would be such a case, so the TSS names another stack for it. The series' stack for this has nothing below
//! it but other data; the real kernel's interrupt stacks have unmapped guard pages, as its main stack has.

use alloc::vec;
use alloc::vec::Vec;
use core::hint::black_box;

use crate::machine::idt::{Frame, Table, fault_address, stub};
use crate::machine::{gdt, recovery};
use crate::spinlock::Spinlock;
use crate::{claim, say};

const DOUBLE_FAULT: u8 = 8;
const PAGE_FAULT: u8 = 14;
/// Bytes of the stack for double faults.
const STACK: usize = 20 << 10;

/// What the last double fault was about: its error code, where its handler's stack was, and the address that faulted before it.
#[derive(Clone, Copy)]
struct Report {
    error_code: u64,
    handler_stack: usize,
    address: u64,
}

static SEEN: Spinlock<Option<Report>> = Spinlock::new(None);

extern "C" fn double_fault(frame: &mut Frame) {
    let handler_stack = core::ptr::from_mut(frame).addr();
    *SEEN.lock() = Some(Report { error_code: frame.error_code, handler_stack, address: fault_address() });
    recovery::leave(frame);
}
stub!(double_fault_stub, double_fault, error_code);

/// Never runs: the processor finds no stack to run it on.
extern "C" fn page_fault(frame: &mut Frame) {
    *SEEN.lock() = None;
    recovery::leave(frame);
}
stub!(page_fault_stub, page_fault, error_code);

fn last() -> Report {
    SEEN.lock().take().expect("the double fault's handler ran")
}

/// An address where nothing is mapped.
const NOWHERE: usize = 0xdead_beef;

extern "C" fn write_nowhere() {
    // SAFETY: it faults, which is the point; the handler doesn't come back here.
    unsafe { core::ptr::with_exposed_provenance_mut::<u8>(NOWHERE).write_volatile(42) };
}

#[expect(unconditional_recursion, reason = "it is to overflow the stack")]
extern "C" fn recurse() {
    let some_stack = black_box([0_u8; 128]);
    recurse();
    // Keeps the compiler from making a loop of it.
    black_box(some_stack);
}

pub fn run() {
    arch::interrupts::disable();
    let stack: &'static mut [u8] = Vec::leak(vec![0; STACK]);
    let range = stack.as_ptr_range();
    // SAFETY: interrupts are off, and the stack is ours for ever; its upper end is aligned below.
    unsafe { gdt::load((range.end.addr() & !15) as u64) };
    let on_its_stack = |report: &Report| (range.start.addr()..range.end.addr()).contains(&report.handler_stack);

    let table = Table::leak();
    table.set_on_stack(DOUBLE_FAULT, double_fault_stub, 0);
    // SAFETY: interrupts are off; all exceptions that come end as double faults.
    unsafe { table.load() };
    say!("There is no handler for page faults. A write to {NOWHERE:#x}:");
    // SAFETY: the function holds nothing.
    let returned = unsafe { recovery::guarded(write_nowhere) };
    let report = last();
    claim!(!returned && report.address == NOWHERE as u64, "EXCEPTION: DOUBLE FAULT, after a fault at {:#x}", report.address);
    claim!(report.error_code == 0, "its error code is always 0");
    claim!(on_its_stack(&report), "its handler ran on the stack that the TSS names");

    let table = Table::leak();
    table.set_on_stack(DOUBLE_FAULT, double_fault_stub, 0);
    table.set(PAGE_FAULT, page_fault_stub);
    // SAFETY: as above.
    unsafe { table.load() };
    say!("Now there is one, on the current stack. A function that calls itself for ever:");
    // SAFETY: the function holds nothing.
    let returned = unsafe { recovery::guarded(recurse) };
    let report = last();
    let mut in_guard = false;
    arch::paging::guard_pages(&mut |page| in_guard |= (page..page + arch::PAGE_SIZE).contains(&(report.address as usize)));
    claim!(!returned && in_guard, "the stack overflow hit the guard page, at {:#x}", report.address);
    claim!(on_its_stack(&report), "the page fault found no stack and became a double fault, on a good one");
    say!("Without that stack there would have been a third fault, and the machine would have been reset.");
}
