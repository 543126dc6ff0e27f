//! The keyboard's own protocol (IBM PS/2 Hardware Interface Technical Reference, "101- and 102-key keyboards"): each byte of a command is
//! acknowledged, or asked for again, or never answered; some commands have results; and scancodes may come in between.
//!
//! This is a state machine that does no input or output itself: [`Device::to_send`] says which byte it wants to send, [`Device::receive`]
//! takes what comes, and [`Device::deadline`] says until when to wait before [`Device::give_up`]. A device that answers nothing, or
//! garbage, or asks for the same byte for ever, makes a command fail and the next one begin. Times are nanoseconds of whatever clock the
//! caller has.

use bitflags::bitflags;

use super::ScancodeSet;

const ACKNOWLEDGE: u8 = 0xfa;
const RESEND: u8 = 0xfe;
/// The self test behind a reset was passed; without a reset: a keyboard was plugged in.
const SELF_TEST_PASSED: u8 = 0xaa;
const SELF_TEST_FAILED: [u8; 2] = [0xfc, 0xfd];
/// More keys were pressed than the device can tell: in set 1 and in set 2.
const OVERRUN: [u8; 2] = [0xff, 0x00];

/// How often a byte is sent again when the device asks for that.
const MOST_RESENDS: u8 = 3;
/// Commands that wait for their turn; a power of two.
const QUEUE: usize = 8;

const MILLISECOND: u64 = 1_000_000;
/// How long the device may take to acknowledge a byte, or to begin with a result, in nanoseconds: ten times what is specified.
const ANSWER_TIME: u64 = 200 * MILLISECOND;
/// The self test takes up to 0.9 s.
const RESET_TIME: u64 = 4000 * MILLISECOND;

bitflags! {
    /// The lights, as the device wants them.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Leds: u8 {
        const SCROLL_LOCK = 1;
        const NUM_LOCK = 2;
        const CAPS_LOCK = 4;
    }
}

/// How fast a key that is held down repeats: the byte of the typematic command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Speed(u8);

impl Speed {
    /// 30 a second, 250 ms after the key went down: what Linux sets.
    pub const LINUX: Speed = Speed::new(0, 0);

    /// `delay` is 0 to 3, for 250 to 1000 ms; `rate` 0 to 31, for 30 down to 2 a second. More is taken as the most.
    pub const fn new(delay: u8, rate: u8) -> Speed {
        let delay = if delay > 3 { 3 } else { delay };
        let rate = if rate > 31 { 31 } else { rate };
        Speed(delay << 5 | rate)
    }
}

/// What the device can be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Back to the state after power-on, with a self test.
    Reset,
    /// What are you?
    Identify,
    SetScancodes(ScancodeSet),
    SetSpeed(Speed),
    SetLeds(Leds),
    /// Send scancodes.
    Enable,
}

impl Command {
    /// Its byte at this place; `None` behind the last one.
    fn byte(self, index: usize) -> Option<u8> {
        let (first, second) = match self {
            Command::Reset => (0xff, None),
            Command::Identify => (0xf2, None),
            Command::SetScancodes(set) => (0xf0, Some(set as u8)),
            Command::SetSpeed(speed) => (0xf3, Some(speed.0)),
            Command::SetLeds(leds) => (0xed, Some(leds.bits())),
            Command::Enable => (0xf4, None),
        };
        match index {
            0 => Some(first),
            1 => second,
            _ => None,
        }
    }
}

/// Why a command has failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    NoAnswer,
    /// It asked for the same byte again and again.
    Refused,
    /// Its self test failed, with this code.
    SelfTest(u8),
}

/// What came of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    Done,
    /// The answer to `Identify`: two bytes, fewer from very old keyboards.
    Identity(Option<u8>, Option<u8>),
    Failed(Failure),
}

/// What a byte meant, or that none came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A byte of a scancode.
    Scancode(u8),
    Finished(Command, Reply),
    /// More keys at once than it can tell.
    Overrun,
    /// A keyboard came where none was, or it was plugged in anew.
    Arrived,
}

#[derive(Clone, Copy)]
enum State {
    Idle,
    /// A byte of this command is to be sent, or was sent and is to be acknowledged until the deadline.
    Sending {
        command: Command,
        index: usize,
        deadline: Option<u64>,
        resends: u8,
    },
    /// The command was acknowledged; results follow.
    Results {
        command: Command,
        first: Option<u8>,
        deadline: u64,
    },
}

/// A keyboard.
pub struct Device {
    state: State,
    waiting: [Option<Command>; QUEUE],
    /// Commands ever queued, and ever begun.
    head: usize,
    tail: usize,
    /// Something has answered since the last failed reset.
    present: bool,
    scancodes: ScancodeSet,
}

impl Device {
    /// A device that nothing is known of yet. What arrives here, behind the controller's translation, are scancodes of `scancodes`.
    pub const fn new(scancodes: ScancodeSet) -> Device {
        Device { state: State::Idle, waiting: [None; QUEUE], head: 0, tail: 0, present: false, scancodes }
    }

    /// Whether a keyboard answers.
    pub fn is_present(&self) -> bool {
        self.present
    }

