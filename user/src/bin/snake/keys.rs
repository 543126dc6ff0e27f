//! From the bytes of a terminal to keys. Arrow keys are three bytes, and they may come one by one.

use crate::game::Direction;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    Turn(Direction),
    Pause,
    Quit,
    /// Anything else: straight on, when there is no clock.
    Other,
}

/// How much of an arrow key has come.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    None,
    Escape,
    Bracket,
}

#[derive(Default)]
pub struct Decoder(Progress);

impl Decoder {
    /// The key that is complete with this byte.
    pub fn feed(&mut self, byte: u8) -> Option<Key> {
        let before = std::mem::take(&mut self.0);
        match (before, byte) {
            (_, 0x1b) => {
                self.0 = Progress::Escape;
                None
            }
            (Progress::Escape, b'[' | b'O') => {
                self.0 = Progress::Bracket;
                None
            }
            (Progress::Bracket, b'A') | (_, b'k' | b'w') => Some(Key::Turn(Direction::Up)),
            (Progress::Bracket, b'B') | (_, b'j' | b's') => Some(Key::Turn(Direction::Down)),
            (Progress::Bracket, b'C') | (_, b'l' | b'd') => Some(Key::Turn(Direction::Right)),
            (Progress::Bracket, b'D') | (_, b'h' | b'a') => Some(Key::Turn(Direction::Left)),
            (_, b'p') => Some(Key::Pause),
            // ^C and ^D: in raw mode they are bytes like others.
            (_, b'q' | 3 | 4) => Some(Key::Quit),
            _ => Some(Key::Other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = Decoder::default();
        bytes.iter().filter_map(|&byte| decoder.feed(byte)).collect()
    }

    #[test]
    fn arrows_and_letters() {
        let [up, left] = [Key::Turn(Direction::Up), Key::Turn(Direction::Left)];
        assert_eq!(keys(b"\x1b[A\x1bODkh"), [up, left, up, left]);
        assert_eq!(keys(b"\x1b\x1b[A"), [up]);
        assert_eq!(keys(b"p \x03A"), [Key::Pause, Key::Other, Key::Quit, Key::Other]);
    }
}
