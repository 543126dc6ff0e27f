//! A PC keyboard: the commands that it takes, the scancodes that it sends, and what a terminal makes of them.
//!
//! The way of a key: [`Device`] sorts the bytes of the wire into answers to its commands and scancodes; a [`Decoder`] makes key events of
//! scancodes; a [`Translator`] knows the layout and the state of the modifier keys and makes of each event what Linux's console keyboard
//! would: bytes for the terminal, or an [`Action`] of the system's own. All three are plain state machines: who feeds them, and
//! where the bytes go, is decided where the keyboard is wired.
//!
//! Key codes, the two scancode tables and the letters of the layouts come from the crate `pc-keyboard`; the device's commands, dead keys,
//! the keypad, Ctrl and Alt, and the control sequences are ours.

mod compose;
mod decode;
mod device;
mod layout;
mod sequences;
#[cfg(test)]
mod tests;
mod translate;

pub use decode::{Decoder, ScancodeSet};
pub use device::{Command, Device, Event, Failure, Leds, Reply, Speed};
pub use layout::Layout;
pub use pc_keyboard::{KeyCode, KeyEvent, KeyState};
pub use translate::{Action, Bytes, Modes, Translator};
