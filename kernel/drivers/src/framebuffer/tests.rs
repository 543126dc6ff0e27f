//! Text on pixels in memory. That it is the same text as in VGA text mode is seen by reading it back: from the cells there, and here by
//! looking which character's picture the pixels show.

use super::*;
use crate::display::Writer;
use std::fmt::Write;

/// Pixels as they lie in memory.
struct Pixels(Vec<u8>);

impl PixelMemory for &mut Pixels {
    fn write(&mut self, offset: usize, value: u32, bytes: usize) {
        self.0[offset..offset + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
    }
}

/// 640×400 pixels of 32 bits, blue in the lowest byte, and a gap behind each line.
const LAYOUT: Layout = Layout { width: 640, height: 400, pitch: 2600, bits_per_pixel: 32, colours: [(16, 8), (8, 8), (0, 8)] };

fn memory(layout: Layout) -> Pixels {
    Pixels(vec![0; layout.size().unwrap()])
}

impl Pixels {
    fn pixel(&self, layout: Layout, x: usize, y: usize) -> u32 {
        let bytes = layout.bytes_per_pixel();
        let mut value = [0; 4];
        value[..bytes].copy_from_slice(&self.0[y * layout.pitch + x * bytes..][..bytes]);
        u32::from_le_bytes(value)
    }

    /// The picture in a cell: a bit for each pixel that has the colour.
    fn picture(&self, layout: Layout, place: Place, colour: u32) -> [u8; GLYPH_HEIGHT] {
        std::array::from_fn(|line| {
            (0..GLYPH_WIDTH).fold(0, |bits, column| {
                let pixel = self.pixel(layout, place.column * GLYPH_WIDTH + column, place.row * GLYPH_HEIGHT + line);
                bits << 1 | u8::from(pixel == colour)
            })
        })
    }
}

#[test]
fn the_text_is_the_one_of_vga_text_mode() {
    let text =
        "Hello Wörld! ┌──┬╖ │░▒▓█ ±½ ≡ é\nsecond line, and a long one: 0123456789012345678901234567890123456789012345678901234567890";
    let mut pixels = memory(LAYOUT);
    write!(Writer::new(Framebuffer::new(&mut pixels, LAYOUT).unwrap(), 7, 0), "{text}").unwrap();
    let mut cells = crate::vga::tests::text_cells(text);
    let mut compared = 0;
    for place in (0..3).flat_map(|row| (0..80).map(move |column| Place { row, column })) {
        let code = cells.next().unwrap();
        let picture = pixels.picture(LAYOUT, place, 0x00aa_aaaa);
        // Every character that looks like this; the code page has one of them at the code that text mode shows.
        let shown = text.chars().chain([' ']).filter(|&character| *font::glyph(character) == picture);
        assert!(shown.map(crate::vga::tests::code).any(|shown| shown == code), "at {place:?}");
        compared += 1;
    }
    assert_eq!(compared, 240);
}

#[test]
fn colours_go_where_the_layout_says() {
    let rgb565 = Layout { pitch: 1280, bits_per_pixel: 16, colours: [(11, 5), (5, 6), (0, 5)], ..LAYOUT };
    let bgr = Layout { pitch: 1920, bits_per_pixel: 24, colours: [(0, 8), (8, 8), (16, 8)], ..LAYOUT };
    for (layout, expected) in [(LAYOUT, 0x00ff_5555), (rgb565, 0xfaaa), (bgr, 0x0055_55ff)] {
        let mut pixels = memory(layout);
        let place = Place { row: 2, column: 3 };
        Framebuffer::new(&mut pixels, layout).unwrap().draw(place, Cell { character: '█', foreground: 9, ..Cell::BLANK });
        assert_eq!(pixels.picture(layout, place, expected), [0xff; 16], "{layout:?}");
        assert_eq!(pixels.picture(layout, Place { row: 2, column: 4 }, 0), [0xff; 16]);
    }
}

#[test]
fn the_cursor_leaves_no_trace() {
    let at = |column| Place { row: 0, column };
    let cell = Cell { character: 'g', ..Cell::BLANK };
    let mut pixels = memory(LAYOUT);
    let mut screen = Framebuffer::new(&mut pixels, LAYOUT).unwrap();
    screen.draw(at(0), cell);
    screen.set_cursor(Some((at(0), cell)));
    let underlined = screen.memory.picture(LAYOUT, at(0), 0x00aa_aaaa);
    assert_eq!(underlined[..14], font::glyph('g')[..14]);
    assert_eq!(underlined[14..], [0xff; 2]);
    // Drawn while the cursor is there, and left by it.
    screen.draw(at(0), Cell { character: 'h', ..cell });
    screen.set_cursor(Some((at(1), Cell::BLANK)));
    assert_eq!(screen.memory.picture(LAYOUT, at(0), 0x00aa_aaaa), *font::glyph('h'));
    screen.set_cursor(None);
    assert_eq!(screen.memory.picture(LAYOUT, at(1), 0x00aa_aaaa), [0; 16]);
}

#[test]
fn nothing_is_drawn_outside() {
    // A screen that isn't a whole number of cells.
    let layout = Layout { width: 100, height: 50, pitch: 400, ..LAYOUT };
    let mut pixels = memory(layout);
    let mut screen = Framebuffer::new(&mut pixels, layout).unwrap();
    assert_eq!((screen.rows(), screen.columns()), (3, 12));
    for (row, column) in [(3, 0), (0, 12), (usize::MAX, usize::MAX)] {
        screen.draw(Place { row, column }, Cell { background: 15, ..Cell::BLANK });
        screen.set_cursor(Some((Place { row, column }, Cell::BLANK)));
    }
    assert!(pixels.0.iter().all(|&byte| byte == 0));
}

#[test]
fn layouts_without_sense_are_refused() {
    let bad = [
        Layout { width: 7, ..LAYOUT },
        Layout { height: 15, ..LAYOUT },
        Layout { pitch: 2559, ..LAYOUT },
        Layout { bits_per_pixel: 8, ..LAYOUT },
        Layout { width: usize::MAX, ..LAYOUT },
        Layout { pitch: usize::MAX, ..LAYOUT },
        Layout { colours: [(16, 8), (8, 0), (0, 8)], ..LAYOUT },
        Layout { colours: [(25, 8), (8, 8), (0, 8)], ..LAYOUT },
        Layout { colours: [(16, 9), (8, 8), (0, 8)], ..LAYOUT },
    ];
    bad.into_iter().for_each(|layout| assert!(!layout.is_usable(), "{layout:?}"));
}
