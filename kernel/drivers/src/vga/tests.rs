//! The text mode against a model of the adapter.

use std::fmt::Write;

use super::*;
use crate::display::Writer;

/// What an adapter keeps.
struct Model {
    cells: [TextCell; ROWS * COLUMNS],
    crtc: [u8; 0x20],
    miscellaneous: u8,
    /// Whether memory and registers are there at all.
    present: bool,
}

impl Model {
    fn new() -> Model {
        Model { cells: [TextCell::from_bits(0x0700); ROWS * COLUMNS], crtc: [0; 0x20], miscellaneous: 0b1110, present: true }
    }

    fn row(&self, row: usize) -> Vec<u8> {
        self.cells[row * COLUMNS..(row + 1) * COLUMNS].iter().map(|cell| cell.character).collect()
    }
}

impl Adapter for &mut Model {
    fn read(&self, index: usize) -> TextCell {
        if self.present { self.cells[index] } else { TextCell::from_bits(0xffff) }
    }

    fn write(&mut self, index: usize, cell: TextCell) {
        self.cells[index] = cell;
    }

    fn read_crtc(&mut self, register: u8) -> u8 {
        if self.present { self.crtc[usize::from(register)] } else { 0xff }
    }

    fn write_crtc(&mut self, register: u8, value: u8) {
        self.crtc[usize::from(register)] = value;
    }

    fn read_graphics(&mut self, register: u8) -> u8 {
        assert_eq!(register, MISCELLANEOUS);
        self.miscellaneous
    }
}

/// The codes on a screen that shows the text, row by row.
pub(crate) fn text_cells(text: &str) -> impl Iterator<Item = u8> {
    let mut model = Model::new();
    Writer::new(TextMode::new(&mut model), 7, 0).write_str(text).unwrap();
    model.cells.into_iter().map(|cell| cell.character).map(|code| if code == 0 { b' ' } else { code })
}

/// The code of a character.
pub(crate) fn code(character: char) -> u8 {
    encode(character)
}

#[test]
fn colours_are_packed_into_a_byte() {
    assert_eq!(ColourCode::new(Colour::Yellow, Colour::Black, false), ColourCode(0x0e));
    assert_eq!(ColourCode::new(Colour::White, Colour::Blue, false), ColourCode(0x1f));
    assert_eq!(ColourCode::new(Colour::LightGrey, Colour::Red, true), ColourCode(0xc7));
    // A bright background would be taken for the blink bit.
    assert_eq!(ColourCode::new(Colour::Black, Colour::White, false), ColourCode(0x70));
}

#[test]
fn ansi_colours_become_the_adapters() {
    let code = |foreground, background| TextCell::from(Cell { foreground, background, ..Cell::BLANK }).to_bits() >> 8;
    assert_eq!((code(1, 4), code(4, 1), code(3, 6), code(11, 0)), (0x14, 0x41, 0x36, 0x0e));
    // Those beyond the sixteen are near ones: pure red, and a dark grey.
    assert_eq!((code(196, 0), code(240, 0)), (0x04, 0x08));
}

#[test]
fn a_cell_has_two_bytes_and_a_screen_four_thousand() {
    assert_eq!(size_of::<ColourCode>(), 1);
    assert_eq!(size_of::<TextCell>(), 2);
    assert_eq!(size_of::<[TextCell; ROWS * COLUMNS]>(), 4000);
    assert_eq!(TextCell { character: b'A', colour: ColourCode(0x1e) }.to_bits(), 0x1e41);
}

#[test]
fn cells_lie_row_by_row() {
    let mut model = Model::new();
    let mut screen = TextMode::detect(&mut model).unwrap();
    assert_eq!((screen.rows(), screen.columns()), (25, 80));
    screen.draw(Place { row: 24, column: 79 }, Cell { character: '╬', foreground: 15, background: 4, blink: true });
    for outside in [Place { row: 25, column: 0 }, Place { row: 0, column: 80 }, Place { row: usize::MAX, column: usize::MAX }] {
        screen.draw(outside, Cell { character: 'x', ..Cell::BLANK });
    }
    assert_eq!(model.cells[1999].to_bits(), 0x9fce);
    assert!(model.cells[..1999].iter().all(|cell| cell.to_bits() == 0x0700));
}

#[test]
fn the_cursor_moves_hides_and_comes_back() {
    let mut model = Model::new();
    model.crtc[usize::from(CURSOR_START)] = 0x0d;
    let mut screen = TextMode::new(&mut model);
    let at = |row, column| Some((Place { row, column }, Cell::BLANK));
    screen.set_cursor(at(3, 16));
    assert_eq!(screen.adapter.crtc[0x0a..0x10], [0x0d, 0, 0, 0, 1, 0]);
    screen.set_cursor(at(25, 0));
    assert_eq!(screen.adapter.crtc[usize::from(CURSOR_START)], 0x2d);
    screen.set_cursor(at(0, 1));
    assert_eq!(screen.adapter.crtc[0x0a..0x10], [0x0d, 0, 0, 0, 0, 1]);
}

#[test]
fn no_adapter_and_pixels_are_no_text_mode() {
    for (present, miscellaneous) in [(false, 0xff), (false, 0b1110), (true, 0b0101), (true, 0b0000), (true, 0b1111)] {
        assert!(TextMode::detect(&mut Model { present, miscellaneous, ..Model::new() }).is_none());
    }
}

#[test]
fn looking_for_the_adapter_changes_no_cell() {
    let mut model = Model::new();
    model.cells[0] = TextCell::from_bits(0x1234);
    assert!(TextMode::detect(&mut model).is_some());
    assert_eq!(model.cells[0].to_bits(), 0x1234);
}

#[test]
fn last_words_wrap_and_clear_their_lines() {
    let mut model = Model::new();
    model.cells.fill(TextCell::from_bits(0x0778));
    write!(Writer::new(TextMode::new(&mut model), 15, 1), "Wörld €{}\n\r{:.1}", "-".repeat(80), 1.5).unwrap();
    assert_eq!(model.row(0), [&b"W\x94rld \xfe"[..], &[b'-'; 73]].concat());
    assert_eq!(model.row(1), [&[b'-'; 7][..], &[b' '; 73]].concat());
    assert_eq!(model.row(2), [&b"1.5"[..], &[b' '; 77]].concat());
    assert_eq!(model.row(3), [b'x'; 80]);
    assert_eq!(model.cells[161].to_bits(), 0x4f2e);
}

#[test]
fn last_words_end_with_the_screen() {
    let mut model = Model::new();
    let mut writer = Writer::new(TextMode::new(&mut model), 7, 0);
    (0..200).for_each(|line| writeln!(writer, "{line}").unwrap());
    assert_eq!((&model.row(0)[..3], &model.row(24)[..3]), (&b"0  "[..], &b"24 "[..]));
}
