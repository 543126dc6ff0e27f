//! The keyboard of a PC: the two ports of its controller, and its interrupt.

use alloc::boxed::Box;
use alloc::sync::Arc;

use arch::interrupts::{self, Irq};
use arch::port::Port;
use terminal::keyboard::{self, BoxedPorts, Config, ConsoleSink, Layout, Ports};

/// The line on which the controller interrupts for the keyboard.
pub const LINE: Irq = Irq(1);

/// The controller's ports.
struct Controller {
    data: Port<u8>,
    /// Status when read, commands when written.
    command: Port<u8>,
}

impl Ports for Controller {
    fn read_data(&self) -> u8 {
        self.data.read()
    }

    fn read_status(&self) -> u8 {
        self.command.read()
    }

    fn write_data(&mut self, byte: u8) {
        self.data.write(byte);
    }

    fn write_command(&mut self, command: u8) {
        self.command.write(command);
    }
}

/// Access to the controller.
pub fn ports() -> BoxedPorts {
    // SAFETY: the standard places of the keyboard controller, which nobody else drives as long as the machine is not being restarted.
    let (data, command) = unsafe { (Port::new(0x60), Port::new(0x64)) };
    Box::new(Controller { data, command })
}

/// Starts the keyboard with the layout of this name. What an unknown name asks for is not guessed: it is the default.
pub fn start(keymap: Option<&str>, direct: bool) {
    let layout = keymap.map_or(Some(Layout::default()), Layout::by_name).unwrap_or_else(|| {
        log::warn!("keymap={}: there is no such layout", keymap.unwrap_or_default());
        Layout::default()
    });
    let config =
        Config { ports: ports(), layout, translate: !direct, sink: Arc::new(ConsoleSink), ctrl_alt_del: linux::start::ctrl_alt_del };
    if let Err(error) = keyboard::init(config) {
        log::error!("the keyboard can't be started: {error}");
        return;
    }
    interrupts::set_handler(LINE, keyboard::on_interrupt);
}
