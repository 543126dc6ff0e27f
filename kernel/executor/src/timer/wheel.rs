//! The hierarchical timer wheel.
//!
//! Time is counted in ticks of 2^14 ns (16 µs). An entry's place follows from the highest base-16 digit in which its tick differs from
//! the current one: that digit's position is the level, its value the slot. So all entries of a level come before all those of the next,
//! and the earliest are found by two bit scans. When the time reaches a slot of a higher level, its entries move to lower levels: each
//! entry moves at most once for each level. With 13 levels the whole range of a 64-bit clock fits, and there is no special case for the
//! far future.
//!
//! Inserting and removing are O(1). Advancing does a bounded amount of work and can go on later where it stopped ([`Wheel::advance`]).

use core::{cell::Cell, ptr::NonNull, task::Waker};
use sync::{
    atomics::{AtomicU8, Ordering},
    list::{Linked, Links, List},
};

/// log2 of the length of a tick in nanoseconds.
const TICK_BITS: u32 = 14;
const SLOT_BITS: u32 = 4;
const SLOTS: usize = 1 << SLOT_BITS;
/// Ticks have up to 51 bits, as deadlines are rounded up.
const LEVELS: usize = 13;
/// So many entries of a slot are looked at to find the earliest; in a fuller one, the time at which the slot is spread out serves instead.
const LOOK: usize = 16;

/// States of an [`Entry`].
const IDLE: u8 = 0;
const WAITING: u8 = 1;
const FIRED: u8 = 2;

/// A sleeper's place in the wheel; lives in the sleeper.
pub(crate) struct Entry {
    links: Links<Entry>,
    tick: Cell<u64>,
    /// Index of the slot it is in.
    place: Cell<u8>,
    waker: Cell<Option<Waker>>,
    /// IDLE and WAITING are set by the owner; FIRED by the wheel, as the last thing it does to the entry.
    state: AtomicU8,
}

// SAFETY: `links` always returns that field; the rest are cells and an atomic.
unsafe impl Linked for Entry {
    fn links(&self) -> &Links<Entry> {
        &self.links
    }
}

impl Entry {
    pub fn new() -> Self {
        Entry { links: Links::new(), tick: Cell::new(0), place: Cell::new(0), waker: Cell::new(None), state: AtomicU8::new(IDLE) }
    }

    /// Whether the wheel may touch it. If not, the owner may free it without asking the wheel.
    pub fn is_waiting(&self) -> bool {
        self.state.load(Ordering::Acquire) == WAITING
    }

    /// Exchanges the waker of a waiting entry. Call under the wheel's lock; drop the old one without it.
    pub fn set_waker(&self, waker: &Waker) -> Option<Waker> {
        match self.waker.take() {
            Some(old) if old.will_wake(waker) => self.waker.replace(Some(old)),
            old => {
                self.waker.set(Some(waker.clone()));
                old
            }
        }
    }

    /// Marks an entry that was just unlinked, and takes its waker. Its owner may free it as soon as the mark is set.
    ///
    /// # Safety
    /// `entry` is WAITING, and the wheel's lock is held.
    unsafe fn fire(entry: NonNull<Entry>) -> Option<Waker> {
        let entry = entry.as_ptr();
        // SAFETY: the owner of a WAITING entry needs the lock to free it.
        let (waker, state) = unsafe { ((*entry).waker.take(), &(*entry).state) };
        state.store(FIRED, Ordering::Release);
        waker
    }
}

/// The first tick that is not before `deadline` (nanoseconds).
fn tick_of(deadline: u64) -> u64 {
    deadline.div_ceil(1 << TICK_BITS)
}

/// The time in nanoseconds at which `tick` begins.
fn time_of(tick: u64) -> u64 {
    if tick > u64::MAX >> TICK_BITS { u64::MAX } else { tick << TICK_BITS }
}

pub(crate) struct Wheel {
    /// All entries before or at this tick have fired, or are in the slot being drained.
    current: u64,
    /// A slot whose time has come, while entries are left in it. Nothing is inserted there: its digit is that of `current`.
    draining: Option<u8>,
    /// Bit n: level n has entries.
    levels: u16,
    /// Bit n of a level: its slot n has entries.
    occupied: [u16; LEVELS],
    slots: [List<Entry>; LEVELS * SLOTS],
}

impl Wheel {
    pub const fn new() -> Self {
        Wheel { current: 0, draining: None, levels: 0, occupied: [0; LEVELS], slots: [const { List::new() }; LEVELS * SLOTS] }
    }

