//! The driver against a model of the controller, and against things that are none.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::{Controller, Fault, Health, PAUSES, Ports, READS, Received, SELF_TEST_PASSED};

/// How the model misbehaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Good,
    /// Nothing is there: the bus floats.
    Absent,
    /// The byte written last is never taken.
    Stuck,
    /// Commands are taken and never answered.
    Mute,
    /// There is always one more byte.
    Endless,
    /// The self test and the port test fail, and the configuration is lost in the first.
    Ill,
}

struct Chip {
    kind: Kind,
    configuration: u8,
    output: VecDeque<(u8, u8)>,
    /// A command whose second byte is missing.
    awaits: Option<u8>,
    /// What was written, commands above 0xff.
    written: Vec<u16>,
}

struct Model<'a>(&'a RefCell<Chip>);

impl Ports for Model<'_> {
    fn read_data(&self) -> u8 {
        let mut chip = self.0.borrow_mut();
        match chip.kind {
            Kind::Absent => 0xff,
            Kind::Endless => 0x1c,
            _ => chip.output.pop_front().map_or(0, |(byte, _)| byte),
        }
    }

    fn read_status(&self) -> u8 {
        let chip = self.0.borrow();
        match chip.kind {
            Kind::Absent => 0xff,
            Kind::Stuck if !chip.written.is_empty() => 0x1e,
            Kind::Endless => 0x1d,
            _ => 0x1c | chip.output.front().map_or(0, |(_, flags)| flags | 1),
        }
    }

    fn write_data(&mut self, byte: u8) {
        let mut chip = self.0.borrow_mut();
        chip.written.push(byte.into());
        match chip.awaits.take() {
            Some(0x60) => chip.configuration = byte,
            _ => chip.output.push_back((0xfa, 0)),
        }
    }

    fn write_command(&mut self, command: u8) {
        let mut chip = self.0.borrow_mut();
        chip.written.push(0x100 | u16::from(command));
        let ill = chip.kind == Kind::Ill;
        let answer = match command {
            0x20 => chip.configuration,
            0xaa => {
                if ill {
                    chip.configuration = 0;
                }
                if ill { 0xfc } else { SELF_TEST_PASSED }
            }
            0xab => u8::from(ill),
            0x60 => {
                chip.awaits = Some(command);
                return;
            }
            _ => return,
        };
        if chip.kind != Kind::Mute {
            chip.output.push_back((answer, 0));
        }
    }
}

fn chip(kind: Kind) -> RefCell<Chip> {
    // As firmware leaves it: both interrupts on, a key and a movement of the mouse not yet read.
    RefCell::new(Chip { kind, configuration: 0x47, output: [(0x1e, 0), (0x08, 0x20)].into(), awaits: None, written: Vec::new() })
}

/// Sets a controller up; also gives how often it let others run.
fn set_up(chip: &RefCell<Chip>, translate: bool) -> (Result<(Controller<Model<'_>>, Health), Fault>, usize) {
    let pauses = Cell::new(0);
    let pause = || {
        pauses.set(pauses.get() + 1);
        ready(())
    };
    let Poll::Ready(result) = pin!(Controller::set_up(Model(chip), translate, &pause)).poll(&mut Context::from_waker(Waker::noop())) else {
        unreachable!("the pauses are always ready")
    };
    (result, pauses.get())
}

#[test]
fn a_good_controller_is_set_up_without_waiting() {
    for (translate, configuration) in [(true, 0x65), (false, 0x25)] {
        let chip = chip(Kind::Good);
        let (result, pauses) = set_up(&chip, translate);
        let (mut controller, health) = result.unwrap();
        assert!(health.is_good() && pauses == 0);
        assert_eq!(chip.borrow().configuration, configuration);
        // What was left in it from before is gone.
        assert_eq!(controller.receive(), None);
        // The keyboard and the mouse are off before anything else is asked, and the keyboard is on again at the end.
        let written = chip.borrow().written.clone();
        assert_eq!(&written[..3], [0x1ad, 0x1a7, 0x120]);
        assert_eq!(&written[written.len() - 3..], [0x1ae, 0x160, configuration.into()]);
    }
}

#[test]
fn bytes_come_with_what_is_known_of_them() {
    let chip = chip(Kind::Good);
    let mut controller = set_up(&chip, true).0.unwrap().0;
    chip.borrow_mut().output.extend([(0x1e, 0), (0x08, 0x20), (0x9e, 0x80), (0xfe, 0x40)]);
    let received = |byte, auxiliary, damaged| Some(Received { byte, auxiliary, damaged });
    assert_eq!(controller.receive(), received(0x1e, false, false));
    assert_eq!(controller.receive(), received(0x08, true, false));
    assert_eq!(controller.receive(), received(0x9e, false, true));
    assert_eq!(controller.receive(), received(0xfe, false, true));
    assert_eq!(controller.receive(), None);
    assert!(controller.try_send(0xf4));
    assert_eq!(chip.borrow().written.last(), Some(&0xf4));
    chip.borrow_mut().kind = Kind::Stuck;
    assert!(!controller.try_send(0xf4));
    chip.borrow_mut().kind = Kind::Absent;
    assert_eq!(controller.receive(), None, "it was pulled out");
}

#[test]
fn an_absent_controller_is_told_at_once() {
    let chip = chip(Kind::Absent);
    let (result, pauses) = set_up(&chip, true);
    assert_eq!((result.err(), pauses), (Some(Fault::Absent), 0));
    assert!(chip.borrow().written.is_empty(), "it writes to ports that may be somebody else's");
}

#[test]
fn broken_controllers_are_given_up_in_bounded_time() {
    for (kind, fault) in [(Kind::Stuck, Fault::Busy), (Kind::Mute, Fault::Silent(0x20)), (Kind::Endless, Fault::Endless)] {
        let chip = chip(kind);
        let (result, pauses) = set_up(&chip, true);
        assert_eq!(result.err(), Some(fault));
        assert!(pauses <= PAUSES && READS < 1000, "{fault}: {pauses} pauses");
    }
}

#[test]
fn failed_tests_are_told_and_no_reason_to_give_up() {
    let chip = chip(Kind::Ill);
    let (_, health) = set_up(&chip, true).0.unwrap();
    assert_eq!(health, Health { controller: 0xfc, port: 1 });
    assert!(!health.is_good());
    assert_eq!(chip.borrow().configuration, 0x65, "the self test undid the configuration");
}
