//! Strings in user memory: bytes up to a NUL whose place is not known beforehand.
//!
//! They are read in pieces that never cross a page, so a string that ends just before an unmapped page is read without touching that page.

use super::copy::copy_in;
use crate::PAGE_SIZE;
use abi::{Errno, Result};
use alloc::vec::Vec;

/// Bytes read at once. Most paths and arguments fit in one piece.
const PIECE: usize = 128;

/// Reads a string, without its NUL, into a vector. ENAMETOOLONG when `max` bytes hold no NUL (so PATH_MAX allows 4095 characters), EFAULT.
pub fn read_c_string(address: usize, max: usize) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    each_piece(address, max, |piece| {
        text.try_reserve(piece.len()).map_err(|_| Errno::ENOMEM)?;
        text.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(text)
}

/// Reads a string, without its NUL, into `buffer` and returns its length. ENAMETOOLONG when the string and its NUL don't fit.
pub fn read_c_string_into(address: usize, buffer: &mut [u8]) -> Result<usize> {
    let mut done = 0;
    each_piece(address, buffer.len(), |piece| {
        let end = done + piece.len();
        buffer.get_mut(done..end).ok_or(Errno::ENAMETOOLONG)?.copy_from_slice(piece);
        done = end;
        Ok(())
    })?;
    Ok(done)
}

/// Calls `take` with the pieces of a string up to its NUL, which must be among the first `max` bytes.
fn each_piece(address: usize, max: usize, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut piece = [0; PIECE];
    let (mut at, mut left) = (address, max);
    while left > 0 {
        let count = left.min(PIECE).min(PAGE_SIZE - at % PAGE_SIZE);
        let part = &mut piece[..count];
        // SAFETY: `part` is writable for its length.
        unsafe { copy_in(part.as_mut_ptr(), at, count) }.map_err(|stop| stop.error)?;
        if let Some(end) = part.iter().position(|byte| *byte == 0) {
            return take(&part[..end]);
        }
        take(part)?;
        left -= count;
        at = at.checked_add(count).ok_or(Errno::EFAULT)?;
    }
    Err(Errno::ENAMETOOLONG)
}
