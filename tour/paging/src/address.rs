//! Virtual addresses: how they split, which exist, and where recursion puts the tables.
//!
//! An address has four indices of nine bits and an offset of twelve. Nine bits are three octal digits and twelve are four, so in octal an
//! address reads `0oSSSSSS_444_333_222_111_OOOO`: sign, the four indices, the offset. Recursion is then plain shifting of digits.

use arch::PAGE_SIZE;

use crate::PageSize;

/// Entries of a table.
pub const ENTRIES: usize = 512;

/// Bytes that one entry of a table on `level` (4 is the root, 1 the last) covers.
pub const fn span(level: u32) -> usize {
    PAGE_SIZE << (9 * (level - 1))
}

/// Which entry of the table on `level` translates `address`.
pub const fn index(address: usize, level: u32) -> usize {
    address / span(level) % ENTRIES
}

/// Copies bit 47 into the bits above: the canonical address with these low 48 bits.
pub const fn sign_extend(address: usize) -> usize {
    (((address << 16) as isize) >> 16) as usize
}

/// Whether the processor takes it for an address: with any other value an access is a general protection fault.
pub const fn is_canonical(address: usize) -> bool {
    sign_extend(address) == address
}

/// The canonical address with these indices, from level 4 down to level 1, and this offset.
pub const fn join(indices: [usize; 4], offset: usize) -> usize {
    let [four, three, two, one] = indices;
    sign_extend(((four * ENTRIES + three) * ENTRIES + two) * ENTRIES * PAGE_SIZE + one * PAGE_SIZE + offset)
}

/// Where the table on `level` that translates `address` is seen, when entry `recursive` of the root points to the root.
///
/// Each step through that entry shifts the indices by one place to the right, so the walk ends at a table instead of the page: once through
/// it for level 1, four times for the root itself.
pub const fn recursive_table(recursive: usize, address: usize, level: u32) -> usize {
    let [four, three, two] = [index(address, 4), index(address, 3), index(address, 2)];
    let r = recursive % ENTRIES;
    match level {
        1 => join([r, four, three, two], 0),
        2 => join([r, r, four, three], 0),
        3 => join([r, r, r, four], 0),
        _ => join([r, r, r, r], 0),
    }
}

/// Bytes of page tables for mapping `bytes` of memory at one offset in pages of `size`, the shared root not counted.
pub const fn map_cost(bytes: u64, size: PageSize) -> u64 {
    let mut tables = 0;
    let mut level = size.level();
    while level < 4 {
        tables += bytes.div_ceil(span(level + 1) as u64);
        level += 1;
    }
    tables * PAGE_SIZE as u64
}

#[cfg(test)]
#[expect(clippy::unusual_byte_groupings, reason = "octal digits are grouped as the indices are")]
mod tests {
    use super::*;

    #[test]
    fn an_address_splits_in_nine_nine_nine_nine_twelve() {
        let address = 0o123_456_701_234_5670;
        assert_eq!([4, 3, 2, 1].map(|level| index(address, level)), [0o123, 0o456, 0o701, 0o234]);
        assert_eq!(address % PAGE_SIZE, 0o5670);
        assert_eq!(join([0o123, 0o456, 0o701, 0o234], 0o5670), address);
        assert_eq!([1, 2, 3, 4].map(span), [4 << 10, 2 << 20, 1 << 30, 512 << 30]);
    }

    #[test]
    fn bit_47_is_copied_upwards() {
        assert_eq!(sign_extend(0x0000_7fff_ffff_ffff), 0x0000_7fff_ffff_ffff);
        assert_eq!(sign_extend(0x0000_8000_0000_0000), 0xffff_8000_0000_0000);
        assert_eq!(sign_extend(0x1234_8000_0000_0000), 0xffff_8000_0000_0000);
        for canonical in [0, 0x7fff_ffff_ffff, 0xffff_8000_0000_0000, usize::MAX] {
            assert!(is_canonical(canonical), "{canonical:#x}");
        }
        for not in [0x8000_0000_0000, 0xffff_7fff_ffff_ffff, 0x8000_0000_0000_0000, 1 << 48] {
            assert!(!is_canonical(not), "{not:#x}");
        }
    }

    #[test]
    fn recursion_shifts_octal_digits() {
        // Sign and the digits of the indices 001, 023, 456 and 777.
        let address = 0o001_023_456_777_1234;
        assert_eq!(recursive_table(0o777, address, 1), 0o177777_777_001_023_456_0000);
        assert_eq!(recursive_table(0o777, address, 2), 0o177777_777_777_001_023_0000);
        assert_eq!(recursive_table(0o777, address, 3), 0o177777_777_777_777_001_0000);
        assert_eq!(recursive_table(0o777, address, 4), 0o177777_777_777_777_777_0000);
        // The last entry puts the root into the last page.
        assert_eq!(recursive_table(511, address, 4), 0xffff_ffff_ffff_f000);
        // An entry of the lower half has no sign to extend.
        assert_eq!(recursive_table(0o177, address, 1), 0o177_001_023_456_0000);
        assert_eq!(recursive_table(0o177, address, 4), 0o177_177_177_177_0000);
    }

    #[test]
    fn a_map_of_all_memory_is_cheap_with_huge_pages() {
        let memory = 32 << 30;
        assert_eq!(map_cost(memory, PageSize::Size2M), 132 << 10);
        assert_eq!(map_cost(memory, PageSize::Size1G), 4 << 10);
        assert_eq!(map_cost(memory, PageSize::Size4K), (64 << 20) + (132 << 10));
        assert_eq!(map_cost(1, PageSize::Size4K), 12 << 10);
    }
}
