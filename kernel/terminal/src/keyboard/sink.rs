//! Where what is typed goes.

use drivers::keyboard::Modes;

use crate::screen;

/// The terminal in front of the keyboard, and what the keyboard can do to the screen.
pub trait KeySink: Send + Sync {
    /// Takes bytes as if they came over a wire; returns how many it had room for.
    fn input(&self, bytes: &[u8]) -> usize;
    /// The modes in which the terminal wants its arrow keys, its keypad and its Return.
    fn modes(&self) -> Modes;
    /// Shows virtual terminal `number`, counted from 1; nothing happens when there is no such terminal.
    fn switch_to(&self, number: u8);
    /// Shows what has scrolled out at the top of the screen (`back`), or goes back down.
    fn scroll(&self, back: bool);
    /// Holds the terminal's output back, or lets it go.
    fn hold(&self, on: bool);
}

/// The terminal that the screen shows; on a machine without a screen its console.
pub struct ConsoleSink;

impl KeySink for ConsoleSink {
    fn input(&self, bytes: &[u8]) -> usize {
        if screen::active().is_some() {
            return screen::input(bytes);
        }
        // Without a terminal nobody listens, and nothing is lost that somebody waits for.
        crate::console().map_or(bytes.len(), |tty| tty.receive(bytes))
    }

    fn modes(&self) -> Modes {
        screen::keyboard_modes()
    }

    fn switch_to(&self, number: u8) {
        // A key for a terminal that isn't there does nothing.
        let _ = screen::switch_to(number.into());
    }

    fn scroll(&self, back: bool) {
        // By half a screen, as Linux does.
        let half = screen::tty(0).map_or(0, |tty| isize::try_from(tty.winsize().rows / 2).unwrap_or(0));
        screen::scroll_back(if back { half } else { -half });
    }

    fn hold(&self, on: bool) {
        if let Some(tty) = screen::tty(0).or_else(crate::console) {
            tty.hold(on);
        }
    }
}
