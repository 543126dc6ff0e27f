//! The ways in which code can panic, all in one boot.

use core::cell::RefCell;
use core::hint::black_box;

use alloc::string::String;
use alloc::vec::Vec;

use crate::panic_test;

fn assertion() {
    assert!(black_box(2) == 3);
}
panic_test!("panics_assert", assertion, "assertion failed: black_box(2) == 3");

fn assertion_of_equality() {
    assert_eq!(black_box(2), 3, "with a text");
}
panic_test!("panics_assert_eq", assertion_of_equality, "assertion `left == right` failed: with a text\n  left: 2\n right: 3");

fn index() {
    let numbers = [1, 2, 3];
    black_box(numbers[black_box(3)]);
}
panic_test!("panics_index_out_of_bounds", index, "index out of bounds: the len is 3 but the index is 3");

fn slice_range() {
    let numbers = [1, 2, 3];
    black_box(&numbers[1..black_box(5)]);
}
panic_test!("panics_slice_range", slice_range, "range end index 5 out of range for slice of length 3");

fn character_boundary() {
    let text = black_box("ü");
    black_box(&text[1..]);
}
panic_test!("panics_character_boundary", character_boundary, "char boundary");

fn overflow() {
    black_box(black_box(255_u8).strict_add(1));
}
panic_test!("panics_overflow", overflow, "attempt to add with overflow");

fn division_by_zero() {
    black_box(1 / black_box(0));
}
panic_test!("panics_division_by_zero", division_by_zero, "attempt to divide by zero");

fn division_overflow() {
    black_box(black_box(i32::MIN) / black_box(-1));
}
panic_test!("panics_division_overflow", division_overflow, "attempt to divide with overflow");

fn unwrap_of_none() {
    black_box(black_box(None::<u32>).unwrap());
}
panic_test!("panics_unwrap_of_none", unwrap_of_none, "called `Option::unwrap()` on a `None` value");

fn expect_of_an_error() {
    black_box(black_box("x").parse::<u32>().expect("no number"));
}
panic_test!("panics_expect_of_an_error", expect_of_an_error, "no number: ParseIntError");

fn explicit() {
    panic!("on purpose, {}", black_box(7));
}
panic_test!("panics_explicit", explicit, "on purpose, 7");

fn unreachable() {
    if black_box(true) {
        unreachable!("but reached");
    }
}
panic_test!("panics_unreachable", unreachable, "internal error: entered unreachable code: but reached");

fn borrowed_twice() {
    let cell = RefCell::new(1);
    let first = cell.borrow_mut();
    let second = cell.borrow_mut();
    black_box((first, second));
}
panic_test!("panics_borrowed_twice", borrowed_twice, "already borrowed");

fn allocation() {
    black_box(Vec::<u8>::with_capacity(black_box(1 << 46)));
}
panic_test!("panics_allocation", allocation, "memory allocation of 70368744177664 bytes failed");

fn interrupts_off() {
    let _hold = arch::interrupts::hold();
    panic!("quietly");
}
panic_test!("panics_with_interrupts_off", interrupts_off, "quietly");

/// What the panic leaves behind: memory that nobody frees, and a text built in it.
fn with_memory() {
    let text: String = (0..1000).map(|_| 'x').collect();
    panic!("{} bytes are lost", text.len());
}
panic_test!("panics_with_memory", with_memory, "1000 bytes are lost");

fn in_an_interrupt() {
    arch::interrupts::set_timer_handler(|| panic!("in a handler"));
    arch::clock::set_deadline(Some(arch::clock::now() + 100_000));
    loop {
        core::hint::spin_loop();
    }
}
panic_test!("panics_in_an_interrupt", in_an_interrupt, "in a handler");

fn null_pointer() {
    // SAFETY: none: this must fault.
    unsafe { black_box(core::ptr::null::<u64>()).wrapping_add(1).read_volatile() };
}
panic_test!("panics_null_pointer", null_pointer, "page fault in the kernel: read of an unmapped page at 0x8");

fn no_address() {
    // SAFETY: none: this must fault.
    unsafe { black_box(0x8000_0000_0000_0000_u64 as *const u64).read_volatile() };
}
panic_test!("panics_non_canonical_address", no_address, "general protection fault in the kernel");

/// Code can be read, and not written.
fn write_to_code() {
    let code = (write_to_code as *const ()).cast_mut().cast::<u8>();
    // SAFETY: reading is allowed; writing must fault.
    unsafe {
        let byte = black_box(code).read_volatile();
        log::info!("the first byte of the code is {byte:#x}");
        code.write_volatile(byte);
    }
}
panic_test!("panics_write_to_code", write_to_code, "page fault in the kernel: write to a protected page");

#[expect(unconditional_recursion, reason = "the stack must overflow")]
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    recurse(depth + 1) + room[(depth % 64) as usize]
}

fn stack_overflow() {
    black_box(recurse(0));
}
panic_test!("panics_stack_overflow", stack_overflow, "kernel stack overflow");

// A second one, behind the first: the stack for double faults can be used again.
panic_test!("panics_stack_overflow_again", stack_overflow, "kernel stack overflow");
