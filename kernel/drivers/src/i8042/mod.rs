//! The i8042, the PC's keyboard controller (IBM PS/2 Hardware Interface Technical Reference, "Keyboard and auxiliary device controller").
//!
//! It is a small computer behind two ports that takes commands of its own and passes bytes to and from the keyboard. In the PC's tradition
//! it also *translates*: keyboards speak scancode set 2, and what arrives at the processor is set 1, unless bit 6 of its configuration
//! byte is off. The second port, for a mouse, stays off.
//!
//! A machine without one reads all ones from both ports; that is told from the first read on. Everything else that waits has a limit, so
//! a controller that has gone mad costs half a second of waiting, in which others run, and then it is given up.

mod registers;
#[cfg(test)]
mod tests;

use core::fmt;
use core::future::Future;

use registers::Command;
pub use registers::{Configuration, Ports, Status};

/// How often the status is read before the processor is given to others for a moment.
const READS: usize = 64;
/// How many such moments a step of the set-up takes at most: of a millisecond each, it is Linux's half second.
const PAUSES: usize = 500;
/// A controller holds a byte or two; one that never runs dry is broken.
const MOST_STALE: usize = 64;

/// What a healthy controller answers to its self test.
const SELF_TEST_PASSED: u8 = 0x55;
/// What it answers to the test of a port whose lines are in order.
const PORT_TEST_PASSED: u8 = 0;

/// Why there is no use in going on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Both ports read as all ones: nothing is there.
    Absent,
    /// It takes no bytes.
    Busy,
    /// It has not answered this command.
    Silent(u8),
    /// It always has one more byte to read.
    Endless,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Absent => write!(f, "there is no i8042 controller"),
            Fault::Busy => write!(f, "the i8042 controller takes no commands"),
            Fault::Silent(command) => write!(f, "the i8042 controller does not answer command {command:#04x}"),
            Fault::Endless => write!(f, "the i8042 controller never runs out of bytes"),
        }
    }
}

/// What the controller's tests of itself have said. Many real ones fail and work all the same, so this is for the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Health {
    /// 0x55 when all is well.
    pub controller: u8,
    /// 0 when all is well; 1 and 2: the clock line is stuck low, high; 3 and 4: the data line is.
    pub port: u8,
}

impl Health {
    /// Whether both tests were passed.
    pub fn is_good(self) -> bool {
        self == Health { controller: SELF_TEST_PASSED, port: PORT_TEST_PASSED }
    }
}

/// A byte that came from a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Received {
    pub byte: u8,
    /// It is the mouse's, not the keyboard's.
    pub auxiliary: bool,
    /// It came with a parity error, or too late.
    pub damaged: bool,
}

/// A controller that was found and set up.
pub struct Controller<P> {
    ports: P,
}

impl<P: Ports> Controller<P> {
    /// Looks for a controller, tests it, and leaves it with its keyboard port and that port's interrupt on, the mouse's off, and
    /// translation as asked. `pause` lets others run for about a millisecond. Until this is done, nobody else may read the ports.
    pub async fn set_up<W, F>(ports: P, translate: bool, pause: &W) -> Result<(Controller<P>, Health), Fault>
    where
        W: Fn() -> F,
        F: Future<Output = ()>,
    {
        let mut controller = Controller { ports };
        if controller.ports.read_status() == Status::all().bits() {
            return Err(Fault::Absent);
        }
        // Keys that are pressed meanwhile must not be taken for answers.
        controller.command(Command::DisableKeyboard, pause).await?;
        controller.command(Command::DisableAuxiliary, pause).await?;
        controller.flush()?;
        let found = Configuration::from_bits_retain(controller.ask(Command::ReadConfiguration, pause).await?);
        let mut wanted = found | Configuration::SYSTEM | Configuration::AUXILIARY_OFF;
        wanted.remove(Configuration::KEYBOARD_INTERRUPT | Configuration::AUXILIARY_INTERRUPT | Configuration::KEYBOARD_OFF);
        wanted.set(Configuration::TRANSLATE, translate);
        let health = Health {
            controller: controller.ask(Command::TestController, pause).await?,
            port: controller.ask(Command::TestKeyboardPort, pause).await?,
        };
        // The self test may have put the configuration back to what it is after power-on, hence it is written behind it.
        controller.configure(wanted, pause).await?;
        controller.command(Command::EnableKeyboard, pause).await?;
        controller.configure(wanted | Configuration::KEYBOARD_INTERRUPT, pause).await?;
        Ok((controller, health))
    }

    /// The byte that waits, if one does. To be called until it gives none: the interrupt line is edge-triggered and does not rise again
    /// for a byte that was left behind.
    pub fn receive(&mut self) -> Option<Received> {
        let bits = self.ports.read_status();
        let status = Status::from_bits_retain(bits);
        // All ones: the controller has gone.
        if bits == Status::all().bits() || !status.contains(Status::OUTPUT_FULL) {
            return None;
        }
        Some(Received {
            byte: self.ports.read_data(),
            auxiliary: status.contains(Status::AUXILIARY),
            damaged: status.intersects(Status::TIMEOUT | Status::PARITY_ERROR),
        })
    }

    /// Sends a byte to the keyboard; false when the controller can't take one now.
    pub fn try_send(&mut self, byte: u8) -> bool {
        let ready = !Status::from_bits_retain(self.ports.read_status()).contains(Status::INPUT_FULL);
        if ready {
            self.ports.write_data(byte);
        }
        ready
    }

    async fn configure<W: Fn() -> F, F: Future<Output = ()>>(&mut self, configuration: Configuration, pause: &W) -> Result<(), Fault> {
        self.command(Command::WriteConfiguration, pause).await?;
        self.until_it_takes(pause).await?;
        self.ports.write_data(configuration.bits());
        Ok(())
    }

    async fn command<W: Fn() -> F, F: Future<Output = ()>>(&mut self, command: Command, pause: &W) -> Result<(), Fault> {
        self.until_it_takes(pause).await?;
        self.ports.write_command(command as u8);
        Ok(())
    }

    /// Gives a command and waits for its answer.
    async fn ask<W: Fn() -> F, F: Future<Output = ()>>(&mut self, command: Command, pause: &W) -> Result<u8, Fault> {
        self.command(command, pause).await?;
        for _ in 0..PAUSES {
            for _ in 0..READS {
                if let Some(received) = self.receive() {
                    return Ok(received.byte);
                }
            }
            pause().await;
        }
        Err(Fault::Silent(command as u8))
    }

    async fn until_it_takes<W: Fn() -> F, F: Future<Output = ()>>(&mut self, pause: &W) -> Result<(), Fault> {
        for _ in 0..PAUSES {
            for _ in 0..READS {
                if !Status::from_bits_retain(self.ports.read_status()).contains(Status::INPUT_FULL) {
                    return Ok(());
                }
            }
            pause().await;
        }
        Err(Fault::Busy)
    }

    /// Throws away what was left in the controller.
    fn flush(&mut self) -> Result<(), Fault> {
        for _ in 0..MOST_STALE {
            if self.receive().is_none() {
                return Ok(());
            }
        }
        Err(Fault::Endless)
    }
}
