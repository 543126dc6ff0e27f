//! The kernel's log: lines like dmesg's, `[    0.001234] info: text`, on the debug console, on the screen, and on a serial console if there is
//! one.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, Ordering};
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::{screen, serial_log};

struct Logger;

/// Writes to the debug console and to the serial line that shows messages, and during a panic to the screen too.
pub struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        arch::console::write(text.as_bytes());
        serial_log::print(text);
        screen::last_words(text);
        Ok(())
    }
}

/// The first program has been started: the screen is the programs' from then on, and only errors go there too.
static BOOTED: AtomicBool = AtomicBool::new(false);

/// Leaves the screen to the programs.
pub fn end_boot() {
    BOOTED.store(true, Ordering::Relaxed);
}

/// Writes a message to the debug console, to the serial line that shows messages, and to the screen.
struct Everywhere;

impl Write for Everywhere {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        arch::console::write(text.as_bytes());
        serial_log::print(text);
        terminal::screen::print(text);
        Ok(())
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = match record.level() {
            Level::Error => "error",
            Level::Warn => "warning",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        };
        // A line of an interrupt handler must not land within another's.
        let _hold = arch::interrupts::hold();
        let microseconds = arch::clock::now() / 1000;
        let for_screen = record.level() == Level::Error || !BOOTED.load(Ordering::Relaxed);
        let console: &mut dyn Write = if for_screen { &mut Everywhere } else { &mut Console };
        // Writing to the console can't fail.
        let _ = writeln!(console, "[{:5}.{:06}] {level}: {}", microseconds / 1_000_000, microseconds % 1_000_000, record.args());
    }

    fn flush(&self) {}
}

/// Sends the rooms' messages to the debug console from now on.
pub fn initialise(level: LevelFilter) {
    static LOGGER: Logger = Logger;
    // Fails only if there is a logger already, which is this one.
    let _ = log::set_logger(&LOGGER);
    set_level(level);
}

/// Shows messages up to this level.
pub fn set_level(level: LevelFilter) {
    log::set_max_level(level);
}
