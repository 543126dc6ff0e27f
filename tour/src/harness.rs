//! Chapter 4: a test harness for a kernel that `cargo test` can't link its own into.
//!
//! The series uses a nightly feature that gathers all functions marked `#[test_case]`. On stable Rust the linker gathers them: each test
//! puts a pointer into a section of its own, and the linker provides symbols for the section's ends. The real kernel's tests
//! (`kernel/main/src/ktest/`) do the same, boot a machine for each test, and have tests that must panic.

use core::any::type_name;

use crate::{claim, say};

/// Something that can be tested, and names itself.
pub trait Testable: Sync {
    /// Runs the test; panics if it fails.
    fn run(&self);
}

impl<T: Fn() + Sync> Testable for T {
    fn run(&self) {
        self();
        say!("  {} ... [ok]", type_name::<T>());
    }
}

/// Marks a function as a test.
macro_rules! test_case {
    ($function:ident) => {
        const _: () = {
            #[used]
            #[unsafe(link_section = "tour_tests")]
            static TEST: &dyn Testable = &$function;
        };
    };
}

fn trivial_assertion() {
    assert_eq!(core::hint::black_box(1), 1);
}
test_case!(trivial_assertion);

fn strings_compare() {
    assert!("kernel" < "tour");
}
test_case!(strings_compare);

fn the_lock_excludes() {
    let lock = crate::spinlock::Spinlock::new(1);
    let held = lock.lock();
    assert!(lock.try_lock().is_none());
    drop(held);
}
test_case!(the_lock_excludes);

unsafe extern "C" {
    static __start_tour_tests: u8;
    static __stop_tour_tests: u8;
}

/// The tests that the linker found.
pub fn tests() -> &'static [&'static dyn Testable] {
    let start = (&raw const __start_tour_tests).cast::<&'static dyn Testable>();
    let bytes = (&raw const __stop_tour_tests).addr() - start.addr();
    // SAFETY: the symbols surround the section, which holds nothing but such pointers.
    unsafe { core::slice::from_raw_parts(start, bytes / size_of::<&dyn Testable>()) }
}

/// Runs all tests.
pub fn run() {
    let tests = tests();
    claim!(tests.len() == 3, "the linker gathered {} tests", tests.len());
    tests.iter().for_each(|test| test.run());
    say!("All of them returned; one that panics would end this kernel with status 121.");
}

#[cfg(test)]
mod checks {
    #[test]
    fn the_linker_gathers_the_tests() {
        super::run();
    }
}
