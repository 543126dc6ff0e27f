//! The protocol with keyboards that are good, absent, deaf, mad and hostile.

use std::collections::VecDeque;

use crate::keyboard::{Command, Device, Event, Failure, Leds, Reply, ScancodeSet, Speed};

/// What a simulated keyboard answers to a byte.
type Answers = fn(&mut Vec<u8>, u8) -> Vec<u8>;

/// A good keyboard; `history` holds what it was sent before.
fn good(history: &mut Vec<u8>, byte: u8) -> Vec<u8> {
    let argument = matches!(history.last(), Some(0xf0 | 0xf3 | 0xed)) && history.len() % 2 == 1;
    history.push(byte);
    match byte {
        _ if argument => {
            history.clear();
            vec![0xfa]
        }
        0xff => {
            history.clear();
            vec![0xfa, 0xaa]
        }
        0xf2 => {
            history.clear();
            vec![0xfa, 0xab, 0x83]
        }
        0xf4 => {
            history.clear();
            vec![0xfa]
        }
        _ => vec![0xfa],
    }
}

/// Runs the device until it has nothing more to do. Time passes only while nothing comes; gives the events and the nanoseconds.
fn run(device: &mut Device, answers: Answers) -> (Vec<Event>, u64) {
    let (mut events, mut history, mut wire, mut now) = (Vec::new(), Vec::new(), VecDeque::new(), 0);
    let mut sent = 0;
    loop {
        if let Some(byte) = device.to_send() {
            sent += 1;
            assert!(sent < 1000, "it sends for ever");
            device.sent(now);
            wire.extend(answers(&mut history, byte));
        }
        match wire.pop_front() {
            Some(byte) => events.extend(device.receive(byte, now)),
            None => {
                let Some(deadline) = device.deadline() else {
                    // A byte that is to be sent again has not got its deadline yet.
                    if device.to_send().is_some() {
                        continue;
                    }
                    return (events, now);
                };
                assert!(deadline >= now);
                now = deadline;
                events.extend(device.give_up());
            }
        }
    }
}

fn started() -> Device {
    let mut device = Device::new(ScancodeSet::One);
    device.start(ScancodeSet::Two, Leds::NUM_LOCK);
    device
}

const START: [Command; 6] = [
    Command::Reset,
    Command::Identify,
    Command::SetScancodes(ScancodeSet::Two),
    Command::SetSpeed(Speed::LINUX),
    Command::SetLeds(Leds::NUM_LOCK),
    Command::Enable,
];

#[test]
fn a_good_keyboard_does_all_that_it_is_told() {
    let mut device = started();
    let (events, time) = run(&mut device, good);
    let expected = START.map(|command| {
        let reply = if command == Command::Identify { Reply::Identity(Some(0xab), Some(0x83)) } else { Reply::Done };
        Event::Finished(command, reply)
    });
    assert_eq!((&events[..], time), (&expected[..], 0));
    assert!(device.is_present());
    // And then keys.
    assert_eq!(device.receive(0x1e, 0), Some(Event::Scancode(0x1e)));
    assert_eq!(device.deadline(), None);
    assert_eq!(device.give_up(), None);
}

#[test]
fn commands_are_the_bytes_of_the_manual() {
    let mut sent = Vec::new();
    let mut device = Device::new(ScancodeSet::Two);
    for command in [Command::SetScancodes(ScancodeSet::One), Command::SetSpeed(Speed::new(9, 99)), Command::SetLeds(Leds::all())] {
        assert!(device.command(command));
    }
    while let Some(byte) = device.to_send() {
        assert_eq!(device.to_send(), Some(byte), "asking changes nothing");
        sent.push(byte);
        device.sent(0);
        device.receive(0xfa, 0);
    }
    assert_eq!(sent, [0xf0, 1, 0xf3, 0x7f, 0xed, 7]);
}

#[test]
fn nobody_there_costs_one_command() {
    let mut device = started();
    let (events, time) = run(&mut device, |_, _| Vec::new());
    assert_eq!(events, [Event::Finished(Command::Reset, Reply::Failed(Failure::NoAnswer))]);
    assert!(!device.is_present() && time < 1_000_000_000);
    // Noise is no key as long as nobody is there; a self test that was passed is a keyboard that was plugged in.
    assert_eq!(device.receive(0x1e, 0), None);
    assert_eq!(device.receive(0xaa, 0), Some(Event::Arrived));
}

#[test]
fn a_keyboard_that_falls_silent_fails_each_command_in_bounded_time() {
    let mut device = started();
    // It acknowledges the reset, and nothing else ever.
    let (events, time) = run(&mut device, |_, byte| if byte == 0xff { vec![0xfa, 0xaa] } else { Vec::new() });
    assert_eq!(events[0], Event::Finished(Command::Reset, Reply::Done));
    let failed = START[1..].iter().map(|&command| Event::Finished(command, Reply::Failed(Failure::NoAnswer)));
    // One without an identity is an old keyboard, but this one has not even acknowledged the question.
    assert_eq!(events[1..], failed.collect::<Vec<_>>());
    assert!(time <= 5 * 200_000_000);
}

