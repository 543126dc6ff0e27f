//! Terminals: the serial console, pseudo-terminals and job control.
//!
//! From the wire to the program: a driver of [`serial`] or the master of a [`pty`] gives bytes to a [`tty::Tty`]; its [`discipline`] edits lines,
//! echoes, makes signals; a program's read takes what is complete. The way out is the discipline's output processing and the driver's ring. Everything
//! here is safe code over `drivers`, and [`init`] gets its access to the hardware from outside.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod devices;
pub mod discipline;
pub mod pty;
pub mod serial;
pub mod tty;

use abi::termios::{Control, Termios, Winsize};
use abi::{Errno, Result};
use alloc::sync::Arc;
pub use devices::console;
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
    /// The window size of the console terminal, if it is known.
    pub winsize: Option<Winsize>,
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
        Stdio::Terminal if LINES[0].is_present() => start_console(config.winsize)?,
        Stdio::Terminal => log::warn!("no serial port answers: there is no console terminal"),
        Stdio::Channels => {
            devices::register_channel(0, "hostio0", Arc::new(RawChannel::new(&LINES[0], true)));
            devices::register_channel(1, "hostio1", Arc::new(RawChannel::new(&LINES[1], false)));
        }
    }
    if LINES[1].is_present() {
        executor::spawn("host control", serial::control::obey(&LINES[1], console())).map_err(|_| Errno::ENOMEM)?;
    }
    Ok(())
}

fn start_console(winsize: Option<Winsize>) -> Result<()> {
    let control = Control::B115200.union(Control::CS8).union(Control::CREAD).union(Control::HUPCL).union(Control::CLOCAL);
    let identity = Identity { device: devices::SERIAL, initial: Termios::standard(control) };
    let tty = Tty::new(identity, Arc::new(LineDriver(&LINES[0])))?;
    if let Some(winsize) = winsize {
        tty.set_winsize(winsize);
    }
    devices::set_console(tty.clone());
    executor::spawn("console", serial::driver::feed(&LINES[0], tty)).map_err(|_| Errno::ENOMEM)?;
    Ok(())
}
