//! The eight registers of a 16550A and the bits in them that the driver uses.

use bitflags::bitflags;

/// Access to the registers of one chip, by offset 0 to 7: port I/O on a PC, memory elsewhere, a model in tests.
pub trait Registers {
    fn read(&self, offset: u8) -> u8;
    fn write(&mut self, offset: u8, value: u8);
}

impl<R: Registers + ?Sized> Registers for alloc::boxed::Box<R> {
    fn read(&self, offset: u8) -> u8 {
        (**self).read(offset)
    }

    fn write(&mut self, offset: u8, value: u8) {
        (**self).write(offset, value);
    }
}

/// Register offsets. Offsets 0 and 1 are the divisor latch while `LineControl::DIVISOR_LATCH` is set; offset 2 is one register when
/// read and another when written.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Register {
    Data = 0,
    InterruptEnable = 1,
    InterruptIdentity = 2,
    LineControl = 3,
    ModemControl = 4,
    LineStatus = 5,
    ModemStatus = 6,
}

/// The write side of offset 2.
pub(super) const FIFO_CONTROL: Register = Register::InterruptIdentity;

bitflags! {
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(super) struct InterruptEnable: u8 {
        const RECEIVED = 1;
        const TRANSMIT_EMPTY = 2;
        const LINE_STATUS = 4;
    }

    pub(super) struct FifoControl: u8 {
        const ENABLE = 1;
        const CLEAR_RECEIVE = 2;
        const CLEAR_TRANSMIT = 4;
        /// Interrupt at 14 bytes; fewer raise one after a pause of four byte times. A virtual chip takes as many bytes at a time as are missing
        /// to that number, so a high one is what makes it fast.
        const TRIGGER_14 = 0xc0;
    }

    pub(super) struct LineControl: u8 {
        const EIGHT_BITS = 3;
        const BREAK = 0x40;
        const DIVISOR_LATCH = 0x80;
    }

    pub(super) struct ModemControl: u8 {
        const DTR = 1;
        const RTS = 2;
        const OUT2 = 8;
        const LOOP = 0x10;
    }

    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(super) struct LineStatus: u8 {
        const DATA_READY = 1;
        const OVERRUN = 2;
        const PARITY_ERROR = 4;
        const FRAMING_ERROR = 8;
        const BREAK = 0x10;
        const TRANSMIT_EMPTY = 0x20;
        const TRANSMITTER_IDLE = 0x40;
        const FIFO_ERROR = 0x80;
    }
}

/// The cause of an interrupt, most urgent first.
pub(super) enum InterruptIdentity {
    None,
    LineStatus,
    Received,
    ReceiveTimeout,
    TransmitEmpty,
    ModemStatus,
}

impl InterruptIdentity {
    pub(super) fn of(value: u8) -> InterruptIdentity {
        match value & 0x0f {
            0x06 => InterruptIdentity::LineStatus,
            0x04 => InterruptIdentity::Received,
            0x0c => InterruptIdentity::ReceiveTimeout,
            0x02 => InterruptIdentity::TransmitEmpty,
            0x00 => InterruptIdentity::ModemStatus,
            _ => InterruptIdentity::None,
        }
    }
}
