//! The names of the kernel's functions, for backtraces that the kernel prints by itself.
//!
//! The linker knows the names only when the kernel is done, so the `pollux` command appends the table to the image
//! (`host/src/symbols.rs` writes it). A kernel as plain cargo leaves it has none. Reading it takes no memory but the reader's stack:
//! whoever asks has panicked.
//!
//! All numbers are little-endian. The table is the number of blocks (4 bytes), then for each block the offset of its first function from
//! the image's base and the place of its entries behind this list (4 bytes each), then the entries, in the order of addresses, 16 to a block.
//! An entry is the distance from the function before in its block (LEB128), how many bytes its name shares with the name before, how many
//! follow, and those bytes.

use core::fmt;

use crate::machine::backtrace;

/// Functions in a block.
pub const BLOCK: usize = 16;
/// Longest name, in bytes.
pub const LONGEST: usize = 120;

/// The function of the kernel that this address lies in; none without a table, and for addresses before the first function.
pub fn place(address: usize) -> Option<Place> {
    let offset = u32::try_from(address.checked_sub(backtrace::BASE)?).ok()?;
    Symbols::new(backtrace::names())?.find(offset)
}

/// A table of names.
#[derive(Debug, Clone, Copy)]
pub struct Symbols<'a> {
    index: &'a [[u8; 8]],
    entries: &'a [u8],
}

/// A place in a function.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    name: [u8; LONGEST],
    len: usize,
    /// Bytes from the function's beginning.
    pub offset: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:#x}", self.name(), self.offset)
    }
}

impl Place {
    /// The function's name.
    pub fn name(&self) -> &str {
        self.name.get(..self.len).and_then(|name| core::str::from_utf8(name).ok()).unwrap_or("?")
    }
}

/// The two numbers of an entry of the index.
fn split(pair: &[u8; 8]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = *pair;
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
}

/// The entries of a block, to be taken off the front.
struct Entries<'a>(&'a [u8]);

impl<'a> Entries<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn number(&mut self) -> Option<u32> {
        let mut number = 0;
        for shift in (0..32).step_by(7) {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}

impl<'a> Symbols<'a> {
    /// The table in these bytes; none if they hold no table.
    pub fn new(bytes: &'a [u8]) -> Option<Symbols<'a>> {
        let (count, rest) = bytes.split_first_chunk()?;
        let (index, entries) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*count)).ok()?.checked_mul(8)?)?;
        let (index, _) = index.as_chunks();
        Some(Symbols { index, entries })
    }

    /// The function that this offset from the image's base lies in: the last one that begins at or before it.
    pub fn find(&self, offset: u32) -> Option<Place> {
        let block = self.index.partition_point(|pair| split(pair).0 <= offset).checked_sub(1)?;
        let (mut start, place) = split(self.index.get(block)?);
        let mut entries = Entries(self.entries.get(usize::try_from(place).ok()?..)?);
        let mut found = Place { name: [0; LONGEST], len: 0, offset: 0 };
        for number in 0..BLOCK {
            // Only the table's last block may be short.
            let next = entries.number().and_then(|distance| start.checked_add(distance)).filter(|&next| next <= offset);
            let Some(next) = next else { return (number > 0).then_some(found) };
            let shared = usize::from(entries.byte()?).min(found.len);
            let count = usize::from(entries.byte()?);
            let suffix = entries.bytes(count)?;
            found.name.get_mut(shared..shared + suffix.len())?.copy_from_slice(suffix);
            found.len = shared + suffix.len();
            (start, found.offset) = (next, offset - next);
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One block: `a::b` at 16 and `a::bc` at 18.
    const TABLE: &[u8] = b"\x01\0\0\0\x10\0\0\0\0\0\0\0\0\0\x04a::b\x02\x04\x01c";

    fn find(offset: u32) -> Option<(String, u32)> {
        Symbols::new(TABLE).unwrap().find(offset).map(|place| (place.name().to_string(), place.offset))
    }

    #[test]
    fn places_belong_to_the_function_before_them() {
        assert_eq!(find(15), None);
        assert_eq!(find(16), Some(("a::b".into(), 0)));
        assert_eq!(find(17), Some(("a::b".into(), 1)));
        assert_eq!(find(18), Some(("a::bc".into(), 0)));
        assert_eq!(find(u32::MAX), Some(("a::bc".into(), u32::MAX - 18)));
    }

    #[test]
    fn no_table_and_cut_tables_do_no_harm() {
        assert!(Symbols::new(b"").is_none());
        assert!(Symbols::new(b"\xff\xff\xff\xff").is_none());
        for end in 0..TABLE.len() {
            for offset in [0, 16, 18, u32::MAX] {
                let _ = Symbols::new(&TABLE[..end]).and_then(|symbols| symbols.find(offset)).map(|place| place.name().len());
            }
        }
    }
}
