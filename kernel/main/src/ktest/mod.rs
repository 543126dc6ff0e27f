//! Tests that need the real machine: each boots a kernel of its own with `ktest=NAME` on the command line.
//!
//! [`kernel_test!`] puts a test into a table that the linker gathers, and its name into a section that the host lists. A test
//! passes when it returns, and fails when it panics; one made by [`kernel_test_panics!`] passes when it panics with the right text.
//! Those made by [`panic_test!`] do so as well, but all of them share one boot (see [`together`]). The beginning of a name may mean
//! something to the host (`tests/groups/ktest.rs`): `pic_` and `irqoff_` boot with another parameter, and `reset_` expects the machine to be
//! reset.

mod controllers;
mod double_faults;
mod exceptions;
mod frames;
mod heap;
mod keyboard;
mod latency;
mod mappers;
mod memory_map;
mod page_bits;
mod panic_report;
mod panics;
mod ports;
mod probes;
mod processor;
mod screen;
mod tables;
pub mod together;
mod traps;
mod user_copy;
mod user_exceptions;
mod user_mode;
mod user_space;

use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use arch::boot::BootInfo;
use arch::power::{self, ExitCode};

use crate::logger::Console;

/// An entry of the linker's table.
#[repr(C)]
pub struct KernelTest {
    pub name: &'static str,
    pub run: fn(),
    /// For tests that must panic: a part of the message.
    pub panics: Option<&'static str>,
    /// Whether it can share a boot with others of its kind.
    pub together: bool,
}

/// Puts a test into the table.
#[macro_export]
macro_rules! ktest_entry {
    ($name:literal, $run:path, $panics:expr, $together:literal) => {
        #[used]
        #[unsafe(link_section = ".ktests")]
        static TEST: $crate::ktest::KernelTest = $crate::ktest::KernelTest { name: $name, run: $run, panics: $panics, together: $together };
    };
}

/// Registers a test: a name and a function.
#[macro_export]
macro_rules! kernel_test {
    ($name:literal, $run:path) => {
        $crate::kernel_test!($name, $run, None);
    };
    ($name:literal, $run:path, $panics:expr) => {
        #[cfg(feature = "selftest")]
        const _: () = {
            $crate::ktest_entry!($name, $run, $panics, false);
            #[used]
            #[unsafe(link_section = ".ktest.names")]
            static NAME: [u8; $name.len() + 1] = $crate::ktest::with_zero($name);
        };
    };
}

/// Registers a test that must panic with a message that contains the text.
#[macro_export]
macro_rules! kernel_test_panics {
    ($name:literal, $run:path, $text:literal) => {
        $crate::kernel_test!($name, $run, Some($text));
    };
}

/// A name with a zero byte behind it.
pub const fn with_zero<const N: usize>(name: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let mut at = 0;
    while at < name.len() {
        bytes[at] = name.as_bytes()[at];
        at += 1;
    }
    bytes
}

unsafe extern "C" {
    static __ktests_start: u8;
    static __ktests_end: u8;
}

fn tests() -> &'static [KernelTest] {
    let start = (&raw const __ktests_start).cast::<KernelTest>();
    let bytes = (&raw const __ktests_end).addr() - start.addr();
    // SAFETY: the linker script puts the symbols around the section, which holds nothing but such entries.
    unsafe { core::slice::from_raw_parts(start, bytes / size_of::<KernelTest>()) }
}

/// The running test, if there is one.
static CURRENT: AtomicPtr<KernelTest> = AtomicPtr::new(core::ptr::null_mut());

fn current_test() -> Option<&'static KernelTest> {
    // SAFETY: null or an entry of the table.
    unsafe { CURRENT.load(Ordering::Relaxed).as_ref() }
}

/// The name of the running test.
pub fn current() -> Option<&'static str> {
    current_test().map(|test| test.name)
}

/// Whether the running test wants a panic with this message.
pub fn on_panic(message: &[u8]) -> bool {
    let wanted = current_test().and_then(|test| test.panics);
    wanted.is_some_and(|text| message.windows(text.len()).any(|part| part == text.as_bytes()))
}

/// Tells the host how a test ended.
pub fn verdict(name: &str, passed: bool) {
    let verdict = if passed { "pass" } else { "fail" };
    // Writing to the console can't fail.
    let _ = core::fmt::Write::write_fmt(&mut Console, format_args!("\x01ktest {verdict} {name}\n"));
}

/// Reports how a test ended, and ends the machine.
pub fn finish(name: &str, passed: bool) -> ! {
    verdict(name, passed);
    power::exit(if passed { ExitCode::Success } else { ExitCode::Failure })
}

fn find(name: &str) -> Option<&'static KernelTest> {
    tests().iter().find(|test| test.name == name)
}

/// What the boot loader told, for tests that compare.
static BOOT: sync::Once<&'static BootInfo> = sync::Once::new();

/// Runs the test of this name.
pub fn run(name: &str, info: &'static BootInfo) -> ! {
    BOOT.get_or_init(|| info);
    if let Some(which) = together::Group::named(name) {
        together::run_all(which);
    }
    let Some(test) = find(name) else {
        log::error!("there is no kernel test named {name} in this kernel");
        finish(name, false);
    };
    CURRENT.store(core::ptr::from_ref(test).cast_mut(), Ordering::Relaxed);
    (test.run)();
    finish(name, test.panics.is_none())
}

/// Counts things that happen in handlers, which can't capture anything.
pub struct Counter(AtomicUsize);

impl Counter {
    pub const fn new() -> Counter {
        Counter(AtomicUsize::new(0))
    }
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
