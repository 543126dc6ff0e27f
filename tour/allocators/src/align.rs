//! Rounding addresses up to an alignment, in two ways.

/// Rounds up by division: right for any alignment but 0, and clear to see. A division takes a processor twenty times as long as an addition.
#[inline]
pub const fn align_up_by_remainder(address: usize, align: usize) -> usize {
    match address % align {
        0 => address,
        remainder => address + (align - remainder),
    }
}

/// Rounds up by masking: right for powers of two only, which alignments in Rust always are.
///
/// `align - 1` has all bits below the alignment set. Adding it carries into the next multiple unless the address is one already; clearing these bits
/// gives the multiple itself. Two additions and an `and`, without a branch.
#[inline]
pub const fn align_up(address: usize, align: usize) -> usize {
    (address + align - 1) & !(align - 1)
}

/// Rounds down by masking, for powers of two.
#[inline]
pub const fn align_down(address: usize, align: usize) -> usize {
    address & !(align - 1)
}