    /// Puts `entry` in. Returns the time at which it will fire, or `None` if it is due already (then it isn't linked).
    ///
    /// # Safety
    /// `entry` isn't WAITING, and stays alive and in its place until it is FIRED or [removed](Self::remove).
    pub unsafe fn insert(&mut self, entry: NonNull<Entry>, deadline: u64, waker: Waker) -> Option<u64> {
        let tick = tick_of(deadline);
        if tick <= self.current {
            return None;
        }
        // SAFETY: the caller keeps it alive.
        let node = unsafe { entry.as_ref() };
        node.tick.set(tick);
        node.waker.set(Some(waker));
        node.state.store(WAITING, Ordering::Relaxed);
        // SAFETY: not linked, and the caller keeps it alive.
        unsafe { self.place(entry, tick) };
        Some(time_of(tick))
    }

    /// Links `entry`, whose tick is after `current`, into its slot.
    ///
    /// # Safety
    /// As `insert`.
    unsafe fn place(&mut self, entry: NonNull<Entry>, tick: u64) {
        let level = (tick ^ self.current).checked_ilog2().unwrap_or(0) / SLOT_BITS;
        let slot = (tick >> (level * SLOT_BITS)) as usize % SLOTS;
        let level = level as usize;
        let place = level * SLOTS + slot;
        // SAFETY: promised by the caller. The place is below LEVELS * SLOTS, which fits: ticks have at most 51 bits.
        unsafe {
            entry.as_ref().place.set(place as u8);
            self.slots[place].push_back(entry);
        }
        self.occupied[level] |= 1 << slot;
        self.levels |= 1 << level;
    }

    /// Takes `entry` out if it is waiting.
    ///
    /// # Safety
    /// `entry` was inserted into this wheel.
    pub unsafe fn remove(&mut self, entry: NonNull<Entry>) -> Option<Waker> {
        // SAFETY: the caller owns it.
        let node = unsafe { entry.as_ref() };
        if !node.is_waiting() {
            return None;
        }
        // SAFETY: WAITING under the lock means that it is linked.
        unsafe { self.unlink(entry) };
        node.state.store(IDLE, Ordering::Relaxed);
        node.waker.take()
    }

    /// # Safety
    /// `entry` is linked.
    unsafe fn unlink(&mut self, entry: NonNull<Entry>) {
        // SAFETY: linked entries are alive.
        let place = usize::from(unsafe { entry.as_ref() }.place.get());
        // SAFETY: its place says in which list it is.
        unsafe { self.slots[place].remove(entry) };
        if self.slots[place].is_empty() {
            let level = place / SLOTS;
            self.occupied[level] &= !(1 << (place % SLOTS));
            if self.occupied[level] == 0 {
                self.levels &= !(1 << level);
            }
        }
    }

    /// The place of the earliest entries, and the first tick of that slot.
    fn first(&self) -> Option<(usize, u64)> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros() as usize;
        let slot = self.occupied[level].trailing_zeros() as usize;
        let shift = level as u32 * SLOT_BITS;
        let above = (self.current >> shift >> SLOT_BITS) << SLOT_BITS;
        Some((level * SLOTS + slot, (above | slot as u64) << shift))
    }

    /// Moves time on to `now` (nanoseconds) and gives the wakers of what is due to `due`, doing at most `work` steps (an entry fired or
    /// moved). Returns whether there is more to do: then call again.
    pub fn advance(&mut self, now: u64, mut work: usize, due: &mut impl FnMut(Waker)) -> bool {
        let now = now >> TICK_BITS;
        loop {
            let place = match self.draining {
                Some(place) => usize::from(place),
                None => match self.first() {
                    Some((place, start)) if start <= now => {
                        self.current = start;
                        self.draining = Some(place as u8);
                        place
                    }
                    _ => {
                        // No occupied slot begins between the two, so all entries keep their places.
                        self.current = self.current.max(now);
                        return false;
                    }
                },
            };
            while let Some(entry) = self.slots[place].front() {
                if work == 0 {
                    return true;
                }
                work -= 1;
                // SAFETY: it is linked, so it is alive, and WAITING.
                unsafe {
                    self.unlink(entry);
                    let tick = entry.as_ref().tick.get();
                    if tick > self.current {
                        self.place(entry, tick);
                    } else if let Some(waker) = Entry::fire(entry) {
                        due(waker);
                    }
                }
            }
            self.draining = None;
        }
    }

    /// When to call `advance` next: the time of the earliest entry, or a little before.
    pub fn next_deadline(&self) -> Option<u64> {
        if self.draining.is_some() {
            return Some(time_of(self.current));
        }
        let (place, start) = self.first()?;
        if place < SLOTS {
            return Some(time_of(start));
        }
        let mut earliest = u64::MAX;
        let mut looked = 0;
        let mut next = self.slots[place].front();
        while let Some(entry) = next {
            if looked == LOOK {
                return Some(time_of(start));
            }
            looked += 1;
            // SAFETY: linked entries are alive.
            unsafe {
                earliest = earliest.min(entry.as_ref().tick.get());
                next = self.slots[place].next(entry);
            }
        }
        Some(time_of(earliest))
    }
}
