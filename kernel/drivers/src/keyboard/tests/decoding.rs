//! Both scancode sets, key by key (IBM PS/2 Hardware Interface Technical Reference; the keys beyond the 102 are those of Microsoft's
//! "Keyboard Scan Code Specification").

use pc_keyboard::KeyCode::{self, *};

use crate::keyboard::{Decoder, KeyEvent, KeyState, ScancodeSet};

/// Each key with a code of one byte: in set 1, in set 2.
const PLAIN: [(KeyCode, u8, u8); 87] = [
    (Escape, 0x01, 0x76),
    (Key1, 0x02, 0x16),
    (Key2, 0x03, 0x1e),
    (Key3, 0x04, 0x26),
    (Key4, 0x05, 0x25),
    (Key5, 0x06, 0x2e),
    (Key6, 0x07, 0x36),
    (Key7, 0x08, 0x3d),
    (Key8, 0x09, 0x3e),
    (Key9, 0x0a, 0x46),
    (Key0, 0x0b, 0x45),
    (OemMinus, 0x0c, 0x4e),
    (OemPlus, 0x0d, 0x55),
    (Backspace, 0x0e, 0x66),
    (Tab, 0x0f, 0x0d),
    (Q, 0x10, 0x15),
    (W, 0x11, 0x1d),
    (E, 0x12, 0x24),
    (R, 0x13, 0x2d),
    (T, 0x14, 0x2c),
    (Y, 0x15, 0x35),
    (U, 0x16, 0x3c),
    (I, 0x17, 0x43),
    (O, 0x18, 0x44),
    (P, 0x19, 0x4d),
    (Oem4, 0x1a, 0x54),
    (Oem6, 0x1b, 0x5b),
    (Return, 0x1c, 0x5a),
    (LControl, 0x1d, 0x14),
    (A, 0x1e, 0x1c),
    (S, 0x1f, 0x1b),
    (D, 0x20, 0x23),
    (F, 0x21, 0x2b),
    (G, 0x22, 0x34),
    (H, 0x23, 0x33),
    (J, 0x24, 0x3b),
    (K, 0x25, 0x42),
    (L, 0x26, 0x4b),
    (Oem1, 0x27, 0x4c),
    (Oem3, 0x28, 0x52),
    (Oem8, 0x29, 0x0e),
    (LShift, 0x2a, 0x12),
    (Oem7, 0x2b, 0x5d),
    (Z, 0x2c, 0x1a),
    (X, 0x2d, 0x22),
    (C, 0x2e, 0x21),
    (V, 0x2f, 0x2a),
    (B, 0x30, 0x32),
    (N, 0x31, 0x31),
    (M, 0x32, 0x3a),
    (OemComma, 0x33, 0x41),
    (OemPeriod, 0x34, 0x49),
    (Oem2, 0x35, 0x4a),
    (RShift, 0x36, 0x59),
    (NumpadMultiply, 0x37, 0x7c),
    (LAlt, 0x38, 0x11),
    (Spacebar, 0x39, 0x29),
    (CapsLock, 0x3a, 0x58),
    (F1, 0x3b, 0x05),
    (F2, 0x3c, 0x06),
    (F3, 0x3d, 0x04),
    (F4, 0x3e, 0x0c),
    (F5, 0x3f, 0x03),
    (F6, 0x40, 0x0b),
    (F7, 0x41, 0x83),
    (F8, 0x42, 0x0a),
    (F9, 0x43, 0x01),
    (F10, 0x44, 0x09),
    (NumpadLock, 0x45, 0x77),
    (ScrollLock, 0x46, 0x7e),
    (Numpad7, 0x47, 0x6c),
    (Numpad8, 0x48, 0x75),
    (Numpad9, 0x49, 0x7d),
    (NumpadSubtract, 0x4a, 0x7b),
    (Numpad4, 0x4b, 0x6b),
    (Numpad5, 0x4c, 0x73),
    (Numpad6, 0x4d, 0x74),
    (NumpadAdd, 0x4e, 0x79),
    (Numpad1, 0x4f, 0x69),
    (Numpad2, 0x50, 0x72),
    (Numpad3, 0x51, 0x7a),
    (Numpad0, 0x52, 0x70),
    (NumpadPeriod, 0x53, 0x71),
    (SysRq, 0x54, 0x84),
    (Oem5, 0x56, 0x61),
    (F11, 0x57, 0x78),
    (F12, 0x58, 0x07),
];

/// Each key whose code begins with 0xe0.
const EXTENDED: [(KeyCode, u8, u8); 28] = [
    (NumpadEnter, 0x1c, 0x5a),
    (RControl, 0x1d, 0x14),
    (NumpadDivide, 0x35, 0x4a),
    (PrintScreen, 0x37, 0x7c),
    (RAltGr, 0x38, 0x11),
    (Home, 0x47, 0x6c),
    (ArrowUp, 0x48, 0x75),
    (PageUp, 0x49, 0x7d),
    (ArrowLeft, 0x4b, 0x6b),
    (ArrowRight, 0x4d, 0x74),
    (End, 0x4f, 0x69),
    (ArrowDown, 0x50, 0x72),
    (PageDown, 0x51, 0x7a),
    (Insert, 0x52, 0x70),
    (Delete, 0x53, 0x71),
    (LWin, 0x5b, 0x1f),
    (RWin, 0x5c, 0x27),
    (Apps, 0x5d, 0x2f),
    // Pause with Ctrl.
    (PauseBreak, 0x46, 0x7e),
    // Keys of keyboards for the living room.
    (PrevTrack, 0x10, 0x15),
    (NextTrack, 0x19, 0x4d),
    (Mute, 0x20, 0x23),
    (Calculator, 0x21, 0x2b),
    (Play, 0x22, 0x34),
    (Stop, 0x24, 0x3b),
    (VolumeDown, 0x2e, 0x21),
    (VolumeUp, 0x30, 0x32),
    (WWWHome, 0x32, 0x3a),
];