#[test]
fn an_old_keyboard_has_no_identity() {
    let mut device = started();
    let (events, _) = run(&mut device, |history, byte| if byte == 0xf2 { vec![0xfa] } else { good(history, byte) });
    assert_eq!(events[1], Event::Finished(Command::Identify, Reply::Identity(None, None)));
    assert_eq!(events.len(), START.len());
}

#[test]
fn a_byte_is_sent_again_a_few_times_and_no_more() {
    let mut device = started();
    // Each byte twice.
    let twice = |history: &mut Vec<u8>, byte| {
        if history.first() == Some(&0) {
            history.remove(0);
            good(history, byte)
        } else {
            history.insert(0, 0);
            vec![0xfe]
        }
    };
    let (events, _) = run(&mut device, twice);
    assert!(events.iter().all(|event| !matches!(event, Event::Finished(_, Reply::Failed(_)))), "{events:?}");
    let mut device = started();
    let (events, time) = run(&mut device, |_, _| vec![0xfe]);
    let refused = START.map(|command| Event::Finished(command, Reply::Failed(Failure::Refused)));
    assert_eq!((&events[..], time), (&refused[..], 0));
}

#[test]
fn a_failed_self_test_is_told() {
    let mut device = started();
    let (events, _) = run(&mut device, |history, byte| if byte == 0xff { vec![0xfa, 0xfc] } else { good(history, byte) });
    assert_eq!(events[0], Event::Finished(Command::Reset, Reply::Failed(Failure::SelfTest(0xfc))));
    assert!(device.is_present(), "it answers all the same");
}

#[test]
fn keys_between_a_command_and_its_answer_are_keys() {
    let mut device = started();
    run(&mut device, good);
    device.command(Command::SetLeds(Leds::CAPS_LOCK));
    assert_eq!(device.to_send(), Some(0xed));
    assert_eq!(device.receive(0x1e, 0), Some(Event::Scancode(0x1e)), "it has not been sent yet");
    device.sent(0);
    assert_eq!(device.receive(0x9e, 0), Some(Event::Scancode(0x9e)));
    assert_eq!(device.receive(0xfa, 0), None);
    assert_eq!(device.to_send(), Some(4));
}

#[test]
fn garbage_does_not_put_the_deadline_off() {
    let mut device = started();
    device.to_send();
    device.sent(0);
    let deadline = device.deadline();
    for byte in (0..=255u8).filter(|byte| ![0xfa, 0xfe].contains(byte)) {
        device.receive(byte, u64::from(byte) * 1_000_000);
        assert_eq!(device.deadline(), deadline);
    }
    // The same while the self test runs.
    device.receive(0xfa, 0);
    let deadline = device.deadline();
    for byte in (0..=255u8).filter(|byte| ![0xaa, 0xfc, 0xfd].contains(byte)) {
        assert_eq!(device.receive(byte, 1_000_000), None);
        assert_eq!(device.deadline(), deadline);
    }
}

#[test]
fn random_bytes_at_random_times_do_no_harm() {
    let mut state: u32 = 1;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as u8
    };
    for set in [ScancodeSet::One, ScancodeSet::Two] {
        let mut device = Device::new(set);
        for now in 0..100_000 {
            match random() % 8 {
                0 => drop(device.command(Command::SetLeds(Leds::from_bits_truncate(random())))),
                1 if random() < 8 => device.start(ScancodeSet::Two, Leds::empty()),
                2 => drop(device.give_up()),
                3 | 4 => {
                    if device.to_send().is_some() {
                        device.sent(now);
                    }
                }
                5 => drop(device.receive(0xfa, now)),
                _ => drop(device.receive(random(), now)),
            }
        }
        // It is still good for a keyboard that behaves.
        device.start(ScancodeSet::Two, Leds::empty());
        assert_eq!(run(&mut device, good).0.len(), START.len());
    }
}

#[test]
fn too_many_commands_are_refused() {
    let mut device = Device::new(ScancodeSet::One);
    assert_eq!((0..100).filter(|_| device.command(Command::Enable)).count(), 8);
}

#[test]
fn overruns_and_new_keyboards_are_told() {
    for set in [ScancodeSet::One, ScancodeSet::Two] {
        let mut device = Device::new(set);
        device.start(ScancodeSet::Two, Leds::empty());
        run(&mut device, good);
        assert_eq!(device.receive(0xff, 0), Some(Event::Overrun));
        assert_eq!(device.receive(0x00, 0), Some(Event::Overrun));
        // In set 1 this is the left Shift key going up.
        let expected = if set == ScancodeSet::One { Event::Scancode(0xaa) } else { Event::Arrived };
        assert_eq!(device.receive(0xaa, 0), Some(expected));
    }
}
