//! The driver against a model of the chip, and against things that are no chip.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::{Received, Receiver, Registers, Uart};

/// A 16550A as far as the driver can see it. The transmitter sends at once, or only when the test says so.
#[derive(Default)]
struct Chip {
    interrupt_enable: u8,
    line_control: u8,
    modem_control: u8,
    fifo_on: bool,
    divisor: [u8; 2],
    incoming: VecDeque<(u8, u8)>,
    transmit_fifo: Vec<u8>,
    sent: Vec<u8>,
    slow: bool,
    transmit_pending: bool,
    overrun: bool,
}

impl Chip {
    fn drain(&mut self) {
        self.sent.append(&mut self.transmit_fifo);
        self.transmit_pending = true;
    }

    fn identity(&self) -> u8 {
        let fifo = if self.fifo_on { 0xc0 } else { 0 };
        fifo | if self.interrupt_enable & 1 != 0 && !self.incoming.is_empty() {
            if self.incoming.len() >= 14 { 4 } else { 12 }
        } else if self.interrupt_enable & 2 != 0 && self.transmit_pending {
            2
        } else {
            1
        }
    }

    fn read(&mut self, offset: u8) -> u8 {
        match offset {
            0 => self.incoming.pop_front().map_or(0, |(byte, _)| byte),
            1 => self.interrupt_enable,
            2 => {
                let identity = self.identity();
                if identity & 0xf == 2 {
                    self.transmit_pending = false;
                }
                identity
            }
            5 => {
                let fifo_error = if self.incoming.iter().any(|(_, errors)| *errors != 0) { 0x80 } else { 0 };
                let errors = self.incoming.front().map_or(0, |(_, errors)| *errors | 1 | fifo_error);
                let overrun = if std::mem::take(&mut self.overrun) { 2 } else { 0 };
                errors | overrun | if self.transmit_fifo.is_empty() { 0x60 } else { 0 }
            }
            6 if self.modem_control & 0x10 != 0 => {
                let outputs = self.modem_control & 0xf;
                (outputs & 0xc) << 4 | (outputs & 1) << 5 | (outputs & 2) << 3
            }
            6 => 0xb0,
            3 => self.line_control,
            4 => self.modem_control,
            _ => 0,
        }
    }

    fn write(&mut self, offset: u8, value: u8) {
        match offset {
            0 | 1 if self.line_control & 0x80 != 0 => self.divisor[usize::from(offset)] = value,
            0 => {
                assert!(self.transmit_fifo.len() < 16, "the transmit FIFO was overrun");
                self.transmit_fifo.push(value);
                self.transmit_pending = false;
                if !self.slow {
                    self.drain();
                }
            }
            1 => {
                if value & 2 & !self.interrupt_enable != 0 && self.transmit_fifo.is_empty() {
                    self.transmit_pending = true;
                }
                self.interrupt_enable = value & 0xf;
            }
            2 => {
                self.fifo_on = value & 1 != 0;
                if value & 2 != 0 {
                    self.incoming.clear();
                }
            }
            3 => self.line_control = value,
            4 => self.modem_control = value,
            _ => {}
        }
    }
}

#[derive(Clone, Default)]
struct Model(Rc<RefCell<Chip>>);

impl Registers for Model {
    fn read(&self, offset: u8) -> u8 {
        self.0.borrow_mut().read(offset)
    }

    fn write(&mut self, offset: u8, value: u8) {
        self.0.borrow_mut().write(offset, value);
    }
}

/// A bus on which nobody answers: always the same value.
struct Nobody(u8);

impl Registers for Nobody {
    fn read(&self, _: u8) -> u8 {
        self.0
    }

    fn write(&mut self, _: u8, _: u8) {}
}

struct Sink {
    taken: Vec<Received>,
    capacity: usize,
}

impl Receiver for Sink {
    fn has_room(&self) -> bool {
        self.taken.len() < self.capacity
    }

    fn take(&mut self, item: Received) {
        self.taken.push(item);
    }
}

fn set_up() -> (Model, Uart<Model>) {
    let model = Model::default();
    let uart = Uart::detect(model.clone()).expect("a chip");
    (model, uart)
}

fn nothing() -> Option<u8> {
    None
}

#[test]
fn absent_device_is_none() {
    assert!(Uart::detect(Nobody(0xff)).is_none());
    assert!(Uart::detect(Nobody(0)).is_none());
}

#[test]
fn set_up_selects_eight_bits_fifos_and_full_speed() {
    let (model, _) = set_up();
    let chip = model.0.borrow();
    assert_eq!((chip.line_control, chip.modem_control, chip.fifo_on), (3, 0x0b, true));
    assert_eq!(chip.divisor, [1, 0]);
    assert_eq!(chip.interrupt_enable, 0);
}

