//! This processor's local interrupt controller (xAPIC): acknowledging interrupts, and the one-shot timer.

use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use super::kernel_map;
use super::registers::{self, APIC_BASE};

/// The timer's vector.
pub const TIMER_VECTOR: u8 = 0x30;
/// The vector of interrupts that turned out to be none. Its low four bits are ones, as old processors want.
pub const SPURIOUS_VECTOR: u8 = 0xff;

const ID: usize = 0x20;
const TASK_PRIORITY: usize = 0x80;
const END_OF_INTERRUPT: usize = 0xb0;
const SPURIOUS: usize = 0xf0;
const IN_SERVICE: usize = 0x100;
const TIMER: usize = 0x320;
const LINT0: usize = 0x350;
const LINT1: usize = 0x360;
const ERROR: usize = 0x370;
const INITIAL_COUNT: usize = 0x380;
const CURRENT_COUNT: usize = 0x390;
const DIVIDER: usize = 0x3e0;

/// In the register with the controller's address.
const SWITCHED_ON: u64 = 1 << 11;
const ENABLE: u32 = 1 << 8;
const MASKED: u32 = 1 << 16;
const NMI: u32 = 4 << 8;
/// The old controllers' interrupts.
const EXTERNAL: u32 = 7 << 8;
const DIVIDE_BY_16: u32 = 3;

static REGISTERS: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());
/// Timer ticks in a nanosecond, as a fixed-point number with 32 fractional bits.
static TICKS: AtomicU64 = AtomicU64::new(0);

fn register(offset: usize) -> *mut u32 {
    REGISTERS.load(Ordering::Relaxed).wrapping_add(offset).cast()
}

fn read(offset: usize) -> u32 {
    // SAFETY: `initialise` mapped the page of registers, which has this one.
    unsafe { register(offset).read_volatile() }
}

fn write(offset: usize, value: u32) {
    // SAFETY: as in `read`; the values written are the ones this file stands for.
    unsafe { register(offset).write_volatile(value) };
}

/// Maps the registers and switches the boot processor's controller on.
fn map() {
    // SAFETY: every x86_64 processor has the register; the bit switches the controller on at the address that it names.
    let base = unsafe {
        let value = registers::read_msr(APIC_BASE) | SWITCHED_ON;
        registers::write_msr(APIC_BASE, value);
        value & 0x000f_ffff_ffff_f000
    };
    let Some(place) = kernel_map::map_device(base, 4096) else { panic!("no room to map the local interrupt controller") };
    REGISTERS.store(place, Ordering::Relaxed);
}

/// Switches the boot processor's controller on, everything masked but NMIs.
pub fn initialise() {
    map();
    write(TASK_PRIORITY, 0);
    write(LINT0, MASKED);
    write(LINT1, NMI);
    write(ERROR, MASKED);
    write(TIMER, MASKED);
    write(SPURIOUS, ENABLE | u32::from(SPURIOUS_VECTOR));
}

/// Switches the boot processor's controller off for good: the old interrupt controllers then reach the processor directly. QEMU still lets
/// through only what the pin for them is set to, and not every firmware leaves it open.
pub fn disable() {
    map();
    write(TIMER, MASKED);
    write(LINT0, EXTERNAL);
    // SAFETY: as in `map`; nobody uses the controller from here on.
    unsafe { registers::write_msr(APIC_BASE, registers::read_msr(APIC_BASE) & !SWITCHED_ON) };
}

/// This processor's number on the interrupt bus.
pub fn id() -> u8 {
    (read(ID) >> 24) as u8
}

/// Says that an interrupt was dealt with.
#[inline]
pub fn end_of_interrupt() {
    write(END_OF_INTERRUPT, 0);
}

/// Whether this vector waits for [`end_of_interrupt`].
pub fn is_in_service(vector: u8) -> bool {
    read(IN_SERVICE + usize::from(vector / 32) * 0x10) & 1 << (vector % 32) != 0
}

/// Starts the timer's counter, to be measured against the clock by [`finish_calibration`].
pub fn start_calibration() {
    write(DIVIDER, DIVIDE_BY_16);
    write(INITIAL_COUNT, u32::MAX);
}

/// Works out the timer's rate from the nanoseconds since [`start_calibration`], and switches its interrupt on.
pub fn finish_calibration(nanoseconds: u64) {
    let ticks = u64::from(u32::MAX - read(CURRENT_COUNT));
    write(INITIAL_COUNT, 0);
    TICKS.store(((ticks << 32) / nanoseconds.max(1)).max(1), Ordering::Relaxed);
    write(TIMER, u32::from(TIMER_VECTOR));
}

/// Arms the timer: it fires after about this many nanoseconds, earlier if that is longer than it can count. Returns the
/// time that it can hold, at most what was asked for.
pub fn arm(nanoseconds: u64) -> u64 {
    let rate = TICKS.load(Ordering::Relaxed);
    let ticks = (u128::from(nanoseconds) * u128::from(rate)) >> 32;
    let most = u128::from(u32::MAX);
    write(INITIAL_COUNT, ticks.clamp(1, most) as u32);
    if ticks <= most { nanoseconds } else { ((most << 32) / u128::from(rate)) as u64 }
}
