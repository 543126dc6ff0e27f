//! Interrupts: the flag, the handlers, and passing one to the other.
//!
//! There are two sets of controllers. Usually the I/O interrupt controller sends the devices' lines to the local one of a processor, which has
//! the timer too. With `noapic` on the command line neither is used: the old pair of controllers (`pic`) and the interval timer (`pit`) serve.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU16, AtomicU64, Ordering};

use super::latency::{self, DISABLE_SITE, ENABLE_AFTER_CALL_SITE, ENABLE_SITE, site};
use super::{acpi, clock, ioapic, lapic, pic};
use crate::MAX_CPUS;
use crate::per_cpu::PerCpu;
use crate::types::{InterruptCounts, Irq, IrqLine};
use crate::wiring::ISA_LINES;

/// The vector of ISA line 0; the others follow.
pub const ISA_VECTORS: u8 = 0x20;
/// The interval timer's line.
const PIT_LINE: u8 = 0;

type Handler = AtomicPtr<()>;

static HANDLERS: [Handler; ISA_LINES] = [const { AtomicPtr::new(core::ptr::null_mut()) }; ISA_LINES];
static TIMER: Handler = AtomicPtr::new(core::ptr::null_mut());
/// Whether the old controllers serve.
static OLD: AtomicBool = AtomicBool::new(false);
/// Lines that are open, a bit for each.
static OPEN: AtomicU16 = AtomicU16::new(0);

/// What one CPU counts. Only it writes them, and with interrupts off, so that no locked instruction is needed.
struct Counters {
    lines: [AtomicU64; ISA_LINES],
    timer: AtomicU64,
    spurious: AtomicU64,
    non_maskable: AtomicU64,
    unexpected: AtomicU64,
}

static COUNTERS: PerCpu<Counters> = PerCpu::new(
    [const {
        Counters {
            lines: [const { AtomicU64::new(0) }; ISA_LINES],
            timer: AtomicU64::new(0),
            spurious: AtomicU64::new(0),
            non_maskable: AtomicU64::new(0),
            unexpected: AtomicU64::new(0),
        }
    }; MAX_CPUS],
);

