//! What is printed on the keys.
//!
//! The letters and signs are those of `pc-keyboard`; the German layout gets its dead keys here: the accents wait for the letter that
//! they belong on.

use pc_keyboard::layouts::{De105Key, Us104Key};
use pc_keyboard::{DecodedKey, HandleControl, KeyCode, KeyboardLayout, Modifiers};

/// The layouts that there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Layout {
    /// United States, 101 or 104 keys.
    #[default]
    Us,
    /// Germany, 102 or 105 keys, with dead accents.
    German,
    /// The same; accents are signs as any other.
    GermanNoDeadKeys,
}

/// What a key stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Symbol {
    Character(char),
    /// An accent for the next letter: the grave accent, the apostrophe for an acute one, or the circumflex.
    Dead(char),
}

/// Which of its meanings a key has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Level {
    pub shift: bool,
    pub caps: bool,
    pub altgr: bool,
}

impl Layout {
    /// By the name that the kernel parameter `keymap=` has for it: `us`, `de` or `de-nodeadkeys`.
    pub fn by_name(name: &str) -> Option<Layout> {
        Some(match name {
            "us" => Layout::Us,
            "de" | "de-latin1" => Layout::German,
            "de-nodeadkeys" | "de-latin1-nodeadkeys" => Layout::GermanNoDeadKeys,
            _ => return None,
        })
    }

    pub const fn name(self) -> &'static str {
        match self {
            Layout::Us => "us",
            Layout::German => "de",
            Layout::GermanNoDeadKeys => "de-nodeadkeys",
        }
    }

    /// Whether the right Alt key is AltGr; where it isn't, both Alt keys are the same.
    pub(super) fn has_altgr(self) -> bool {
        self != Layout::Us
    }

    /// The sign on a key of the main block; `None` for keys that have none.
    pub(super) fn symbol(self, code: KeyCode, level: Level) -> Option<Symbol> {
        // Only what changes signs: Ctrl and Alt are not the layout's business.
        let modifiers = Modifiers { lshift: level.shift, capslock: level.caps, ralt: level.altgr, ..Modifiers::default() };
        let key = match self {
            // An American keyboard has no such key; on others, Linux's default keymap has these signs there.
            Layout::Us if code == KeyCode::Oem5 => DecodedKey::Unicode(if level.shift { '>' } else { '<' }),
            Layout::Us => Us104Key.map_keycode(code, &modifiers, HandleControl::Ignore),
            Layout::German | Layout::GermanNoDeadKeys => De105Key.map_keycode(code, &modifiers, HandleControl::Ignore),
        };
        let DecodedKey::Unicode(character) = key else { return None };
        Some(match (self, code, character) {
            (Layout::German, KeyCode::Oem8, '^') => Symbol::Dead('^'),
            (Layout::German, KeyCode::OemPlus, '´') => Symbol::Dead('\''),
            (Layout::German, KeyCode::OemPlus, '`') => Symbol::Dead('`'),
            _ => Symbol::Character(character),
        })
    }
}
