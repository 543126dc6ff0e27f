//! The bitmap font: Spleen, 8×16 pixels, with Latin and Greek letters and all box drawing characters.
//!
//! The crate brings the file as it is, in the first version of the PC screen font format, which the crate's own reader doesn't know:
//! a header of four bytes (two of magic, mode, bytes a glyph), the glyphs, and then for each glyph the characters that it stands for as
//! 16-bit numbers, ended by 0xffff. (linux/tools: psf.)

use spleen_font::FONT_8X16;

/// Pixels of a glyph.
pub const GLYPH_WIDTH: usize = 8;
pub const GLYPH_HEIGHT: usize = 16;

const HEADER: usize = 4;
const GLYPHS: usize = 512;
/// In the table: the characters of the next glyph follow.
const NEXT: u16 = 0xffff;
/// In the table: what follows are sequences of characters, up to the next glyph.
const SEQUENCE: u16 = 0xfffe;

const BITMAPS: &[[u8; GLYPH_HEIGHT]; GLYPHS] = {
    // Mode: 512 glyphs, with a table.
    assert!(matches!(FONT_8X16.first_chunk(), Some([0x36, 0x04, 0x03, 16])));
    match FONT_8X16.split_at(HEADER).1.as_chunks().0.first_chunk() {
        Some(bitmaps) => bitmaps,
        None => panic!("the font is too short"),
    }
};
const TABLE: &[[u8; 2]] = FONT_8X16.split_at(HEADER + GLYPHS * GLYPH_HEIGHT).1.as_chunks().0;

/// The glyph of each character of the first 128, the most frequent ones by far, so that they need no search.
static ASCII: [u16; 128] = {
    let mut glyphs = [0; 128];
    let mut character = 0;
    while character < 128 {
        glyphs[character as usize] = match find(character) {
            Some(glyph) => glyph,
            None => MISSING,
        };
        character += 1;
    }
    glyphs
};

/// ■, for what the font doesn't have.
const MISSING: u16 = match find('■' as u16) {
    Some(glyph) => glyph,
    None => panic!("the font has no square"),
};

/// Looks a character up in the table.
const fn find(character: u16) -> Option<u16> {
    let (mut at, mut glyph, mut in_sequence) = (0, 0, false);
    while at < TABLE.len() && (glyph as usize) < GLYPHS {
        match u16::from_le_bytes(TABLE[at]) {
            NEXT => {
                glyph += 1;
                in_sequence = false;
            }
            SEQUENCE => in_sequence = true,
            listed if listed == character && !in_sequence => return Some(glyph),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The picture of a character, line by line, the left pixel in the highest bit.
pub(super) fn glyph(character: char) -> &'static [u8; GLYPH_HEIGHT] {
    let number = u32::from(character);
    let glyph = match ASCII.get(number as usize) {
        Some(&glyph) => glyph,
        None => u16::try_from(number).ok().and_then(find).unwrap_or(MISSING),
    };
    // Never the second: each number comes from the table's count of glyphs.
    BITMAPS.get(usize::from(glyph)).unwrap_or(&[0xff; GLYPH_HEIGHT])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_boxes_are_there() {
        let missing = glyph('■');
        let all = ('!'..='~').chain('À'..='ÿ').chain('\u{2500}'..='\u{257f}').chain("█▀▄▌▐░▒▓€".chars());
        all.for_each(|character| assert_ne!(glyph(character), missing, "{character}"));
        assert_eq!(glyph(' '), &[0; 16]);
        assert_eq!(glyph('─').iter().map(|bits| bits.count_ones()).max(), Some(8));
    }

    #[test]
    fn what_is_missing_is_a_square() {
        ['\u{0}', '\u{7f}', '漢', '\u{ffff}', '\u{fffe}', '\u{1f600}']
            .into_iter()
            .for_each(|character| assert_eq!(glyph(character), glyph('■')));
    }
}