const SETS: [ScancodeSet; 2] = [ScancodeSet::One, ScancodeSet::Two];

/// The code of a key that goes down or up.
fn code(set: ScancodeSet, extended: bool, (one, two): (u8, u8), up: bool) -> Vec<u8> {
    let mut code = Vec::new();
    if extended {
        code.push(0xe0);
    }
    match set {
        ScancodeSet::One => code.push(one | if up { 0x80 } else { 0 }),
        ScancodeSet::Two if up => code.extend([0xf0, two]),
        ScancodeSet::Two => code.push(two),
    }
    code
}

/// All events that the bytes make.
fn decode(decoder: &mut Decoder, bytes: &[u8]) -> Vec<KeyEvent> {
    bytes.iter().filter_map(|&byte| decoder.add(byte)).collect()
}

#[test]
fn every_key_of_both_sets_goes_down_and_up() {
    for set in SETS {
        let mut decoder = Decoder::new(set);
        for (keys, extended) in [(&PLAIN[..], false), (&EXTENDED[..], true)] {
            for &(key, one, two) in keys {
                for (up, state) in [(false, KeyState::Down), (true, KeyState::Up)] {
                    let bytes = code(set, extended, (one, two), up);
                    assert_eq!(decode(&mut decoder, &bytes), [KeyEvent::new(key, state)], "{bytes:02x?} of {set:?}");
                }
            }
        }
        assert_eq!(decoder.unknown(), 0);
    }
}

#[test]
fn pause_is_one_key() {
    let sequences: [(ScancodeSet, &[u8]); 2] =
        [(ScancodeSet::One, &[0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5]), (ScancodeSet::Two, &[0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77])];
    for (set, bytes) in sequences {
        let mut decoder = Decoder::new(set);
        let expected = [KeyState::Down, KeyState::Up].map(|state| KeyEvent::new(PauseBreak, state));
        assert_eq!(decode(&mut decoder, bytes), expected);
        // Num Lock by itself is still Num Lock, also behind the first half of a Pause that broke off.
        let lock = code(set, false, (0x45, 0x77), false);
        assert_eq!(decode(&mut decoder, &lock), [KeyEvent::new(NumpadLock, KeyState::Down)]);
        let key = code(set, false, (0x1e, 0x1c), false);
        let broken: Vec<u8> = bytes[..2].iter().copied().chain(key).chain(lock).collect();
        let expected = [A, NumpadLock].map(|key| KeyEvent::new(key, KeyState::Down));
        assert_eq!(decode(&mut decoder, &broken), expected);
    }
}

#[test]
fn shifts_that_the_keyboard_makes_up_are_dropped() {
    // Print Screen, and Home with Shift held and with Num Lock on: made-up shifts go up or down around the key.
    let one: &[u8] =
        &[0xe0, 0x2a, 0xe0, 0x37, 0xe0, 0xb7, 0xe0, 0xaa, 0xe0, 0xaa, 0xe0, 0xb6, 0xe0, 0x47, 0xe0, 0xc7, 0xe0, 0x36, 0xe0, 0x2a];
    let two: &[u8] = &[
        0xe0, 0x12, 0xe0, 0x7c, 0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12, 0xe0, 0xf0, 0x12, 0xe0, 0xf0, 0x59, 0xe0, 0x6c, 0xe0, 0xf0, 0x6c, 0xe0,
        0x59, 0xe0, 0x12,
    ];
    for (set, bytes) in [(ScancodeSet::One, one), (ScancodeSet::Two, two)] {
        let mut decoder = Decoder::new(set);
        let expected = [PrintScreen, Home].map(|key| [KeyState::Down, KeyState::Up].map(|state| KeyEvent::new(key, state)));
        assert_eq!(decode(&mut decoder, bytes), expected.concat());
        assert_eq!(decoder.unknown(), 0);
    }
}

#[test]
fn unknown_codes_are_counted_and_the_next_key_is_right() {
    // Keys that no table has, alone and behind each prefix.
    let one: [&[u8]; 4] = [&[0x55], &[0xd5], &[0xe0, 0x60], &[0xe1, 0x01]];
    let two: [&[u8]; 4] = [&[0x02], &[0xf0, 0x02], &[0xe0, 0x02], &[0xe1, 0x02]];
    for (set, codes) in [(ScancodeSet::One, one), (ScancodeSet::Two, two)] {
        let mut decoder = Decoder::new(set);
        for (at, bytes) in codes.iter().enumerate() {
            assert_eq!(decode(&mut decoder, bytes), []);
            assert_eq!(decoder.unknown(), at as u64 + 1, "{bytes:02x?} of {set:?}");
            assert_eq!(decode(&mut decoder, &code(set, false, (0x1e, 0x1c), false)), [KeyEvent::new(A, KeyState::Down)]);
        }
    }
}

#[test]
fn any_bytes_leave_a_decoder_that_works() {
    for set in SETS {
        for first in 0..=255 {
            for second in 0..=255 {
                let mut decoder = Decoder::new(set);
                decode(&mut decoder, &[first, second]);
                // At most one key is needed to end what was begun.
                let key = code(set, false, (0x1e, 0x1c), false);
                decode(&mut decoder, &key);
                assert_eq!(decode(&mut decoder, &key), [KeyEvent::new(A, KeyState::Down)], "{first:02x} {second:02x} of {set:?}");
            }
        }
    }
}
