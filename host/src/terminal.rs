//! The terminal that Pollux runs on. While the guest's console is connected to it, it is in raw mode: every key, Ctrl-C
//! included, goes to the guest, whose own line discipline echoes and edits. The old mode comes back on every way out:
//! the normal end, an error, a panic, and the signals that end a program.

use std::io::{IsTerminal, stderr, stdin, stdout};
use std::sync::{Mutex, Once, PoisonError};

use anyhow::{Context, Result};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// The terminal's mode before it was made raw. One place for all ways out; it is emptied by the first.
static SAVED: Mutex<Option<Termios>> = Mutex::new(None);

/// The terminal is raw while this lives.
pub struct RawMode(());

impl RawMode {
    pub fn enter() -> Result<RawMode> {
        static RESTORE_ON_PANIC: Once = Once::new();
        RESTORE_ON_PANIC.call_once(|| {
            let report = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore();
                report(panic);
            }));
        });
        let before = tcgetattr(stdin()).context("cannot read the mode of the terminal")?;
        *saved() = Some(before);
        let raw = RawMode(());
        raw.apply()?;
        Ok(raw)
    }

    /// Makes the terminal raw (again): whoever stopped and continued us may have changed it.
    pub fn apply(&self) -> Result<()> {
        let Some(mut mode) = saved().clone() else { return Ok(()) };
        mode.make_raw();
        tcsetattr(stdin(), OptionalActions::Drain, &mode).context("cannot change the mode of the terminal")
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal its old mode back. Does nothing when it has it already.
pub fn restore() {
    if let Some(mode) = saved().take() {
        // A terminal that is gone needs no mode.
        let _ = tcsetattr(stdin(), OptionalActions::Drain, &mode);
    }
}

fn saved() -> std::sync::MutexGuard<'static, Option<Termios>> {
    SAVED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// True when a person sits in front of both ends: then the guest gets a terminal, otherwise plain byte streams.
pub fn is_interactive() -> bool {
    stdin().is_terminal() && stdout().is_terminal()
}

/// Rows and columns, where the terminal knows them.
pub fn size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(stdin()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}

/// Writes one line of ours to stderr; on a raw terminal a line feed does not return to the first column by itself.
pub fn message(line: &str) {
    use std::io::Write;
    let end = if saved().is_some() { "\r\n" } else { "\n" };
    let mut stderr = stderr().lock();
    // Nobody listens any more: nothing is left to be said.
    let _ = stderr.write_all(format!("{line}{end}").as_bytes());
}
