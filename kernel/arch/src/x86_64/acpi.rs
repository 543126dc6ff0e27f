//! The one ACPI table that boot needs: how interrupts are wired (MADT, ACPI 6.4 section 5.2.12).
//!
//! Tables come from firmware, so nothing in them is trusted: lengths are checked, and what is missing or odd leaves the
//! wiring that every PC has.

use super::interrupts::ISA_LINES;
use super::kernel_map;

/// Where an ISA line arrives.
#[derive(Clone, Copy)]
pub struct Line {
    /// Input of the I/O interrupt controller.
    pub input: u8,
    pub active_low: bool,
    pub level: bool,
}

/// How interrupts are wired.
#[derive(Clone, Copy)]
pub struct Wiring {
    /// Physical address of the I/O interrupt controller.
    pub ioapic: u64,
    /// By ISA line.
    pub isa: [Line; ISA_LINES],
}

const DEFAULT_IOAPIC: u64 = 0xfec0_0000;
/// Bytes of a table's header.
const HEADER: usize = 36;
/// A longer table isn't believed.
const LONGEST: usize = 64 << 10;

fn bytes(physical: u64, length: usize) -> Option<&'static [u8]> {
    if physical == 0 {
        return None;
    }
    let start = kernel_map::readable(physical, length)?;
    // SAFETY: mapped; firmware's tables aren't written by anybody.
    Some(unsafe { core::slice::from_raw_parts(start, length) })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// The table at this address, if its length and checksum are right.
fn table(physical: u64) -> Option<&'static [u8]> {
    let length = u32_at(bytes(physical, HEADER)?, 4)? as usize;
    if !(HEADER..=LONGEST).contains(&length) {
        return None;
    }
    bytes(physical, length).filter(|table| sum(table) == 0)
}

/// The interrupt table, found from the root pointer.
fn madt(rsdp: u64) -> Option<&'static [u8]> {
    let root = bytes(rsdp, 36)?;
    if root.get(..8)? != b"RSD PTR " {
        return None;
    }
    let (address, width) = match root.get(15)? {
        0 | 1 => (u64::from(u32_at(root, 16)?), 4),
        _ => (u64_at(root, 24)?, 8),
    };
    let list = table(address)?;
    let addresses = list.get(HEADER..)?.chunks_exact(width);
    let mut tables = addresses.filter_map(|entry| u64_at(entry, 0).or_else(|| u32_at(entry, 0).map(u64::from))).filter_map(table);
    tables.find(|table| table.starts_with(b"APIC"))
}

/// The wiring that the firmware describes, or that of every PC.
pub fn interrupt_wiring(rsdp: Option<u64>) -> Wiring {
    let mut wiring =
        Wiring { ioapic: DEFAULT_IOAPIC, isa: core::array::from_fn(|line| Line { input: line as u8, active_low: false, level: false }) };
    if let Some(table) = rsdp.and_then(madt) {
        read_entries(table, &mut wiring);
    }
    wiring
}

fn read_entries(table: &[u8], wiring: &mut Wiring) {
    const IO_APIC: u8 = 1;
    const OVERRIDE: u8 = 2;
    let mut rest = table.get(HEADER + 8..).unwrap_or(&[]);
    let mut found = false;
    while let &[kind, length, ..] = rest {
        let Some(entry) = rest.get(..usize::from(length)).filter(|entry| entry.len() >= 2) else { return };
        match kind {
            IO_APIC if !found && u32_at(entry, 8) == Some(0) => {
                found = true;
                wiring.ioapic = u32_at(entry, 4).map_or(DEFAULT_IOAPIC, u64::from);
            }
            OVERRIDE if entry.len() >= 10 => {
                let flags = entry[8];
                if let Some(line) = wiring.isa.get_mut(usize::from(entry[3])) {
                    *line = Line { input: entry[4], active_low: flags & 3 == 3, level: flags >> 2 & 3 == 3 };
                }
            }
            _ => {}
        }
        rest = &rest[entry.len()..];
    }
}
