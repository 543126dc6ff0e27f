//! The areas of an address space, sorted by address, with their sums and the search for room.
//!
//! Neighbours that continue each other are one area, always. The area that took the last anonymous page fault is remembered: most faults come
//! in runs, and the hit costs two comparisons.

use super::area::{Area, AreaFlags};
use super::types::Protection;
use crate::PAGE_SIZE;
use crate::cache::Registration;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Range;

/// The most areas an address space may have (Linux's vm.max_map_count).
pub(crate) const MAX_AREAS: usize = 65_530;
/// Bytes below an area that grows down which nothing else may use.
pub(crate) const STACK_GAP: usize = 256 * PAGE_SIZE;
/// No mapping begins below this address (vm.mmap_min_addr).
pub(crate) const MIN_ADDRESS: usize = 64 << 10;

/// Sums over all areas, in pages.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Sums {
    pub total: usize,
    pub data: usize,
    pub stack: usize,
    pub text: usize,
    pub locked: usize,
}

/// Where the last search for room ended: all holes between `from` and the top are at most `largest` bytes.
#[derive(Clone, Copy)]
struct Search {
    top: usize,
    from: usize,
    largest: usize,
}

/// The area of the last anonymous fault.
#[derive(Clone, Copy)]
struct Recent {
    start: usize,
    end: usize,
    protection: Protection,
}

const NO_RECENT: Recent = Recent { start: 1, end: 0, protection: Protection::empty() };

/// The sorted set of areas.
pub(crate) struct AreaMap {
    areas: BTreeMap<usize, Area>,
    sums: Sums,
    search: Search,
    recent: Recent,
}

impl AreaMap {
    pub fn new() -> AreaMap {
        AreaMap { areas: BTreeMap::new(), sums: Sums::default(), search: Search { top: 0, from: 0, largest: 0 }, recent: NO_RECENT }
    }

    pub fn len(&self) -> usize {
        self.areas.len()
    }

    pub fn sums(&self) -> Sums {
        self.sums
    }

    pub fn iter(&self) -> impl Iterator<Item = &Area> {
        self.areas.values()
    }

    /// The area that covers `address`.
    pub fn find(&self, address: usize) -> Option<&Area> {
        self.areas.range(..=address).next_back().map(|(_, area)| area).filter(|area| area.end > address)
    }

    /// The first area that ends above `address`: the one that covers it, or the next.
    pub fn find_from(&self, address: usize) -> Option<&Area> {
        self.find(address).or_else(|| self.areas.range(address..).next().map(|(_, area)| area))
    }

    /// The last area that begins below `address`.
    pub fn before(&self, address: usize) -> Option<&Area> {
        self.areas.range(..address).next_back().map(|(_, area)| area)
    }

    /// Whether any area has a page in `range`.
    pub fn overlaps(&self, range: &Range<usize>) -> bool {
        self.find_from(range.start).is_some_and(|area| area.start < range.end)
    }

    /// Whether areas cover all of `range`.
    pub fn covers(&self, range: &Range<usize>) -> bool {
        let mut at = range.start;
        while at < range.end {
            match self.find(at) {
                Some(area) => at = area.end,
                None => return false,
            }
        }
        true
    }

    /// Mapped pages in `range`.
    pub fn pages_in(&self, range: &Range<usize>) -> usize {
        let (mut at, mut pages) = (range.start, 0);
        while let Some(area) = self.find_from(at).filter(|area| area.start < range.end) {
            pages += (area.end.min(range.end) - area.start.max(range.start)) / PAGE_SIZE;
            at = area.end;
        }
        pages
    }

    /// The protection at `address` if it lies in the area of the last [`AreaMap::remember`].
    #[inline]
    pub fn recent(&self, address: usize) -> Option<Protection> {
        (self.recent.start <= address && address < self.recent.end).then_some(self.recent.protection)
    }

    /// Remembers a private anonymous area until anything changes.
    pub fn remember(&mut self, range: Range<usize>, protection: Protection) {
        self.recent = Recent { start: range.start, end: range.end, protection };
    }

    /// Adds an area where there is none, and joins it with neighbours that it continues.
    pub fn insert(&mut self, mut area: Area) {
        self.recent = NO_RECENT;
        self.add_sums(&area);
        if let Some(next) = self.areas.get(&area.end)
            && area.continues(next)
        {
            let end = area.end;
            area.end = next.end;
            self.areas.remove(&end);
        }
        if let Some((_, previous)) = self.areas.range_mut(..area.start).next_back()
            && previous.continues(&area)
        {
            previous.end = area.end;
            return;
        }
        self.areas.insert(area.start, area);
    }

    /// Takes out the area that begins at `start`.
    pub fn take(&mut self, start: usize) -> Option<Area> {
        self.recent = NO_RECENT;
        let area = self.areas.remove(&start)?;
        self.subtract_sums(&area);
        let next = self.areas.range(area.end..).next().map_or(self.search.top, |(_, next)| lower_edge(next));
        self.search.from = self.search.from.max(next.min(self.search.top));
        Some(area)
    }

