//! The I/O interrupt controller: which device line goes to which vector of which processor.

use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

use super::kernel_map;
use crate::once::Once;
use crate::types::Irq;
use crate::wiring::{Line, Wiring};

const VERSION: u32 = 1;
const REDIRECTIONS: u32 = 0x10;
const MASKED: u32 = 1 << 16;
const ACTIVE_LOW: u32 = 1 << 13;
const LEVEL: u32 = 1 << 15;
/// Offset of the data window; the index register is at 0.
const WINDOW: usize = 0x10;

static REGISTERS: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());
static BUSY: AtomicBool = AtomicBool::new(false);
static WIRING: Once<Wiring> = Once::new();
/// How many inputs it has.
static INPUTS: AtomicU32 = AtomicU32::new(0);

/// Runs `f` with the index and data registers, alone among processors.
fn with_registers<R>(f: impl FnOnce(&dyn Fn(u32) -> u32, &dyn Fn(u32, u32)) -> R) -> Option<R> {
    let base = REGISTERS.load(Ordering::Acquire);
    if base.is_null() {
        return None;
    }
    let _hold = crate::guards::hold();
    while BUSY.swap(true, Ordering::Acquire) {
        core::hint::spin_loop();
    }
    // SAFETY: `initialise` mapped the registers; an access is an index and then the data, which BUSY keeps together.
    let read = |index: u32| unsafe {
        base.cast::<u32>().write_volatile(index);
        base.add(WINDOW).cast::<u32>().read_volatile()
    };
    // SAFETY: as above.
    let write = |index: u32, value: u32| unsafe {
        base.cast::<u32>().write_volatile(index);
        base.add(WINDOW).cast::<u32>().write_volatile(value);
    };
    let result = f(&read, &write);
    BUSY.store(false, Ordering::Release);
    Some(result)
}

/// Maps the controller and masks all lines.
pub fn initialise(wiring: &Wiring) {
    let Some(place) = kernel_map::map_device(wiring.ioapic, 0x20) else { panic!("no room to map the interrupt controller") };
    WIRING.set(*wiring);
    REGISTERS.store(place, Ordering::Release);
    with_registers(|read, write| {
        let inputs = (read(VERSION) >> 16 & 0xff) + 1;
        INPUTS.store(inputs, Ordering::Relaxed);
        for input in 0..inputs {
            write(REDIRECTIONS + 2 * input, MASKED);
        }
    });
}

/// Where an ISA line comes in; none if the firmware named an input that isn't there.
pub fn line(irq: Irq) -> Option<Line> {
    let line = *WIRING.get()?.isa.get(usize::from(irq.0))?;
    (u32::from(line.input) < INPUTS.load(Ordering::Relaxed)).then_some(line)
}

/// Sends an ISA line to this vector of the processor with this bus number.
pub fn open(irq: Irq, vector: u8, processor: u8) {
    let Some(line) = line(irq) else { return };
    let mut low = u32::from(vector);
    if line.active_low {
        low |= ACTIVE_LOW;
    }
    if line.level {
        low |= LEVEL;
    }
    with_registers(|_, write| {
        write(REDIRECTIONS + 2 * u32::from(line.input) + 1, u32::from(processor) << 24);
        write(REDIRECTIONS + 2 * u32::from(line.input), low);
    });
}
