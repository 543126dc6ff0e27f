//! Modes, saving and restoring, resets, and answers.

use super::screen;

#[test]
fn the_cursor_is_saved_with_its_style() {
    for (save, restore) in [("\x1b7", "\x1b8"), ("\x1b[s", "\x1b[u"), ("\x1b[?1048h", "\x1b[?1048l")] {
        let emulator = screen(3, &std::format!("\x1b[2;3H\x1b[31m\x0e{save}\x1b[H\x1b[0m\x0fx{restore}q"));
        assert_eq!(emulator.text(), ["x", "  ─", ""]);
        assert_eq!(emulator.grid().cell(1, 2).foreground, 1);
    }
    // Nothing saved: home.
    assert_eq!(screen(3, "abc\x1b8x").text()[0], "xbc");
}

#[test]
fn the_alternate_screen_leaves_the_first_as_it_was() {
    let mut emulator = screen(2, "ab\x1b[?1049hfull\x1b[Hx");
    // The place stays, as 1049 says nothing of it.
    assert_eq!(emulator.text(), ["x full", ""]);
    emulator.write(b"\x1b[?1049lc");
    assert_eq!(emulator.text(), ["abc", ""]);
    // It is empty each time.
    emulator.write(b"\x1b[?47h");
    assert_eq!(emulator.text(), ["", ""]);
    emulator.write(b"\x1bc");
    assert_eq!(emulator.text(), ["", ""]);
}

#[test]
fn the_whole_screen_is_reversed_and_back() {
    let mut emulator = screen(2, "\x1b[31;44ma\x1b[?5hb");
    let colours = |emulator: &super::Emulator, column| {
        let cell = emulator.grid().cell(0, column);
        (cell.foreground, cell.background)
    };
    assert_eq!((colours(&emulator, 0), colours(&emulator, 1), colours(&emulator, 5)), ((4, 1), (4, 1), (0, 7)));
    emulator.write(b"\x1b[?5h\x1b[?5l");
    assert_eq!((colours(&emulator, 0), colours(&emulator, 1), colours(&emulator, 5)), ((1, 4), (1, 4), (7, 0)));
}

#[test]
fn the_cursor_hides() {
    assert_eq!(screen(1, "\x1b[?25l").cursor(), None);
    assert_eq!(screen(1, "\x1b[?25l\x1b[?25h\x1b[?0c").place(), (0, 0));
    assert_eq!(screen(1, "\x1b[?25l\x1bc").place(), (0, 0));
}

#[test]
fn modes_of_the_keyboard_are_told() {
    let mut emulator = screen(1, "\x1b[?1h\x1b=\x1b[20h");
    let modes = emulator.keyboard_modes();
    assert!(modes.application_cursor && modes.application_keypad && modes.new_line);
    emulator.write(b"\x1b[?1l\x1b>\x1b[20l");
    assert_eq!(emulator.keyboard_modes(), Default::default());
    assert_eq!(screen(2, "\x1b[20hab\nc").text(), ["ab", "c"]);
}

#[test]
fn questions_are_answered() {
    assert_eq!(screen(3, "\x1b[5n").reply(), "\x1b[0n");
    assert_eq!(screen(3, "\x1b[2;7H\x1b[6n").reply(), "\x1b[2;7R");
    for question in ["\x1b[c", "\x1b[0c", "\x1bZ"] {
        assert_eq!(screen(3, question).reply(), "\x1b[?6c");
    }
    let mut emulator = screen(3, &"\x1b[6n".repeat(100));
    // Whole answers only, and room again once they are taken.
    assert_eq!(emulator.reply(), "\x1b[1;1R".repeat(10));
    emulator.write(b"\x1b[5n");
    assert_eq!(emulator.reply(), "\x1b[0n");
}

#[test]
fn a_reset_is_as_after_power_on() {
    let disorder = "\x1b[31;44m\x1b[2;3r\x1b[?6h\x1b[?7l\x1b[4h\x1b[?5h\x1b[3g\x0e\x1b(0\x1b[?1h\x1b[?25labc";
    let mut emulator = screen(4, disorder);
    emulator.write("\x1bcq\tx0123\r\n\n\n\n\n".as_bytes());
    let mut fresh = screen(4, "q\tx0123\r\n\n\n\n\n");
    assert_eq!((emulator.text(), emulator.place(), emulator.keyboard_modes()), (fresh.text(), fresh.place(), fresh.keyboard_modes()));
    assert_eq!(emulator.cells(0), fresh.cells(0));
    // The soft reset keeps text and place.
    emulator.write(disorder.as_bytes());
    emulator.write(b"\x1b[!p");
    fresh = screen(4, "");
    assert_eq!(emulator.keyboard_modes(), fresh.keyboard_modes());
    assert!(emulator.text().concat().contains("├") || emulator.text().concat().contains('▒'));
}

#[test]
fn the_alignment_test_fills_the_screen() {
    assert_eq!(screen(2, "\x1b#8").text(), ["EEEEEEEEEE", "EEEEEEEEEE"]);
}