    /// Cuts the area that covers `address`, if it doesn't begin there.
    pub fn split(&mut self, address: usize) {
        self.recent = NO_RECENT;
        let covering = self.areas.range_mut(..address).next_back().map(|(_, area)| area);
        if let Some(area) = covering.filter(|area| area.end > address) {
            let upper = area.split_off(address);
            self.areas.insert(upper.start, upper);
        }
    }

    /// Removes what lies in `range`. Files of removed areas go to `dropped`, so that the caller can let go of them after unlocking.
    pub fn remove_range(&mut self, range: Range<usize>, dropped: &mut Vec<Registration>) {
        if range.is_empty() {
            return;
        }
        self.split(range.start);
        self.split(range.end);
        while let Some(start) = self.areas.range(range.clone()).next().map(|(start, _)| *start) {
            if let Some(Area { mapping: Some(mapping), .. }) = self.take(start) {
                dropped.push(mapping.file);
            }
        }
    }

    /// Changes all areas in `range`, splitting and joining as needed. `change` sees each piece; an error stops, earlier pieces stay changed.
    pub fn change<E>(&mut self, range: Range<usize>, mut change: impl FnMut(&mut Area) -> Result<(), E>) -> Result<(), E> {
        self.split(range.start);
        self.split(range.end);
        let mut at = range.start;
        while let Some(start) = self.areas.range(at..range.end).next().map(|(start, _)| *start) {
            let Some(mut area) = self.take(start) else { break };
            at = area.end;
            let result = change(&mut area);
            self.insert(area);
            if result.is_err() {
                self.join_at(range.start);
                self.join_at(at);
                self.join_at(range.end);
                return result;
            }
        }
        self.join_at(range.start);
        self.join_at(range.end);
        Ok(())
    }

    /// Lets the area that begins at `start` begin at `new_start`, below it.
    pub fn grow_down(&mut self, start: usize, new_start: usize) {
        if let Some(mut area) = self.take(start) {
            area.start = new_start;
            self.insert(area);
        }
    }

    /// Lets the area that begins at `start` end at `new_end`, above its end.
    pub fn grow_up(&mut self, start: usize, new_end: usize) {
        if let Some(mut area) = self.take(start) {
            area.end = new_end;
            self.insert(area);
        }
    }

    /// How many more areas there are when `range` is cut out at both ends.
    pub fn cuts(&self, range: &Range<usize>) -> usize {
        let inside = |address: usize| self.find(address).is_some_and(|area| area.start < address);
        usize::from(inside(range.start)) + usize::from(inside(range.end))
    }

    /// Whether `range` is free, with the gap that areas above it want.
    pub fn is_free(&self, range: &Range<usize>) -> bool {
        match self.find_from(range.start) {
            Some(area) => lower_edge(area) >= range.end,
            None => true,
        }
    }

    /// The highest free range of `len` bytes below `top`. What an earlier search found to be too small is not looked at again.
    pub fn find_room(&mut self, len: usize, top: usize) -> Option<usize> {
        if self.search.top != top || len <= self.search.largest {
            self.search = Search { top, from: top, largest: 0 };
        }
        let mut end = self.search.from;
        let mut largest = self.search.largest;
        for area in self.areas.range(..end).rev().map(|(_, area)| area) {
            let hole = end.saturating_sub(area.end);
            if hole >= len {
                break;
            }
            largest = largest.max(hole);
            end = end.min(lower_edge(area));
        }
        self.search = Search { top, from: end, largest };
        end.checked_sub(len).filter(|start| *start >= MIN_ADDRESS)
    }

    /// Joins the areas that meet at `address` if one continues the other.
    fn join_at(&mut self, address: usize) {
        if self.areas.contains_key(&address)
            && let Some(area) = self.take(address)
        {
            self.insert(area);
        }
    }

    fn add_sums(&mut self, area: &Area) {
        let pages = area.pages();
        self.sums.total += pages;
        self.sums.data += if area.is_data() { pages } else { 0 };
        self.sums.stack += if area.flags.contains(AreaFlags::GROWS_DOWN) { pages } else { 0 };
        self.sums.text += if area.protection.contains(Protection::EXECUTE) { pages } else { 0 };
        self.sums.locked += if area.flags.contains(AreaFlags::LOCKED) { pages } else { 0 };
    }

    fn subtract_sums(&mut self, area: &Area) {
        let pages = area.pages();
        self.sums.total -= pages;
        self.sums.data -= if area.is_data() { pages } else { 0 };
        self.sums.stack -= if area.flags.contains(AreaFlags::GROWS_DOWN) { pages } else { 0 };
        self.sums.text -= if area.protection.contains(Protection::EXECUTE) { pages } else { 0 };
        self.sums.locked -= if area.flags.contains(AreaFlags::LOCKED) { pages } else { 0 };
    }
}

/// The lowest address that belongs to an area and the gap it wants below.
fn lower_edge(area: &Area) -> usize {
    if area.flags.contains(AreaFlags::GROWS_DOWN) { area.start.saturating_sub(STACK_GAP) } else { area.start }
}
