//! The task, the ring and the handler, with a controller and a keyboard in the hands of the test.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use drivers::keyboard::Modes;

use super::{Config, KeySink, Layout, Port, Ports, RING_SIZE, serve};

/// A controller with a keyboard behind it.
#[derive(Default)]
struct Chip {
    output: VecDeque<u8>,
    /// The controller's command whose second byte is missing.
    awaits: bool,
    /// All that the keyboard was sent.
    sent: Vec<u8>,
    /// No keyboard is plugged in.
    unplugged: bool,
    absent: bool,
}

#[derive(Clone, Default)]
struct Model(Arc<Mutex<Chip>>);

impl Ports for Model {
    fn read_data(&self) -> u8 {
        self.0.lock().unwrap().output.pop_front().unwrap_or(0)
    }

    fn read_status(&self) -> u8 {
        let chip = self.0.lock().unwrap();
        if chip.absent { 0xff } else { 0x14 | u8::from(!chip.output.is_empty()) }
    }

    fn write_data(&mut self, byte: u8) {
        let mut chip = self.0.lock().unwrap();
        if std::mem::take(&mut chip.awaits) {
            return;
        }
        chip.sent.push(byte);
        if !chip.unplugged {
            let results: &[u8] = match byte {
                0xff => &[0xfa, 0xaa],
                0xf2 => &[0xfa, 0xab, 0x41],
                _ => &[0xfa],
            };
            chip.output.extend(results);
        }
    }

    fn write_command(&mut self, command: u8) {
        let mut chip = self.0.lock().unwrap();
        match command {
            0x20 => chip.output.push_back(0x47),
            0xaa => chip.output.push_back(0x55),
            0xab => chip.output.push_back(0),
            0x60 => chip.awaits = true,
            _ => {}
        }
    }
}

/// What came out at the other end.
#[derive(Default)]
struct Heard {
    typed: Mutex<Vec<u8>>,
    others: Mutex<Vec<String>>,
}

impl KeySink for Heard {
    fn input(&self, bytes: &[u8]) -> usize {
        self.typed.lock().unwrap().extend(bytes);
        bytes.len()
    }

    fn modes(&self) -> Modes {
        Modes::default()
    }

    fn switch_to(&self, number: u8) {
        self.others.lock().unwrap().push(format!("console {number}"));
    }

    fn scroll(&self, back: bool) {
        self.others.lock().unwrap().push(format!("scroll {back}"));
    }

    fn hold(&self, on: bool) {
        self.others.lock().unwrap().push(format!("hold {on}"));
    }
}

/// A served keyboard.
struct Bench {
    port: &'static Port,
    model: Model,
    heard: Arc<Heard>,
}

impl Bench {
    fn new(chip: Chip) -> Bench {
        memory::frames::init_hosted(16 << 20);
        let port: &'static Port = Box::leak(Box::new(Port::new()));
        let model = Model(Arc::new(Mutex::new(chip)));
        let heard = Arc::new(Heard::default());
        let config = Config {
            ports: Box::new(model.clone()),
            layout: Layout::Us,
            translate: true,
            sink: heard.clone(),
            ctrl_alt_del: || log::logger().flush(),
        };
        drop(executor::spawn("keyboard", serve::serve(port, config)).unwrap());
        executor::run_until_idle();
        Bench { port, model, heard }
    }

    /// A keyboard that has done all that it was told at its start.
    fn started() -> Bench {
        let bench = Bench::new(Chip::default());
        bench.interrupt_until(|chip| chip.sent.last() == Some(&0xf4) && chip.output.is_empty());
        bench
    }

    /// Interrupts and lets the task run, until something has come true.
    fn interrupt_until(&self, done: impl Fn(&Chip) -> bool) {
        let end = Instant::now() + Duration::from_secs(240);
        while !done(&self.model.0.lock().unwrap()) {
            assert!(Instant::now() < end, "it never comes true; sent {:02x?}", self.model.0.lock().unwrap().sent);
            self.port.on_interrupt();
            executor::run_until_idle();
        }
    }

    /// Bytes from the keyboard, with an interrupt for each.
    fn bytes(&self, bytes: &[u8]) {
        for &byte in bytes {
            self.model.0.lock().unwrap().output.push_back(byte);
            self.port.on_interrupt();
        }
    }

    fn typed(&self) -> String {
        executor::run_until_idle();
        String::from_utf8(std::mem::take(&mut *self.heard.typed.lock().unwrap())).unwrap()
    }
}

