//! What a person types, and what Linux's console would send for it.

use pc_keyboard::KeyCode::{self, *};

use crate::keyboard::{Action, KeyEvent, KeyState, Layout, Leds, Modes, Translator};

/// A person at a keyboard.
struct Typist {
    translator: Translator,
    modes: Modes,
    /// Bytes for the terminal.
    typed: Vec<u8>,
    /// Other actions.
    actions: Vec<Action>,
}

impl Typist {
    fn new(layout: Layout) -> Typist {
        Typist { translator: Translator::new(layout), modes: Modes::default(), typed: Vec::new(), actions: Vec::new() }
    }

    fn event(&mut self, key: KeyCode, state: KeyState) {
        match self.translator.translate(&KeyEvent::new(key, state), self.modes) {
            Some(Action::Type(bytes)) => self.typed.extend(bytes.as_slice()),
            Some(action) => self.actions.push(action),
            None => {}
        }
    }

    /// Presses keys one after the other, then lets all go.
    fn chord(&mut self, keys: &[KeyCode]) {
        keys.iter().for_each(|&key| self.event(key, KeyState::Down));
        keys.iter().rev().for_each(|&key| self.event(key, KeyState::Up));
    }

    /// What a chord types.
    fn bytes(&mut self, keys: &[KeyCode]) -> String {
        self.chord(keys);
        String::from_utf8(std::mem::take(&mut self.typed)).expect("it types UTF-8")
    }

    fn actions(&mut self, keys: &[KeyCode]) -> Vec<Action> {
        self.chord(keys);
        assert_eq!(self.typed, [], "an action types nothing");
        std::mem::take(&mut self.actions)
    }
}

/// The keys with signs, as they lie, from left to right and from the top down.
const KEYS: [KeyCode; 48] = [
    Oem8, Key1, Key2, Key3, Key4, Key5, Key6, Key7, Key8, Key9, Key0, OemMinus, OemPlus, //
    Q, W, E, R, T, Y, U, I, O, P, Oem4, Oem6, //
    A, S, D, F, G, H, J, K, L, Oem1, Oem3, Oem7, //
    Oem5, Z, X, C, V, B, N, M, OemComma, OemPeriod, Oem2,
];

fn all_keys(layout: Layout, with: &[KeyCode]) -> String {
    KEYS.iter().map(|&key| Typist::new(layout).bytes(&[with, &[key]].concat())).collect()
}

#[test]
fn the_us_layout() {
    assert_eq!(all_keys(Layout::Us, &[]), "`1234567890-=qwertyuiop[]asdfghjkl;'\\<zxcvbnm,./");
    assert_eq!(all_keys(Layout::Us, &[LShift]), "~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:\"|>ZXCVBNM<>?");
    assert_eq!(all_keys(Layout::Us, &[RShift]), all_keys(Layout::Us, &[LShift]));
    // The right Alt key is like the left one.
    assert_eq!(Typist::new(Layout::Us).bytes(&[RAltGr, X]), "\x1bx");
}

#[test]
fn the_german_layout() {
    let dead = all_keys(Layout::GermanNoDeadKeys, &[]);
    assert_eq!(dead, "^1234567890ß´qwertzuiopü+asdfghjklöä#<yxcvbnm,.-");
    assert_eq!(all_keys(Layout::GermanNoDeadKeys, &[RShift]), "°!\"§$%&/()=?`QWERTZUIOPÜ*ASDFGHJKLÖÄ'>YXCVBNM;:_");
    assert_eq!(all_keys(Layout::German, &[]), dead.replace(['^', '´'], ""), "those two wait for a letter");
    let altgr =
        [(Key2, "²"), (Key3, "³"), (Key7, "{"), (Key8, "["), (Key9, "]"), (Key0, "}"), (OemMinus, "\\"), (Q, "@"), (E, "€"), (Oem6, "~")];
    for (key, sign) in altgr.into_iter().chain([(Oem5, "|"), (M, "µ")]) {
        assert_eq!(Typist::new(Layout::German).bytes(&[RAltGr, key]), sign);
        // The left Alt key is no AltGr, and Ctrl with it neither.
        assert_ne!(Typist::new(Layout::German).bytes(&[LControl, LAlt, key]), sign);
    }
}

