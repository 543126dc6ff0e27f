//! The two sequences of the Linux console that no parser of standard sequences understands: `ESC ] P` and seven hexadecimal digits set a
//! colour of the palette, `ESC ] R` resets it. They begin like operating system commands, but nothing ends them: a parser would swallow
//! all text behind. The palette stays as it is here, so they only have to be taken out.

/// Hexadecimal digits of a colour: its number, and two each for red, green and blue.
const DIGITS: u8 = 7;
const ESCAPE: u8 = 0x1b;
/// Ends whatever sequence has begun.
const CANCEL: u8 = 0x18;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum PaletteFilter {
    #[default]
    Text,
    /// Behind ESC.
    Escape,
    /// Behind ESC ], which the parser hasn't seen yet.
    Command,
    /// So many digits are still to come.
    Colour(u8),
}

/// What goes on to the parser.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Filtered {
    Nothing,
    One(u8),
    Two([u8; 2]),
}

impl PaletteFilter {
    /// How many of the bytes have nothing to do with such sequences and can go on as they are.
    pub(super) fn plain(&self, bytes: &[u8]) -> usize {
        if *self != PaletteFilter::Text {
            return 0;
        }
        bytes.iter().position(|&byte| byte == ESCAPE).unwrap_or(bytes.len())
    }

    pub(super) fn pass(&mut self, byte: u8) -> Filtered {
        let (next, filtered) = match (*self, byte) {
            (PaletteFilter::Escape, b']') => (PaletteFilter::Command, Filtered::Nothing),
            (PaletteFilter::Command, b'R') => (PaletteFilter::Text, Filtered::One(CANCEL)),
            (PaletteFilter::Command, b'P') => (PaletteFilter::Colour(DIGITS), Filtered::One(CANCEL)),
            (PaletteFilter::Command, _) => (Self::behind(byte), Filtered::Two([b']', byte])),
            (PaletteFilter::Colour(1), _) if byte.is_ascii_hexdigit() => (PaletteFilter::Text, Filtered::Nothing),
            (PaletteFilter::Colour(left), _) if byte.is_ascii_hexdigit() => (PaletteFilter::Colour(left - 1), Filtered::Nothing),
            _ => (Self::behind(byte), Filtered::One(byte)),
        };
        *self = next;
        filtered
    }

    fn behind(byte: u8) -> PaletteFilter {
        if byte == ESCAPE { PaletteFilter::Escape } else { PaletteFilter::Text }
    }
}