#[test]
fn a_keyboard_is_started_and_types() {
    let bench = Bench::started();
    assert_eq!(bench.model.0.lock().unwrap().sent, [0xff, 0xf2, 0xf0, 2, 0xf3, 0, 0xed, 0, 0xf4]);
    bench.bytes(&[0x2a, 0x23, 0xa3, 0xaa, 0x17, 0x97]);
    assert_eq!(bench.heard.typed.lock().unwrap().len(), 0, "the handler decodes nothing");
    assert_eq!(bench.typed(), "Hi");
    bench.bytes(&[0x38, 0x3c, 0xbc, 0xb8, 0x2a, 0xe0, 0x49, 0xe0, 0xc9, 0xaa, 0x46, 0xc6]);
    assert_eq!(bench.typed(), "");
    assert_eq!(*bench.heard.others.lock().unwrap(), ["console 2", "scroll true", "hold true"]);
}

#[test]
fn lights_follow_the_locks() {
    let bench = Bench::started();
    bench.model.0.lock().unwrap().sent.clear();
    bench.bytes(&[0x3a, 0xba]);
    bench.interrupt_until(|chip| chip.sent == [0xed, 4] && chip.output.is_empty());
    bench.bytes(&[0x1e, 0x9e, 0x45, 0xc5]);
    bench.interrupt_until(|chip| chip.sent == [0xed, 4, 0xed, 6] && chip.output.is_empty());
    assert_eq!(bench.typed(), "A");
}

#[test]
fn a_flood_is_counted_and_leaves_no_key_held() {
    let bench = Bench::started();
    // Ctrl goes down, and its going up is among the bytes for which there is no room.
    bench.bytes(&[0x1d]);
    bench.bytes(&[0x1e; RING_SIZE - 1]);
    bench.bytes(&[0x9d; 100]);
    assert_eq!(bench.port.lost.load(super::Ordering::Relaxed), 100);
    assert_eq!(bench.port.input.len(), RING_SIZE);
    executor::run_until_idle();
    bench.heard.typed.lock().unwrap().clear();
    bench.bytes(&[0x1e, 0x9e]);
    assert_eq!(bench.typed(), "a");
}

/// The handler, in a thread of its own, strikes at any moment of the task's waiting: each byte is delivered without the help of another
/// interrupt.
#[test]
fn no_wake_is_lost_whenever_the_interrupt_comes() {
    let bench = Bench::started();
    for round in 0..3000u32 {
        let (port, model) = (bench.port, bench.model.clone());
        let handler = std::thread::spawn(move || {
            for _ in 0..round % 64 {
                std::hint::spin_loop();
            }
            model.0.lock().unwrap().output.push_back(0x1e);
            port.on_interrupt();
        });
        executor::run_until_idle();
        handler.join().unwrap();
        assert_eq!(bench.typed(), "a", "round {round}");
    }
}

#[test]
fn lost_interrupts_cost_time_and_nothing_else() {
    // The handler never runs; each answer is found when it is overdue.
    let bench = Bench::new(Chip::default());
    let end = Instant::now() + Duration::from_secs(240);
    while bench.model.0.lock().unwrap().sent.last() != Some(&0xf4) {
        assert!(Instant::now() < end, "sent {:02x?}", bench.model.0.lock().unwrap().sent);
        arch::hosted::advance_clock(100_000_000);
        executor::run_until_idle();
    }
    assert_eq!(bench.model.0.lock().unwrap().sent, [0xff, 0xf2, 0xf0, 2, 0xf3, 0, 0xed, 0, 0xf4]);
}

#[test]
fn without_controller_or_keyboard_nothing_hangs() {
    let bench = Bench::new(Chip { absent: true, ..Chip::default() });
    assert!(bench.port.controller.lock().is_none());
    bench.bytes(&[0x1e]);
    assert_eq!(bench.typed(), "");

    let bench = Bench::new(Chip { unplugged: true, ..Chip::default() });
    // Nobody answers the reset; what comes then is noise.
    for _ in 0..100 {
        arch::hosted::advance_clock(100_000_000);
        bench.bytes(&[0x1e]);
        executor::run_until_idle();
    }
    assert_eq!(bench.model.0.lock().unwrap().sent, [0xff]);
    assert_eq!(bench.typed(), "");
    // One is plugged in: it tells that its self test was passed, and is started.
    bench.model.0.lock().unwrap().unplugged = false;
    bench.bytes(&[0xaa]);
    bench.interrupt_until(|chip| chip.sent.last() == Some(&0xf4) && chip.output.is_empty());
    bench.bytes(&[0x1e, 0x9e]);
    assert_eq!(bench.typed(), "a");
}
