//! From scancodes to key events.
//!
//! `pc-keyboard` has the tables of both sets. What it leaves out is added here: Pause, which sends a sequence that looks like two other
//! keys (0xe1 …); Pause with Ctrl and Print Screen with Alt, which have codes of their own; and the shifts that a keyboard makes up
//! around its grey keys for the sake of programs of the early eighties, which are dropped.

use pc_keyboard::{KeyCode, KeyEvent, KeyState, ScancodeSet as _, ScancodeSet1, ScancodeSet2};

/// What follows is one of the keys that the first PC had not.
const EXTENDED: u8 = 0xe0;
/// In set 2: what follows went up.
const RELEASED: u8 = 0xf0;

/// The sets that are in use; their numbers are those of the keyboard's command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ScancodeSet {
    /// The first PC's, and what a controller that translates makes of set 2.
    One = 1,
    /// The AT's: what keyboards speak.
    Two = 2,
}

enum Tables {
    One(ScancodeSet1),
    Two(ScancodeSet2),
}

/// Gathers bytes to key events.
pub struct Decoder {
    tables: Tables,
    /// 0xe0 came, and its key has not yet.
    extended: bool,
    /// In set 2: 0xf0 came, and its key has not yet.
    released: bool,
    /// The first half of Pause came.
    pause: bool,
    unknown: u64,
}

impl Decoder {
    pub const fn new(set: ScancodeSet) -> Decoder {
        let tables = match set {
            ScancodeSet::One => Tables::One(ScancodeSet1::new()),
            ScancodeSet::Two => Tables::Two(ScancodeSet2::new()),
        };
        Decoder { tables, extended: false, released: false, pause: false, unknown: 0 }
    }

    pub const fn set(&self) -> ScancodeSet {
        match self.tables {
            Tables::One(_) => ScancodeSet::One,
            Tables::Two(_) => ScancodeSet::Two,
        }
    }

    /// Codes so far that no key has.
    pub const fn unknown(&self) -> u64 {
        self.unknown
    }

    /// Takes the next byte; gives the event that it completes.
    pub fn add(&mut self, byte: u8) -> Option<KeyEvent> {
        let prefix = (self.extended, self.released);
        let two = self.set() == ScancodeSet::Two;
        self.extended = byte == EXTENDED || self.extended && two && byte == RELEASED;
        self.released = two && byte == RELEASED;
        let decoded = match &mut self.tables {
            Tables::One(tables) => tables.advance_state(byte),
            // Print Screen with Alt is 0x84 on the wire, and 0x7f in the crate's table.
            Tables::Two(tables) => tables.advance_state(if byte == 0x84 && !prefix.0 { 0x7f } else { byte }),
        };
        match decoded {
            Ok(event) => self.filter(event?),
            Err(_) => {
                self.pause = false;
                let event = self.beyond_the_tables(prefix, byte);
                self.unknown += u64::from(event.is_none() && !self.is_made_up(prefix, byte));
                event
            }
        }
    }

    /// Keys that the tables have not: Pause with Ctrl.
    fn beyond_the_tables(&self, (extended, released): (bool, bool), byte: u8) -> Option<KeyEvent> {
        let state = match (self.set(), extended, byte, released) {
            (ScancodeSet::One, true, 0x46, _) | (ScancodeSet::Two, true, 0x7e, false) => KeyState::Down,
            (ScancodeSet::One, true, 0xc6, _) | (ScancodeSet::Two, true, 0x7e, true) => KeyState::Up,
            _ => return None,
        };
        Some(KeyEvent::new(KeyCode::PauseBreak, state))
    }

    /// The right Shift key as a keyboard makes it up; the left one is in the tables.
    fn is_made_up(&self, (extended, _): (bool, bool), byte: u8) -> bool {
        extended
            && match self.set() {
                ScancodeSet::One => matches!(byte, 0x36 | 0xb6),
                ScancodeSet::Two => byte == 0x59,
            }
    }

    fn filter(&mut self, event: KeyEvent) -> Option<KeyEvent> {
        let pause = core::mem::take(&mut self.pause);
        match event.code {
            KeyCode::RControl2 => {
                self.pause = true;
                None
            }
            KeyCode::NumpadLock if pause => Some(KeyEvent::new(KeyCode::PauseBreak, event.state)),
            KeyCode::RAlt2 | KeyCode::TooManyKeys | KeyCode::PowerOnTestOk => None,
            _ => Some(event),
        }
    }
}
