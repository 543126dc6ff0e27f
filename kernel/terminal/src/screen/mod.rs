//! The screen: four virtual terminals, one of which is shown.
//!
//! From the program to the glass: a write goes through the terminal's line discipline to its [`driver`], whose [`emulator`] changes the
//! cells of its [`grid`]; the [`painter`], a task, draws what differs on a [`Display`], which is VGA text mode or a screen of pixels. The
//! other way, the keyboard gives what keys mean to [`input`], and calls [`switch_to`] and [`scroll_back`]. Messages of the kernel come by
//! [`print`], from wherever it likes.

mod driver;
mod emulator;
mod grid;
mod ioctl;
mod log;
mod painter;
#[cfg(test)]
mod tests;

use abi::termios::{Control, Input, Termios, Winsize};
use abi::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use drivers::display::Display;
use drivers::keyboard::Modes;
use fs::DeviceNumber;
use sync::{Once, WaitQueue};

use crate::tty::{Identity, Tty};
use driver::VirtualTerminal;
use painter::Painter;

/// How many virtual terminals there are: /dev/tty1 to /dev/tty4.
pub const TERMINALS: usize = 4;
/// Their major number; the minor one is the terminal's, and 0 stands for the one that is shown.
pub(crate) const MAJOR: u32 = 4;

struct Terminal {
    driver: Arc<VirtualTerminal>,
    tty: Arc<Tty>,
}

pub(crate) struct Screen {
    terminals: [Terminal; TERMINALS],
    /// Number of the one that is shown, from 1.
    active: AtomicUsize,
    /// Woken by each switch.
    switched: WaitQueue,
}

static SCREEN: Once<Screen> = Once::new();
/// Whether messages of the kernel are for the screen too. They are gathered from the first one on, until it is known.
static MESSAGES: AtomicBool = AtomicBool::new(true);

impl Screen {
    /// The screen, if the machine has one.
    pub(crate) fn get() -> Option<&'static Screen> {
        SCREEN.get()
    }

    fn new(rows: usize, columns: usize) -> Result<Screen> {
        let terminal = |number| -> Result<Terminal> {
            let driver = Arc::new(VirtualTerminal::new(number, rows, columns)?);
            let control = Control::B38400.union(Control::CS8).union(Control::CREAD).union(Control::HUPCL);
            let mut initial = Termios::standard(control);
            initial.iflag |= Input::IUTF8.bits();
            let identity = Identity { device: DeviceNumber::new(MAJOR, number as u32), initial };
            let tty = Tty::new(identity, driver.clone())?;
            tty.set_winsize(Winsize { rows: rows as u16, columns: columns as u16, xpixel: 0, ypixel: 0 });
            Ok(Terminal { driver, tty })
        };
        let terminals = [terminal(1)?, terminal(2)?, terminal(3)?, terminal(4)?];
        Ok(Screen { terminals, active: AtomicUsize::new(1), switched: WaitQueue::new() })
    }

    /// A terminal by its number; 0 is the one that is shown. None if there isn't one.
    fn terminal(&self, number: usize) -> Option<&Terminal> {
        let number = if number == 0 { self.active_number() } else { number };
        self.terminals.get(number.checked_sub(1)?)
    }

    /// As `terminal`.
    pub(crate) fn tty(&self, number: usize) -> Option<Arc<Tty>> {
        self.terminal(number).map(|terminal| terminal.tty.clone())
    }

    fn active_number(&self) -> usize {
        self.active.load(Ordering::Relaxed)
    }

    /// The driver of the terminal that is shown.
    fn active(&self) -> Arc<VirtualTerminal> {
        let [first, ..] = &self.terminals;
        self.terminal(0).unwrap_or(first).driver.clone()
    }

    fn is_in_use(&self, number: usize) -> bool {
        self.terminal(number).is_some_and(|terminal| terminal.driver.is_in_use())
    }

    /// ENXIO.
    fn switch_to(&self, number: usize) -> Result<()> {
        let terminal = self.terminal(number).filter(|_| number != 0).ok_or(Errno::ENXIO)?;
        self.active.store(number, Ordering::Relaxed);
        terminal.driver.damage();
        self.terminals.iter().for_each(|terminal| terminal.driver.wake_writers());
        self.switched.wake_all();
        painter::wake();
        Ok(())
    }

    /// Empties a terminal that nobody uses, or with 0 all of them. ENXIO; EBUSY for one that is shown or in use, and for the first.
    fn deallocate(&self, number: usize) -> Result<()> {
        let busy = |driver: &VirtualTerminal| driver.is_in_use() || driver.number == self.active_number() || driver.number == 1;
        if number == 0 {
            self.terminals.iter().map(|terminal| &terminal.driver).filter(|driver| !busy(driver)).for_each(|driver| driver.reset());
            return Ok(());
        }
        let driver = &self.terminal(number).ok_or(Errno::ENXIO)?.driver;
        if busy(driver) {
            return Err(Errno::EBUSY);
        }
        driver.reset();
        Ok(())
    }

    fn deliver_replies(&self) {
        self.terminals.iter().for_each(|terminal| terminal.driver.deliver_replies(&terminal.tty));
    }
}

