//! Tests of the test runner: each goes wrong in a way of its own. Their names aren't listed; tests of the host's side call them.

use arch::power::{self, ExitCode};

use crate::ktest_entry;

/// Registers a test that is not in the list of names.
macro_rules! probe {
    ($name:literal, $run:path, $panics:expr) => {
        const _: () = {
            ktest_entry!($name, $run, $panics, false);
        };
    };
}

fn passes() {}
probe!("probe_passes", passes, None);

fn failing_assert() {
    assert_eq!(core::hint::black_box(1) + 1, 3, "a probe's assert");
}
probe!("probe_failing_assert", failing_assert, None);

fn panics() {
    panic!("a probe's panic");
}
probe!("probe_panic", panics, None);
probe!("probe_expected_panic", panics, Some("a probe's"));
probe!("probe_other_panic", panics, Some("something else"));

// It should panic, and doesn't.
probe!("probe_missing_panic", passes, Some("never"));

fn page_fault() {
    // SAFETY: none: this must fault.
    unsafe { (core::hint::black_box(0xdea_dbea_f000_usize) as *mut u64).write_volatile(1) };
}
probe!("probe_page_fault", page_fault, None);

fn hangs() {
    loop {
        core::hint::spin_loop();
    }
}
probe!("probe_hang", hangs, None);

fn triple_fault() {
    crate::crash::crash(kernel::parameters::Crash::Reset);
}
probe!("probe_triple_fault", triple_fault, None);

/// Leaves with a value that means nothing.
fn wrong_exit_code() {
    // SAFETY: the port ends the machine, which is what is wanted.
    unsafe { arch::port::Port::<u32>::new(0xf4) }.write(0x2a);
}
probe!("probe_wrong_exit_code", wrong_exit_code, None);

fn leaves_without_verdict() {
    power::exit(ExitCode::Success);
}
probe!("probe_no_verdict", leaves_without_verdict, None);

/// Says that it passed and leaves as if it hadn't.
fn contradicts_itself() {
    super::verdict("probe_contradiction", true);
    power::exit(ExitCode::Failure);
}
probe!("probe_contradiction", contradicts_itself, None);

/// Says that another test passed.
fn names_another() {
    super::verdict("probe_passes", true);
    power::exit(ExitCode::Success);
}
probe!("probe_names_another", names_another, None);

/// The probes that are run in one boot, as [`super::together`] runs its tests: all but the second must be reported as failures.
pub const TOGETHER: [&str; 4] = ["probe_missing_panic", "probe_expected_panic", "probe_other_panic", "probe_missing_panic"];