#[test]
fn dead_keys_wait_for_their_letter() {
    let mut typist = Typist::new(Layout::German);
    assert_eq!(typist.bytes(&[Oem8]), "");
    assert_eq!(typist.bytes(&[E]), "ê");
    assert_eq!(typist.bytes(&[OemPlus]), "");
    assert_eq!(typist.bytes(&[LShift, E]), "É");
    assert_eq!(typist.bytes(&[LShift, OemPlus]), "");
    assert_eq!(typist.bytes(&[A]), "à");
    assert_eq!(typist.bytes(&[A]), "a", "only the next one");
    // A space or the accent again gives the accent; a letter that can't have it comes behind it.
    for (keys, expected) in [([Oem8, Spacebar], "^"), ([OemPlus, Spacebar], "'"), ([Oem8, X], "^x"), ([OemPlus, Return], "'\r")] {
        typist.chord(&[keys[0]]);
        assert_eq!(typist.bytes(&[keys[1]]), expected);
    }
    // Another accent sends the first one on its way.
    typist.chord(&[Oem8]);
    assert_eq!(typist.bytes(&[Oem8]), "");
    assert_eq!(typist.bytes(&[OemPlus]), "^");
    assert_eq!(typist.bytes(&[U]), "ú");
}

#[test]
fn control_makes_control_characters() {
    let mut typist = Typist::new(Layout::Us);
    for (index, key) in [A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T, U, V, W, X, Y, Z].into_iter().enumerate() {
        let expected = char::from(index as u8 + 1).to_string();
        assert_eq!(typist.bytes(&[LControl, key]), expected);
        assert_eq!(typist.bytes(&[RControl, LShift, key]), expected);
        assert_eq!(typist.bytes(&[LControl, LAlt, key]), format!("\x1b{expected}"));
    }
    let others = [
        (Spacebar, "\0"),
        (Key2, "\0"),
        (Key3, "\x1b"),
        (Oem4, "\x1b"),
        (Key4, "\x1c"),
        (Oem7, "\x1c"),
        (Key5, "\x1d"),
        (Oem6, "\x1d"),
        (Key6, "\x1e"),
        (Key7, "\x1f"),
        (OemMinus, "\x1f"),
        (Key8, "\x7f"),
        (Oem2, "\x7f"),
        (Oem8, "\0"),
        (Oem3, "\x07"),
        (Key1, ""),
        (Key9, ""),
        (Oem1, ""),
        (Tab, ""),
        (Escape, ""),
        (Backspace, "\x08"),
        (Return, "\r"),
    ];
    for (key, expected) in others {
        assert_eq!(typist.bytes(&[LControl, key]), expected, "{key:?}");
    }
    let mut typist = Typist::new(Layout::German);
    for (keys, expected) in [(&[Y][..], "\x1a"), (&[Z], "\x19"), (&[Oem8], "\x1e"), (&[RAltGr, OemMinus], "\x1c"), (&[OemPlus], "")] {
        assert_eq!(typist.bytes(&[&[LControl], keys].concat()), expected, "{keys:?}");
    }
}

#[test]
fn alt_puts_an_escape_in_front() {
    let mut typist = Typist::new(Layout::Us);
    for (keys, expected) in [
        (&[X][..], "\x1bx"),
        (&[LShift, X], "\x1bX"),
        (&[Key1], "\x1b1"),
        (&[OemPeriod], "\x1b."),
        (&[Backspace], "\x1b\x7f"),
        (&[Tab], "\x1b\t"),
        (&[Return], "\x1b\r"),
        (&[Escape], "\x1b\x1b"),
        (&[Spacebar], "\x1b "),
    ] {
        assert_eq!(typist.bytes(&[&[LAlt], keys].concat()), expected);
    }
    assert_eq!(Typist::new(Layout::German).bytes(&[LAlt, Oem4]), "", "an umlaut has no Alt");
}

