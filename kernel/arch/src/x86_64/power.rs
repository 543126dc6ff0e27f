//! Ends of the machine's life: off, restart, and the exit port of virtual machines.
//!
//! Off and restart go by the registers that the ACPI tables name, which work on every PC; what is tried behind them is for machines
//! without. The methods by which ACPI lets firmware prepare for sleep (`_PTS`) aren't run: there is no interpreter for them.

use super::acpi;
use super::interrupts;
use super::kernel_map;
use super::port::Port;
use super::registers::read_tsc;
use crate::once::Once;
use crate::power_tables::{self, Enable, Register, SoftOff, Space};
use crate::types::ExitCode;

/// The line status registers of the two serial ports, and their bit for "all bytes have left".
const SERIAL_STATUS: [u16; 2] = [0x3fd, 0x2fd];
const ALL_SENT: u8 = 1 << 6;
/// What an absent port reads as.
const ABSENT: u8 = 0xff;

/// A register, ready to be used.
#[derive(Clone, Copy)]
enum Place {
    Port(u16),
    Memory(*mut u8),
}

impl Place {
    fn of(register: Register) -> Option<Place> {
        Some(match register.space {
            Space::Port => Place::Port(u16::try_from(register.address).ok()?),
            Space::Memory => Place::Memory(kernel_map::map_device(register.address, 2)?),
        })
    }

    fn write_byte(self, value: u8) {
        match self {
            // SAFETY: a register that ends the machine's life, as its firmware says, which is what the caller wants.
            Place::Port(port) => unsafe { Port::<u8>::new(port) }.write(value),
            // SAFETY: as above, and mapped.
            Place::Memory(at) => unsafe { at.write_volatile(value) },
        }
    }

    fn read_word(self) -> u16 {
        match self {
            // SAFETY: a control register, which can be read without effect.
            Place::Port(port) => unsafe { Port::<u16>::new(port) }.read(),
            // SAFETY: as above, and mapped; such a register is aligned.
            Place::Memory(at) => unsafe { at.cast::<u16>().read_unaligned() },
        }
    }

    fn write_word(self, value: u16) {
        match self {
            // SAFETY: as for `write_byte`.
            Place::Port(port) => unsafe { Port::<u16>::new(port) }.write(value),
            // SAFETY: as for `write_byte`.
            Place::Memory(at) => unsafe { at.cast::<u16>().write_unaligned(value) },
        }
    }
}

/// The way to switch the machine off.
#[derive(Clone, Copy)]
enum Off {
    Control { first: (Place, u8), second: Option<(Place, u8)>, enable: Option<Enable> },
    Sleep { control: (Place, u8), status: Option<Place> },
}

#[derive(Clone, Copy, Default)]
struct Ways {
    off: Option<Off>,
    reset: Option<(Place, u8)>,
}

// SAFETY: the pointers are device registers, mapped for ever, that any processor may write to.
unsafe impl Send for Ways {}
// SAFETY: as above.
unsafe impl Sync for Ways {}

static WAYS: Once<Ways> = Once::new();

/// Looks the registers up in the firmware's tables, while those are still there.
pub fn initialise(rsdp: Option<u64>) {
    WAYS.set(rsdp.and_then(find_ways).unwrap_or_default());
}

fn find_ways(rsdp: u64) -> Option<Ways> {
    let fadt = acpi::find(rsdp, b"FACP").next()?;
    let code = acpi::table(power_tables::dsdt(fadt)).into_iter().chain(acpi::find(rsdp, b"SSDT"));
    let types = code.into_iter().find_map(power_tables::sleep_types);
    let off = types.and_then(|types| power_tables::soft_off(fadt, types)).and_then(|off| {
        let place = |(register, value)| Some((Place::of(register)?, value));
        Some(match off {
            SoftOff::Control { first, second, enable } => Off::Control { first: place(first)?, second: second.and_then(place), enable },
            SoftOff::Sleep { control, status } => Off::Sleep { control: place(control)?, status: status.and_then(Place::of) },
        })
    });
    let reset = power_tables::reset(fadt).and_then(|(register, value)| Some((Place::of(register)?, value)));
    Some(Ways { off, reset })
}

/// Ends the virtual machine with this status, by QEMU's isa-debug-exit. A machine without it is switched off after an orderly end, and
/// halts for ever after any other, so that what it said can be read.
///
/// Bytes that a serial port still holds would be lost, so an end that isn't a panic waits for them, however slowly the
/// other side reads.
pub fn exit(code: ExitCode) -> ! {
    if code != ExitCode::Panic {
        wait_for_serial_ports();
    }
    leave(code);
    if code == ExitCode::Success {
        soft_off();
    }
    halt()
}

