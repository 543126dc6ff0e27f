//! How characters look: Select Graphic Rendition, `ESC [ … m` (console_codes(4)).

use drivers::display::Cell;
use vte::Params;

/// Grey on black.
const FOREGROUND: u8 = 7;
const BACKGROUND: u8 = 0;
/// The Linux console shows these as colours, since text mode can't do otherwise.
const ITALIC: u8 = 2;
const UNDERLINED: u8 = 15;
const DIM: u8 = 8;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Intensity {
    Dim,
    #[default]
    Normal,
    Bold,
}

/// The rendition that is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Style {
    foreground: u8,
    background: u8,
    intensity: Intensity,
    italic: bool,
    underlined: bool,
    blinking: bool,
    reversed: bool,
}

impl Default for Style {
    fn default() -> Style {
        Style {
            foreground: FOREGROUND,
            background: BACKGROUND,
            intensity: Intensity::default(),
            italic: false,
            underlined: false,
            blinking: false,
            reversed: false,
        }
    }
}

impl Style {
    /// A character in this style; `negative` is the reverse screen (DECSCNM).
    pub(super) fn cell(&self, character: char, negative: bool) -> Cell {
        let mut foreground = match self {
            Style { italic: true, .. } => ITALIC,
            Style { underlined: true, .. } => UNDERLINED,
            Style { intensity: Intensity::Dim, .. } => DIM,
            Style { foreground, .. } => *foreground,
        };
        let mut background = self.background;
        if self.reversed != negative {
            core::mem::swap(&mut foreground, &mut background);
        }
        if self.intensity == Intensity::Bold && foreground < 16 {
            foreground |= 8;
        }
        Cell { character, foreground, background, blink: self.blinking }
    }

    /// What erasing leaves: a blank in the background colour ("back colour erase"), but never reversed.
    pub(super) fn blank(&self, negative: bool) -> Cell {
        let plain = Style { foreground: self.foreground, background: self.background, ..Style::default() };
        plain.cell(' ', negative)
    }

    /// Serves the parameters of one sequence. Unknown ones are ignored.
    pub(super) fn select(&mut self, parameters: &Params) {
        let mut parameters = parameters.iter();
        while let Some(parameter) = parameters.next() {
            let &[first, ref sub @ ..] = parameter else { continue };
            match first {
                0 => *self = Style::default(),
                1 => self.intensity = Intensity::Bold,
                2 => self.intensity = Intensity::Dim,
                3 => self.italic = true,
                // Subparameters choose the kind of line; 0 is none.
                4 => self.underlined = sub.first() != Some(&0),
                5 => self.blinking = true,
                7 => self.reversed = true,
                // 21 is a second kind of underline.
                21 => self.underlined = true,
                22 => self.intensity = Intensity::Normal,
                23 => self.italic = false,
                24 => self.underlined = false,
                25 => self.blinking = false,
                27 => self.reversed = false,
                30..=37 => self.foreground = (first - 30) as u8,
                38 | 48 => {
                    let colour = if sub.is_empty() {
                        colour(&mut || parameters.next().and_then(|next| next.first().copied()))
                    } else {
                        // With colons a colour space may stand before red, green and blue.
                        let skipped = usize::from(sub.len() >= 5);
                        let mut values = sub.iter().enumerate().filter(|(at, _)| *at != 1 || skipped == 0).map(|(_, &value)| value);
                        colour(&mut || values.next())
                    };
                    match colour {
                        Some(colour) if first == 38 => self.foreground = colour,
                        Some(colour) => self.background = colour,
                        None => {}
                    }
                }
                39 => self.foreground = FOREGROUND,
                40..=47 => self.background = (first - 40) as u8,
                49 => self.background = BACKGROUND,
                90..=97 => self.foreground = (first - 90 + 8) as u8,
                100..=107 => self.background = (first - 100 + 8) as u8,
                _ => {}
            }
        }
    }
}

/// Reads `5;N` (a colour of the palette) or `2;R;G;B`, which becomes the palette's nearest.
fn colour(next: &mut dyn FnMut() -> Option<u16>) -> Option<u8> {
    match next()? {
        5 => u8::try_from(next()?).ok(),
        2 => {
            let parts = [next()?, next()?, next()?];
            let [red, green, blue] = parts.map(|part| u8::try_from(part).unwrap_or(u8::MAX));
            Some(nearest_of_cube(red, green, blue))
        }
        _ => None,
    }
}

/// The nearest colour of the 6×6×6 cube. Its steps are 0, 95, 135, 175, 215, 255.
fn nearest_of_cube(red: u8, green: u8, blue: u8) -> u8 {
    let step = |part: u8| match part {
        0..48 => 0,
        48..115 => 1,
        _ => (part - 35) / 40,
    };
    16 + 36 * step(red) + 6 * step(green) + step(blue)
}
