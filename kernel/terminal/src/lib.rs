//! Terminals: the serial console, the screen's virtual terminals, pseudo-terminals and job control.
//!
//! From the wire to the program: a driver of [`serial`], the [`keyboard`] or the master of a [`pty`] gives bytes to a [`tty::Tty`]; its
//! [`discipline`] edits lines, echoes, makes signals; a program's read takes what is complete. The way out is the discipline's output
//! processing and the driver's ring. Everything here is safe code over `drivers`, and [`init`] gets its access to the hardware from
//! outside.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod devices;
pub mod discipline;
pub mod keyboard;
pub mod pty;
pub mod screen;
pub mod serial;
pub mod tty;

use abi::termios::{Control, Termios, Winsize};
use abi::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
pub use devices::{Console, console};
use drivers::display::Display;
pub use serial::{BoxedRegisters, is_drained};
pub use tty::Tty;

use crate::serial::LINES;
use crate::serial::driver::LineDriver;
use crate::serial::raw::RawChannel;
use crate::tty::Identity;

/// What the first serial line is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stdio {
    /// The console terminal, /dev/ttyS0.
    Terminal,
    /// The raw channel /dev/hostio0 (standard input and output of a program), with /dev/hostio1 (standard error) on the second line.
    Channels,
}

/// What the boot code knows about the machine's serial lines.
pub struct Config {
    /// Registers of COM1 and COM2; a line without is absent.
    pub registers: [Option<BoxedRegisters>; 2],
    pub stdio: Stdio,
    /// The window size of the serial terminal, if it is known.
    pub winsize: Option<Winsize>,
    /// The screen, if there is one.
    pub display: Option<Box<dyn Display + Send>>,
    /// What /dev/console is to be, best first. One that the machine doesn't have is passed over; without any it is the screen or, where
    /// there is none, the first serial line.
    pub consoles: Vec<Console>,
    /// Whether messages of the kernel are for the screen too.
    pub messages: bool,
}

/// Brings the lines up, registers all terminal devices and starts the tasks that serve them. Afterwards the interrupt handlers of COM1 and
/// COM2 are to call `serial::on_interrupt(0)` and `(1)`. ENOMEM.
pub fn init(config: Config) -> Result<()> {
    devices::register();
    for (line, registers) in LINES.iter().zip(config.registers) {
        if let Some(registers) = registers {
            line.attach(registers);
        }
    }
    match config.stdio {
        Stdio::Terminal if LINES[0].is_present() => start_serial(config.winsize)?,
        Stdio::Terminal => log::warn!("no serial port answers: there is no serial terminal"),
        Stdio::Channels => {
            devices::register_channel(0, "hostio0", Arc::new(RawChannel::new(&LINES[0], true)));
            devices::register_channel(1, "hostio1", Arc::new(RawChannel::new(&LINES[1], false)));
        }
    }
    match config.display {
        Some(display) => match screen::start(display, config.messages) {
            Ok(()) => devices::register_virtual(),
            // Whatever size a boot loader tells of: a system without a screen is better than none.
            Err(error) => {
                screen::ignore_messages();
                log::warn!("the screen can't be used: {error}");
            }
        },
        None => screen::ignore_messages(),
    }
    choose_console(&config.consoles);
    if LINES[1].is_present() {
        executor::spawn("host control", serial::control::obey(&LINES[1], devices::serial())).map_err(|_| Errno::ENOMEM)?;
    }
    Ok(())
}

fn start_serial(winsize: Option<Winsize>) -> Result<()> {
    let control = Control::B115200.union(Control::CS8).union(Control::CREAD).union(Control::HUPCL).union(Control::CLOCAL);
    let identity = Identity { device: devices::SERIAL, initial: Termios::standard(control) };
    let tty = Tty::new(identity, Arc::new(LineDriver(&LINES[0])))?;
    if let Some(winsize) = winsize {
        tty.set_winsize(winsize);
    }
    devices::set_serial(tty.clone());
    executor::spawn("console", serial::driver::feed(&LINES[0], tty)).map_err(|_| Errno::ENOMEM)?;
    Ok(())
}

/// Makes the first of the wanted consoles that is there /dev/console.
fn choose_console(wanted: &[Console]) {
    let is_there = |console: &Console| match *console {
        Console::Serial => devices::serial().is_some(),
        Console::Screen(number) => screen::Screen::get().is_some_and(|screen| screen.tty(number).is_some()),
    };
    let fallback = if is_there(&Console::Screen(0)) { Console::Screen(0) } else { Console::Serial };
    let chosen = wanted.iter().copied().find(is_there).unwrap_or(fallback);
    if let Some(first) = wanted.first().filter(|first| **first != chosen) {
        log::warn!("this machine has no {first}: the console is {chosen}");
    }
    devices::set_console(chosen);
}
