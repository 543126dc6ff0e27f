//! The end of a kernel that met a bug: says where and why, how it got there, and stops the machine with a failing status.
//!
//! Nothing here takes memory or a lock: either may be what broke.

use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};

use arch::power::{self, ExitCode};

use crate::ktest;
use crate::logger::Console;
use crate::screen;

/// Keeps the beginning of the message, for tests that expect it.
struct Beginning {
    text: [u8; 512],
    len: usize,
}

impl Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.text.len() - self.len;
        let taken = text.len().min(room);
        self.text[self.len..self.len + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.len += taken;
        Ok(())
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    static PANICS: AtomicU32 = AtomicU32::new(0);
    arch::interrupts::disable();
    // A panic while this one is reported: whatever it needed is broken, so it only says so.
    if PANICS.fetch_add(1, Ordering::Relaxed) > 0 {
        arch::console::write(b"\n(panicked again while reporting)\n");
        power::exit(ExitCode::Panic);
    }
    let mut beginning = Beginning { text: [0; 512], len: 0 };
    let _ = write!(beginning, "{}", info.message());
    let expected = ktest::on_panic(&beginning.text[..beginning.len]);
    if ktest::together::is_running() {
        PANICS.store(0, Ordering::Relaxed);
        ktest::together::abandon(info, &beginning.text[..beginning.len], expected);
    }
    if !expected {
        screen::begin_last_words();
    }
    report(info, !expected);
    match ktest::current() {
        Some(name) => ktest::finish(name, expected),
        None => {
            screen::linger();
            power::exit(ExitCode::Panic)
        }
    }
}

/// Writes to a console that can't fail, so results are dropped.
fn report(info: &PanicInfo<'_>, unexpected: bool) {
    if unexpected {
        arch::console::write(b"\x01panic\n");
    }
    let microseconds = arch::clock::now() / 1000;
    let _ = write!(Console, "kernel panic at {}.{:06} s: {}", microseconds / 1_000_000, microseconds % 1_000_000, info.message());
    if let Some(place) = info.location() {
        let _ = write!(Console, "\n  in {place}");
    }
    if let Some(task) = executor::current_task() {
        let _ = write!(Console, "\n  task {}", task.name);
    }
    let _ = Console.write_str("\n");
    arch::backtrace::walk(&mut |address| {
        // These are return addresses: the call is just before, and may even be the last of its function.
        let _ = match arch::backtrace::place(address - 1) {
            Some(mut place) => {
                place.offset += 1;
                writeln!(Console, "  at {address:#x} {place}")
            }
            None => writeln!(Console, "  at {address:#x}"),
        };
    });
}