/// Makes the virtual terminals of a screen, shows the messages so far if `messages` are for it, and starts the painter. EINVAL for a
/// screen that is too large, ENOMEM.
pub(crate) fn start(display: Box<dyn Display + Send>, messages: bool) -> Result<()> {
    let mut painter = Painter::new(display)?;
    let screen = Screen::new(painter.rows(), painter.columns())?;
    // Set once, at boot.
    if SCREEN.set(screen).is_err() {
        return Err(Errno::EBUSY);
    }
    let screen = Screen::get().ok_or(Errno::ENODEV)?;
    if !messages {
        ignore_messages();
    }
    // Now, and not by the task: should the boot go no further, its messages can be read.
    let active = screen.active();
    painter::show_messages(&active);
    (0..painter.rows()).for_each(|row| {
        painter.draw_row(&active, row);
    });
    painter.draw_cursor(&active);
    executor::spawn("screen", painter::paint(painter, screen)).map_err(|_| Errno::ENOMEM)?;
    Ok(())
}

/// There is no screen, or messages aren't for it.
pub(crate) fn ignore_messages() {
    MESSAGES.store(false, Ordering::Relaxed);
    log::clear();
}

/// Prints a message of the kernel on the terminal that is shown. Allowed everywhere, in interrupt handlers and with any lock held.
pub fn print(text: &str) {
    if !MESSAGES.load(Ordering::Relaxed) {
        return;
    }
    log::put(text);
    // Interrupts are off while a spin lock is held: then waking could meet that very lock. The painter looks by itself soon.
    if arch::interrupts::enabled() {
        painter::wake();
    }
}

/// Shows another virtual terminal, by its number from 1. ENXIO if there is none of that number, or no screen.
pub fn switch_to(number: usize) -> Result<()> {
    Screen::get().ok_or(Errno::ENXIO)?.switch_to(number)
}

/// The number of the terminal that is shown; none without a screen.
pub fn active() -> Option<usize> {
    Screen::get().map(Screen::active_number)
}

/// Waits until the terminal with this number is shown and nobody has it open; for ever if there is none. It looks when it is called, and
/// again whenever somebody switches.
pub async fn shown_and_free(number: usize) {
    match Screen::get() {
        Some(screen) => {
            let wanted = || screen.active_number() == number && !screen.is_in_use(number);
            screen.switched.wait_until(|| wanted().then_some(())).await;
        }
        None => core::future::pending().await,
    }
}

/// Moves the view of the shown terminal so many lines into the past, or forth for a negative number.
pub fn scroll_back(lines: isize) {
    if let Some(screen) = Screen::get()
        && screen.active().look_back(lines)
    {
        painter::wake();
    }
}

/// The terminal with this number, or with 0 the one that is shown. None if there isn't one.
pub fn tty(number: usize) -> Option<Arc<Tty>> {
    Screen::get()?.tty(number)
}

/// Takes what keys mean for the shown terminal. How many bytes its line discipline had room for.
pub fn input(bytes: &[u8]) -> usize {
    // Who types wants to see the cursor.
    scroll_back(isize::MIN);
    tty(0).map_or(0, |tty| tty.receive(bytes))
}

/// Runs `f` with the shown terminal locked: to see that a panic can be read then too.
pub fn while_locked(f: impl FnOnce()) {
    if let Some(screen) = Screen::get() {
        screen.active().while_locked(f);
    }
}

/// What programs on the shown terminal have switched on that concerns the keyboard.
pub fn keyboard_modes() -> Modes {
    Screen::get().map(|screen| screen.active().keyboard_modes()).unwrap_or_default()
}
