//! Whatever bytes come: no panic, a cursor that stays inside, and the same picture however they are cut into pieces.

use proptest::prelude::*;
use std::vec::Vec;

use super::super::emulator::Emulator;

/// Bytes of which many make sequences, which bytes at random seldom do.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let sequence = (
        prop::sample::select(&b"[[[[]?(P#_"[..]),
        "[?!>]?[0-9;:]{0,8}",
        prop::sample::select(&b"@ABCDEFGHIJKLMPSTXZ`abcdefghlmnprsuhlRc"[..]),
    )
        .prop_map(|(kind, parameters, action)| [&[0x1b, kind][..], parameters.as_bytes(), &[action]].concat());
    let large = (0..70_000u32, prop::sample::select(&b"ABCDEGHIJKLMPSTXZ@drm"[..]))
        .prop_map(|(number, action)| [b"\x1b[", std::format!("{number}").as_bytes(), &[action]].concat());
    let part = prop_oneof![
        4 => sequence,
        2 => large,
        2 => "[ -~\r\n\t]{0,20}".prop_map(|text| text.into_bytes()),
        1 => "\\PC{0,6}".prop_map(|text| text.into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 500 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_harmless(bytes in bytes(), rows in 1usize..6, columns in 1usize..12, cut in 1usize..20) {
        let mut whole = Emulator::new(rows, columns).unwrap();
        let mut pieces = Emulator::new(rows, columns).unwrap();
        whole.write(&bytes);
        for piece in bytes.chunks(cut) {
            pieces.write(piece);
            if let Some(place) = pieces.cursor() {
                prop_assert!(place.row < rows && place.column < columns, "{place:?}");
            }
        }
        prop_assert_eq!(whole.text(), pieces.text());
        prop_assert_eq!(whole.cursor(), pieces.cursor());
        whole.write(b"\x1b[?25h");
        let place = whole.cursor().unwrap();
        prop_assert!(place.row < rows && place.column < columns, "{place:?}");
        // It still works.
        whole.write(b"\x18\x1bcx");
        prop_assert_eq!(whole.grid().cell(0, 0).character, 'x');
    }

    #[test]
    fn looking_back_is_harmless(bytes in bytes(), steps in prop::collection::vec(-400isize..400, 0..20)) {
        let mut emulator = Emulator::new(4, 8).unwrap();
        for step in steps {
            emulator.write(&bytes);
            emulator.grid_mut().look_back(step);
            prop_assert_eq!(emulator.damage().len(), 4);
        }
    }
}

#[test]
fn sizes_without_sense_are_refused() {
    for (rows, columns) in [(0, 80), (25, 0), (40_000, 80), (25, 70_000), (usize::MAX, usize::MAX)] {
        assert!(Emulator::new(rows, columns).is_err());
    }
    assert!(Emulator::new(1, 1).is_ok());
}