/// Switches the machine off: by ACPI, else by the exit port; else it halts.
pub fn off() -> ! {
    wait_for_serial_ports();
    soft_off();
    leave(ExitCode::Success);
    halt()
}

/// Restarts the machine: by ACPI's reset register, the keyboard controller, the chipset, or in the end by a triple fault.
pub fn reboot() -> ! {
    wait_for_serial_ports();
    interrupts::disable();
    if let Some((place, value)) = WAYS.get().and_then(|ways| ways.reset) {
        log::info!("restart by ACPI's reset register");
        place.write_byte(value);
        wait();
    }
    log::info!("restart by the keyboard controller");
    // SAFETY: the keyboard controller's command port; this command restarts the machine, which is what the caller wants.
    unsafe { Port::<u8>::new(0x64) }.write(0xfe);
    wait();
    log::info!("restart by the chipset");
    // SAFETY: the reset register of PC chipsets, for the same.
    unsafe { Port::<u8>::new(0xcf9) }.write(0x06);
    wait();
    log::info!("restart by a triple fault");
    /// A descriptor table of length 0: no exception finds a handler, and none of those that follow from that.
    static NO_HANDLERS: [u16; 5] = [0; 5];
    // SAFETY: the processor gives up at the second instruction, so nothing that would need handlers runs any more.
    unsafe { core::arch::asm!("lidt [{}]", "int3", in(reg) &NO_HANDLERS, options(nostack)) };
    halt()
}

/// Stops the machine, which stays on; where there is an exit port, the virtual machine ends.
pub fn halt_machine() -> ! {
    wait_for_serial_ports();
    leave(ExitCode::Success);
    halt()
}

fn wait_for_serial_ports() {
    for number in SERIAL_STATUS {
        // SAFETY: reading a status register has no effect that matters at the end.
        let status = unsafe { Port::<u8>::new(number) };
        while !matches!(status.read(), ABSENT) && status.read() & ALL_SENT == 0 {
            core::hint::spin_loop();
        }
    }
}

/// Writes to the exit port, if there is one.
fn leave(code: ExitCode) {
    // SAFETY: a port that ends the machine, which is what the caller wants.
    unsafe { Port::<u32>::new(0xf4) }.write(code as u32);
}

/// Enters ACPI's state S5, if the tables say how. Returns when that had no effect.
fn soft_off() {
    /// In the PM1 control register: where the sleep type lies, the bit that enters it, and the one that says ACPI is in charge (4.8.3.2.1).
    const TYPE: u32 = 10;
    const ENTER: u16 = 1 << 13;
    const IN_CHARGE: u16 = 1;
    /// In the sleep control and status registers (4.8.3.7).
    const SLEEP_TYPE: u32 = 2;
    const SLEEP_ENTER: u8 = 1 << 5;
    const WOKEN: u8 = 1 << 7;
    interrupts::disable();
    match WAYS.get().and_then(|ways| ways.off) {
        None => return log::info!("ACPI does not say how to switch off"),
        Some(Off::Control { first, second, enable }) => {
            log::info!("off by ACPI's control register");
            if let Some(Enable { port, value }) = enable.filter(|_| first.0.read_word() & IN_CHARGE == 0) {
                // SAFETY: the port and the value that the FADT names for this.
                unsafe { Port::<u8>::new(port) }.write(value);
                wait_until(|| first.0.read_word() & IN_CHARGE != 0);
            }
            for (place, kind) in [Some(first), second].into_iter().flatten() {
                place.write_word(place.read_word() & !(7 << TYPE) | u16::from(kind) << TYPE | ENTER);
            }
        }
        Some(Off::Sleep { control: (control, kind), status }) => {
            log::info!("off by ACPI's sleep register");
            if let Some(status) = status {
                status.write_byte(WOKEN);
            }
            control.write_byte(kind << SLEEP_TYPE | SLEEP_ENTER);
        }
    }
    wait();
}

/// Lets some time pass in which the machine may end.
fn wait() {
    wait_until(|| false);
}

/// Waits for a condition, at least 50 ms at any plausible rate of the time-stamp counter, but not for ever.
fn wait_until(condition: impl Fn() -> bool) {
    let end = read_tsc().saturating_add(500_000_000);
    while read_tsc() < end && !condition() {
        core::hint::spin_loop();
    }
}

fn halt() -> ! {
    loop {
        interrupts::disable();
        // SAFETY: stops this processor; nothing is left to do.
        unsafe { core::arch::asm!("hlt", options(nomem, nostack)) };
    }
}
