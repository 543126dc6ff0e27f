//! A terminal as programs see it, whatever is behind it: a serial line or the master of a pseudo-terminal.
//!
//! A [`Tty`] joins a line discipline, a driver for the other end and what job control needs: window size, session, foreground process
//! group. One spin lock guards them; what a change brings about outside (signals, wake-ups) is done after it is released. Lock order:
//! terminal state → driver.
//!
//! Hanging up (the session leader ended, the master closed, vhangup) makes all open files of the terminal dead, not the terminal: each
//! file remembers the generation in which it was opened, and a hang-up begins the next one.

mod file;
mod hangup;
mod ioctl;
mod job;
mod modes;

use alloc::sync::{Arc, Weak};

use abi::termios::{Termios, Winsize, packet};
use abi::{Errno, Result, Signal};
pub use file::TtyFile;
use fs::{DeviceNumber, Turn};
pub(crate) use ioctl::Origin;
pub(crate) use job::{caller_credentials, caller_terminal, install_descriptor, is_privileged, signal_by_master};
use sync::{SpinLock, WaitQueue};

use crate::discipline::{Discipline, Effects, Flow, Item};

/// The other end of a terminal. The calls are made with the terminal's lock held, so they must not call back; none waits.
pub trait Driver: Send + Sync {
    /// Bytes that `put` certainly takes now.
    fn room(&self) -> usize;
    /// Takes bytes for output, as many as there is room for.
    fn put(&self, bytes: &[u8]) -> usize;
    /// Bytes that were taken and aren't sent yet (TIOCOUTQ).
    fn pending(&self) -> usize;
    /// Throws those away.
    fn flush(&self);
    /// Holds output back, or lets it go.
    fn set_stopped(&self, stopped: bool);
    /// Sends one byte ahead of all others, also while output is stopped.
    fn put_urgent(&self, byte: u8);
    /// Woken when there is room again.
    fn writers(&self) -> &WaitQueue;
    /// The input queue has room again for bytes that were held back.
    fn input_wanted(&self);
    /// The settings changed.
    fn configure(&self, termios: &Termios);
    /// Holds the line in the break condition, or ends it. False: this kind of line has none.
    fn set_break(&self, on: bool) -> bool;
    /// Something that a master in packet mode is told of (bits of [`packet`]).
    fn packet_event(&self, bits: u8);
    /// The last file of this terminal was closed, or the first one opened.
    fn set_in_use(&self, in_use: bool);
    /// Whether this is a pseudo-terminal.
    fn is_pty(&self) -> bool;
    /// A request of ioctl(2) that terminals in general don't know, made without the terminal's lock. ENOTTY.
    fn ioctl(&self, _tty: &Tty, _command: u32, _argument: usize) -> Result<usize> {
        Err(Errno::ENOTTY)
    }
}

/// What a terminal is named and numbered.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    pub device: DeviceNumber,
    /// The settings after the first opening and after a hang-up.
    pub initial: Termios,
}

pub(crate) struct State {
    pub(crate) discipline: Discipline,
    winsize: Winsize,
    /// The session whose controlling terminal this is; 0 for none.
    session: u32,
    /// The foreground process group; 0 for none.
    foreground: u32,
    exclusive: bool,
    open_files: u32,
    generation: u32,
    /// When the last byte came in, for the timer between bytes (VTIME).
    last_input: u64,
    /// Room in the driver that a write has asked for and not used yet; echo leaves it alone.
    reserved: usize,
}

/// A terminal.
pub struct Tty {
    identity: Identity,
    driver: Arc<dyn Driver>,
    pub(crate) state: SpinLock<State>,
    readers: WaitQueue,
    /// One write at a time: the bytes of two don't mix, and the room that one found is still there when it has fetched its bytes.
    write_turn: Turn,
    this: Weak<Tty>,
}