    /// Queues a command; false when too many wait.
    pub fn command(&mut self, command: Command) -> bool {
        if self.head.wrapping_sub(self.tail) >= QUEUE {
            return false;
        }
        if let Some(slot) = self.waiting.get_mut(self.head % QUEUE) {
            *slot = Some(command);
        }
        self.head = self.head.wrapping_add(1);
        true
    }

    /// Forgets everything and queues what a keyboard is started with. `native` is the set that the device itself is to use.
    pub fn start(&mut self, native: ScancodeSet, leds: Leds) {
        *self = Device::new(self.scancodes);
        let commands = [
            Command::Reset,
            Command::Identify,
            Command::SetScancodes(native),
            Command::SetSpeed(Speed::LINUX),
            Command::SetLeds(leds),
            Command::Enable,
        ];
        for command in commands {
            self.command(command);
        }
    }

    /// The byte that is to go to the device now. Once it has gone, tell by [`sent`](Self::sent).
    pub fn to_send(&mut self) -> Option<u8> {
        if let State::Idle = self.state
            && self.head != self.tail
        {
            let command = self.waiting.get_mut(self.tail % QUEUE).and_then(Option::take);
            self.tail = self.tail.wrapping_add(1);
            self.state = match command {
                Some(command) => State::Sending { command, index: 0, deadline: None, resends: 0 },
                None => State::Idle,
            };
        }
        match self.state {
            State::Sending { command, index, deadline: None, .. } => command.byte(index),
            _ => None,
        }
    }

    /// The byte that `to_send` gave is on its way.
    pub fn sent(&mut self, now: u64) {
        if let State::Sending { deadline, .. } = &mut self.state {
            *deadline = Some(now + ANSWER_TIME);
        }
    }

    /// Until when to wait for the next byte; `None` while nothing is awaited. Bytes that are no answer don't put it off.
    pub fn deadline(&self) -> Option<u64> {
        match self.state {
            State::Idle => None,
            State::Sending { deadline, .. } => deadline,
            State::Results { deadline, .. } => Some(deadline),
        }
    }

    /// Takes a byte from the wire.
    pub fn receive(&mut self, byte: u8, now: u64) -> Option<Event> {
        match self.state {
            State::Sending { command, index, deadline: Some(_), resends } => match byte {
                ACKNOWLEDGE => {
                    self.present = true;
                    self.acknowledged(command, index, now)
                }
                RESEND if resends < MOST_RESENDS => {
                    self.state = State::Sending { command, index, deadline: None, resends: resends + 1 };
                    None
                }
                RESEND => Some(self.finish(command, Reply::Failed(Failure::Refused))),
                _ => self.unasked(byte),
            },
            State::Idle | State::Sending { .. } => self.unasked(byte),
            State::Results { command: Command::Reset, .. } => match byte {
                SELF_TEST_PASSED => Some(self.finish(Command::Reset, Reply::Done)),
                code if SELF_TEST_FAILED.contains(&code) => Some(self.finish(Command::Reset, Reply::Failed(Failure::SelfTest(code)))),
                _ => None,
            },
            State::Results { command, first: None, .. } => {
                self.state = State::Results { command, first: Some(byte), deadline: now + ANSWER_TIME };
                None
            }
            State::Results { command, first, .. } => Some(self.finish(command, Reply::Identity(first, Some(byte)))),
        }
    }

    /// The deadline has passed.
    pub fn give_up(&mut self) -> Option<Event> {
        match self.state {
            State::Idle => None,
            // A keyboard of the first generation has no identity.
            State::Results { command: command @ Command::Identify, first, .. } => Some(self.finish(command, Reply::Identity(first, None))),
            State::Sending { command, .. } | State::Results { command, .. } => Some(self.finish(command, Reply::Failed(Failure::NoAnswer))),
        }
    }

    /// The next byte of the command, or its results, or its end.
    fn acknowledged(&mut self, command: Command, index: usize, now: u64) -> Option<Event> {
        if command.byte(index + 1).is_some() {
            self.state = State::Sending { command, index: index + 1, deadline: None, resends: 0 };
            return None;
        }
        let time = match command {
            Command::Reset => RESET_TIME,
            Command::Identify => ANSWER_TIME,
            _ => return Some(self.finish(command, Reply::Done)),
        };
        self.state = State::Results { command, first: None, deadline: now + time };
        None
    }

    fn finish(&mut self, command: Command, reply: Reply) -> Event {
        self.state = State::Idle;
        if command == Command::Reset && reply == Reply::Failed(Failure::NoAnswer) {
            // Nobody is there: the other commands need not be tried.
            self.tail = self.head;
            self.waiting = [None; QUEUE];
            self.present = false;
        }
        Event::Finished(command, reply)
    }

    /// A byte that is no answer.
    fn unasked(&mut self, byte: u8) -> Option<Event> {
        // In set 1, 0xaa is the left Shift key going up: there only a keyboard that was absent can be one that has arrived.
        if byte == SELF_TEST_PASSED && (self.scancodes == ScancodeSet::Two || !self.present) {
            return Some(Event::Arrived);
        }
        if OVERRUN.contains(&byte) {
            return Some(Event::Overrun);
        }
        self.present.then_some(Event::Scancode(byte))
    }
}
