//! Colours of VGA text mode.

/// The sixteen colours. Bit 3 makes the first eight bright.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Color {
    Black = 0,
    Blue = 1,
    Green = 2,
    Cyan = 3,
    Red = 4,
    Magenta = 5,
    Brown = 6,
    LightGray = 7,
    DarkGray = 8,
    LightBlue = 9,
    LightGreen = 10,
    LightCyan = 11,
    LightRed = 12,
    Pink = 13,
    Yellow = 14,
    White = 15,
}

impl Color {
    /// All of them, in the order of their numbers.
    pub const ALL: [Color; 16] = [
        Color::Black,
        Color::Blue,
        Color::Green,
        Color::Cyan,
        Color::Red,
        Color::Magenta,
        Color::Brown,
        Color::LightGray,
        Color::DarkGray,
        Color::LightBlue,
        Color::LightGreen,
        Color::LightCyan,
        Color::LightRed,
        Color::Pink,
        Color::Yellow,
        Color::White,
    ];
}

/// The colour byte of a cell: foreground in bits 0 to 3, background in bits 4 to 6, blinking in bit 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct ColorCode(u8);

impl ColorCode {
    /// Only the eight dark colours can be backgrounds: a bright one shows as its dark sibling.
    pub const fn new(foreground: Color, background: Color) -> ColorCode {
        ColorCode(foreground as u8 | (background as u8 & 7) << 4)
    }

    /// The same, blinking.
    pub const fn blinking(self) -> ColorCode {
        ColorCode(self.0 | 1 << 7)
    }

    /// The byte itself.
    pub const fn byte(self) -> u8 {
        self.0
    }
}
