//! The pair of 8259 interrupt controllers (Intel 8259A data sheet).
//!
//! ```text
//! RTC ──8─┐              timer ────0─┐
//!       9─┤ second       keyboard ─1─┤ first
//!   …     ├────────────────────────2─┤────────► processor
//! disk ─14┤                 …        │
//!      15─┘                        7─┘
//! ```
//! After a reset of a PC their vectors are 8 to 15 and 0x70 to 0x77, so that the timer looks like a double fault: they must be moved.

use arch::port::Port;

/// Initialisation in four words follows.
const INITIALISE: u8 = 0x11;
/// The second controller sits on line 2 of the first.
const CASCADE: u8 = 2;
const MODE_8086: u8 = 1;
const END_OF_INTERRUPT: u8 = 0x20;
/// The next read of the command port gives the requests, or what is in service.
const READ_REQUESTS: u8 = 0x0a;
const READ_IN_SERVICE: u8 = 0x0b;

struct Pic {
    command: Port<u8>,
    data: Port<u8>,
}

/// Both controllers.
pub struct Pics {
    first: Pic,
    second: Pic,
}

// SAFETY: the standard ports, which the real kernel leaves masked and alone.
pub static PICS: Pics = unsafe {
    Pics { first: Pic { command: Port::new(0x20), data: Port::new(0x21) }, second: Pic { command: Port::new(0xa0), data: Port::new(0xa1) } }
};

/// Old controllers need a moment between two words; a write to the port of the power-on self test takes one.
fn wait() {
    // SAFETY: nobody listens to this port.
    unsafe { Port::<u8>::new(0x80) }.write(0);
}

impl Pics {
    /// Moves the sixteen lines to `vector` and what follows, all masked. `vector` is a multiple of 8.
    pub fn initialise(&self, vector: u8) {
        for (pic, words) in [(&self.first, [vector, 1 << CASCADE, MODE_8086]), (&self.second, [vector + 8, CASCADE, MODE_8086])] {
            pic.command.write(INITIALISE);
            wait();
            for word in words {
                pic.data.write(word);
                wait();
            }
        }
        self.set_masks(0xff, 0xff);
    }

    /// Sets which lines are masked.
    pub fn set_masks(&self, first: u8, second: u8) {
        self.first.data.write(first);
        self.second.data.write(second);
    }

    /// Opens a line, and with it the cascade to the second controller.
    pub fn open(&self, line: u8) {
        let (first, second) = (self.first.data.read(), self.second.data.read());
        match line {
            0..8 => self.first.data.write(first & !(1 << line)),
            _ => {
                self.first.data.write(first & !(1 << CASCADE));
                self.second.data.write(second & !(1 << (line - 8)));
            }
        }
    }

    /// Says that this line was dealt with. An interrupt of the second controller is one of the first as well: both want to hear of it.
    pub fn end_of_interrupt(&self, line: u8) {
        if line >= 8 {
            self.second.command.write(END_OF_INTERRUPT);
        }
        self.first.command.write(END_OF_INTERRUPT);
    }

    /// Lines of the first controller that want the processor.
    pub fn requested(&self) -> u8 {
        self.first.command.write(READ_REQUESTS);
        self.first.command.read()
    }

    /// Lines of the first controller whose interrupt is being dealt with.
    pub fn in_service(&self) -> u8 {
        self.first.command.write(READ_IN_SERVICE);
        self.first.command.read()
    }
}
