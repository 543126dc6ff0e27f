//! The 16550A UART (National Semiconductor PC16550D data sheet): the serial ports of every PC and of every virtual machine.
//!
//! The chip raises one level-triggered interrupt for four causes and reports the most urgent in IIR; `on_interrupt` serves causes
//! until none is left, since the PC's edge-triggered interrupt line would otherwise never rise again. Transmission is by polling in
//! batches for as long as the chip is ready at once (virtual UARTs are), and by interrupt from the first time that it isn't: so a
//! program that prints a lot takes no interrupts on a virtual machine and wastes no time waiting on a real one.
//!
//! When the receiver of bytes has no room, the receive interrupt is switched off and the bytes stay in the chip's FIFO. A virtual
//! machine then stops taking bytes from its end of the line, so nothing is lost; real hardware overruns, and says so.

mod registers;
#[cfg(test)]
mod tests;

pub use registers::Registers;
use registers::{FIFO_CONTROL, FifoControl, InterruptEnable, InterruptIdentity, LineControl, LineStatus, ModemControl, Register};

/// Bytes that the chip takes at once when its transmit FIFO is empty.
pub const FIFO_DEPTH: usize = 16;

/// The speed that a line starts with, in bits per second: the clock of the chip divided by 16, the fastest there is.
pub const INITIAL_SPEED: u32 = 115_200;

/// Bytes in the receive FIFO that raise the interrupt "received"; `FifoControl::TRIGGER_14` sets it.
const RECEIVE_TRIGGER: usize = 14;

/// More causes than this in one interrupt mean that the device is broken (or unplugged: a floating bus reads as all ones).
const MAX_CAUSES: usize = 256;

/// What came in with a byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// A good byte.
    Byte(u8),
    /// A byte with a parity or framing error.
    Damaged(u8),
    /// The line was held low for more than a byte: the break condition.
    Break,
}

/// Where received bytes go. Both functions are called with the interrupt lock of the owner held.
pub trait Receiver {
    /// Whether `take` has room for one more.
    fn has_room(&self) -> bool;
    /// Takes one item.
    fn take(&mut self, item: Received);
}

/// What an interrupt brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Served {
    /// Items were handed to the receiver.
    pub received: bool,
    /// The chip has sent what it had, and has taken what there was from the transmit source.
    pub transmitted: bool,
    /// The chip lost bytes because nobody took them in time.
    pub overrun: bool,
}

/// One UART that was found and set up.
pub struct Uart<R> {
    registers: R,
    fifo_depth: usize,
    enabled: InterruptEnable,
}

impl<R: Registers> Uart<R> {
    /// Looks for a chip and sets it to 115,200 bits per second, 8 data bits, no parity, 1 stop bit, FIFOs on, DTR and RTS on, all
    /// interrupts off. `None` when nothing answers.
    pub fn detect(registers: R) -> Option<Self> {
        let mut uart = Uart { registers, fifo_depth: 1, enabled: InterruptEnable::empty() };
        if !uart.is_present() {
            return None;
        }
        uart.set_up();
        Some(uart)
    }

    /// Whether a chip answers: its interrupt-enable register must hold what is written (the upper half reads as zero), and in
    /// loop-back mode the modem outputs must appear as modem inputs. An absent device reads as all ones or all zeros.
    fn is_present(&mut self) -> bool {
        self.write(Register::InterruptEnable, 0);
        let cleared = self.read(Register::InterruptEnable);
        self.write(Register::InterruptEnable, 0x0f);
        let set = self.read(Register::InterruptEnable);
        self.write(Register::InterruptEnable, 0);
        if cleared & 0x0f != 0 || set != 0x0f {
            return false;
        }
        let before = self.read(Register::ModemControl);
        self.write(Register::ModemControl, (ModemControl::LOOP | ModemControl::OUT2 | ModemControl::RTS).bits());
        let looped = self.read(Register::ModemStatus) & 0xf0;
        self.write(Register::ModemControl, before);
        looped == 0x90
    }

    fn set_up(&mut self) {
        self.set_speed(INITIAL_SPEED);
        let clear = FifoControl::CLEAR_RECEIVE | FifoControl::CLEAR_TRANSMIT;
        self.write(FIFO_CONTROL, (FifoControl::ENABLE | clear | FifoControl::TRIGGER_14).bits());
        // Both top bits of IIR say that the FIFOs work: a 16550A. Older chips (8250, 16450, the broken 16550) have no usable FIFO.
        let has_fifo = self.read(Register::InterruptIdentity) & 0xc0 == 0xc0;
        if !has_fifo {
            self.write(FIFO_CONTROL, 0);
        }
        self.fifo_depth = if has_fifo { FIFO_DEPTH } else { 1 };
        // OUT2 connects the chip's interrupt to the bus on a PC.
        self.write(Register::ModemControl, (ModemControl::DTR | ModemControl::RTS | ModemControl::OUT2).bits());
        // Reading these drops what an earlier owner of the line left pending.
        self.read(Register::LineStatus);
        self.read(Register::Data);
        self.read(Register::InterruptIdentity);
        self.read(Register::ModemStatus);
    }

    /// Sets the line speed; what the chip can't divide its clock to becomes the nearest slower one it can.
    pub fn set_speed(&mut self, bits_per_second: u32) {
        let divisor = INITIAL_SPEED.div_ceil(bits_per_second.clamp(2, INITIAL_SPEED)).clamp(1, 0xffff) as u16;
        let [low, high] = divisor.to_le_bytes();
        self.write(Register::LineControl, (LineControl::EIGHT_BITS | LineControl::DIVISOR_LATCH).bits());
        self.write(Register::Data, low);
        self.write(Register::InterruptEnable, high);
        self.write(Register::LineControl, LineControl::EIGHT_BITS.bits());
    }

