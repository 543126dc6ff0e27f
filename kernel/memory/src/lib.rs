//! Memory: who owns each byte of RAM, and what a program sees at each of its addresses.
//!
//! From the ground up:
//!
//! * [`frames`] hands out physical frames (a buddy allocator) and counts them; a reserve keeps the kernel alive when programs use up all the rest.
//! * [`heap`] cuts frames into the small objects of the kernel's own `Box`, `Vec` and `Arc`, and gives empty frames back.
//! * [`Page`] is one reference to one frame of data; page caches, address spaces and copies in flight share a frame by counting.
//! * [`PageCache`] holds the pages of one file. `read`, `write` and `mmap` all work on these same pages, so they can never disagree.
//! * [`AddressSpace`] says which file or fresh memory stands behind each user address and fills its page table when a program touches it.
//! * [`user`] copies to and from user memory with fault recovery; [`IoSink`] and [`IoSource`] are the two ends of `read` and `write`.
//!
//! No function here waits. What would have to wait (a page that comes from a disk) is reported as *deferred* and awaited by the caller.
//!
//! `unsafe` is confined to the files that touch raw memory: `frames`, `heap`, `page` and `user`.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod cache;
pub mod frames;
pub mod heap;
pub mod io;
pub mod mapped;
pub mod page;
pub mod space;
pub mod user;

pub use cache::{Fill, PageCache, PageLimit, PageSource, PageWait};
pub use io::{IoSink, IoSource, UserRange};
pub use mapped::{AnonymousObject, MappedFile, MappedName};
pub use page::Page;
pub use space::{
    AddressSpace, Advice, AreaInfo, AreaKind, Backing, Fault, Limits, MapFlags, MapRequest, Protection, RemapFlags, ResidentPage, Segv,
    Usage,
};
pub use user::{UserPtr, UserSlice};

#[cfg(test)]
mod testing;

/// Bytes in a page and in a frame.
pub const PAGE_SIZE: usize = arch::PAGE_SIZE;

/// `log2(PAGE_SIZE)`.
pub const PAGE_SHIFT: u32 = PAGE_SIZE.trailing_zeros();
