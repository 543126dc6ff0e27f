//! Text, control characters, cursor movement, erasing, inserting and deleting.

use super::screen;

#[test]
fn text_wraps_when_the_next_character_comes() {
    let mut emulator = screen(3, "0123456789");
    assert_eq!(emulator.place(), (0, 9));
    emulator.write(b"ab");
    assert_eq!((emulator.text(), emulator.place()), (vec!["0123456789".into(), "ab".into(), "".into()], (1, 2)));
    // A line that is exactly full isn't followed by an empty one.
    assert_eq!(screen(3, "0123456789\r\nx").text(), ["0123456789", "x", ""]);
    // Any movement ends the wait.
    assert_eq!(screen(3, "0123456789\x08x").text()[0], "01234567x9");
    assert_eq!(screen(3, "0123456789\x1b[Kx").text()[0], "012345678x");
}

#[test]
fn without_autowrap_the_last_column_is_overwritten() {
    assert_eq!(screen(2, "\x1b[?7l0123456789abc").text(), ["012345678c", ""]);
    assert_eq!(screen(2, "\x1b[?7l0123456789abc\x1b[?7h\rx").text(), ["x12345678c", ""]);
}

#[test]
fn control_characters_move() {
    assert_eq!(screen(3, "ab\ncd\re").text(), ["ab", "e cd", ""]);
    assert_eq!(screen(3, "ab\x0bc\x0cd").text(), ["ab", "  c", "   d"]);
    assert_eq!(screen(1, "ab\x08\x08\x08\x08c").text(), ["cb"]);
    assert_eq!(screen(1, "a\tb\tc").text(), ["a       bc"]);
    assert_eq!(screen(1, "a\x07\x00\x7fb").text(), ["ab"]);
    assert_eq!(screen(3, "ab\x1bDc\x1bEd").text(), ["ab", "  c", "d"]);
}

#[test]
fn tab_stops_are_set_and_cleared() {
    assert_eq!(screen(1, "\x1b[4G\x1bH\r\tx").text(), ["   x"]);
    assert_eq!(screen(1, "\x1b[9G\x1b[g\r\tx").text(), ["         x"]);
    assert_eq!(screen(1, "\x1b[3g\x1b[2G\x1bH\x1b[5G\x1bH\r\x1b[2Ix\x1b[8G\x1b[Zy\x1b[2Zz").text(), [" z  y"]);
}

#[test]
fn the_cursor_moves_and_stays_inside() {
    let at = |text: &str| screen(5, text).place();
    assert_eq!(at("\x1b[3;4H"), (2, 3));
    assert_eq!(at("\x1b[3;4H\x1b[A\x1b[C"), (1, 4));
    assert_eq!(at("\x1b[3;4H\x1b[2B\x1b[2D"), (4, 1));
    assert_eq!(at("\x1b[3;4H\x1b[99A\x1b[99D"), (0, 0));
    assert_eq!(at("\x1b[99B\x1b[99C"), (4, 9));
    assert_eq!(at("\x1b[99;99f"), (4, 9));
    assert_eq!(at("\x1b[3;4H\x1b[E"), (3, 0));
    assert_eq!(at("\x1b[3;4H\x1b[F"), (1, 0));
    assert_eq!(at("\x1b[3;4H\x1b[7G\x1b[2d"), (1, 6));
    assert_eq!(at("\x1b[3;4H\x1b[`\x1b[2a\x1b[e"), (3, 2));
    assert_eq!(at("\x1b[3;4H\x1b[0;0H"), (0, 0));
    assert_eq!(at("\x1b[3;4H\x1b[65535;65535H\x1b[65535A"), (0, 9));
}

#[test]
fn displays_and_lines_are_erased_in_parts() {
    let full = "0123456789".repeat(3);
    let erased = |sequence: &str| screen(3, &format!("{full}\x1b[2;5H{sequence}")).text();
    assert_eq!(erased("\x1b[K"), ["0123456789", "0123", "0123456789"]);
    assert_eq!(erased("\x1b[1K"), ["0123456789", "     56789", "0123456789"]);
    assert_eq!(erased("\x1b[2K"), ["0123456789", "", "0123456789"]);
    assert_eq!(erased("\x1b[J"), ["0123456789", "0123", ""]);
    assert_eq!(erased("\x1b[1J"), ["", "     56789", "0123456789"]);
    assert_eq!(erased("\x1b[2J"), ["", "", ""]);
    assert_eq!(erased("\x1b[X"), ["0123456789", "0123 56789", "0123456789"]);
    assert_eq!(erased("\x1b[3X"), ["0123456789", "0123   789", "0123456789"]);
    assert_eq!(erased("\x1b[999X"), ["0123456789", "0123", "0123456789"]);
}

