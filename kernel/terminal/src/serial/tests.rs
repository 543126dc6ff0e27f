//! Rings, escapes and control lines.

use abi::termios::Winsize;
use drivers::uart::Received;

use super::OutputRing;
use super::control::LineReader;
use super::raw::Decoder;
use super::ring::{InputRing, RING_SIZE};

#[test]
fn input_ring_keeps_order_and_kind_and_refuses_when_full() {
    let ring = InputRing::new();
    assert_eq!(ring.peek(), None);
    for round in 0..3 {
        let mut pushed = 0;
        while ring.push(match pushed % 3 {
            0 => Received::Byte(pushed as u8),
            1 => Received::Damaged(round),
            _ => Received::Break,
        }) {
            pushed += 1;
        }
        assert_eq!((pushed, ring.len()), (RING_SIZE, RING_SIZE));
        for at in 0..RING_SIZE {
            let expected = match at % 3 {
                0 => Received::Byte(at as u8),
                1 => Received::Damaged(round),
                _ => Received::Break,
            };
            assert_eq!(ring.peek(), Some(expected));
            ring.advance();
        }
        ring.advance();
        assert_eq!(ring.len(), 0);
    }
}

#[test]
fn input_ring_between_two_threads_loses_nothing() {
    let ring = std::sync::Arc::new(InputRing::new());
    let producer = ring.clone();
    let thread = std::thread::spawn(move || {
        for number in 0..100_000u32 {
            while !producer.push(Received::Byte(number as u8)) {
                std::thread::yield_now();
            }
        }
    });
    for number in 0..100_000u32 {
        loop {
            if let Some(item) = ring.peek() {
                assert_eq!(item, Received::Byte(number as u8));
                ring.advance();
                break;
            }
            std::thread::yield_now();
        }
    }
    thread.join().unwrap();
}

#[test]
fn output_ring_wraps_and_lets_urgent_bytes_first() {
    let mut ring = OutputRing::new();
    for _ in 0..5000 {
        assert!(ring.push(b'a'));
        assert!(ring.push_front(b'!'));
        assert_eq!((ring.pop(), ring.pop(), ring.pop()), (Some(b'!'), Some(b'a'), None));
    }
    while ring.push(b'x') {}
    assert_eq!(ring.len(), super::OUTPUT_SIZE);
    assert!(!ring.push_front(b'!'));
}

#[test]
fn escapes_are_decoded() {
    let mut decoder = Decoder::default();
    let plain: Vec<u8> = b"a\x10\x10b\x04\x10\x04".iter().filter_map(|&byte| decoder.decode(byte)).collect();
    assert_eq!(plain, b"a\x10b\x04");
    assert!(decoder.has_ended());
}

#[test]
fn control_lines_name_window_sizes() {
    let mut reader = LineReader::new();
    let mut read = |text: &str| text.bytes().filter_map(|byte| reader.add(byte)).collect::<Vec<_>>();
    let size = |rows, columns| Winsize { rows, columns, xpixel: 0, ypixel: 0 };
    assert_eq!(read("winsize 24 80\nwinsize 50 132\n"), [size(24, 80), size(50, 132)]);
    assert_eq!(read("winsize 24\nwinsize a b\nwinsize 1 2 3\nhello\nwinsize 99999 1\n\n"), []);
    assert_eq!(read(&"x".repeat(1000)), []);
    assert_eq!(read("winsize 1 1\n"), [], "the end of an overlong line");
    assert_eq!(read("winsize 1 1\n"), [size(1, 1)]);
}
