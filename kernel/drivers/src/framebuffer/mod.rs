//! Text on a screen of pixels, which is what UEFI firmware leaves: each cell is a picture of 8×16 pixels from a bitmap font.

mod font;
#[cfg(test)]
mod tests;

use crate::display::{Cell, Display, Place, rgb};
pub use font::{GLYPH_HEIGHT, GLYPH_WIDTH};

/// The memory of the pixels. Offsets are in bytes from the upper left pixel.
pub trait PixelMemory {
    /// Writes the lowest `bytes` (1 to 4) bytes of a pixel's value.
    fn write(&mut self, offset: usize, value: u32, bytes: usize);
}

/// How pixels lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// In pixels.
    pub width: usize,
    pub height: usize,
    /// Bytes from one line to the next.
    pub pitch: usize,
    pub bits_per_pixel: u8,
    /// For red, green and blue: the lowest bit in a pixel, and how many bits.
    pub colours: [(u8, u8); 3],
}

impl Layout {
    /// Whether text can be shown: the fields make sense together, and there is room for one cell at least.
    pub fn is_usable(&self) -> bool {
        let bytes = self.bytes_per_pixel();
        let fits = |&(low, bits): &(u8, u8)| (1..=8).contains(&bits) && u32::from(low) + u32::from(bits) <= 8 * bytes as u32;
        matches!(self.bits_per_pixel, 15 | 16 | 24 | 32)
            && self.colours.iter().all(fits)
            && self.width >= GLYPH_WIDTH
            && self.height >= GLYPH_HEIGHT
            && self.width.checked_mul(bytes).is_some_and(|line| line <= self.pitch)
            && self.size().is_some()
    }

    /// Bytes from the first pixel to behind the last line; none if that is beyond all numbers.
    pub fn size(&self) -> Option<usize> {
        self.pitch.checked_mul(self.height)
    }

    fn bytes_per_pixel(&self) -> usize {
        usize::from(self.bits_per_pixel.div_ceil(8))
    }

    /// A colour as the value of a pixel.
    fn pixel(&self, colour: u8) -> u32 {
        let parts = rgb(colour).into_iter().zip(self.colours);
        parts.fold(0, |pixel, (part, (low, bits))| pixel | u32::from(part >> (8 - bits)) << low)
    }
}

/// A screen of pixels that shows text.
pub struct Framebuffer<M> {
    memory: M,
    layout: Layout,
    /// The cursor's place, and what is to be drawn there when it leaves.
    cursor: Option<(Place, Cell)>,
}

/// First line of the cursor within its cell.
const CURSOR_FROM: usize = GLYPH_HEIGHT - 2;

impl<M: PixelMemory> Framebuffer<M> {
    /// None if the layout isn't usable.
    pub fn new(memory: M, layout: Layout) -> Option<Framebuffer<M>> {
        layout.is_usable().then_some(Framebuffer { memory, layout, cursor: None })
    }

    /// Draws a cell; the lines from `cursor_from` on in the colour of the foreground.
    fn draw_glyph(&mut self, place: Place, cell: Cell, cursor_from: usize) {
        if place.row >= self.rows() || place.column >= self.columns() {
            return;
        }
        let pitch = self.layout.pitch;
        let bytes = self.layout.bytes_per_pixel();
        let (background, foreground) = (self.layout.pixel(cell.background), self.layout.pixel(cell.foreground));
        let corner = place.row * GLYPH_HEIGHT * pitch + place.column * GLYPH_WIDTH * bytes;
        for (line, &bits) in font::glyph(cell.character).iter().enumerate() {
            let bits = if line >= cursor_from { 0xff } else { bits };
            for column in 0..GLYPH_WIDTH {
                let value = if bits & 0x80 >> column != 0 { foreground } else { background };
                self.memory.write(corner + line * pitch + column * bytes, value, bytes);
            }
        }
    }
}

impl<M: PixelMemory> Display for Framebuffer<M> {
    fn rows(&self) -> usize {
        self.layout.height / GLYPH_HEIGHT
    }

    fn columns(&self) -> usize {
        self.layout.width / GLYPH_WIDTH
    }

    fn draw(&mut self, place: Place, cell: Cell) {
        match &mut self.cursor {
            Some((at, under)) if *at == place => {
                *under = cell;
                self.draw_glyph(place, cell, CURSOR_FROM);
            }
            _ => self.draw_glyph(place, cell, GLYPH_HEIGHT),
        }
    }

    fn set_cursor(&mut self, cursor: Option<(Place, Cell)>) {
        if self.cursor == cursor {
            return;
        }
        if let Some((place, cell)) = self.cursor.take() {
            self.draw_glyph(place, cell, GLYPH_HEIGHT);
        }
        if let Some((place, cell)) = cursor {
            self.draw_glyph(place, cell, CURSOR_FROM);
        }
        self.cursor = cursor;
    }
}
