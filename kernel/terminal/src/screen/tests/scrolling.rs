//! Scrolling, the scroll region, and what scrolled out.

use std::format;
use std::string::String;
use std::vec::Vec;

use super::super::grid::HISTORY;
use super::screen;

fn lines(range: std::ops::Range<usize>) -> String {
    range.map(|line| format!("{line}\r\n")).collect()
}

#[test]
fn two_hundred_lines_leave_the_last_ones() {
    let emulator = screen(25, &lines(0..200));
    let expected: Vec<String> = (176..200).map(|line| format!("{line}")).chain([String::new()]).collect();
    assert_eq!(emulator.text(), expected);
    assert_eq!(emulator.place(), (24, 0));
}

#[test]
fn scrolling_clears_the_row_that_comes_in() {
    let emulator = screen(2, "a\r\nfull line!\x1b[41m\n");
    assert_eq!(emulator.text(), ["full line!", ""]);
    assert!(emulator.cells(1).iter().all(|cell| cell.background == 1 && cell.character == ' '));
    assert!(emulator.cells(0).iter().all(|cell| cell.background == 0));
}

#[test]
fn only_the_region_scrolls() {
    let before = "a\r\nb\r\nc\r\nd\x1b[2;3r";
    let after = |sequence: &str| screen(4, &format!("{before}{sequence}")).text().join(",");
    assert_eq!(after("\x1b[3H\nx"), "a,c,x,d");
    assert_eq!(after("\x1b[2H\x1bMx"), "a,x,b,d");
    assert_eq!(after("\x1b[S"), "a,c,,d");
    assert_eq!(after("\x1b[T"), "a,,b,d");
    assert_eq!(after("\x1b[99S"), "a,,,d");
    // Below the region nothing scrolls; the cursor stops at the screen's end.
    assert_eq!(after("\x1b[4H\n\nx"), "a,b,c,x");
    assert_eq!(after("\x1b[H\x1bMx"), "x,b,c,d");
    // Setting a region brings the cursor home; one that makes no sense is none.
    assert_eq!(after("x"), "x,b,c,d");
    assert_eq!(after("\x1b[4H\x1b[3;2r\x1b[9;9rx"), "a,b,c,x");
    assert_eq!(after("\x1b[r\x1b[4H\n"), "b,c,d,");
}

#[test]
fn positions_count_from_the_region_in_origin_mode() {
    let emulator = screen(5, "\x1b[2;4r\x1b[?6hx\x1b[99;2Hy\x1b[99Az");
    assert_eq!(emulator.text(), ["", "x z", "", " y", ""]);
    assert_eq!(screen(5, "\x1b[2;4r\x1b[?6h\x1b[2;3H\x1b[6n").reply(), "\x1b[2;3R");
    assert_eq!(screen(5, "\x1b[2;4r\x1b[?6h\x1b[?6lx").text()[0], "x");
}

#[test]
fn the_past_can_be_looked_at() {
    let mut emulator = screen(3, &lines(0..10));
    let view = |lines: isize, emulator: &mut super::Emulator| {
        assert!(emulator.grid_mut().look_back(lines));
        emulator.damage().into_iter().map(Option::unwrap).collect::<Vec<_>>().join(",")
    };
    assert_eq!(view(1, &mut emulator), "7,8,9");
    assert_eq!(emulator.cursor(), None);
    assert_eq!(view(3, &mut emulator), "4,5,6");
    assert_eq!(view(99, &mut emulator), "0,1,2");
    assert!(!emulator.grid_mut().look_back(1));
    assert_eq!(view(-7, &mut emulator), "7,8,9");
    // Whoever writes brings the present back.
    emulator.write(b"x");
    assert_eq!(emulator.damage().into_iter().flatten().collect::<Vec<_>>(), ["8", "9", "x"]);
    assert!(!emulator.grid_mut().look_back(-1));
}

#[test]
fn the_past_has_an_end_and_can_be_forgotten() {
    let mut emulator = screen(3, &lines(0..1000));
    emulator.grid_mut().look_back(isize::MAX);
    let oldest = 1000 - 2 - HISTORY;
    assert_eq!(emulator.damage()[0], Some(format!("{oldest}")));
    emulator.write(b"\x1b[3J");
    assert!(!emulator.grid_mut().look_back(1));
    assert_eq!(emulator.text(), ["", "", ""]);
}

#[test]
fn lines_deleted_or_of_the_alternate_screen_are_no_past() {
    let mut emulator = screen(3, "a\r\nb\r\nc\x1b[H\x1b[M\x1b[?1049h");
    emulator.write(lines(0..10).as_bytes());
    assert!(!emulator.grid_mut().look_back(1));
    emulator.write(b"\x1b[?1049l");
    assert!(!emulator.grid_mut().look_back(1));
    assert_eq!(emulator.text(), ["b", "c", ""]);
}

#[test]
fn only_changed_rows_are_damaged() {
    let mut emulator = screen(4, "a\r\nb");
    assert_eq!(emulator.damage().into_iter().flatten().count(), 4);
    emulator.write(b"x\x1b[4Hy");
    assert_eq!(emulator.damage(), [None, Some("bx".into()), None, Some("y".into())]);
    assert_eq!(emulator.damage(), [None, None, None, None]);
}
