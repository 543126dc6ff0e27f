//! From key events to what a terminal gets, as Linux's console keyboard does it (drivers/tty/vt/keyboard.c and defkeymap.map there): the
//! modifier and lock keys, the layout, dead keys, the keypad, and the keys that mean something to the system itself.
//!
//! A key that is held down repeats by itself: the keyboard sends its code again and again. Repeats of ordinary keys are typed; those of
//! lock keys and of the system's own combinations are not.

use pc_keyboard::{KeyCode, KeyEvent, KeyState};

use super::compose::compose;
use super::device::Leds;
use super::layout::{Layout, Level, Symbol};
use super::sequences;

const ESCAPE: u8 = 0x1b;
const DELETE: u8 = 0x7f;
const BACKSPACE: u8 = 0x08;

/// Modes that a program has put its terminal into (console_codes(4)).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Modes {
    /// DECCKM: arrows send ESC O instead of ESC [.
    pub application_cursor: bool,
    /// DECKPAM: the keypad sends sequences instead of signs.
    pub application_keypad: bool,
    /// LNM: Return sends a line feed behind its carriage return.
    pub new_line: bool,
}

/// The bytes of one key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bytes {
    bytes: [u8; Bytes::MOST],
    used: usize,
}

impl Bytes {
    /// An accent that did not fit and the letter behind it are the longest, with room to spare.
    const MOST: usize = 8;

    fn new(bytes: &[u8]) -> Bytes {
        let mut all = Bytes::default();
        bytes.iter().for_each(|&byte| all.push(byte));
        all
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.used) {
            *slot = byte;
            self.used += 1;
        }
    }

    fn push_character(&mut self, character: char) {
        character.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| self.push(byte));
    }

    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}

/// What is to be done about a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// For the terminal.
    Type(Bytes),
    /// Show virtual terminal N, counted from 1.
    Console(u8),
    /// Show what has scrolled out at the top, or go back down.
    ScrollBack,
    ScrollForward,
    /// Hold the terminal's output back, or let it go.
    Hold(bool),
    /// Alt-SysRq with this key.
    SysRq(char),
    /// Ctrl-Alt-Del.
    Restart,
}

/// Which modifier keys are down.
#[derive(Clone, Copy, Default)]
struct Held {
    shift: [bool; 2],
    control: [bool; 2],
    alt: [bool; 2],
}

/// Modifiers as they count for a key.
#[derive(Clone, Copy)]
struct With {
    shift: bool,
    control: bool,
    alt: bool,
    altgr: bool,
}

/// The state of a keyboard above its scancodes.
pub struct Translator {
    layout: Layout,
    held: Held,
    /// Keys that are down, by code.
    down: [u64; 4],
    leds: Leds,
    /// An accent that waits for its letter.
    dead: Option<char>,
    /// A character that is being entered by its number, with Alt and the keypad.
    number: Option<u32>,
    sysrq: bool,
}

impl Translator {
    pub const fn new(layout: Layout) -> Translator {
        let held = Held { shift: [false; 2], control: [false; 2], alt: [false; 2] };
        Translator { layout, held, down: [0; 4], leds: Leds::empty(), dead: None, number: None, sysrq: false }
    }

    /// The lights as they should be.
    pub const fn leds(&self) -> Leds {
        self.leds
    }

    /// Takes all keys for released: the keyboard was changed, or has lost events.
    pub fn release_all(&mut self) {
        *self = Translator { leds: self.leds, ..Translator::new(self.layout) };
    }

    /// Takes an event; says what is to be done about it.
    pub fn translate(&mut self, event: &KeyEvent, modes: Modes) -> Option<Action> {
        let pressed = event.state != KeyState::Up;
        let repeated = self.note(event.code, pressed) && pressed;
        if self.is_modifier(event.code, pressed) {
            return if pressed { None } else { self.entered_number() };
        }
        if event.code == KeyCode::SysRq {
            self.sysrq = pressed;
            return None;
        }
        if !pressed {
            return None;
        }
        let with = self.with();
        self.sysrq &= with.alt;
        if self.sysrq {
            return if repeated { None } else { self.sysrq_key(event.code) };
        }
        if self.is_lock(event.code) {
            return if repeated { None } else { self.lock(event.code, with) };
        }
        self.key(event.code, with, modes)
    }

