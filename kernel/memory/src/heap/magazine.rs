//! Each processor's own small stock of free objects: *magazines*, after Bonwick and Adams ("Magazines and Vmem", USENIX 2001).
//!
//! Taking an object from a magazine, or putting one in, needs no lock and no atomic read-modify-write: nobody else touches this
//! processor's magazines, and interrupts are held off so that a handler can't come in between. A magazine is a chain of free objects, each
//! of which holds the place of the next in its first word, so the object taken is the one put back last, which the processor's caches
//! still know.
//!
//! There are two for each class: one *loaded* and one that is full or absent. Objects go to and come from the slabs a whole magazine at
//! a time, and only when both are full or both are empty; so a program that goes back and forth at the edge doesn't take the class's lock at
//! every step. What rests here is bounded: two magazines of at most 2 KiB (or two objects) a class.

use super::classes::{CLASS_COUNT, CLASSES};
use arch::interrupts::Hold;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering::Relaxed};

/// Slots in a processor's array: a power of two, so that an index is masked instead of checked.
const SLOTS: usize = CLASS_COUNT.next_power_of_two();

/// How many bytes of objects a magazine holds at most, if that isn't fewer than two objects…
const MAGAZINE_BYTES: u32 = 2048;
/// …and how many objects.
const MOST_OBJECTS: u32 = 16;

/// Objects in a full magazine of a class.
pub(super) const fn capacity(class: usize) -> u32 {
    let fit = MAGAZINE_BYTES / CLASSES[class].size as u32;
    if fit < 2 {
        2
    } else if fit > MOST_OBJECTS {
        MOST_OBJECTS
    } else {
        fit
    }
}

/// The magazines of one class on one processor.
///
/// The fields are atomics so that other processors may read the counts; all accesses are plain loads and stores.
pub(super) struct Magazines {
    /// First object of the loaded magazine; null if it is empty.
    loaded: AtomicPtr<u8>,
    /// First object of the full magazine; null if there is none.
    full: AtomicPtr<u8>,
    /// How many more objects the loaded magazine takes. 0 until the first use, so that the first release of all goes the long way, as the
    /// first allocation does.
    room: AtomicU32,
    /// Objects in a full magazine; 0 until the first use.
    capacity: AtomicU32,
}

impl Magazines {
    const fn new() -> Magazines {
        Magazines {
            loaded: AtomicPtr::new(null_mut()),
            full: AtomicPtr::new(null_mut()),
            room: AtomicU32::new(0),
            capacity: AtomicU32::new(0),
        }
    }

    /// An object of the loaded magazine, or null if that is empty.
    #[inline(always)]
    pub fn take(&self, _: &Hold) -> *mut u8 {
        let object = self.loaded.load(Relaxed);
        if !object.is_null() {
            // SAFETY: an object in a magazine is free and belongs to it; its first word was written by `put` or by the slab's `take`.
            self.loaded.store(unsafe { object.cast::<*mut u8>().read() }, Relaxed);
            self.room.store(self.room.load(Relaxed).wrapping_add(1), Relaxed);
        }
        object
    }

    /// Puts an object into the loaded magazine; false if that is full.
    ///
    /// # Safety
    /// The object must be of this class, and its owner gives it up.
    #[inline(always)]
    pub unsafe fn put(&self, object: *mut u8, _: &Hold) -> bool {
        let room = self.room.load(Relaxed);
        if room == 0 {
            return false;
        }
        // SAFETY: given up by its owner; objects have 16 bytes at least and are aligned to that.
        unsafe { object.cast::<*mut u8>().write(self.loaded.load(Relaxed)) };
        self.loaded.store(object, Relaxed);
        self.room.store(room - 1, Relaxed);
        true
    }

    /// Makes the magazines ready for use.
    pub fn prepare(&self, class: usize, _: &Hold) {
        if self.capacity.load(Relaxed) == 0 {
            self.capacity.store(capacity(class), Relaxed);
            self.room.store(capacity(class), Relaxed);
        }
    }

    /// Loads the full magazine in the place of the empty one; false if there is none.
    pub fn reload(&self, hold: &Hold) -> bool {
        let full = self.full.swap(null_mut(), Relaxed);
        !full.is_null() && {
            self.load(full, self.capacity.load(Relaxed), hold);
            true
        }
    }

    /// Loads a chain of `count` objects in the place of the empty magazine.
    pub fn load(&self, chain: *mut u8, count: u32, _: &Hold) {
        self.loaded.store(chain, Relaxed);
        self.room.store(self.capacity.load(Relaxed).saturating_sub(count), Relaxed);
    }

    /// Puts the loaded magazine, which is full, aside and begins an empty one. What was put aside before comes out as a chain, or null.
    pub fn begin_another(&self, _: &Hold) -> *mut u8 {
        let before = self.full.swap(self.loaded.swap(null_mut(), Relaxed), Relaxed);
        self.room.store(self.capacity.load(Relaxed), Relaxed);
        before
    }

    /// Takes everything out, as two chains.
    pub fn empty(&self, _: &Hold) -> [*mut u8; 2] {
        self.room.store(self.capacity.load(Relaxed), Relaxed);
        [self.loaded.swap(null_mut(), Relaxed), self.full.swap(null_mut(), Relaxed)]
    }

    /// Objects in both magazines.
    pub fn count(&self) -> usize {
        let capacity = self.capacity.load(Relaxed);
        let full = if self.full.load(Relaxed).is_null() { 0 } else { capacity };
        (full + capacity.saturating_sub(self.room.load(Relaxed))) as usize
    }
}

/// All magazines of one processor.
#[repr(align(64))]
pub(super) struct Cache {
    classes: [Magazines; SLOTS],
    /// Set at the first use of any of them, for ever.
    used: AtomicBool,
    /// Another processor asks this one to give its objects back.
    asked: AtomicBool,
}

impl Cache {
    pub const fn new() -> Cache {
        Cache { classes: [const { Magazines::new() }; SLOTS], used: AtomicBool::new(false), asked: AtomicBool::new(false) }
    }

    /// The magazines of a class.
    #[inline(always)]
    pub fn of(&self, class: usize) -> &Magazines {
        &self.classes[class % SLOTS]
    }

    /// Notes that something may be in here from now on.
    pub fn note_use(&self) {
        self.used.store(true, Relaxed);
    }

    /// Whether something may be in here.
    pub fn is_used(&self) -> bool {
        self.used.load(Relaxed)
    }

    /// Asks the processor to which these belong to give everything back.
    pub fn ask(&self) {
        if self.is_used() {
            self.asked.store(true, Relaxed);
        }
    }

    /// Whether another processor has asked since the last call.
    pub fn was_asked(&self) -> bool {
        self.asked.load(Relaxed) && self.asked.swap(false, Relaxed)
    }
}
