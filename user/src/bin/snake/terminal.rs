//! The terminal: raw while the game runs, and as it was before afterwards, however the game ends.

use std::sync::Mutex;
use user::sys;
use user::sys::Result;
use user::terminal::Termios;

/// To the other screen, without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// The settings to go back to. Global, since a panic must find them.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// The terminal in raw mode; dropping it restores it.
pub struct Raw;

impl Raw {
    /// ENOTTY when standard input is no terminal.
    pub fn enter() -> Result<Raw> {
        let mut settings = Termios::default();
        sys!(ioctl, 0, libc::TCGETS, &mut settings)?;
        if let Ok(mut before) = BEFORE.lock() {
            *before = Some(settings);
        }
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore();
            default(info);
        }));
        settings.local &= !(libc::ECHO | libc::ICANON | libc::ISIG | libc::IEXTEN);
        settings.input &= !(libc::ICRNL | libc::IXON);
        settings.characters[libc::VMIN] = 1;
        settings.characters[libc::VTIME] = 0;
        sys!(ioctl, 0, libc::TCSETS, &settings)?;
        print(ENTER);
        Ok(Raw)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}

fn restore() {
    if let Some(before) = BEFORE.lock().ok().and_then(|mut before| before.take()) {
        print(LEAVE);
        // A terminal that is gone needs no settings.
        let _ = sys!(ioctl, 0, libc::TCSETSW, &before);
    }
}

/// Writes all of a text to standard output; a terminal that is gone ends the game by SIGHUP, not here.
pub fn print(text: &str) {
    let mut rest = text.as_bytes();
    while let Ok(count @ 1..) = sys!(write, 1, rest.as_ptr(), rest.len()) {
        rest = &rest[count.min(rest.len())..];
        if rest.is_empty() {
            return;
        }
    }
}
