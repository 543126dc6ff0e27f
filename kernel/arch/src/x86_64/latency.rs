//! How long interrupts are off at most, which is how late an interrupt can be: measured when `irqoff` is on the command line.
//!
//! Without it this costs nothing. With it, each `sti` and `cli` of the kernel (they are listed in `.interrupt_sites`) is overwritten at
//! boot by a one-byte instruction that 64-bit mode doesn't have; the exception's handler does what the instruction would have done and
//! reads the clock. So what is measured includes the way into that handler and back, about a hundred instructions. What the processor
//! switches off itself counts too: interrupts and exceptions, but for the instructions that save and restore the registers. Not counted
//! is the way from a system call to where interrupts come on again, and the last piece of the way to ring 3.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::interrupts;
use super::registers::read_tsc;
use crate::MAX_CPUS;
use crate::context::Registers;
use crate::per_cpu::PerCpu;
use crate::types::LongestOff;

/// What stands at a site while this measures: instructions that became invalid with 64-bit mode (`push es`, `pop es`, `push cs`).
const DISABLE: u8 = 0x06;
const ENABLE: u8 = 0x07;
const ENABLE_AFTER_CALL: u8 = 0x0e;
/// The interrupt flag.
const INTERRUPTS: u64 = 1 << 9;

/// The assembly code of a site: the instruction, and an entry of the table with its distance from there and what may take its place.
macro_rules! site {
    ($instruction:literal) => {
        concat!("2: ", $instruction, "\n.pushsection .interrupt_sites, \"a\"\n.long 2b - ., {replacement}\n.popsection")
    };
}
pub(super) use site;

pub const DISABLE_SITE: u64 = DISABLE as u64;
pub const ENABLE_SITE: u64 = ENABLE as u64;
/// Where interrupts come on again after a system call. When they went off, nobody noted.
pub const ENABLE_AFTER_CALL_SITE: u64 = ENABLE_AFTER_CALL as u64;

unsafe extern "C" {
    static __interrupt_sites_start: [i32; 2];
    static __interrupt_sites_end: [i32; 2];
}

/// What a CPU notes. Only it writes these, with interrupts off.
struct Notes {
    /// Ticks at which interrupts went off; 0 while they are on, or when that isn't known.
    since: AtomicU64,
    /// Where they did: an address, or a vector.
    place: AtomicU64,
    /// The longest stretch so far, in ticks, and between which places it was.
    longest: AtomicU64,
    from: AtomicU64,
    to: AtomicU64,
    stretches: AtomicU64,
}

static ON: AtomicBool = AtomicBool::new(false);
static NOTES: PerCpu<Notes> = PerCpu::new(
    [const {
        Notes {
            since: AtomicU64::new(0),
            place: AtomicU64::new(0),
            longest: AtomicU64::new(0),
            from: AtomicU64::new(0),
            to: AtomicU64::new(0),
            stretches: AtomicU64::new(0),
        }
    }; MAX_CPUS],
);

/// Begins to measure if the command line says so: rewrites the sites. To be called while the boot tables, which allow writing to text, are in
/// effect.
pub fn initialise(command_line: &str) {
    if !interrupts::has_parameter(command_line, "irqoff") {
        return;
    }
    let (start, end) = (&raw const __interrupt_sites_start, &raw const __interrupt_sites_end);
    // SAFETY: the linker script puts the symbols around the section.
    let sites = unsafe { core::slice::from_raw_parts(start, (end.addr() - start.addr()) / size_of::<[i32; 2]>()) };
    for entry in sites {
        let [distance, replacement] = *entry;
        let site = core::ptr::from_ref(entry).addr().wrapping_add_signed(distance as isize) as *mut u8;
        // SAFETY: a site is an instruction of one byte, which nobody executes meanwhile on the only processor; the boot tables allow writing.
        unsafe { site.write_volatile(replacement as u8) };
    }
    ON.store(true, Ordering::Relaxed);
}

/// Whether this measures.
#[inline]
pub fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// Does what the instruction at a rewritten site would have done. False if there is none at this address.
pub fn emulate(registers: &mut Registers) -> bool {
    if !is_on() {
        return false;
    }
    // SAFETY: the processor has just tried to execute what is there.
    let instruction = unsafe { (registers.rip as *const u8).read_volatile() };
    let were_on = registers.rflags & INTERRUPTS != 0;
    match instruction {
        ENABLE if !were_on => end(registers.rip),
        ENABLE_AFTER_CALL => NOTES.get().since.store(0, Ordering::Relaxed),
        ENABLE | DISABLE => {}
        _ => return false,
    }
    registers.rip += 1;
    if instruction == DISABLE {
        registers.rflags &= !INTERRUPTS;
        if were_on {
            begin(registers.rip);
        }
    } else {
        registers.rflags |= INTERRUPTS;
    }
    true
}

/// Notes that interrupts went off at this place, an address or a vector, just now.
pub fn begin(place: u64) {
    let notes = NOTES.get();
    notes.place.store(place, Ordering::Relaxed);
    notes.since.store(read_tsc(), Ordering::Relaxed);
}

/// Notes that they come on again at this address.
pub fn end(place: u64) {
    let now = read_tsc();
    let notes = NOTES.get();
    let since = notes.since.swap(0, Ordering::Relaxed);
    if since == 0 {
        return;
    }
    notes.stretches.store(notes.stretches.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    let length = now.saturating_sub(since);
    if length > notes.longest.load(Ordering::Relaxed) {
        notes.longest.store(length, Ordering::Relaxed);
        notes.from.store(notes.place.load(Ordering::Relaxed), Ordering::Relaxed);
        notes.to.store(place, Ordering::Relaxed);
    }
}

/// The longest stretch of CPU number `cpu` so far; none unless this measures.
pub fn longest(cpu: usize) -> Option<LongestOff> {
    let notes = NOTES.of(cpu).filter(|_| is_on())?;
    let value = |number: &AtomicU64| number.load(Ordering::Relaxed);
    Some(LongestOff {
        nanoseconds: super::clock::to_nanoseconds(value(&notes.longest)),
        from: value(&notes.from) as usize,
        to: value(&notes.to) as usize,
        stretches: value(&notes.stretches),
    })
}
