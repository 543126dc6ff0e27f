//! The two ports of the i8042, and the bits and commands that the driver uses.

use alloc::boxed::Box;

use bitflags::bitflags;

/// Access to the ports: 0x60 for data, 0x64 for status and commands on a PC, a model in tests.
pub trait Ports {
    /// Takes the byte that waits.
    fn read_data(&self) -> u8;
    fn read_status(&self) -> u8;
    /// A byte for the keyboard, or the second byte of a command of the controller.
    fn write_data(&mut self, byte: u8);
    /// A command of the controller.
    fn write_command(&mut self, command: u8);
}

impl<P: Ports + ?Sized> Ports for Box<P> {
    fn read_data(&self) -> u8 {
        (**self).read_data()
    }

    fn read_status(&self) -> u8 {
        (**self).read_status()
    }

    fn write_data(&mut self, byte: u8) {
        (**self).write_data(byte);
    }

    fn write_command(&mut self, command: u8) {
        (**self).write_command(command);
    }
}

bitflags! {
    /// What the status port says.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Status: u8 {
        /// A byte waits to be read.
        const OUTPUT_FULL = 0x01;
        /// The last byte that was written has not been taken yet.
        const INPUT_FULL = 0x02;
        const SYSTEM = 0x04;
        const COMMAND = 0x08;
        const UNLOCKED = 0x10;
        /// The byte that waits is the second port's.
        const AUXILIARY = 0x20;
        const TIMEOUT = 0x40;
        const PARITY_ERROR = 0x80;
    }
}

bitflags! {
    /// The configuration byte.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Configuration: u8 {
        const KEYBOARD_INTERRUPT = 0x01;
        const AUXILIARY_INTERRUPT = 0x02;
        /// The machine's self test has passed; firmware looks at it.
        const SYSTEM = 0x04;
        const KEYBOARD_OFF = 0x10;
        const AUXILIARY_OFF = 0x20;
        /// Scancodes of set 2 are made those of set 1.
        const TRANSLATE = 0x40;
    }
}

/// Commands of the controller itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Command {
    ReadConfiguration = 0x20,
    WriteConfiguration = 0x60,
    DisableAuxiliary = 0xa7,
    TestController = 0xaa,
    TestKeyboardPort = 0xab,
    DisableKeyboard = 0xad,
    EnableKeyboard = 0xae,
}
