//! The language between Pollux and its guest.
//!
//! On the debug console (port 0xe9) the guest writes lines: log lines start with a time in brackets, control lines with the
//! byte 0x01, and all others are lines of the system call trace, or of the panic text once a panic was announced.
//! Towards the program, input is bytes in which DLE (0x10) is escaped, so that the end of the input can be told.

/// What one line of the debug console says.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The guest's serial ports listen: input sent before would be lost.
    Ready,
    /// The program ended with this status.
    Exit(u8),
    /// A program asked for the machine to be switched off, which now happens.
    Off,
    /// A program asked for a restart, which now happens.
    Restart,
    /// A panic: its text follows.
    Panic,
    PanicText(String),
    KernelTest {
        passed: bool,
        name: String,
    },
    /// A measured value.
    Figure {
        name: String,
        value: String,
    },
    Log(String),
    Trace(String),
}

/// Longer lines are cut into pieces, so that a guest gone wild cannot fill our memory.
const LONGEST_LINE: usize = 256 * 1024;

/// Splits the stream of the debug console into events.
#[derive(Default)]
pub struct Decoder {
    line: Vec<u8>,
    panicking: bool,
}

impl Decoder {
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// Takes the next bytes of the stream and reports the events that they complete.
    pub fn feed(&mut self, bytes: &[u8], mut report: impl FnMut(Event)) {
        for &byte in bytes {
            if byte == b'\n' || self.line.len() >= LONGEST_LINE {
                report(self.take());
            }
            if byte != b'\n' {
                self.line.push(byte);
            }
        }
    }

    /// The event of a last line that was not ended.
    pub fn finish(mut self) -> Option<Event> {
        (!self.line.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> Event {
        let line = String::from_utf8_lossy(&self.line).trim_end_matches('\r').to_owned();
        self.line.clear();
        let event = match line.strip_prefix('\x01') {
            Some(control) => parse_control(control),
            None if self.panicking => Event::PanicText(line),
            None if is_log(&line) => Event::Log(line),
            None => Event::Trace(line),
        };
        self.panicking |= event == Event::Panic;
        event
    }
}

/// Control lines that this version does not know are shown as log lines, not lost.
fn parse_control(control: &str) -> Event {
    let words: Vec<&str> = control.split_whitespace().collect();
    let event = match words[..] {
        ["ready"] => Some(Event::Ready),
        ["exit", status] => status.parse().ok().map(Event::Exit),
        ["off"] => Some(Event::Off),
        ["restart"] => Some(Event::Restart),
        ["panic", ..] => Some(Event::Panic),
        ["ktest", "pass", name] => Some(Event::KernelTest { passed: true, name: name.to_owned() }),
        ["ktest", "fail", name, ..] => Some(Event::KernelTest { passed: false, name: name.to_owned() }),
        ["figure", name, value] => Some(Event::Figure { name: name.to_owned(), value: value.to_owned() }),
        _ => None,
    };
    event.unwrap_or_else(|| Event::Log(control.to_owned()))
}

/// `[    0.001234] …`
fn is_log(line: &str) -> bool {
    let time = line.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(time, _)| time.trim_start());
    time.and_then(|time| time.split_once('.')).is_some_and(|(whole, fraction)| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits(whole) && digits(fraction)
    })
}

/// What the kernel is asked to send on both serial ports before programs do, when firmware uses them first.
pub const MARK: &str = "\n-- Pollux sends from here on --\n";

/// Takes away all bytes up to the end of the mark.
#[derive(Default)]
pub struct MarkFilter {
    /// Bytes of the mark that have been seen in a row.
    matched: usize,
}

impl MarkFilter {
    /// The part of the next bytes that lies behind the mark.
    pub fn pass<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let mark = MARK.as_bytes();
        for (at, &byte) in bytes.iter().enumerate() {
            match mark.get(self.matched) {
                None => return &bytes[at..],
                Some(&expected) if byte == expected => self.matched += 1,
                // Only the first byte of the mark can begin it: it is found nowhere else in it but at its end.
                Some(_) => self.matched = usize::from(byte == mark[0]),
            }
        }
        &[]
    }
}