#[test]
fn keys_without_a_sign_send_linux_sequences() {
    let mut typist = Typist::new(Layout::Us);
    let functions = [F1, F2, F3, F4, F5, F6, F7, F8, F9, F10, F11, F12];
    let plain = ["[[A", "[[B", "[[C", "[[D", "[[E", "[17~", "[18~", "[19~", "[20~", "[21~", "[23~", "[24~"];
    let shifted = ["[23~", "[24~", "[25~", "[26~", "[28~", "[29~", "[31~", "[32~", "[33~", "[34~", "[23~", "[24~"];
    for ((key, plain), shifted) in functions.into_iter().zip(plain).zip(shifted) {
        assert_eq!(typist.bytes(&[key]), format!("\x1b{plain}"));
        assert_eq!(typist.bytes(&[LControl, key]), format!("\x1b{plain}"));
        assert_eq!(typist.bytes(&[LShift, key]), format!("\x1b{shifted}"));
    }
    for (key, expected) in [
        (Home, "\x1b[1~"),
        (Insert, "\x1b[2~"),
        (Delete, "\x1b[3~"),
        (End, "\x1b[4~"),
        (PageUp, "\x1b[5~"),
        (PageDown, "\x1b[6~"),
        (ArrowUp, "\x1b[A"),
        (ArrowDown, "\x1b[B"),
        (ArrowRight, "\x1b[C"),
        (ArrowLeft, "\x1b[D"),
        (PauseBreak, "\x1b[P"),
        (Backspace, "\x7f"),
        (Tab, "\t"),
        (Return, "\r"),
        (Escape, "\x1b"),
        (PrintScreen, "\x1c"),
        (LWin, ""),
        (Apps, ""),
        (Mute, ""),
    ] {
        assert_eq!(typist.bytes(&[key]), expected, "{key:?}");
    }
    typist.modes.application_cursor = true;
    for (key, expected) in [(ArrowUp, "\x1bOA"), (ArrowDown, "\x1bOB"), (ArrowRight, "\x1bOC"), (ArrowLeft, "\x1bOD"), (Home, "\x1b[1~")] {
        assert_eq!(typist.bytes(&[key]), expected);
    }
}

#[test]
fn the_keypad_has_three_faces() {
    let keys = [Numpad0, Numpad1, Numpad2, Numpad3, Numpad4, Numpad5, Numpad6, Numpad7, Numpad8, Numpad9, NumpadPeriod];
    let signs = [NumpadAdd, NumpadSubtract, NumpadMultiply, NumpadDivide, NumpadEnter];
    let mut typist = Typist::new(Layout::Us);
    let all = |typist: &mut Typist, keys: &[KeyCode]| keys.iter().map(|&key| typist.bytes(&[key])).collect::<Vec<_>>().join(" ");
    let grey = "\x1b[2~ \x1b[4~ \x1b[B \x1b[6~ \x1b[D \x1b[G \x1b[C \x1b[1~ \x1b[A \x1b[5~ \x1b[3~";
    assert_eq!(all(&mut typist, &keys), grey);
    assert_eq!(all(&mut typist, &signs), "+ - * / \r");
    typist.chord(&[NumpadLock]);
    assert_eq!(all(&mut typist, &keys), "0 1 2 3 4 5 6 7 8 9 .");
    typist.modes.application_keypad = true;
    let application: Vec<String> = "pqrstuvwxyn".chars().map(|last| format!("\x1bO{last}")).collect();
    assert_eq!(all(&mut typist, &keys), application.join(" "));
    assert_eq!(all(&mut typist, &signs), "\x1bOl \x1bOS \x1bOR \x1bOQ \x1bOM");
    assert_eq!(typist.bytes(&[LShift, Numpad5]), "5", "Shift is the way out");
    typist.modes = Modes { new_line: true, ..Modes::default() };
    assert_eq!(typist.bytes(&[NumpadEnter]) + &typist.bytes(&[Return]), "\r\n\r\n");
}

#[test]
fn characters_are_entered_by_number() {
    let mut typist = Typist::new(Layout::Us);
    assert_eq!(typist.bytes(&[LAlt, Numpad2, Numpad5, Numpad2]), "ü");
    assert_eq!(typist.bytes(&[LAlt, Numpad8, Numpad3, Numpad6, Numpad4]), "€");
    // No character has such a number.
    assert_eq!(typist.bytes(&[LAlt, Numpad9, Numpad9, Numpad9, Numpad9, Numpad9, Numpad9, Numpad9]), "");
    assert_eq!(Typist::new(Layout::German).bytes(&[RAltGr, Numpad4, Numpad1]), "A");
}