#[test]
fn characters_are_inserted_and_deleted() {
    let edited = |sequence: &str| screen(2, &format!("0123456789\x1b[1;4H{sequence}")).text()[0].clone();
    assert_eq!(edited("\x1b[@"), "012 345678");
    assert_eq!(edited("\x1b[3@"), "012   3456");
    assert_eq!(edited("\x1b[99@"), "012");
    assert_eq!(edited("\x1b[P"), "012456789");
    assert_eq!(edited("\x1b[3P"), "0126789");
    assert_eq!(edited("\x1b[99P"), "012");
    assert_eq!(edited("\x1b[4hxy\x1b[4lz"), "012xyz4567");
}

#[test]
fn lines_are_inserted_and_deleted() {
    let edited = |sequence: &str| screen(4, &format!("a\r\nb\r\nc\r\nd\x1b[2;1H{sequence}")).text().join(",");
    assert_eq!(edited("\x1b[L"), "a,,b,c");
    assert_eq!(edited("\x1b[2L"), "a,,,b");
    assert_eq!(edited("\x1b[99L"), "a,,,");
    assert_eq!(edited("\x1b[M"), "a,c,d,");
    assert_eq!(edited("\x1b[99M"), "a,,,");
    // Only within the scroll region.
    assert_eq!(edited("\x1b[2;3r\x1b[2H\x1b[L"), "a,,b,d");
    assert_eq!(edited("\x1b[2;3r\x1b[2H\x1b[M"), "a,c,,d");
    assert_eq!(edited("\x1b[2;3r\x1b[H\x1b[L"), "a,b,c,d");
}

#[test]
fn characters_beyond_ascii_take_the_columns_they_should() {
    assert_eq!(screen(1, "Wörld │€").text(), ["Wörld │€"]);
    // A wide character takes two columns, a combining one none.
    assert_eq!(screen(1, "漢x").text(), ["漢 x"]);
    assert_eq!(screen(1, "e\u{301}x").text(), ["ex"]);
    // Bytes that are no UTF-8 are shown as such.
    let mut emulator = screen(1, "a");
    emulator.write(b"\xff\xc3(\xe2\x94");
    emulator.write(b"\x82b");
    assert_eq!(emulator.text(), ["a\u{fffd}\u{fffd}(│b"]);
}

#[test]
fn line_drawing_comes_by_the_second_character_set() {
    assert_eq!(screen(1, "\x0elqqk\x0fq").text(), ["┌──┐q"]);
    assert_eq!(screen(1, "\x1b(0mqj\x1b(Bq").text(), ["└─┘q"]);
    assert_eq!(screen(1, "\x1b)B\x0elq\x1b)0lq+0").text(), ["lq┌─→█"]);
}

#[test]
fn unknown_sequences_leave_no_trace() {
    for unknown in
        ["\x1b[5y", "\x1b[>c", "\x1b[?9999h", "\x1b]0;title\x07", "\x1b]2;t\x1b\\", "\x1bP1$qm\x1b\\", "\x1b[1;2;3$x", "\x1b_x\x1b\\"]
    {
        assert_eq!(screen(1, &format!("a{unknown}b")).text(), ["ab"], "{unknown:?}");
    }
}

#[test]
fn the_palette_sequences_of_linux_swallow_no_text() {
    assert_eq!(screen(1, "a\x1b]Rb\x1b]P3a0B0c0c").text(), ["abc"]);
    assert_eq!(screen(1, "a\x1b]P3xy").text(), ["axy"]);
    assert_eq!(screen(1, "\x1b]P3\x1b[3Ga\x1b]\x1b[1Gb").text(), ["b a"]);
}

#[test]
fn a_message_of_the_kernel_disturbs_no_sequence() {
    let mut emulator = screen(3, "ab\x1b[3");
    emulator.write_plain(b"x\x1by\nz");
    emulator.write(b";2Hc");
    assert_eq!(emulator.text(), ["abx■y", "z", " c"]);
}