    /// Notes that a key went down or up; tells whether it was down.
    fn note(&mut self, code: KeyCode, pressed: bool) -> bool {
        let number = code as u8;
        let bit = 1 << (number % 64);
        let Some(word) = self.down.get_mut(usize::from(number / 64)) else { return false };
        let was = *word & bit != 0;
        *word = if pressed { *word | bit } else { *word & !bit };
        was
    }

    fn is_modifier(&mut self, code: KeyCode, pressed: bool) -> bool {
        let Held { shift, control, alt } = &mut self.held;
        *match code {
            KeyCode::LShift => &mut shift[0],
            KeyCode::RShift => &mut shift[1],
            KeyCode::LControl => &mut control[0],
            KeyCode::RControl => &mut control[1],
            KeyCode::LAlt => &mut alt[0],
            KeyCode::RAltGr => &mut alt[1],
            _ => return false,
        } = pressed;
        true
    }

    fn with(&self) -> With {
        let [left, right] = self.held.alt;
        let altgr = right && self.layout.has_altgr();
        let either = |keys: [bool; 2]| keys[0] || keys[1];
        With { shift: either(self.held.shift), control: either(self.held.control), alt: left || right && !altgr, altgr }
    }

    /// The letter or digit of a key behind Alt-SysRq.
    fn sysrq_key(&self, code: KeyCode) -> Option<Action> {
        match self.layout.symbol(code, Level::default()) {
            Some(Symbol::Character(character)) => Some(Action::SysRq(character)),
            _ => None,
        }
    }

    fn is_lock(&self, code: KeyCode) -> bool {
        matches!(code, KeyCode::CapsLock | KeyCode::NumpadLock | KeyCode::ScrollLock)
    }

    fn lock(&mut self, code: KeyCode, with: With) -> Option<Action> {
        match code {
            KeyCode::CapsLock => self.leds.toggle(Leds::CAPS_LOCK),
            KeyCode::NumpadLock => self.leds.toggle(Leds::NUM_LOCK),
            // Show_Memory and Show_State in Linux's keymap.
            _ if with.shift => return Some(Action::SysRq('m')),
            _ if with.control => return Some(Action::SysRq('t')),
            _ => {
                self.leds.toggle(Leds::SCROLL_LOCK);
                return Some(Action::Hold(self.leds.contains(Leds::SCROLL_LOCK)));
            }
        }
        None
    }

    fn key(&mut self, code: KeyCode, with: With, modes: Modes) -> Option<Action> {
        if with.control && with.alt && matches!(code, KeyCode::Delete | KeyCode::NumpadPeriod) {
            return Some(Action::Restart);
        }
        if let Some(pad) = sequences::pad(code) {
            return self.pad(&pad, with, modes);
        }
        if let Some(number) = sequences::function_number(code) {
            return function(number, with);
        }
        match code {
            KeyCode::PageUp if with.shift => return Some(Action::ScrollBack),
            KeyCode::PageDown if with.shift => return Some(Action::ScrollForward),
            // Ctrl-Break has no bytes.
            KeyCode::PauseBreak if with.control => return None,
            _ => {}
        }
        if let Some(action) = grey(code, modes) {
            return Some(action);
        }
        match code {
            KeyCode::Return if with.alt => Some(meta(true, b'\r')),
            KeyCode::Return => Some(self.enter(modes)),
            KeyCode::Tab if !with.control => Some(meta(with.alt, b'\t')),
            KeyCode::Escape if !with.control => Some(meta(with.alt, ESCAPE)),
            KeyCode::Backspace => Some(meta(with.alt, if with.control { BACKSPACE } else { DELETE })),
            KeyCode::PrintScreen => Some(typed(&[0x1c])),
            KeyCode::Tab | KeyCode::Escape => None,
            _ => self.sign(code, with),
        }
    }

    /// An accent that waits, and the end of a line.
    fn enter(&mut self, modes: Modes) -> Action {
        let mut bytes = Bytes::default();
        if let Some(accent) = self.dead.take() {
            bytes.push_character(accent);
        }
        bytes.push(b'\r');
        if modes.new_line {
            bytes.push(b'\n');
        }
        Action::Type(bytes)
    }

