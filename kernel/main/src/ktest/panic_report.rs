//! What a panic's report needs, and what it says.

use crate::{kernel_test, kernel_test_panics};

/// The table in the image knows this function, and places in it.
fn names_are_there() {
    let start = (names_are_there as *const ()).addr();
    for inside in [0, 1] {
        let place = arch::backtrace::place(start + inside).expect("the kernel was built by the `pollux` command");
        assert!(place.name().ends_with("ktest::panic_report::names_are_there"), "{}", place.name());
        assert_eq!(place.offset as usize, inside);
    }
}
kernel_test!("panic_names_are_there", names_are_there);

/// The walk goes through the trap's frame into what was interrupted, and each caller has its name.
fn walk_passes_a_trap() {
    fn hook(registers: &mut arch::user::Registers, _vector: u8) -> bool {
        static FOUND: super::Counter = super::Counter::new();
        arch::backtrace::walk(&mut |address| {
            let place = arch::backtrace::place(address - 1);
            let name = place.as_ref().map_or("?", |place| place.name());
            if ["outer_frame", "inner_frame"].iter().any(|wanted| name.ends_with(wanted)) {
                FOUND.add();
            }
        });
        assert_eq!(FOUND.get(), 2);
        // Behind the two bytes of `ud2`.
        registers.rip += 2;
        true
    }
    #[inline(never)]
    fn inner_frame(value: u64) -> u64 {
        // SAFETY: the hook resumes behind it.
        unsafe { core::arch::asm!("ud2") };
        core::hint::black_box(value) + 1
    }
    #[inline(never)]
    fn outer_frame(value: u64) -> u64 {
        inner_frame(core::hint::black_box(value)) + 1
    }
    arch::interrupts::set_exception_hook(hook);
    assert_eq!(outer_frame(1), 3);
}
kernel_test!("panic_walk_passes_a_trap", walk_passes_a_trap);

/// With no memory left: the report takes none.
fn without_memory() {
    while memory::frames::allocate(0).is_some() {}
    // What the heap still holds of its own.
    for size in [4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8] {
        let layout = core::alloc::Layout::from_size_align(size, 8).expect("a layout");
        // SAFETY: the size isn't zero; the memory is never used and never given back. Unseen, the compiler would leave the call out.
        while !core::hint::black_box(unsafe { alloc::alloc::alloc(layout) }).is_null() {}
    }
    panic!("no memory is left");
}
kernel_test_panics!("panic_needs_no_memory", without_memory, "no memory is left");

/// A trap's panic holds the registers.
fn registers_of_a_trap() {
    // SAFETY: none: this must fault.
    unsafe {
        core::arch::asm!(
            "mov byte ptr [rax], 0",
            in("rax") 0xdead_beef_u64, in("rcx") 0x1111_2222_3333_4444_u64, in("r15") 0x5555_6666_7777_8888_u64,
        );
    }
}
kernel_test_panics!("panic_shows_registers", registers_of_a_trap, "rax 00000000deadbeef");

/// The allocator's own failure has its text too.
fn heap_exhausted() {
    let mut blocks = alloc::vec::Vec::new();
    loop {
        blocks.push(alloc::vec![1_u8; 1 << 16]);
    }
}
kernel_test_panics!("panic_of_the_allocator", heap_exhausted, "memory allocation of");
