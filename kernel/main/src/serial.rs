//! The two serial ports of a PC: what `terminal` gets to drive them, and their interrupts. It gets the screen along with them, and is told
//! which of all is the console.

use abi::termios::Winsize;
use alloc::boxed::Box;
use arch::interrupts::{self, Irq};
use arch::port::Port;
use drivers::uart::Registers;
use kernel::parameters::Parameters;
use terminal::{BoxedRegisters, Config, Console, Stdio};

use crate::screen;

/// First port and interrupt line of COM1 and COM2.
const LINES: [(u16, Irq); 2] = [(0x3f8, Irq(4)), (0x2f8, Irq(3))];
/// Where a 16550 has a register that keeps what is written to it.
const SCRATCH: u8 = 7;

/// The registers of a serial port behind eight I/O ports.
struct Ports([Port<u8>; 8]);

impl Ports {
    /// The registers from this port on, if a serial port answers there.
    fn probe(first: u16) -> Option<BoxedRegisters> {
        // SAFETY: the standard places of serial ports, which nobody else drives.
        let mut ports = Ports(core::array::from_fn(|offset| unsafe { Port::new(first + offset as u16) }));
        let answers = [0x5a, 0xa5].into_iter().all(|value| {
            ports.write(SCRATCH, value);
            ports.read(SCRATCH) == value
        });
        answers.then(|| Box::new(ports) as BoxedRegisters)
    }
}

impl Registers for Ports {
    fn read(&self, offset: u8) -> u8 {
        self.0[usize::from(offset % 8)].read()
    }

    fn write(&mut self, offset: u8, value: u8) {
        self.0[usize::from(offset % 8)].write(value);
    }
}

/// Gives both ports and the screen to the terminals and opens the ports' interrupts.
pub fn start(stdio: Stdio, parameters: &Parameters) {
    let window = parameters.window;
    let winsize = window.map(|(rows, columns)| Winsize { rows, columns, xpixel: 0, ypixel: 0 });
    let registers = LINES.map(|(first, _)| Ports::probe(first));
    let named = parameters.known_consoles().into_iter().map(|console| match console {
        kernel::parameters::Console::Serial => Console::Serial,
        kernel::parameters::Console::Screen(number) => Console::Screen(number),
    });
    let (consoles, messages) = (named.collect(), parameters.messages_on_screen());
    let config = Config { registers, stdio, winsize, display: screen::display(), consoles, messages };
    if let Err(error) = terminal::init(config) {
        panic!("the terminals can't be started: {error}");
    }
    interrupts::set_handler(LINES[0].1, || terminal::serial::on_interrupt(0));
    interrupts::set_handler(LINES[1].1, || terminal::serial::on_interrupt(1));
}
