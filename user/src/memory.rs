//! Raw memory: mappings by number, reads and writes that the compiler may not leave out, and the addresses that a kernel must refuse.

use crate::sys;
use crate::sys::Result;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub const PAGE: usize = 4096;

/// Addresses that no user program may read or write: the kernel's half, the hole between the halves, the last page's end.
pub const KERNEL_ADDRESSES: [usize; 6] =
    [0xffff_8000_0000_0000, 0xffff_ffff_8000_0000, 0xffff_ffff_ffff_f000, 0x8000_0000_0000, 0x7fff_ffff_f000, usize::MAX - 7];

pub const RW: i32 = libc::PROT_READ | libc::PROT_WRITE;
pub const PRIVATE: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
pub const SHARED: i32 = libc::MAP_SHARED | libc::MAP_ANONYMOUS;

pub fn map(length: usize, protection: i32, flags: i32) -> Result {
    sys!(mmap, 0, length, protection, flags, -1, 0)
}

/// Private anonymous pages, read-write.
pub fn pages(count: usize) -> usize {
    map(count * PAGE, RW, PRIVATE).expect("mmap")
}

/// Anonymous pages shared with children.
pub fn shared_pages(count: usize) -> usize {
    map(count * PAGE, RW, SHARED).expect("mmap")
}

pub fn unmap(address: usize, length: usize) -> Result {
    sys!(munmap, address, length)
}

pub fn protect(address: usize, length: usize, protection: i32) -> Result {
    sys!(mprotect, address, length, protection)
}

/// Where the kernel puts nothing by itself: far below the stack and the mappings, far above the program.
const WILDERNESS: usize = 0x2345_6780_0000;

/// A place of 64 KiB at which nothing is mapped, another one at each call; nothing will come there unasked.
pub fn nowhere() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(WILDERNESS);
    NEXT.fetch_add(0x10000, Relaxed)
}

/// One page is there, the next is not: the address of the border.
pub fn border() -> usize {
    let start = nowhere();
    assert_eq!(sys!(mmap, start, PAGE, RW, PRIVATE | libc::MAP_FIXED, -1, 0), Ok(start));
    start + PAGE
}

/// One byte as it is in memory now; faults if the page isn't there.
pub fn peek(address: usize) -> u8 {
    // SAFETY: the caller maps the page, or wants the fault.
    unsafe { core::ptr::read_volatile(address as *const u8) }
}

pub fn poke(address: usize, value: u8) {
    // SAFETY: as above; the tests poke only into what they mapped.
    unsafe { core::ptr::write_volatile(address as *mut u8, value) }
}

pub fn peek_u32(address: usize) -> u32 {
    // SAFETY: as above.
    unsafe { core::ptr::read_volatile(address as *const u32) }
}

pub fn poke_u32(address: usize, value: u32) {
    // SAFETY: as above.
    unsafe { core::ptr::write_volatile(address as *mut u32, value) }
}

/// A copy of mapped bytes.
pub fn bytes(address: usize, length: usize) -> Vec<u8> {
    (address..address + length).map(peek).collect()
}

pub fn fill(address: usize, content: &[u8]) {
    for (i, &byte) in content.iter().enumerate() {
        poke(address + i, byte);
    }
}

/// A word that threads and processes share.
pub fn atomic(address: usize) -> &'static core::sync::atomic::AtomicU32 {
    // SAFETY: the tests pass aligned words of mappings that live as long as the process.
    unsafe { &*(address as *const core::sync::atomic::AtomicU32) }
}
