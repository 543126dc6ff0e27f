//! Page tables, reached in three ways.
//!
//! A page table entry holds a *physical* address, but code can only load from *virtual* ones. So a kernel that wants to change its own page
//! tables needs a way from the frame of a table to an address at which that frame can be seen. The three designs here answer that one
//! question, [`Reach`], and nothing else: walking, mapping and unmapping ([`Walker`]) is written once, above them.
//!
//! - [`Offset`]: all physical memory is mapped at one offset. It costs tables for that map (132 KiB for 32 GiB in 2 MiB pages, see
//!   [`address::map_cost`]), and every table of every address space is there at once. This is what the real kernel does.
//! - [`Recursive`]: one entry of the root points to the root itself, so the processor's own walk ends one step early and shows the table
//!   instead of the page. It costs no memory but 512 GiB of addresses, shows the active address space only (another one through a
//!   [door](Recursive::door)), and leans on x86_64's tables having one format on all levels.
//! - [`Temporary`]: a window of 511 slots in one level-1 table. A table is mapped into a free slot, read or written, and unmapped again. It
//!   costs next to nothing and is slow, since every access changes a mapping and flushes it.
//!
//! Two more ways are only told of. Where tables lie in identity-mapped memory, a physical address is a virtual one; but then the addresses that
//! programs want are full of holes, and a large table of contiguous pages finds no place. Where only the tables' frames are mapped at an offset,
//! the first trouble is gone, but each new table needs a mapping first, and tables of other address spaces are not in sight.
//!
//! Whoever uses a mapper sees none of this: [`Mapper`] is one trait, and [`suite`] is one set of tests that all of them pass, on the processor
//! as well as on a model of its MMU ([`Model`]) in an ordinary host program. The real kernel's [`PageTable`](arch::paging::PageTable) has a
//! face for the suite too: [`Kernel`].

#![cfg_attr(target_os = "none", no_std)]

extern crate alloc;

pub mod address;
pub mod dump;
pub mod example;
mod flags;
mod kernel;
mod mapper;
#[cfg(not(target_os = "none"))]
mod model;
mod offset;
#[cfg(target_os = "none")]
pub mod processor;
mod recursive;
#[cfg(target_os = "none")]
mod report;
pub mod suite;
mod temporary;
mod walker;

pub use flags::{Entry, Flags, Table};
pub use kernel::Kernel;
pub use mapper::{MapError, Mapper, Page, PageSize, Translation, UnmapError};
#[cfg(not(target_os = "none"))]
pub use model::Model;
pub use offset::Offset;
#[cfg(target_os = "none")]
pub use processor::Processor;
pub use recursive::Recursive;
#[cfg(target_os = "none")]
pub use report::report;
pub use temporary::{SLOTS, Slot, Temporary};
pub use walker::{Place, Reach, Walker};

/// Loads and stores through virtual addresses, translated by page tables: the processor, or a model of it.
///
/// Translations are cached: after a mapping was changed, accesses may go by the old one until it is invalidated.
pub trait Mmu {
    /// The aligned word at `address`, which must be mapped.
    fn load(&self, address: usize) -> u64;
    /// Replaces the aligned word at `address`, which must be mapped and writable.
    fn store(&self, address: usize, value: u64);
    /// Forgets the cached translation of the page at `address`: `invlpg`.
    fn invalidate(&self, address: usize);
}

impl<M: Mmu + ?Sized> Mmu for &M {
    fn load(&self, address: usize) -> u64 {
        (**self).load(address)
    }

    fn store(&self, address: usize, value: u64) {
        (**self).store(address, value);
    }

    fn invalidate(&self, address: usize) {
        (**self).invalidate(address);
    }
}