fn count(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// Whether the word is among the kernel's parameters.
pub fn has_parameter(command_line: &str, parameter: &str) -> bool {
    command_line.split_ascii_whitespace().take_while(|&word| word != "--").any(|word| word == parameter)
}

/// Sets the controllers up, all lines masked.
pub fn initialise(rsdp: Option<u64>, command_line: &str) {
    if has_parameter(command_line, "noapic") {
        OLD.store(true, Ordering::Relaxed);
        lapic::disable();
        pic::initialise(ISA_VECTORS);
    } else {
        pic::disable();
        lapic::initialise();
        ioapic::initialise(&acpi::interrupt_wiring(rsdp));
    }
}

/// Whether the old controllers and the interval timer serve instead of the newer ones.
#[inline]
pub fn are_old() -> bool {
    OLD.load(Ordering::Relaxed)
}

/// With the old controllers: lets the interval timer's interrupts through, which are then the CPU's timer's.
pub fn open_interval_timer() {
    pic::open(PIT_LINE);
    OPEN.fetch_or(1 << PIT_LINE, Ordering::Relaxed);
}

/// Whether interrupts are on.
#[inline]
pub fn enabled() -> bool {
    let flags: u64;
    // SAFETY: reads the flags by way of the stack.
    unsafe { asm!("pushfq", "pop {}", out(reg) flags, options(nomem, preserves_flags)) };
    flags & 1 << 9 != 0
}

/// Switches interrupts on.
#[inline]
pub fn enable() {
    // SAFETY: handlers exist for all vectors; memory accesses before must stay before, so no `nomem`.
    unsafe { asm!(site!("sti"), replacement = const ENABLE_SITE, options(nostack, preserves_flags)) };
}

/// [`enable`] on the way back from a system call, which had switched them off.
#[inline]
pub fn enable_after_call() {
    // SAFETY: as for `enable`.
    unsafe { asm!(site!("sti"), replacement = const ENABLE_AFTER_CALL_SITE, options(nostack, preserves_flags)) };
}

/// Switches interrupts off.
#[inline]
pub fn disable() {
    // SAFETY: nothing depends on interrupts being on; memory accesses behind must stay behind, so no `nomem`.
    unsafe { asm!(site!("cli"), replacement = const DISABLE_SITE, options(nostack, preserves_flags)) };
}

/// Waits for the next interrupt without missing one that comes just before; to be called with interrupts off, returns
/// with interrupts on. `sti` takes effect behind the next instruction, so nothing comes between it and `hlt`.
#[inline]
pub fn enable_and_halt() {
    if latency::is_on() {
        latency::end(enable_and_halt as *const () as u64);
    }
    // SAFETY: as for `enable`; `hlt` ends with any interrupt.
    unsafe { asm!("sti", "hlt", options(nostack, preserves_flags)) };
}

/// Sets what runs, with interrupts off, when a device raises this line, and opens the line; lines 16 and above don't
/// exist and are ignored.
pub fn set_handler(irq: Irq, handler: fn()) {
    let Some(slot) = HANDLERS.get(usize::from(irq.0)) else { return };
    slot.store(handler as *mut (), Ordering::Release);
    OPEN.fetch_or(1 << irq.0, Ordering::Relaxed);
    if are_old() {
        pic::open(irq.0);
    } else {
        ioapic::open(irq, ISA_VECTORS + irq.0, lapic::id());
    }
}

/// Sets what runs, with interrupts off, when this CPU's timer fires.
pub fn set_timer_handler(handler: fn()) {
    TIMER.store(handler as *mut (), Ordering::Release);
}

fn run(handler: &Handler) {
    let handler = handler.load(Ordering::Acquire);
    if !handler.is_null() {
        // SAFETY: the slots only ever hold function pointers of this type.
        unsafe { core::mem::transmute::<*mut (), fn()>(handler)() };
    }
}

pub(super) fn run_timer_handler() {
    run(&TIMER);
}

/// Deals with the interrupt of this vector, with interrupts off.
pub fn dispatch(vector: u8) {
    let counters = COUNTERS.get();
    match vector {
        lapic::TIMER_VECTOR if !are_old() => {
            count(&counters.timer);
            lapic::end_of_interrupt();
            clock::on_timer();
        }
        // The local controller has nothing in service for it, so there is nothing to acknowledge.
        lapic::SPURIOUS_VECTOR if !are_old() => count(&counters.spurious),
        _ => {
            let line = vector.wrapping_sub(ISA_VECTORS);
            match HANDLERS.get(usize::from(line)) {
                Some(handler) if are_old() => on_old_line(line, handler, counters),
                Some(handler) => {
                    count(&counters.lines[usize::from(line)]);
                    run(handler);
                }
                None => count(&counters.unexpected),
            }
            // A software interrupt or one of the old controllers' has nothing to acknowledge.
            if !are_old() && lapic::is_in_service(vector) {
                lapic::end_of_interrupt();
            }
        }
    }
}

/// Deals with an interrupt of the old controllers.
fn on_old_line(line: u8, handler: &Handler, counters: &Counters) {
    if pic::is_spurious(line) {
        count(&counters.spurious);
        return;
    }
    count(&counters.lines[usize::from(line)]);
    if line == PIT_LINE {
        pic::end_of_interrupt(line);
        clock::on_timer();
    } else {
        run(handler);
        pic::end_of_interrupt(line);
    }
}

/// Notes a non-maskable interrupt: nothing here raises one, so it only counts.
pub fn count_non_maskable() {
    count(&COUNTERS.get().non_maskable);
}

/// The interrupts of CPU number `cpu` since boot; none for a number that no CPU can have.
pub fn counts(cpu: usize) -> InterruptCounts {
    let Some(counters) = COUNTERS.of(cpu) else { return InterruptCounts::default() };
    let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    InterruptCounts {
        lines: core::array::from_fn(|line| value(&counters.lines[line])),
        timer: value(&counters.timer),
        spurious: value(&counters.spurious),
        non_maskable: value(&counters.non_maskable),
        unexpected: value(&counters.unexpected),
    }
}

/// How a line is wired; none if nobody listens to it.
pub fn line(irq: Irq) -> Option<IrqLine> {
    if irq.0 >= 16 || OPEN.load(Ordering::Relaxed) & 1 << irq.0 == 0 {
        return None;
    }
    if are_old() {
        return Some(IrqLine { controller: "XT-PIC", input: None, level: false });
    }
    let wired = ioapic::line(irq)?;
    Some(IrqLine { controller: "IO-APIC", input: Some(wired.input), level: wired.level })
}