    /// A key of the main block with a sign on it.
    fn sign(&mut self, code: KeyCode, with: With) -> Option<Action> {
        let level = Level { shift: with.shift, caps: self.leds.contains(Leds::CAPS_LOCK), altgr: with.altgr };
        let symbol = self.layout.symbol(code, level)?;
        if with.control {
            // Ctrl-Shift-6 is what Ctrl-6 is: the sign without Shift counts first.
            let plain = self.layout.symbol(code, Level { shift: false, ..level }).and_then(control);
            return Some(meta(with.alt, plain.or_else(|| control(symbol))?));
        }
        match symbol {
            // Letters beyond ASCII have no Alt.
            Symbol::Character(character) | Symbol::Dead(character) if with.alt => character.is_ascii().then(|| meta(true, character as u8)),
            Symbol::Dead(accent) => self.accent(accent),
            Symbol::Character(character) => Some(self.character(character)),
        }
    }

    /// A dead key: it waits for its letter. Another one sends it on its way without.
    fn accent(&mut self, accent: char) -> Option<Action> {
        let waiting = self.dead.replace(accent).filter(|&waiting| waiting != accent)?;
        Some(typed(&[waiting as u8]))
    }

    fn character(&mut self, character: char) -> Action {
        let mut bytes = Bytes::default();
        match self.dead.take() {
            // The same accent again, or a space: the accent by itself.
            Some(accent) if accent == character || character == ' ' => bytes.push_character(accent),
            Some(accent) => match compose(accent, character) {
                Some(composed) => bytes.push_character(composed),
                None => {
                    bytes.push_character(accent);
                    bytes.push_character(character);
                }
            },
            None => bytes.push_character(character),
        }
        Action::Type(bytes)
    }

    fn pad(&mut self, pad: &sequences::Pad, with: With, modes: Modes) -> Option<Action> {
        let digit = char::from(pad.sign).to_digit(10);
        if let (true, Some(digit)) = (with.alt || with.altgr, digit) {
            // Decimal with Alt, hexadecimal with AltGr.
            let base = if with.altgr { 16 } else { 10 };
            self.number = Some(self.number.unwrap_or(0).wrapping_mul(base).wrapping_add(digit));
            return None;
        }
        if modes.application_keypad && !with.shift {
            return Some(typed(&[ESCAPE, b'O', pad.application]));
        }
        match pad.grey {
            Some(KeyCode::Numpad5) if !self.leds.contains(Leds::NUM_LOCK) => Some(cursor(b'G', modes.application_keypad)),
            Some(code) if !self.leds.contains(Leds::NUM_LOCK) => grey(code, modes),
            _ if pad.sign == b'\r' => Some(self.enter(modes)),
            _ => Some(typed(&[pad.sign])),
        }
    }

    /// A modifier went up: ends the entry of a character by its number.
    fn entered_number(&mut self) -> Option<Action> {
        let character = char::from_u32(self.number.take()?)?;
        let mut bytes = Bytes::default();
        bytes.push_character(character);
        Some(Action::Type(bytes))
    }
}

fn typed(bytes: &[u8]) -> Action {
    Action::Type(Bytes::new(bytes))
}

/// A byte of ASCII, marked by Escape when Alt is down.
fn meta(alt: bool, byte: u8) -> Action {
    if alt { typed(&[ESCAPE, byte]) } else { typed(&[byte]) }
}

/// What Ctrl makes of a key. A dead acute accent is no apostrophe.
fn control(symbol: Symbol) -> Option<u8> {
    match symbol {
        Symbol::Dead('\'') => None,
        Symbol::Character(sign) | Symbol::Dead(sign) => sequences::control(sign),
    }
}

fn cursor(last: u8, application: bool) -> Action {
    typed(&[ESCAPE, if application { b'O' } else { b'[' }, last])
}

/// Arrows and editing keys.
fn grey(code: KeyCode, modes: Modes) -> Option<Action> {
    match sequences::arrow(code) {
        Some(last) => Some(cursor(last, modes.application_cursor)),
        None => sequences::editing(code).map(|text| typed(text.as_bytes())),
    }
}

/// F1 to F12, from 0 on.
fn function(number: u8, with: With) -> Option<Action> {
    let index = match with {
        With { alt: true, shift: false, .. } => return Some(Action::Console(number + 1)),
        With { altgr: true, shift: false, control: false, .. } => return Some(Action::Console(number + 13)),
        With { shift: true, alt: false, altgr: false, control: false } if number < 10 => number + 10,
        With { alt: false, altgr: false, shift: false, .. } | With { shift: true, alt: false, altgr: false, control: false } => number,
        _ => return None,
    };
    Some(typed(sequences::function(index).as_bytes()))
}
