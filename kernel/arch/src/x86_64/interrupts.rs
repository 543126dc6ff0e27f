//! Interrupts: the flag, the handlers, and passing one to the other.

use core::arch::asm;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use super::{acpi, clock, ioapic, lapic, pic};
use crate::types::Irq;

/// The vector of ISA line 0; the others follow.
pub const ISA_VECTORS: u8 = 0x20;
/// How many ISA lines there are.
pub const ISA_LINES: usize = 16;

type Handler = AtomicPtr<()>;

static HANDLERS: [Handler; ISA_LINES] = [const { AtomicPtr::new(core::ptr::null_mut()) }; ISA_LINES];
static TIMER: Handler = AtomicPtr::new(core::ptr::null_mut());
static NON_MASKABLE: AtomicU64 = AtomicU64::new(0);
static UNEXPECTED: AtomicU64 = AtomicU64::new(0);

/// Sets the controllers up, all lines masked.
pub fn initialise(rsdp: Option<u64>) {
    pic::disable();
    lapic::initialise();
    ioapic::initialise(&acpi::interrupt_wiring(rsdp));
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
    unsafe { asm!("sti", options(nostack, preserves_flags)) };
}

/// Switches interrupts off.
#[inline]
pub fn disable() {
    // SAFETY: nothing depends on interrupts being on; memory accesses behind must stay behind, so no `nomem`.
    unsafe { asm!("cli", options(nostack, preserves_flags)) };
}

/// Waits for the next interrupt without missing one that comes just before; to be called with interrupts off, returns
/// with interrupts on. `sti` takes effect behind the next instruction, so nothing comes between it and `hlt`.
#[inline]
pub fn enable_and_halt() {
    // SAFETY: as for `enable`; `hlt` ends with any interrupt.
    unsafe { asm!("sti", "hlt", options(nostack, preserves_flags)) };
}

/// Sets what runs, with interrupts off, when a device raises this line, and opens the line; lines 16 and above don't
/// exist and are ignored.
pub fn set_handler(irq: Irq, handler: fn()) {
    if let Some(slot) = HANDLERS.get(usize::from(irq.0)) {
        slot.store(handler as *mut (), Ordering::Release);
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
    match vector {
        lapic::TIMER_VECTOR => {
            lapic::end_of_interrupt();
            clock::on_timer();
        }
        lapic::SPURIOUS_VECTOR => {}
        _ => {
            if let Some(handler) = HANDLERS.get(usize::from(vector.wrapping_sub(ISA_VECTORS))) {
                run(handler);
            } else {
                UNEXPECTED.fetch_add(1, Ordering::Relaxed);
            }
            // A software interrupt or one of the old controllers' has nothing to acknowledge.
            if lapic::is_in_service(vector) {
                lapic::end_of_interrupt();
            }
        }
    }
}

/// Notes a non-maskable interrupt: nothing here raises one, so it only counts.
pub fn count_non_maskable() {
    NON_MASKABLE.fetch_add(1, Ordering::Relaxed);
}

/// Non-maskable interrupts, and interrupts that nobody waited for, since boot.
pub fn oddities() -> (u64, u64) {
    (NON_MASKABLE.load(Ordering::Relaxed), UNEXPECTED.load(Ordering::Relaxed))
}
