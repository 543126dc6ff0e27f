//! A picture of a screen: pixels, read from the PPM files that QEMU writes.

use anyhow::{Context, Result, ensure};

/// Pixels in rows from the top, each red, green, blue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// Reads a binary PPM file (`P6`, 8 bits a colour), the only kind that QEMU writes.
    pub fn from_ppm(content: &[u8]) -> Result<Picture> {
        let mut rest = content;
        let mut word = || -> Result<String> {
            let start = rest.iter().position(|byte| !byte.is_ascii_whitespace()).context("it is cut off")?;
            let length = rest[start..].iter().position(u8::is_ascii_whitespace).context("it is cut off")?;
            let word = String::from_utf8_lossy(&rest[start..start + length]).into_owned();
            // One blank ends a word; behind the last one the pixels begin, which may look like blanks.
            rest = &rest[start + length + 1..];
            Ok(word)
        };
        ensure!(word()? == "P6", "it is no PPM file");
        let (width, height): (usize, usize) = (word()?.parse()?, word()?.parse()?);
        ensure!(word()? == "255", "its colours have not 8 bits");
        let pixels: Vec<[u8; 3]> = rest.as_chunks::<3>().0.to_vec();
        ensure!(width.checked_mul(height) == Some(pixels.len()), "{width}x{height} is not the size of {} pixels", pixels.len());
        Ok(Picture { width, height, pixels })
    }

    /// The colour at a place; `None` outside.
    pub fn pixel(&self, x: usize, y: usize) -> Option<[u8; 3]> {
        if x < self.width { self.pixels.get(y * self.width + x).copied() } else { None }
    }

    /// All colours that the picture has within a rectangle, without repetition, in the order of their first pixels.
    pub fn colours(&self, (left, top): (usize, usize), (width, height): (usize, usize)) -> Vec<[u8; 3]> {
        let mut colours = Vec::new();
        for (x, y) in (top..top + height).flat_map(|y| (left..left + width).map(move |x| (x, y))) {
            if let Some(colour) = self.pixel(x, y).filter(|colour| !colours.contains(colour)) {
                colours.push(colour);
            }
        }
        colours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pixels_even_those_that_look_like_blanks() {
        let picture = Picture::from_ppm(b"P6\n2 1\n255\n   \n\t ").unwrap();
        assert_eq!((picture.width, picture.height), (2, 1));
        assert_eq!((picture.pixel(0, 0), picture.pixel(1, 0)), (Some([32; 3]), Some([10, 9, 32])));
        assert_eq!((picture.pixel(2, 0), picture.pixel(0, 1)), (None, None));
        assert_eq!(picture.colours((0, 0), (9, 9)), [[32; 3], [10, 9, 32]]);
    }

    #[test]
    fn other_files_are_refused() {
        for content in [&b"P5\n1 1\n255\nabc"[..], b"P6\n2 2\n255\nabc", b"P6\n1", b"", b"P6\n99999999999 99999999999\n255\n"] {
            assert!(Picture::from_ppm(content).is_err());
        }
    }
}
