//! Colours and other renditions.

use super::screen;

/// Foreground and background of the character behind a sequence.
fn colours(sequence: &str) -> (u8, u8) {
    let cell = screen(1, &std::format!("{sequence}x")).grid().cell(0, 0);
    assert_eq!(cell.character, 'x');
    (cell.foreground, cell.background)
}

#[test]
fn sixteen_colours() {
    assert_eq!(colours(""), (7, 0));
    for number in 0..8 {
        assert_eq!(colours(&std::format!("\x1b[3{number}m")), (number, 0));
        assert_eq!(colours(&std::format!("\x1b[4{number}m")), (7, number));
        assert_eq!(colours(&std::format!("\x1b[9{number}m")), (number + 8, 0));
        assert_eq!(colours(&std::format!("\x1b[10{number}m")), (7, number + 8));
    }
    assert_eq!(colours("\x1b[31;44m\x1b[39m"), (7, 4));
    assert_eq!(colours("\x1b[31;44m\x1b[49m"), (1, 0));
    assert_eq!(colours("\x1b[31;44;1m\x1b[m"), (7, 0));
    assert_eq!(colours("\x1b[31;44;1m\x1b[0;33m"), (3, 0));
}

#[test]
fn two_hundred_and_fifty_six_colours() {
    assert_eq!(colours("\x1b[38;5;196m"), (196, 0));
    assert_eq!(colours("\x1b[48;5;255m"), (7, 255));
    assert_eq!(colours("\x1b[38;5;3;48;5;130;1m"), (11, 130));
    assert_eq!(colours("\x1b[38:5:100m"), (100, 0));
    // Those of 24 bits become near ones of the cube.
    assert_eq!(colours("\x1b[38;2;255;0;0m"), (196, 0));
    assert_eq!(colours("\x1b[48;2;0;95;135m"), (7, 24));
    assert_eq!(colours("\x1b[38:2::0:255:0m"), (46, 0));
    assert_eq!(colours("\x1b[38:2:0:255:0m"), (46, 0));
    // What is cut off or out of range does nothing.
    for sequence in ["\x1b[38m", "\x1b[38;5m", "\x1b[38;5;256m", "\x1b[38;2;1m", "\x1b[38;9;1m"] {
        assert_eq!(colours(sequence).1, 0, "{sequence:?}");
    }
    assert_eq!(colours("\x1b[38;5;256m"), (7, 0));
}

#[test]
fn renditions_are_colours_as_on_the_linux_console() {
    assert_eq!(colours("\x1b[31;1m"), (9, 0));
    assert_eq!(colours("\x1b[31;1;22m"), (1, 0));
    assert_eq!(colours("\x1b[2m"), (8, 0));
    assert_eq!(colours("\x1b[4m"), (15, 0));
    assert_eq!(colours("\x1b[4;24m"), (7, 0));
    assert_eq!(colours("\x1b[4:3m"), (15, 0));
    assert_eq!(colours("\x1b[4:3m\x1b[4:0m"), (7, 0));
    assert_eq!(colours("\x1b[3m"), (2, 0));
    assert_eq!(colours("\x1b[3;23m"), (7, 0));
    assert_eq!(colours("\x1b[31;44;7m"), (4, 1));
    assert_eq!(colours("\x1b[31;44;7;27m"), (1, 4));
    let blinks = |sequence: &str| screen(1, &std::format!("{sequence}x")).grid().cell(0, 0).blink;
    assert!(blinks("\x1b[5m") && !blinks("\x1b[5;25m"));
}

#[test]
fn erased_cells_take_the_background() {
    let emulator = screen(3, "\x1b[33;44;1;7;5mabc\x1b[K\n\x1b[2@\n\x1b[1P");
    for (row, column) in [(0, 5), (1, 4), (2, 9)] {
        let cell = emulator.grid().cell(row, column);
        assert_eq!((cell.character, cell.background, cell.blink), (' ', 4, false), "{row} {column}");
    }
}
