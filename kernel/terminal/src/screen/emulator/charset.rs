//! The character sets of a VT100 that programs still use: DEC's special graphics, with lines and corners at the small letters.

/// What a terminal shows for the characters of a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Charset {
    #[default]
    Plain,
    Graphics,
}

/// The special graphics from 0x60 to 0x7e (VT102 User Guide, table 5-13).
const GRAPHICS: [char; 31] = [
    '♦', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼', '⎺', '⎻', '─', '⎼', '⎽', '├', '┤', '┴', '┬', '│', '≤', '≥',
    'π', '≠', '£', '·',
];

/// The arrows and blocks that the Linux console has in this set too, and its terminfo entry names (`acsc`).
const EXTRA: [(char, char); 6] = [('+', '→'), (',', '←'), ('-', '↑'), ('.', '↓'), ('0', '█'), ('_', ' ')];

impl Charset {
    pub(super) fn map(self, character: char) -> char {
        if self == Charset::Plain {
            return character;
        }
        let graphic = (character as usize).checked_sub(0x60).and_then(|index| GRAPHICS.get(index));
        let extra = || EXTRA.iter().find(|(from, _)| *from == character).map(|(_, to)| to);
        graphic.or_else(extra).copied().unwrap_or(character)
    }
}
