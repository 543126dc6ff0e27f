//! Finding ACPI tables, and the one that boot needs first: how interrupts are wired (`wiring` reads it).
//!
//! Tables come from firmware, so nothing in them is trusted: lengths are checked, and what is missing or odd counts as absent.

use super::kernel_map;
use crate::wiring::Wiring;

/// Bytes of a table's header.
const HEADER: usize = 36;
/// A longer table isn't believed. The DSDT of a large machine has some hundred KiB.
const LONGEST: usize = 1 << 20;

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
pub(super) fn table(physical: u64) -> Option<&'static [u8]> {
    let length = u32_at(bytes(physical, HEADER)?, 4)? as usize;
    if !(HEADER..=LONGEST).contains(&length) {
        return None;
    }
    bytes(physical, length).filter(|table| sum(table) == 0)
}

/// All tables with this signature, found from the root pointer.
pub(super) fn find(rsdp: u64, signature: &'static [u8; 4]) -> impl Iterator<Item = &'static [u8]> {
    let (list, width) = root_table(rsdp).unwrap_or((&[], 4));
    let address = |entry: &[u8]| u64_at(entry, 0).or_else(|| u32_at(entry, 0).map(u64::from));
    let addresses = list.get(HEADER..).unwrap_or(&[]).chunks_exact(width).filter_map(address);
    // Its header alone tells which one a table is, so that the others need not be mapped.
    addresses.filter(move |&at| bytes(at, HEADER).is_some_and(|header| header.starts_with(signature))).filter_map(table)
}

/// The list of all tables, and how many bytes each of its entries has.
fn root_table(rsdp: u64) -> Option<(&'static [u8], usize)> {
    let root = bytes(rsdp, HEADER)?;
    if root.get(..8)? != b"RSD PTR " {
        return None;
    }
    let (address, width) = match root.get(15)? {
        0 | 1 => (u64::from(u32_at(root, 16)?), 4),
        _ => (u64_at(root, 24)?, 8),
    };
    Some((table(address)?, width))
}

/// The wiring that the firmware describes, or that of every PC.
pub fn interrupt_wiring(rsdp: Option<u64>) -> Wiring {
    rsdp.and_then(|rsdp| find(rsdp, b"APIC").next()).map_or_else(Wiring::usual, Wiring::read)
}
