//! Many tests that must panic, in one boot: `ktest=panics`.
//!
//! With unwinding a test runner would catch the panic. Here a panic aborts, and what comes after it is the panic handler's to say. So the handler
//! gives the test up: it drops the part of the stack that the test used, back to the runner ([`Point`]), and the runner goes on with the next.
//!
//! What that costs: no destructor of the test runs. Memory that it had allocated is lost until the machine ends, a lock that it held stays locked,
//! and what it changed in statics stays changed. The runner puts back what belongs to the processor (interrupts, address space, timer) and checks
//! after each test that heap and frames can still be used. A test that would spoil more than that is one for [`kernel_test_panics!`], which gets
//! a machine of its own. If a lock is lost after all, the runner hangs at that check, and the log says behind which test.

use core::panic::{Location, PanicInfo};
use core::sync::atomic::{AtomicBool, Ordering};

use alloc::boxed::Box;
use arch::escape::Point;
use arch::interrupts;
use arch::power::{self, ExitCode};

use super::{CURRENT, KernelTest, find, probes, tests, verdict};

/// Tests that share a boot.
#[derive(Clone, Copy)]
pub enum Group {
    /// All that [`panic_test!`] made.
    Panics,
    /// Some that go wrong, to see that this is reported.
    Probes,
}

impl Group {
    /// The group that `ktest=` can name instead of a test.
    pub fn named(name: &str) -> Option<Group> {
        match name {
            "panics" => Some(Group::Panics),
            "probes" => Some(Group::Probes),
            _ => None,
        }
    }

    fn for_each(self, run: &mut dyn FnMut(&'static KernelTest)) {
        match self {
            Group::Panics => tests().iter().filter(|test| test.together).for_each(run),
            Group::Probes => probes::TOGETHER.into_iter().filter_map(find).for_each(run),
        }
    }
}

/// Registers a test that must panic with a message that contains the text, and leaves the machine in order.
#[macro_export]
macro_rules! panic_test {
    ($name:literal, $run:path, $text:literal) => {
        #[cfg(feature = "selftest")]
        const _: () = {
            $crate::ktest_entry!($name, $run, Some($text), true);
            #[used]
            #[unsafe(link_section = ".ktest.panics")]
            static NAME: [u8; $name.len() + 1] = $crate::ktest::with_zero($name);
        };
    };
}

/// Where the runner goes on.
static RUNNER: Point = Point::new();
/// Whether the test that was given up had panicked with the right text.
static EXPECTED: AtomicBool = AtomicBool::new(false);

/// Runs all tests of the group, reports each, and ends the machine.
pub fn run_all(group: Group) -> ! {
    let mut all_passed = true;
    group.for_each(&mut |test| {
        let passed = run_one(test);
        verdict(test.name, passed);
        all_passed &= passed;
    });
    power::exit(if all_passed { ExitCode::Success } else { ExitCode::Failure })
}

/// Runs a test so that its panic comes back here.
fn run_one(test: &'static KernelTest) -> bool {
    log::info!("panic test {}", test.name);
    assert!(interrupts::enabled());
    CURRENT.store(core::ptr::from_ref(test).cast_mut(), Ordering::Relaxed);
    EXPECTED.store(false, Ordering::Relaxed);
    let returned = RUNNER.run(test.run);
    CURRENT.store(core::ptr::null_mut(), Ordering::Relaxed);
    restore();
    if returned {
        log::error!("{} did not panic", test.name);
    }
    !returned && EXPECTED.load(Ordering::Relaxed)
}

/// Puts back what belongs to the processor, and makes sure that the machine still works.
fn restore() {
    interrupts::disable();
    arch::paging::deactivate();
    interrupts::set_timer_handler(executor::timer::on_interrupt);
    arch::clock::set_deadline(None);
    interrupts::enable();
    drop(core::hint::black_box(Box::new(0_u64)));
    let frame = memory::frames::allocate(0).expect("a test took all frames with it");
    memory::frames::free(frame, 0);
}

/// Called by the panic handler, with interrupts off: notes in a line what happened, and goes back to the runner.
pub fn abandon(info: &PanicInfo<'_>, message: &[u8], expected: bool) {
    let message = message.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let place = info.location().unwrap_or_else(|| Location::caller());
    if expected {
        log::info!("panicked in {place}: {}", message.lines().next().unwrap_or(""));
    } else {
        log::error!("panicked in {place} with another text than expected: {message}");
    }
    EXPECTED.store(expected, Ordering::Relaxed);
    // SAFETY: tests run on the one processor that there is then, and what they leave on the stack is known to nobody: they spawn no tasks. What
    // is half done is the test's, as said above.
    unsafe { RUNNER.leave() };
}

/// Whether the runner is at work: a panic is its test's then.
pub fn is_running() -> bool {
    RUNNER.is_active()
}