#[test]
fn locks_have_lights_and_do_not_repeat() {
    let mut typist = Typist::new(Layout::German);
    typist.chord(&[CapsLock]);
    assert_eq!(typist.translator.leds(), Leds::CAPS_LOCK);
    assert_eq!(typist.bytes(&[A]) + &typist.bytes(&[Oem4]) + &typist.bytes(&[Key1]), "AÜ1");
    assert_eq!(typist.bytes(&[LShift, A]), "a");
    // Held down for long, it repeats; that is still one press.
    (0..10).for_each(|_| typist.event(CapsLock, KeyState::Down));
    typist.event(CapsLock, KeyState::Up);
    assert_eq!(typist.translator.leds(), Leds::empty());
    assert_eq!(typist.actions(&[ScrollLock]), [Action::Hold(true)]);
    assert_eq!(typist.translator.leds(), Leds::SCROLL_LOCK);
    assert_eq!(typist.actions(&[ScrollLock]), [Action::Hold(false)]);
    typist.chord(&[NumpadLock]);
    assert_eq!(typist.translator.leds(), Leds::NUM_LOCK);
}

#[test]
fn a_key_that_is_held_is_typed_again_and_again() {
    let mut typist = Typist::new(Layout::Us);
    (0..5).for_each(|_| typist.event(A, KeyState::Down));
    typist.event(A, KeyState::Up);
    assert_eq!(typist.bytes(&[B]), "aaaaab");
}

#[test]
fn the_system_has_keys_of_its_own() {
    let mut typist = Typist::new(Layout::Us);
    for (number, key) in [F1, F2, F3, F4, F5, F6, F7, F8, F9, F10, F11, F12].into_iter().enumerate() {
        assert_eq!(typist.actions(&[LAlt, key]), [Action::Console(number as u8 + 1)]);
        assert_eq!(typist.actions(&[RControl, RAltGr, key]), [Action::Console(number as u8 + 1)]);
    }
    assert_eq!(Typist::new(Layout::German).actions(&[RAltGr, F1]), [Action::Console(13)]);
    assert_eq!(typist.actions(&[LShift, PageUp]), [Action::ScrollBack]);
    assert_eq!(typist.actions(&[RShift, PageDown]), [Action::ScrollForward]);
    assert_eq!(typist.actions(&[LControl, LAlt, Delete]), [Action::Restart]);
    assert_eq!(typist.actions(&[LControl, LAlt, NumpadPeriod]), [Action::Restart]);
    assert_eq!(typist.actions(&[LShift, ScrollLock]), [Action::SysRq('m')]);
    assert_eq!(typist.actions(&[LControl, ScrollLock]), [Action::SysRq('t')]);
    assert_eq!(typist.actions(&[LControl, PauseBreak]), []);
}

#[test]
fn sysrq_takes_the_next_keys_as_long_as_it_is_held() {
    let mut typist = Typist::new(Layout::Us);
    assert_eq!(typist.actions(&[LAlt, SysRq, H, Key9]), [Action::SysRq('h'), Action::SysRq('9')]);
    assert_eq!(typist.bytes(&[H]), "h");
    // A second time for one press, and without Alt: no.
    [LAlt, SysRq, T, T].into_iter().for_each(|key| typist.event(key, KeyState::Down));
    assert_eq!(std::mem::take(&mut typist.actions), [Action::SysRq('t')]);
    typist.event(LAlt, KeyState::Up);
    typist.event(X, KeyState::Down);
    assert_eq!((typist.typed.as_slice(), typist.actions.len()), (&b"x"[..], 0));
}

#[test]
fn forgotten_keys_are_up() {
    let mut typist = Typist::new(Layout::Us);
    typist.chord(&[CapsLock]);
    typist.event(LControl, KeyState::Down);
    typist.translator.release_all();
    assert_eq!(typist.bytes(&[C]), "C", "Ctrl is up, Caps Lock stays on");
}
