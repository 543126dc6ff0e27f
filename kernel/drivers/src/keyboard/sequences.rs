//! The bytes that keys without a sign send: those of Linux's console (drivers/tty/vt/keyboard.c, and console_codes(4) for the modes).

use pc_keyboard::KeyCode;

/// F1 to F20, from 0 on. The first five are Linux's own, the others those of the VT220, with its gaps.
pub(super) fn function(index: u8) -> &'static str {
    const SEQUENCES: [&str; 20] = [
        "\x1b[[A", "\x1b[[B", "\x1b[[C", "\x1b[[D", "\x1b[[E", "\x1b[17~", "\x1b[18~", "\x1b[19~", "\x1b[20~", "\x1b[21~", "\x1b[23~",
        "\x1b[24~", "\x1b[25~", "\x1b[26~", "\x1b[28~", "\x1b[29~", "\x1b[31~", "\x1b[32~", "\x1b[33~", "\x1b[34~",
    ];
    SEQUENCES.get(usize::from(index)).copied().unwrap_or("")
}

/// The number of a function key, from 0 on.
pub(super) fn function_number(code: KeyCode) -> Option<u8> {
    const KEYS: [KeyCode; 12] = [
        KeyCode::F1,
        KeyCode::F2,
        KeyCode::F3,
        KeyCode::F4,
        KeyCode::F5,
        KeyCode::F6,
        KeyCode::F7,
        KeyCode::F8,
        KeyCode::F9,
        KeyCode::F10,
        KeyCode::F11,
        KeyCode::F12,
    ];
    KEYS.iter().position(|&key| key == code).map(|index| index as u8)
}

/// The grey keys, except for the arrows.
pub(super) fn editing(code: KeyCode) -> Option<&'static str> {
    Some(match code {
        KeyCode::Home => "\x1b[1~",
        KeyCode::Insert => "\x1b[2~",
        KeyCode::Delete => "\x1b[3~",
        KeyCode::End => "\x1b[4~",
        KeyCode::PageUp => "\x1b[5~",
        KeyCode::PageDown => "\x1b[6~",
        KeyCode::PauseBreak => "\x1b[P",
        _ => return None,
    })
}

/// The last byte of an arrow key's sequence.
pub(super) fn arrow(code: KeyCode) -> Option<u8> {
    Some(match code {
        KeyCode::ArrowUp => b'A',
        KeyCode::ArrowDown => b'B',
        KeyCode::ArrowRight => b'C',
        KeyCode::ArrowLeft => b'D',
        _ => return None,
    })
}

/// A key of the keypad.
pub(super) struct Pad {
    /// What it sends with Num Lock on.
    pub sign: u8,
    /// The last byte of what it sends in application mode.
    pub application: u8,
    /// The grey key that it is with Num Lock off.
    pub grey: Option<KeyCode>,
}

pub(super) fn pad(code: KeyCode) -> Option<Pad> {
    let (sign, application, grey) = match code {
        KeyCode::Numpad0 => (b'0', b'p', Some(KeyCode::Insert)),
        KeyCode::Numpad1 => (b'1', b'q', Some(KeyCode::End)),
        KeyCode::Numpad2 => (b'2', b'r', Some(KeyCode::ArrowDown)),
        KeyCode::Numpad3 => (b'3', b's', Some(KeyCode::PageDown)),
        KeyCode::Numpad4 => (b'4', b't', Some(KeyCode::ArrowLeft)),
        KeyCode::Numpad5 => (b'5', b'u', Some(KeyCode::Numpad5)),
        KeyCode::Numpad6 => (b'6', b'v', Some(KeyCode::ArrowRight)),
        KeyCode::Numpad7 => (b'7', b'w', Some(KeyCode::Home)),
        KeyCode::Numpad8 => (b'8', b'x', Some(KeyCode::ArrowUp)),
        KeyCode::Numpad9 => (b'9', b'y', Some(KeyCode::PageUp)),
        KeyCode::NumpadPeriod => (b'.', b'n', Some(KeyCode::Delete)),
        KeyCode::NumpadAdd => (b'+', b'l', None),
        KeyCode::NumpadSubtract => (b'-', b'S', None),
        KeyCode::NumpadMultiply => (b'*', b'R', None),
        KeyCode::NumpadDivide => (b'/', b'Q', None),
        KeyCode::NumpadEnter => (b'\r', b'M', None),
        _ => return None,
    };
    Some(Pad { sign, application, grey })
}

/// What Ctrl makes of a sign; `None` where Linux's keymap has nothing.
pub(super) fn control(sign: char) -> Option<u8> {
    Some(match sign {
        'a'..='z' | 'A'..='Z' => sign as u8 & 0x1f,
        ' ' | '2' | '@' | '`' => 0,
        '[' | '3' => 0x1b,
        '\\' | '4' => 0x1c,
        ']' | '5' => 0x1d,
        '^' | '6' => 0x1e,
        '_' | '-' | '7' => 0x1f,
        '?' | '/' | '8' => 0x7f,
        '\'' => 0x07,
        _ => return None,
    })
}