const DLE: u8 = 0x10;
/// Ends the program's input.
pub const END_OF_INPUT: [u8; 2] = [DLE, 0x04];

/// `bytes` of the program's input as they are sent.
pub fn escape_input(bytes: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(bytes.len() + 8);
    for &byte in bytes {
        if byte == DLE {
            escaped.push(DLE);
        }
        escaped.push(byte);
    }
    escaped
}

/// The control line that tells the guest the size of the terminal.
pub fn window_size(rows: u16, columns: u16) -> String {
    format!("winsize {rows} {columns}\n")
}

/// A value of a kernel parameter: everything that could end it or split it is written as %XX.
pub fn percent_encode(value: &[u8]) -> String {
    let mut encoded = String::with_capacity(value.len());
    for &byte in value {
        if byte.is_ascii_alphanumeric() || b"-_./:@+".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Vec<Event> {
        let mut decoder = Decoder::new();
        let mut events = Vec::new();
        // Byte by byte: a line may arrive in any pieces.
        bytes.iter().for_each(|byte| decoder.feed(&[*byte], |event| events.push(event)));
        events.extend(decoder.finish());
        events
    }

    #[test]
    fn lines_become_events() {
        let events = decode(
            b"[    0.001234] info: up\n\x01ready\n[pid 2] write(1, \"a\", 1) = 1\n\x01figure first 12\n\x01ktest pass a::b\n\x01exit 7\n\x01off\n\x01restart\n",
        );
        let expected = [
            Event::Log("[    0.001234] info: up".into()),
            Event::Ready,
            Event::Trace("[pid 2] write(1, \"a\", 1) = 1".into()),
            Event::Figure { name: "first".into(), value: "12".into() },
            Event::KernelTest { passed: true, name: "a::b".into() },
            Event::Exit(7),
            Event::Off,
            Event::Restart,
        ];
        assert_eq!(events, expected);
    }

    #[test]
    fn after_a_panic_all_lines_belong_to_it() {
        let events = decode(b"\x01panic\nkernel panic\n[ 1.5] x\n  at 0xffffffff80100000");
        assert_eq!(events[0], Event::Panic);
        assert!(events[1..].iter().all(|event| matches!(event, Event::PanicText(_))), "{events:?}");
        assert_eq!(events.len(), 4);
    }

    #[test]
    fn odd_control_lines_are_kept_as_log() {
        assert_eq!(decode(b"\x01exit 999\n"), [Event::Log("exit 999".into())]);
        assert_eq!(decode(b"\x01new thing\n"), [Event::Log("new thing".into())]);
    }

    #[test]
    fn endless_lines_are_cut() {
        let mut pieces = 0;
        Decoder::new().feed(&vec![b'x'; LONGEST_LINE * 2 + 1], |_| pieces += 1);
        assert_eq!(pieces, 2);
    }

    #[test]
    fn the_mark_and_all_before_it_are_taken_away() {
        let stream = format!("firmware\n\n-- Pollux\n{MARK}out{MARK}put");
        for piece in [1, 2, 7, stream.len()] {
            let mut filter = MarkFilter::default();
            let passed: Vec<u8> = stream.as_bytes().chunks(piece).flat_map(|bytes| filter.pass(bytes)).copied().collect();
            assert_eq!(String::from_utf8(passed).unwrap(), format!("out{MARK}put"), "in pieces of {piece}");
        }
        assert!(MarkFilter::default().pass(b"only firmware").is_empty());
    }

    #[test]
    fn input_is_escaped() {
        assert_eq!(escape_input(&[1, DLE, 2, DLE]), [1, DLE, DLE, 2, DLE, DLE]);
    }

    #[test]
    fn parameters_hold_any_byte() {
        assert_eq!(percent_encode(b"a b,c=%\xff"), "a%20b%2Cc%3D%25%FF");
    }
}
