//! Chapter 7: hardware interrupts, as the first PCs had them.
//!
//! Two 8259 controllers, a timer and a keyboard. The chapter shows what goes wrong (no handler, no acknowledgement, a lock that the
//! interrupted code holds) as well as what works. The real kernel uses the local and the I/O APIC, and its locks switch interrupts off.

mod deadlock;
pub mod keyboard;
pub mod pic;
mod pit;
mod rtc;

use core::sync::atomic::{AtomicU64, Ordering};

use arch::interrupts;

use crate::machine::idt::{Frame, Table, stub};
use crate::machine::{map, recovery};
use crate::{claim, say};
use pic::PICS;

/// Vector of the first line of the first controller; 0 to 31 are the processor's exceptions.
pub const FIRST_VECTOR: u8 = 32;
const TIMER: u8 = 0;
const KEYBOARD: u8 = 1;
const CASCADE_LINE: u8 = 2;
const CLOCK: u8 = 8;
const DOUBLE_FAULT: u8 = 8;

static TICKS: AtomicU64 = AtomicU64::new(0);
static DOUBLE_FAULTS: AtomicU64 = AtomicU64::new(0);

extern "C" fn double_fault(frame: &mut Frame) {
    DOUBLE_FAULTS.fetch_add(1, Ordering::Relaxed);
    recovery::leave(frame);
}
stub!(double_fault_stub, double_fault, error_code);

/// A handler as one writes it first: it doesn't acknowledge.
extern "C" fn forgetful_timer(_: &mut Frame) {
    TICKS.fetch_add(1, Ordering::Relaxed);
}
stub!(forgetful_timer_stub, forgetful_timer);

/// Prints a dot and acknowledges.
extern "C" fn timer(_: &mut Frame) {
    if TICKS.fetch_add(1, Ordering::Relaxed) < 40 {
        crate::machine::serial::byte(b'.');
    }
    PICS.end_of_interrupt(TIMER);
}
stub!(timer_stub, timer);

/// A line that is masked again, or whose device thinks better of it, while the processor is on its way: the controller has to answer
/// something, and says line 7. Nothing is in service then, so there is nothing to end.
extern "C" fn spurious(_: &mut Frame) {}
stub!(spurious_stub, spurious);

/// The same of the second controller. The first one did see its line 2.
extern "C" fn spurious_on_the_second(_: &mut Frame) {
    PICS.end_of_interrupt(CASCADE_LINE);
}
stub!(spurious_on_the_second_stub, spurious_on_the_second);

/// Loads a table with a handler for one line, and opens the line.
///
/// # Safety
/// Interrupts are off, and no other line is open.
pub unsafe fn listen(line: u8, handler: extern "C" fn()) {
    let table = Table::leak();
    table.set(FIRST_VECTOR + 7, spurious_stub);
    table.set(FIRST_VECTOR + 15, spurious_on_the_second_stub);
    table.set(FIRST_VECTOR + line, handler);
    // SAFETY: the caller's promise.
    unsafe { table.load() };
    PICS.open(line);
}

/// Waits for interrupts until the condition holds.
pub fn halt_until(condition: impl Fn() -> bool) {
    loop {
        interrupts::disable();
        if condition() {
            return;
        }
        // Nothing can come between the check and the halt: `sti` takes effect behind the instruction that follows it.
        interrupts::enable_and_halt();
    }
}

/// Lets the old controllers reach the processor: the local APIC passes their signal on through its LINT0 pin.
pub fn wire_up() {
    /// The local APIC's registers, where every PC has them after a reset.
    const LOCAL_APIC: u64 = 0xfee0_0000;
    const LINT0: usize = 0x350;
    /// The vector comes from the 8259.
    const EXTERNAL: u32 = 7 << 8;
    // SAFETY: the registers of this processor's own controller; from now on it passes on the 8259's interrupts, which `pic` deals with.
    unsafe { map::identity(LOCAL_APIC).add(LINT0).cast::<u32>().write_volatile(EXTERNAL) };
    PICS.initialise(FIRST_VECTOR);
}

extern "C" fn halt_once() {
    interrupts::enable_and_halt();
    interrupts::disable();
}

pub fn run() {
    interrupts::disable();
    wire_up();
    say!("The controllers are remapped: their lines are vectors 32 to 47.");
    pit::set_rate(100);
    without_a_handler();
    without_acknowledgement();
    dots();
    deadlock::show();
    rtc::show();
    keyboard::show();
    PICS.set_masks(0xff, 0xff);
}

fn without_a_handler() {
    let table = Table::leak();
    table.set(DOUBLE_FAULT, double_fault_stub);
    // SAFETY: interrupts are off; whatever comes ends as a double fault.
    unsafe { table.load() };
    PICS.open(TIMER);
    // SAFETY: the function holds nothing.
    let returned = unsafe { recovery::guarded(halt_once) };
    interrupts::disable();
    claim!(!returned && DOUBLE_FAULTS.load(Ordering::Relaxed) == 1, "interrupts on without a handler for the timer: a double fault");
    PICS.set_masks(0xff, 0xff);
    PICS.end_of_interrupt(TIMER);
}

fn without_acknowledgement() {
    // SAFETY: interrupts are off, and all lines are masked.
    unsafe { listen(TIMER, forgetful_timer_stub) };
    interrupts::enable();
    // The next tick waits in the request register while the first is in service for ever.
    while !(TICKS.load(Ordering::Relaxed) >= 1 && PICS.requested() & 1 != 0) {
        core::hint::spin_loop();
    }
    interrupts::disable();
    let (ticks, in_service) = (TICKS.load(Ordering::Relaxed), PICS.in_service());
    claim!(ticks == 1 && in_service == 1, "without an end-of-interrupt there is one tick, and line 0 stays in service");
    PICS.set_masks(0xff, 0xff);
    PICS.end_of_interrupt(TIMER);
}

fn dots() {
    const COUNT: u64 = 20;
    TICKS.store(0, Ordering::Relaxed);
    let started = arch::clock::now();
    // SAFETY: as before.
    unsafe { listen(TIMER, timer_stub) };
    halt_until(|| TICKS.load(Ordering::Relaxed) >= COUNT);
    let milliseconds = (arch::clock::now() - started) / 1_000_000;
    PICS.set_masks(0xff, 0xff);
    say!("");
    claim!(TICKS.load(Ordering::Relaxed) >= COUNT, "{COUNT} dots by the timer, one each 10 ms: they took {milliseconds} ms here");
}
