//! What the kernel knows about each physical frame: sixteen bytes in one flat array, indexed by frame number.
//!
//! The fields are atomics because different locks guard a frame at different times of its life (the buddy lock while it is free, the lock of
//! its size class while it is a slab) and because references to a page are counted without any lock. All but the reference count are
//! accessed `Relaxed`, which on x86 is a plain load or store: the lock in force orders them.

use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, Ordering::Relaxed};

/// "No frame" in a link. Frame 0 is never handed out, so its number is free to mean this.
pub(crate) const NONE: u32 = 0;

/// What a frame is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Not RAM, or never given to the allocator. All bits zero, so a cleared array says this of every frame.
    Reserved = 0,
    /// First frame of a free block of the buddy allocator.
    Free = 1,
    /// Allocated, no finer use known: page tables, large heap blocks, the middle of blocks.
    Used = 2,
    /// First frame of a slab of the kernel heap.
    Slab = 3,
    /// A page that belongs to address spaces only.
    Anonymous = 4,
    /// A page that a page cache holds or held.
    Cached = 5,
    /// A free frame in the stock of a processor.
    Stock = 6,
}

/// One entry of the array.
#[derive(Default)]
pub(crate) struct FrameInfo {
    /// Page: number of references. Slab: objects in use (low half) and objects ever carved (high half).
    pub count: AtomicU32,
    /// Free block, slab: next in its list.
    pub next: AtomicU32,
    /// Free block, slab: previous in its list.
    pub previous: AtomicU32,
    kind: AtomicU8,
    /// Free block: its order. Slab: its size class.
    pub order: AtomicU8,
    /// Slab: first free object, in units of 16 bytes from the slab's start.
    pub free_object: AtomicU16,
}

impl FrameInfo {
    pub fn kind(&self) -> Kind {
        match self.kind.load(Relaxed) {
            1 => Kind::Free,
            2 => Kind::Used,
            3 => Kind::Slab,
            4 => Kind::Anonymous,
            5 => Kind::Cached,
            6 => Kind::Stock,
            _ => Kind::Reserved,
        }
    }

    pub fn set_kind(&self, kind: Kind) {
        self.kind.store(kind as u8, Relaxed);
    }
}