#[test]
fn speed_becomes_a_divisor() {
    let (model, mut uart) = set_up();
    for (speed, divisor) in [(9600, 12), (50, 2304), (0, 57600), (4_000_000, 1)] {
        uart.set_speed(speed);
        assert_eq!(u16::from_le_bytes(model.0.borrow().divisor), divisor, "{speed}");
    }
}

#[test]
fn fast_transmitter_needs_no_interrupt() {
    let (model, mut uart) = set_up();
    let mut bytes = (0..200u8).collect::<VecDeque<_>>();
    assert!(uart.transmit(&mut || bytes.pop_front()));
    assert_eq!(model.0.borrow().sent, (0..200).collect::<Vec<u8>>());
    assert_eq!(model.0.borrow().interrupt_enable & 2, 0);
}

#[test]
fn slow_transmitter_goes_on_by_interrupt() {
    let (model, mut uart) = set_up();
    model.0.borrow_mut().slow = true;
    let mut bytes = (0..40u8).collect::<VecDeque<_>>();
    uart.transmit(&mut || bytes.pop_front());
    assert_eq!(bytes.len(), 24);
    assert_ne!(model.0.borrow().interrupt_enable & 2, 0);
    assert!(!uart.is_drained());
    for _ in 0..3 {
        model.0.borrow_mut().drain();
        let mut sink = Sink { taken: vec![], capacity: 0 };
        uart.on_interrupt(&mut sink, &mut || bytes.pop_front());
    }
    assert_eq!(model.0.borrow().sent, (0..40).collect::<Vec<u8>>());
    assert_eq!(model.0.borrow().interrupt_enable & 2, 0, "off when there is nothing to send");
}

#[test]
fn receives_with_line_errors() {
    let (model, mut uart) = set_up();
    uart.start_receiving();
    model.0.borrow_mut().incoming.extend([(b'a', 0), (b'b', 4), (b'c', 8), (0, 0x18), (b'd', 0)]);
    model.0.borrow_mut().overrun = true;
    let mut sink = Sink { taken: vec![], capacity: 100 };
    let served = uart.on_interrupt(&mut sink, &mut nothing);
    assert!(served.received && served.overrun && !served.transmitted);
    let expected = [Received::Byte(b'a'), Received::Damaged(b'b'), Received::Damaged(b'c'), Received::Break, Received::Byte(b'd')];
    assert_eq!(sink.taken, expected);
}

#[test]
fn bursts_keep_order_and_errors() {
    let (model, mut uart) = set_up();
    uart.start_receiving();
    for errors_at in [100, 0, 5, 13, 14, 20] {
        let items = (0..40u8).map(|byte| (byte, if byte == errors_at { 4 } else { 0 }));
        model.0.borrow_mut().incoming.extend(items);
        let mut sink = Sink { taken: vec![], capacity: 100 };
        uart.on_interrupt(&mut sink, &mut nothing);
        let expected = (0..40u8).map(|byte| if byte == errors_at { Received::Damaged(byte) } else { Received::Byte(byte) });
        assert_eq!(sink.taken, expected.collect::<Vec<_>>(), "error at {errors_at}");
    }
}

#[test]
fn full_receiver_leaves_bytes_in_the_chip() {
    let (model, mut uart) = set_up();
    uart.start_receiving();
    model.0.borrow_mut().incoming.extend((0..10).map(|byte| (byte, 0)));
    let mut sink = Sink { taken: vec![], capacity: 4 };
    uart.on_interrupt(&mut sink, &mut nothing);
    assert_eq!(sink.taken.len(), 4);
    assert!(!uart.is_receiving());
    assert_eq!(model.0.borrow().incoming.len(), 6);
    sink.capacity = 100;
    uart.start_receiving();
    uart.on_interrupt(&mut sink, &mut nothing);
    assert_eq!(sink.taken, (0..10).map(Received::Byte).collect::<Vec<_>>());
}

#[test]
fn broken_device_ends_the_service_loop() {
    let (_, uart) = set_up();
    // The chip was pulled out: every register reads as ones, or claims data for ever.
    for value in [0xff, 0x04, 0x06] {
        let mut uart = Uart { registers: Nobody(value), fifo_depth: uart.fifo_depth, enabled: uart.enabled };
        let mut sink = Sink { taken: vec![], capacity: 1000 };
        uart.on_interrupt(&mut sink, &mut nothing);
        assert!(sink.taken.len() <= 1000);
    }
}
