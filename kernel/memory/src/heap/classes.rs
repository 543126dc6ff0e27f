//! Size classes: which object sizes there are and how many frames a slab of each has.
//!
//! Steps are small enough that rounding up wastes a fifth at most, and each size is chosen to fill its slab of one or two frames almost fully.

use crate::PAGE_SIZE;

/// Object size in bytes and slab size as an order of frames.
pub(super) struct Shape {
    pub size: u16,
    pub order: u8,
}

impl Shape {
    /// Objects in a slab.
    pub const fn capacity(&self) -> u32 {
        (PAGE_SIZE << self.order) as u32 / self.size as u32
    }
}

/// Sizes are multiples of this, and links inside a slab count in it.
pub(super) const UNIT: usize = 16;

const fn one(size: u16) -> Shape {
    Shape { size, order: 0 }
}

const fn two(size: u16) -> Shape {
    Shape { size, order: 1 }
}

pub(super) const CLASS_COUNT: usize = 26;

/// All classes by rising size.
pub(super) const CLASSES: [Shape; CLASS_COUNT] = [
    one(16),
    one(32),
    one(48),
    one(64),
    one(80),
    one(96),
    one(112),
    one(128),
    one(160),
    one(192),
    one(224),
    one(256),
    one(320),
    one(384),
    one(448),
    one(512),
    one(576),
    one(672),
    one(816),
    two(896),
    one(1024),
    two(1152),
    one(1344),
    two(1600),
    one(2048),
    two(2688),
];

const LARGEST: usize = 2688;

/// The smallest class for a size, by size in units rounded up.
static BY_SIZE: [u8; LARGEST / UNIT + 1] = {
    let mut table = [0; LARGEST / UNIT + 1];
    let (mut units, mut class) = (0, 0);
    while units < table.len() {
        while (CLASSES[class].size as usize) < units * UNIT {
            class += 1;
        }
        table[units] = class as u8;
        units += 1;
    }
    table
};

/// The class for a size and alignment. `None` if it needs whole frames.
#[inline]
pub(super) fn class_for(size: usize, align: usize) -> Option<usize> {
    // A size is at most `isize::MAX`, so this doesn't overflow.
    let mut class = usize::from(*BY_SIZE.get((size + UNIT - 1) >> UNIT.trailing_zeros())?);
    if align > UNIT {
        // A slab begins at a page, so its objects are aligned like their size is. Alignments are powers of two.
        while usize::from(CLASSES.get(class)?.size) & (align - 1) != 0 {
            class += 1;
        }
    }
    Some(class)
}
