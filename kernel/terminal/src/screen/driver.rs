//! A virtual terminal as the driver of a [`Tty`]: what programs write goes through the emulator into the grid at once, and the painter is
//! told that there is something to draw.

use abi::termios::Termios;
use abi::{Errno, Result};
use core::sync::atomic::{AtomicBool, Ordering};
use drivers::display::{Cell, Place};
use drivers::keyboard::Modes;
use sync::{SpinLock, WaitQueue};

use super::emulator::Emulator;
use super::{Screen, log, painter};
use crate::tty::{Driver, Tty};

/// Bytes that a writer may bring at a time.
const ROOM: usize = 4096;

pub(super) struct VirtualTerminal {
    /// From 1, as in /dev/tty1.
    pub(super) number: usize,
    emulator: SpinLock<Emulator>,
    stopped: AtomicBool,
    in_use: AtomicBool,
    /// Those who wait until output goes on, or until a terminal is shown.
    writers: WaitQueue,
}

impl VirtualTerminal {
    /// ENOMEM; EINVAL for a size that no screen has.
    pub(super) fn new(number: usize, rows: usize, columns: usize) -> Result<VirtualTerminal> {
        Ok(VirtualTerminal {
            number,
            emulator: SpinLock::new(Emulator::new(rows, columns)?),
            stopped: AtomicBool::new(false),
            in_use: AtomicBool::new(false),
            writers: WaitQueue::new(),
        })
    }

    /// Takes the cells of a row if it looks different than before; whether it does.
    pub(super) fn take_damage(&self, row: usize, cells: &mut [Cell]) -> bool {
        self.emulator.lock().grid_mut().take_damage(row, cells)
    }

    /// The cursor, unless it is hidden.
    pub(super) fn cursor(&self) -> Option<Place> {
        self.emulator.lock().cursor()
    }

    pub(super) fn keyboard_modes(&self) -> Modes {
        self.emulator.lock().keyboard_modes()
    }

    /// Moves the view into the past by so many lines, or back for a negative number.
    pub(super) fn look_back(&self, lines: isize) -> bool {
        self.emulator.lock().grid_mut().look_back(lines)
    }

    pub(super) fn while_locked(&self, f: impl FnOnce()) {
        let _locked = self.emulator.lock();
        f();
    }

    /// Has all of it drawn again.
    pub(super) fn damage(&self) {
        let mut emulator = self.emulator.lock();
        let rows = emulator.grid().rows();
        emulator.grid_mut().damage(0..rows);
    }

    /// Shows a message of the kernel, whatever a program is in the middle of.
    pub(super) fn write_message(&self, bytes: &[u8]) {
        self.emulator.lock().write_plain(bytes);
    }

    /// As after power-on, with nothing to look back at.
    pub(super) fn reset(&self) {
        self.emulator.lock().write(b"\x1bc\x1b[3J");
        painter::wake();
    }

    /// Gives the answers to a program's questions to the terminal, as if they were typed.
    pub(super) fn deliver_replies(&self, tty: &Tty) {
        let (bytes, count) = self.emulator.lock().take_reply();
        if let Some(reply) = bytes.get(..count).filter(|reply| !reply.is_empty()) {
            // A program that leaves its input unread gets no answer either.
            tty.receive(reply);
        }
    }

    pub(super) fn is_in_use(&self) -> bool {
        self.in_use.load(Ordering::Relaxed)
    }

    /// Has those look again who wait, through a file of this terminal, for some terminal to be shown.
    pub(super) fn wake_writers(&self) {
        self.writers.wake_all();
    }
}

impl Driver for VirtualTerminal {
    fn room(&self) -> usize {
        if self.stopped.load(Ordering::Relaxed) { 0 } else { ROOM }
    }

    fn put(&self, bytes: &[u8]) -> usize {
        if bytes.is_empty() || self.stopped.load(Ordering::Relaxed) {
            return 0;
        }
        // Messages that are older than these bytes come first.
        if log::is_waiting()
            && let Some(screen) = Screen::get()
        {
            painter::show_messages(&screen.active());
        }
        self.emulator.lock().write(bytes);
        painter::wake();
        bytes.len()
    }

    fn pending(&self) -> usize {
        0
    }

    fn flush(&self) {}

    fn set_stopped(&self, stopped: bool) {
        self.stopped.store(stopped, Ordering::Relaxed);
    }

    /// START and STOP are for a device at the other end of a wire; a keyboard heeds neither.
    fn put_urgent(&self, _: u8) {}

    fn writers(&self) -> &WaitQueue {
        &self.writers
    }

    /// A key that finds no room is lost, so none waits.
    fn input_wanted(&self) {}

    fn configure(&self, _: &Termios) {}

    fn set_break(&self, _: bool) -> bool {
        false
    }

    fn packet_event(&self, _: u8) {}

    fn set_in_use(&self, in_use: bool) {
        self.in_use.store(in_use, Ordering::Relaxed);
    }

    fn is_pty(&self) -> bool {
        false
    }

    fn ioctl(&self, tty: &Tty, command: u32, argument: usize) -> Result<usize> {
        super::ioctl::serve(Screen::get().ok_or(Errno::ENOTTY)?, tty, command, argument)
    }
}