    /// Switches the receive interrupt on. Bytes that wait in the chip already raise it at once.
    pub fn start_receiving(&mut self) {
        self.enable(InterruptEnable::RECEIVED | InterruptEnable::LINE_STATUS);
    }

    /// Whether the receive interrupt is on.
    pub fn is_receiving(&self) -> bool {
        self.enabled.contains(InterruptEnable::RECEIVED)
    }

    /// Holds the line in the break condition, or releases it (TIOCSBRK, TIOCCBRK).
    pub fn set_break(&mut self, on: bool) {
        let held = if on { LineControl::BREAK } else { LineControl::empty() };
        self.write(Register::LineControl, (LineControl::EIGHT_BITS | held).bits());
    }

    /// Whether the last byte has left the chip altogether.
    pub fn is_drained(&self) -> bool {
        LineStatus::from_bits_retain(self.read(Register::LineStatus)).contains(LineStatus::TRANSMITTER_IDLE)
    }

    /// Whether the transmit FIFO is empty; the last byte may still be on its way out.
    pub fn is_transmit_empty(&self) -> bool {
        LineStatus::from_bits_retain(self.read(Register::LineStatus)).contains(LineStatus::TRANSMIT_EMPTY)
    }

    /// Sends from `source` for as long as the chip is ready at once, in batches of its FIFO; leaves the transmit interrupt on when
    /// there may be more to send, and off when the source is dry. Returns whether anything was taken.
    pub fn transmit(&mut self, source: &mut dyn FnMut() -> Option<u8>) -> bool {
        let mut taken = false;
        while LineStatus::from_bits_retain(self.read(Register::LineStatus)).contains(LineStatus::TRANSMIT_EMPTY) {
            for _ in 0..self.fifo_depth {
                let Some(byte) = source() else {
                    self.disable(InterruptEnable::TRANSMIT_EMPTY);
                    return taken;
                };
                self.write(Register::Data, byte);
                taken = true;
            }
        }
        self.enable(InterruptEnable::TRANSMIT_EMPTY);
        taken
    }

    /// Serves all pending causes of this chip's interrupt.
    pub fn on_interrupt(&mut self, receiver: &mut dyn Receiver, source: &mut dyn FnMut() -> Option<u8>) -> Served {
        let mut served = Served::default();
        for _ in 0..MAX_CAUSES {
            match InterruptIdentity::of(self.read(Register::InterruptIdentity)) {
                InterruptIdentity::None => break,
                InterruptIdentity::Received if self.fifo_depth > 1 => self.receive(RECEIVE_TRIGGER, receiver, &mut served),
                InterruptIdentity::LineStatus | InterruptIdentity::Received | InterruptIdentity::ReceiveTimeout => {
                    self.receive(1, receiver, &mut served)
                }
                InterruptIdentity::TransmitEmpty => {
                    self.transmit(source);
                    served.transmitted = true;
                }
                InterruptIdentity::ModemStatus => {
                    self.read(Register::ModemStatus);
                }
            }
        }
        served
    }

    /// Empties the receive FIFO into `receiver`, or switches the receive interrupt off when that is full. At least `known` bytes are
    /// there (when any is): without errors they are read in one go, since each access to a register costs as much as hundreds of instructions.
    fn receive(&mut self, known: usize, receiver: &mut dyn Receiver, served: &mut Served) {
        let mut known = known;
        loop {
            if !receiver.has_room() {
                self.disable(InterruptEnable::RECEIVED | InterruptEnable::LINE_STATUS);
                return;
            }
            let status = LineStatus::from_bits_retain(self.read(Register::LineStatus));
            served.overrun |= status.contains(LineStatus::OVERRUN);
            // A floating bus reads as all ones for ever: without this check an unplugged device would fill every buffer.
            if !status.contains(LineStatus::DATA_READY) || status == LineStatus::all() {
                return;
            }
            let byte = self.read(Register::Data);
            let item = if status.contains(LineStatus::BREAK) {
                Received::Break
            } else if status.intersects(LineStatus::PARITY_ERROR | LineStatus::FRAMING_ERROR) {
                Received::Damaged(byte)
            } else {
                Received::Byte(byte)
            };
            receiver.take(item);
            served.received = true;
            let burst = core::mem::replace(&mut known, 1);
            if status.intersects(LineStatus::FIFO_ERROR | LineStatus::BREAK | LineStatus::PARITY_ERROR | LineStatus::FRAMING_ERROR) {
                continue;
            }
            for _ in 1..burst {
                if !receiver.has_room() {
                    break;
                }
                receiver.take(Received::Byte(self.read(Register::Data)));
            }
        }
    }

    fn enable(&mut self, interrupts: InterruptEnable) {
        if !self.enabled.contains(interrupts) {
            self.enabled |= interrupts;
            self.write(Register::InterruptEnable, self.enabled.bits());
        }
    }

    fn disable(&mut self, interrupts: InterruptEnable) {
        if self.enabled.intersects(interrupts) {
            self.enabled -= interrupts;
            self.write(Register::InterruptEnable, self.enabled.bits());
        }
    }

    fn read(&self, register: Register) -> u8 {
        self.registers.read(register as u8)
    }

    fn write(&mut self, register: Register, value: u8) {
        self.registers.write(register as u8, value);
    }
}
