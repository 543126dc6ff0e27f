//! The device files of terminals, and how they find theirs: /dev/console, /dev/ttyS0, /dev/tty0 to 4, /dev/tty, /dev/ptmx, the slaves, /dev/hostio0
//! and 1.

use alloc::sync::Arc;
use core::fmt;

use abi::{Errno, Result};
use fs::{DeviceNumber, File, OpenFlags, OpenRequest};
use sync::Once;

use crate::pty::{self, MasterFile, SLAVE_MAJOR};
use crate::screen::{self, Screen};
use crate::serial::raw::RawChannel;
use crate::tty::{Tty, caller_credentials, caller_terminal};

/// Linux's numbers (Documentation/admin-guide/devices.txt).
const CONSOLE: DeviceNumber = DeviceNumber::new(5, 1);
const CURRENT: DeviceNumber = DeviceNumber::new(5, 0);
const PTMX: DeviceNumber = DeviceNumber::new(5, 2);
pub(crate) const SERIAL: DeviceNumber = DeviceNumber::new(4, 64);
/// From the range for local and experimental use.
const HOST_CHANNEL: DeviceNumber = DeviceNumber::new(240, 0);

/// The groups `tty` and `dialout`, as Debian numbers them.
const TTY_GROUP: u32 = 5;
const DIALOUT_GROUP: u32 = 20;

/// What /dev/console is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Console {
    /// The first serial line, ttyS0.
    #[default]
    Serial,
    /// The virtual terminal with this number; 0 is the one that is shown, tty0.
    Screen(usize),
}

impl fmt::Display for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Console::Serial => f.write_str("ttyS0"),
            Console::Screen(number) => write!(f, "tty{number}"),
        }
    }
}

static SERIAL_TTY: Once<Arc<Tty>> = Once::new();
static CONSOLE_KIND: Once<Console> = Once::new();

/// The terminal of the machine; `None` when the first serial line, which is it, is missing or serves as a raw channel.
pub fn console() -> Option<Arc<Tty>> {
    match CONSOLE_KIND.get().copied().unwrap_or_default() {
        Console::Serial => serial(),
        Console::Screen(number) => Screen::get()?.tty(number),
    }
}

pub(crate) fn set_console(console: Console) {
    // Set once, at boot.
    let _ = CONSOLE_KIND.set(console);
}

/// The terminal of the first serial line; `None` as for `console`.
pub(crate) fn serial() -> Option<Arc<Tty>> {
    SERIAL_TTY.get().cloned()
}

pub(crate) fn set_serial(tty: Arc<Tty>) {
    // Set once, at boot.
    let _ = SERIAL_TTY.set(tty);
}

fn open_console(request: &OpenRequest<'_>) -> Result<Arc<dyn File>> {
    Ok(console().ok_or(Errno::ENODEV)?.open(request.flags, true)?)
}

fn open_serial(request: &OpenRequest<'_>) -> Result<Arc<dyn File>> {
    Ok(serial().ok_or(Errno::EIO)?.open(request.flags, false)?)
}

/// ENXIO without a screen. The terminal that is shown isn't taken for a controlling one by its name /dev/tty0.
fn open_virtual(request: &OpenRequest<'_>) -> Result<Arc<dyn File>> {
    let number = request.device.minor() as usize;
    let flags = if number == 0 { request.flags | OpenFlags::NOCTTY } else { request.flags };
    Ok(Screen::get().and_then(|screen| screen.tty(number)).ok_or(Errno::ENXIO)?.open(flags, false)?)
}

/// /dev/tty: the caller's controlling terminal, ENXIO without one.
fn open_current(request: &OpenRequest<'_>) -> Result<Arc<dyn File>> {
    Ok(caller_terminal().ok_or(Errno::ENXIO)?.open(request.flags | OpenFlags::NOCTTY, false)?)
}

fn open_ptmx(_: &OpenRequest<'_>) -> Result<Arc<dyn File>> {
    Ok(MasterFile::open(caller_credentials())?)
}

/// EIO while the pair is locked, or when its master is gone.
fn open_slave(request: &OpenRequest<'_>) -> Result<Arc<dyn File>> {
    let pty = pty::find(request.device.minor()).filter(|pty| !pty.is_locked()).ok_or(Errno::EIO)?;
    Ok(pty.slave().open(request.flags, false)?)
}

/// Registers the terminals that every machine has.
pub(crate) fn register() {
    register_node("console", CONSOLE, 0o600, 0, open_console);
    register_node("ttyS0", SERIAL, 0o660, DIALOUT_GROUP, open_serial);
    register_node("tty", CURRENT, 0o666, TTY_GROUP, open_current);
    register_node("ptmx", PTMX, 0o666, TTY_GROUP, open_ptmx);
    fs::devices::register_char_device(DeviceNumber::new(SLAVE_MAJOR, 0), pty::MAX_PAIRS, Arc::new(open_slave));
}

/// Registers the terminals of the screen.
pub(crate) fn register_virtual() {
    fs::devices::register_char_device(DeviceNumber::new(screen::MAJOR, 0), screen::TERMINALS as u32 + 1, Arc::new(open_virtual));
    for (minor, name) in ["tty0", "tty1", "tty2", "tty3", "tty4"].into_iter().enumerate().take(screen::TERMINALS + 1) {
        fs::devices::register_node(name, 0o620, 0, TTY_GROUP, DeviceNumber::new(screen::MAJOR, minor as u32));
    }
}

/// Registers raw channel `index`.
pub(crate) fn register_channel(index: u32, name: &'static str, channel: Arc<RawChannel>) {
    let device = DeviceNumber::new(HOST_CHANNEL.major(), HOST_CHANNEL.minor() + index);
    register_node(name, device, 0o600, 0, move |_: &OpenRequest<'_>| Ok(channel.clone() as Arc<dyn File>));
}

fn register_node(
    name: &'static str,
    device: DeviceNumber,
    mode: u32,
    group: u32,
    opener: impl Fn(&OpenRequest<'_>) -> Result<Arc<dyn File>> + Send + Sync + 'static,
) {
    fs::devices::register_char_device(device, 1, Arc::new(opener));
    fs::devices::register_node(name, mode, 0, group, device);
}
