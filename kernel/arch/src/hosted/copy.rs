//! Copies to and from user memory, translated by a walk of this thread's loaded page table.

use std::sync::atomic::{AtomicU32, Ordering};

use super::tlb;
use crate::types::{CopyFault, PageFlags};
use crate::{Frame, PAGE_SIZE, PhysAddr, USER_END, page_table, phys_to_virt};

/// Where the byte at `address` lies, if the program may access it so; keeps accessed and dirty bits as the machine does.
fn translate(address: usize, write: bool) -> Option<*mut u8> {
    let entry = page_table::leaf(tlb::loaded()?, address)?;
    let needed = PageFlags::USER | if write { PageFlags::WRITE } else { PageFlags::empty() };
    let value = entry.load(Ordering::Acquire);
    if value & 1 == 0 || value & needed.bits() != needed.bits() {
        return None;
    }
    let marks = PageFlags::ACCESSED | if write { PageFlags::DIRTY } else { PageFlags::empty() };
    entry.fetch_or(marks.bits(), Ordering::Relaxed);
    let frame = Frame::containing(PhysAddr(value & 0x000f_ffff_ffff_f000));
    // SAFETY: the offset stays within the frame.
    Some(unsafe { phys_to_virt(frame.address()).add(address % PAGE_SIZE) })
}

/// Calls `f(pointer, offset, len)` for each piece of a user range that lies in one page.
fn pieces(start: usize, len: usize, write: bool, mut f: impl FnMut(*mut u8, usize, usize)) -> Result<(), CopyFault> {
    let mut done = 0;
    if start.checked_add(len).is_none_or(|end| end > USER_END) {
        return Err(CopyFault { address: start.max(USER_END), done });
    }
    while done < len {
        let address = start + done;
        let piece = (len - done).min(PAGE_SIZE - address % PAGE_SIZE);
        f(translate(address, write).ok_or(CopyFault { address, done })?, done, piece);
        done += piece;
    }
    Ok(())
}

/// Copies `len` bytes of user memory at `src` to `dst`.
///
/// # Safety
/// `dst` must be valid for writes of `len` bytes.
pub unsafe fn copy_in(dst: *mut u8, src: usize, len: usize) -> Result<(), CopyFault> {
    // SAFETY: the caller vouches for `dst`; `translate` gives `piece` bytes of one frame.
    pieces(src, len, false, |user, offset, piece| unsafe { std::ptr::copy(user, dst.add(offset), piece) })
}

/// Copies `len` bytes at `src` to user memory at `dst`.
///
/// # Safety
/// `src` must be valid for reads of `len` bytes.
pub unsafe fn copy_out(dst: usize, src: *const u8, len: usize) -> Result<(), CopyFault> {
    // SAFETY: the caller vouches for `src`; `translate` gives `piece` bytes of one frame.
    pieces(dst, len, true, |user, offset, piece| unsafe { std::ptr::copy(src.add(offset), user, piece) })
}

/// Sets `len` bytes of user memory.
pub fn fill(dst: usize, byte: u8, len: usize) -> Result<(), CopyFault> {
    // SAFETY: `translate` gives `piece` bytes of one frame.
    pieces(dst, len, true, |user, _, piece| unsafe { user.write_bytes(byte, piece) })
}

macro_rules! accessors {
    ($($load:ident $store:ident $type:ty;)*) => {$(
        /// Loads a value of user memory.
        pub fn $load(address: usize) -> Result<$type, CopyFault> {
            let mut bytes = [0; size_of::<$type>()];
            // SAFETY: a local array of that length.
            unsafe { copy_in(bytes.as_mut_ptr(), address, bytes.len())? };
            Ok(<$type>::from_ne_bytes(bytes))
        }

        /// Stores a value to user memory.
        pub fn $store(address: usize, value: $type) -> Result<(), CopyFault> {
            let bytes = value.to_ne_bytes();
            // SAFETY: a local array of that length.
            unsafe { copy_out(address, bytes.as_ptr(), bytes.len()) }
        }
    )*};
}

accessors! {
    load_u8 store_u8 u8;
    load_u32 store_u32 u32;
    load_u64 store_u64 u64;
}

/// Atomically replaces `old` by `new` at `address`, which must be a multiple of 4. The inner result is the old value, as
/// an error if it was another one.
pub fn compare_exchange_u32(address: usize, old: u32, new: u32) -> Result<Result<u32, u32>, CopyFault> {
    let user = (address.is_multiple_of(4)).then(|| translate(address, true)).flatten();
    let user = user.ok_or(CopyFault { address, done: 0 })?;
    // SAFETY: four aligned bytes of one frame; all users of futex words go through atomics.
    let word = unsafe { AtomicU32::from_ptr(user.cast()) };
    Ok(word.compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst))
}
