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

/// A chip whose other end is in the hands of the test.
#[derive(Default)]
struct Chip {
    incoming: std::collections::VecDeque<u8>,
    sent: Vec<u8>,
    interrupt_enable: u8,
    modem_control: u8,
    line_control: u8,
    /// Takes no byte for transmission.
    busy: bool,
}

#[derive(Clone, Default)]
struct Model(std::sync::Arc<std::sync::Mutex<Chip>>);

impl drivers::uart::Registers for Model {
    fn read(&self, offset: u8) -> u8 {
        let mut chip = self.0.lock().unwrap();
        let ready = if chip.busy { 0 } else { 0x60 };
        match offset {
            0 => chip.incoming.pop_front().unwrap_or(0),
            1 => chip.interrupt_enable,
            2 if chip.interrupt_enable & 1 != 0 && chip.incoming.len() >= 14 => 0xc4,
            2 if chip.interrupt_enable & 1 != 0 && !chip.incoming.is_empty() => 0xcc,
            2 if chip.interrupt_enable & 2 != 0 && !chip.busy => 0xc2,
            2 => 0xc1,
            5 => ready | u8::from(!chip.incoming.is_empty()),
            6 if chip.modem_control & 0x10 != 0 => 0x90,
            _ => 0,
        }
    }

    fn write(&mut self, offset: u8, value: u8) {
        let mut chip = self.0.lock().unwrap();
        match offset {
            0 | 1 if chip.line_control & 0x80 != 0 => {}
            0 => chip.sent.push(value),
            1 => chip.interrupt_enable = value,
            3 => chip.line_control = value,
            4 => chip.modem_control = value,
            _ => {}
        }
    }
}

impl Model {
    fn sent(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap().sent)
    }
}

fn line_with_chip() -> (&'static super::SerialLine, Model) {
    memory::frames::init_hosted(16 << 20);
    let line: &'static super::SerialLine = Box::leak(Box::new(super::SerialLine::new()));
    let model = Model::default();
    assert!(line.attach(Box::new(model.clone())));
    (line, model)
}

fn read(file: &dyn fs::File, size: usize) -> abi::Result<Vec<u8>> {
    let mut buffer = vec![0; size];
    let count = file.try_read(&mut fs::Io::at(0), &mut memory::IoSink::kernel(&mut buffer))?;
    buffer.truncate(count);
    Ok(buffer)
}

fn write(file: &dyn fs::File, bytes: &[u8]) -> abi::Result<usize> {
    file.try_write(&mut fs::Io::at(0), &mut memory::IoSource::kernel(bytes))
}

#[test]
fn a_typed_line_reaches_the_reader_and_its_echo_the_wire() {
    use super::driver::{LineDriver, feed};
    let (line, model) = line_with_chip();
    let initial = abi::termios::Termios::standard(abi::termios::Control::B115200);
    let identity = crate::tty::Identity { device: fs::DeviceNumber::new(4, 64), initial };
    let tty = crate::Tty::new(identity, std::sync::Arc::new(LineDriver(line))).unwrap();
    let file = tty.open(fs::OpenFlags::RDWR, true).unwrap();
    drop(executor::spawn("console", feed(line, tty.clone())).unwrap());
    executor::run_until_idle();

    model.0.lock().unwrap().incoming.extend(b"ls\r");
    line.on_interrupt();
    assert_eq!(read(&*file, 100), Err(abi::Errno::EAGAIN), "the console task has not run yet");
    executor::run_until_idle();
    assert_eq!(model.sent(), b"ls\r\n");
    assert_eq!(read(&*file, 100), Ok(b"ls\n".to_vec()));

    // A busy wire: output waits in the ring, a full ring holds the writer back, echo waits for both.
    model.0.lock().unwrap().busy = true;
    while write(&*file, b"0123456789").is_ok() {}
    assert!(!fs::File::poll(&*file).contains(fs::PollEvents::OUT));
    model.0.lock().unwrap().incoming.extend(b"x");
    line.on_interrupt();
    executor::run_until_idle();
    assert_eq!(model.sent(), b"");
    model.0.lock().unwrap().busy = false;
    line.on_interrupt();
    executor::run_until_idle();
    let sent = model.sent();
    assert!(sent.starts_with(b"0123456789") && sent.ends_with(b"x"), "{} bytes", sent.len());
    assert!(fs::File::poll(&*file).contains(fs::PollEvents::OUT));

    // Ctrl-S and Ctrl-Q.
    model.0.lock().unwrap().incoming.extend([0x13]);
    line.on_interrupt();
    executor::run_until_idle();
    assert_eq!(write(&*file, b"held"), Err(abi::Errno::EAGAIN));
    model.0.lock().unwrap().incoming.extend([0x11]);
    line.on_interrupt();
    executor::run_until_idle();
    assert_eq!(write(&*file, b"held"), Ok(4));
    assert_eq!(model.sent(), b"held");
}

#[test]
fn a_raw_channel_carries_all_bytes_and_ends() {
    let (line, model) = line_with_chip();
    let channel = super::raw::RawChannel::new(line, true);
    assert_eq!(read(&channel, 10), Err(abi::Errno::EAGAIN));
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(write(&channel, &all), Ok(256));
    assert_eq!(model.sent(), all);

    // More than the ring holds: the chip keeps the rest until there is room again.
    let plain: Vec<u8> = (0..10_000u32).map(|at| at as u8).collect();
    for &byte in &plain {
        let mut chip = model.0.lock().unwrap();
        if byte == 0x10 {
            chip.incoming.push_back(0x10);
        }
        chip.incoming.push_back(byte);
    }
    model.0.lock().unwrap().incoming.extend([0x10, 4]);
    let mut received = Vec::new();
    loop {
        line.on_interrupt();
        match read(&channel, 700) {
            Ok(part) if part.is_empty() => break,
            Ok(part) => received.extend(part),
            Err(error) => assert_eq!(error, abi::Errno::EAGAIN),
        }
    }
    assert_eq!(received, plain);
    assert_eq!(read(&channel, 10), Ok(Vec::new()), "the end stays the end");
}
