//! The memory map while it is being made.
//!
//! Firmware describes memory in pieces that may come in any order, overlap, have no length or reach beyond the end of the address space.
//! Each piece is kept as a *claim*; the map is what follows from all claims: for every address the strongest one, so that memory is only
//! used where nobody says otherwise. No memory is allocated: there is none yet.

use core::ops::Range;

use crate::PAGE_SIZE;
use crate::types::{MemoryKind, MemoryRegion};

/// The most claims that are kept.
const CLAIMS: usize = 256;
/// The most regions that so many claims can make: one between any two of their ends.
const REGIONS: usize = 2 * CLAIMS;
/// Addresses from here on (64 TiB) are left out: the kernel's map of physical memory ends before twice that.
pub const ADDRESS_LIMIT: u64 = 1 << 46;
/// What is below (1 MiB) belongs to firmware, and to the start of further processors.
const LOW_MEMORY: u64 = 1 << 20;
const PAGE: u64 = PAGE_SIZE as u64;

const NOTHING: MemoryRegion = MemoryRegion { start: 0, len: 0, kind: MemoryKind::Reserved };

/// The memory map, and what it is made from.
pub struct Map {
    claims: [MemoryRegion; CLAIMS],
    claimed: usize,
    regions: [MemoryRegion; REGIONS],
    len: usize,
}

/// The kinds of memory, as ACPI and so all loaders number them (ACPI 6.4, table 15.374).
pub fn memory_kind(number: u32) -> MemoryKind {
    match number {
        1 => MemoryKind::Usable,
        3 => MemoryKind::AcpiTables,
        4 => MemoryKind::AcpiStorage,
        5 => MemoryKind::Defective,
        _ => MemoryKind::Reserved,
    }
}

/// Which of two claims to the same address holds: the higher one.
fn strength(kind: MemoryKind) -> u8 {
    match kind {
        MemoryKind::Usable => 0,
        MemoryKind::Kernel => 1,
        MemoryKind::AcpiTables => 2,
        MemoryKind::AcpiStorage => 3,
        MemoryKind::Reserved => 4,
        MemoryKind::Defective => 5,
    }
}

impl Map {
    /// The map of nothing.
    pub const fn new() -> Map {
        Map { claims: [NOTHING; CLAIMS], claimed: 0, regions: [NOTHING; REGIONS], len: 0 }
    }

    /// Adds a claim; [`Map::tidy`] makes it count. What reaches beyond [`ADDRESS_LIMIT`] is cut off there. When there is no room, it is usable
    /// memory that is forgotten, and not what must be left alone.
    pub fn add(&mut self, start: u64, len: u64, kind: MemoryKind) {
        let end = start.saturating_add(len).min(ADDRESS_LIMIT);
        // Usable memory that wraps around the address space is nonsense, of which no part is believed.
        if start >= end || kind == MemoryKind::Usable && start.checked_add(len).is_none() {
            return;
        }
        let claim = MemoryRegion { start, len: end - start, kind };
        let claims = &mut self.claims[..];
        if let Some(slot) = claims.get_mut(self.claimed) {
            *slot = claim;
            self.claimed += 1;
        } else if kind != MemoryKind::Usable
            && let Some(slot) = claims.iter_mut().rev().find(|other| other.kind == MemoryKind::Usable)
        {
            *slot = claim;
        }
    }

    /// Makes the regions from the claims: sorted by address, without overlaps, usable ones in whole pages.
    pub fn tidy(&mut self) {
        self.len = 0;
        let mut at = 0;
        while let Some(next) = self.next_edge(at) {
            if let Some(kind) = self.strongest(at) {
                self.push(at, next, kind);
            }
            at = next;
        }
        let mut kept = 0;
        for index in 0..self.len {
            let mut region = self.regions[index];
            if region.kind == MemoryKind::Usable {
                let end = (region.start + region.len) & !(PAGE - 1);
                region.start = region.start.next_multiple_of(PAGE);
                region.len = end.saturating_sub(region.start);
            }
            if region.len > 0 {
                self.regions[kept] = region;
                kept += 1;
            }
        }
        self.len = kept;
    }

    fn claims(&self) -> &[MemoryRegion] {
        &self.claims[..self.claimed]
    }

    /// The lowest start or end of a claim above `at`.
    fn next_edge(&self, at: u64) -> Option<u64> {
        self.claims().iter().flat_map(|claim| [claim.start, claim.start + claim.len]).filter(|&edge| edge > at).min()
    }

    fn strongest(&self, at: u64) -> Option<MemoryKind> {
        let covers = |claim: &&MemoryRegion| claim.start <= at && at < claim.start + claim.len;
        self.claims().iter().filter(covers).map(|claim| claim.kind).max_by_key(|&kind| strength(kind))
    }

    fn push(&mut self, start: u64, end: u64, kind: MemoryKind) {
        if let Some(last) = self.len.checked_sub(1).and_then(|last| self.regions.get_mut(last))
            && last.kind == kind
            && last.start + last.len == start
        {
            last.len = end - last.start;
        } else if let Some(slot) = self.regions.get_mut(self.len) {
            *slot = MemoryRegion { start, len: end - start, kind };
            self.len += 1;
        }
    }

    /// The regions.
    pub fn regions(&self) -> &[MemoryRegion] {
        &self.regions[..self.len]
    }

    /// Takes `bytes` (a multiple of the page size) of usable memory below `limit` that overlaps none of `taken`, and marks
    /// them as the kernel's. Of the lowest place above 1 MiB that fits.
    pub fn carve(&mut self, bytes: u64, limit: u64, taken: &[Range<u64>]) -> Option<u64> {
        let fits = |region: &MemoryRegion, start: u64| {
            let end = start.saturating_add(bytes);
            start >= region.start.max(LOW_MEMORY)
                && end <= (region.start + region.len).min(limit)
                && !taken.iter().any(|range| range.start < end && start < range.end)
        };
        let start = self.regions().iter().filter(|region| region.kind == MemoryKind::Usable).find_map(|region| {
            let ends = taken.iter().filter_map(|range| range.end.checked_next_multiple_of(PAGE));
            [region.start.max(LOW_MEMORY)].into_iter().chain(ends).filter(|&start| fits(region, start)).min()
        })?;
        self.add(start, bytes, MemoryKind::Kernel);
        self.tidy();
        Some(start)
    }
}

#[cfg(test)]
mod tests;