impl Tty {
    /// ENOMEM.
    pub fn new(identity: Identity, driver: Arc<dyn Driver>) -> Result<Arc<Tty>> {
        let discipline = Discipline::new(identity.initial)?;
        Ok(Arc::new_cyclic(|this| Tty {
            identity,
            driver,
            state: SpinLock::new(State {
                discipline,
                winsize: Winsize::default(),
                session: 0,
                foreground: 0,
                exclusive: false,
                open_files: 0,
                generation: 0,
                last_input: 0,
                reserved: 0,
            }),
            readers: WaitQueue::new(),
            write_turn: Turn::new(),
            this: this.clone(),
        }))
    }

    /// The device number: 4:64 for ttyS0, 136:N for a pseudo-terminal.
    pub fn device_number(&self) -> DeviceNumber {
        self.identity.device
    }

    /// Takes bytes from the wire; returns how many. The others are to be offered again after `Driver::input_wanted`.
    pub fn receive(&self, bytes: &[u8]) -> usize {
        self.with_effects(|state, effects| {
            state.last_input = executor::timer::now();
            state.discipline.receive(bytes, effects)
        })
    }

    /// As `receive`, for one item that may be a break or a damaged byte.
    pub fn receive_item(&self, item: Item) -> bool {
        self.with_effects(|state, effects| {
            state.last_input = executor::timer::now();
            state.discipline.receive_item(item, effects)
        })
    }

    /// How many bytes `receive` takes for certain.
    pub fn input_room(&self) -> usize {
        self.state.lock().discipline.input_room()
    }

    /// The driver has room again: echo that waited goes out.
    pub fn output_ready(&self) {
        self.with_effects(|_, _| {});
    }

    /// Holds output back, as STOP does, or lets it go again.
    pub fn hold(&self, on: bool) {
        self.with_effects(|state, effects| if on { state.discipline.stop(effects) } else { state.discipline.start(effects) });
    }

    /// The window size that TIOCGWINSZ gives.
    pub fn winsize(&self) -> Winsize {
        self.state.lock().winsize
    }

    /// Sets the window size and tells the foreground group by SIGWINCH if it is a new one.
    pub fn set_winsize(&self, winsize: Winsize) {
        let group = {
            let mut state = self.state.lock();
            if state.winsize == winsize {
                return;
            }
            state.winsize = winsize;
            state.foreground
        };
        job::signal_group(group, Signal::SIGWINCH);
    }

    /// Runs `f` on the state, then does what it asked for.
    pub(crate) fn with_effects<T>(&self, f: impl FnOnce(&mut State, &mut Effects) -> T) -> T {
        let mut effects = Effects::default();
        let (result, foreground) = {
            let mut state = self.state.lock();
            let result = f(&mut state, &mut effects);
            self.apply_to_driver(&effects);
            self.drain_echo(&mut state);
            (result, state.foreground)
        };
        let mut signals = effects.signals;
        while let Some(signal) = signals.first() {
            signals = signals.without(signal);
            job::signal_group(foreground, signal);
        }
        if effects.readable {
            self.readers.wake_all();
        }
        if effects.flushed_input {
            self.driver.input_wanted();
        }
        if effects.flow == Some(Flow::Start) || effects.flush_output {
            self.driver.writers().wake_all();
        }
        result
    }

    fn apply_to_driver(&self, effects: &Effects) {
        let mut events = 0;
        if effects.flush_output {
            self.driver.flush();
            events |= packet::FLUSHWRITE;
        }
        if effects.flushed_input {
            events |= packet::FLUSHREAD;
        }
        if let Some(flow) = effects.flow {
            self.driver.set_stopped(flow == Flow::Stop);
            events |= if flow == Flow::Stop { packet::STOP } else { packet::START };
        }
        if events != 0 {
            self.driver.packet_event(events);
        }
        if let Some(byte) = effects.urgent {
            self.driver.put_urgent(byte);
        }
    }

    fn drain_echo(&self, state: &mut State) {
        let reserved = state.reserved;
        let driver = &self.driver;
        state.discipline.drain_echo(&mut |bytes| {
            let room = driver.room().saturating_sub(reserved).min(bytes.len());
            driver.put(bytes.get(..room).unwrap_or_default())
        });
    }
}
