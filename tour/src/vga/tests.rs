//! The writer on a buffer in ordinary memory.

use std::fmt::Write;

use super::*;

const YELLOW: ColorCode = ColorCode::new(Color::Yellow, Color::Black);

fn with_writer(test: impl FnOnce(&mut Writer<'_>)) {
    let mut buffer = Box::new(Buffer::blank(YELLOW));
    test(&mut Writer::new(&mut buffer, YELLOW));
}

fn row(writer: &Writer<'_>, row: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..BUFFER_WIDTH).map(|column| writer.cell(row, column).character).collect();
    bytes.truncate(bytes.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1));
    bytes
}

#[test]
fn colour_bytes() {
    assert_eq!(YELLOW.byte(), 0x0e);
    assert_eq!(ColorCode::new(Color::White, Color::Blue).byte(), 0x1f);
    assert_eq!(ColorCode::new(Color::Black, Color::LightGray).byte(), 0x70);
    assert_eq!(ColorCode::new(Color::Black, Color::White).byte(), 0x70, "no bright background");
    assert_eq!(YELLOW.blinking().byte(), 0x8e);
    assert!(Color::ALL.iter().zip(0..).all(|(&color, number)| color as u8 == number));
}

#[test]
fn output_stands_above_the_empty_row() {
    with_writer(|writer| {
        writeln!(writer, "Some test string that fits on a single line").unwrap();
        assert_eq!(row(writer, BUFFER_HEIGHT - 2), b"Some test string that fits on a single line");
        assert_eq!(row(writer, BUFFER_HEIGHT - 1), b"");
        assert_eq!(writer.cell(BUFFER_HEIGHT - 2, 0).color, YELLOW);
    });
}

#[test]
fn two_hundred_lines() {
    with_writer(|writer| {
        (0..200).for_each(|number| writeln!(writer, "line {number}").unwrap());
        for at in 0..BUFFER_HEIGHT - 1 {
            assert_eq!(row(writer, at), format!("line {}", 200 - (BUFFER_HEIGHT - 1) + at).into_bytes());
        }
    });
}

#[test]
fn long_lines_wrap() {
    with_writer(|writer| {
        let text: String = (0..BUFFER_WIDTH + 3).map(|at| char::from(b'a' + (at % 26) as u8)).collect();
        write!(writer, "{text}").unwrap();
        assert_eq!(row(writer, BUFFER_HEIGHT - 2), &text.as_bytes()[..BUFFER_WIDTH]);
        assert_eq!(row(writer, BUFFER_HEIGHT - 1), &text.as_bytes()[BUFFER_WIDTH..]);
    });
}

#[test]
fn a_line_that_just_fits_does_not_wrap_yet() {
    with_writer(|writer| {
        write!(writer, "{}", "x".repeat(BUFFER_WIDTH)).unwrap();
        assert_eq!(row(writer, BUFFER_HEIGHT - 1).len(), BUFFER_WIDTH);
        assert_eq!(row(writer, BUFFER_HEIGHT - 2), b"");
    });
}

#[test]
fn newlines_within_a_text() {
    with_writer(|writer| {
        write!(writer, "a\n\nb").unwrap();
        let rows: Vec<Vec<u8>> = (BUFFER_HEIGHT - 3..BUFFER_HEIGHT).map(|at| row(writer, at)).collect();
        assert_eq!(rows, [&b"a"[..], b"", b"b"]);
    });
}

#[test]
fn what_has_no_glyph_is_a_square() {
    with_writer(|writer| {
        write!(writer, "W\u{f6}rld\t\u{7f}~").unwrap();
        assert_eq!(row(writer, BUFFER_HEIGHT - 1), b"W\xfe\xferld\xfe\xfe~");
    });
}

#[test]
fn floats_are_formatted() {
    with_writer(|writer| {
        write!(writer, "{} {} {}", 42, 1.0 / 3.0, 1.337).unwrap();
        assert_eq!(row(writer, BUFFER_HEIGHT - 1), b"42 0.3333333333333333 1.337");
    });
}

#[test]
fn colours_stay_with_what_was_written() {
    with_writer(|writer| {
        writer.write_byte(b'a');
        writer.set_color(ColorCode::new(Color::LightRed, Color::Blue));
        writer.write_byte(b'b');
        let cells: Vec<u8> = (0..2).map(|at| writer.cell(BUFFER_HEIGHT - 1, at).color.byte()).collect();
        assert_eq!(cells, [0x0e, 0x1c]);
    });
}

#[test]
fn the_macros_print_on_the_one_screen() {
    let buffer = Box::leak(Box::new(Buffer::blank(YELLOW)));
    take_screen(Writer::new(buffer, YELLOW));
    crate::vga_println!("{} + {}", 1, 2);
    crate::vga_print!("end");
    let held = WRITER.lock();
    let writer = held.as_ref().unwrap();
    assert_eq!(row(writer, BUFFER_HEIGHT - 2), b"1 + 2");
    assert_eq!(row(writer, BUFFER_HEIGHT - 1), b"end");
}
