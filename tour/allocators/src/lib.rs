//! Allocators to learn from.
//!
//! A heap answers two requests: *give me a block of this size and alignment*, and *take this block back*. All that makes allocators differ
//! is what they remember about free memory, and where. From the plainest to the kernel's own:
//!
//! * [`Dummy`] remembers nothing and refuses everything: what happens when memory runs out can be studied with it.
//! * [`Bump`] remembers one address, up to which memory is given away. Nothing is faster, and nothing is reused until all is given back. Used on
//!   purpose for a group of objects that die together it is called an *arena*.
//! * [`LinkedList`] chains the free blocks through their own memory, by rising address, so that neighbours grow together again.
//! * [`FixedSize`] rounds sizes up to a few classes and keeps a list for each: no search, at the price of waste inside blocks.
//! * [`Buddy`] halves blocks down to the size wanted; a freed block finds the other half by one exclusive-or.
//! * [`Pool`] holds objects of one type, already built.
//!
//! The kernel's default heap puts the last three ideas together: size classes, slabs of equal objects over a buddy allocator of page frames,
//! and a magazine of free objects for each processor. It lives in the room `memory`; `cargo bench -p tour-allocators` compares them all.
//!
//! Each file is one allocator. They share the trait [`Allocator`], whose methods take `&mut self`: an allocator need know nothing of locks.
//! [`Locked`] adds the lock and with it [`GlobalAlloc`](core::alloc::GlobalAlloc), the interface that `Box` and `Vec` stand on.

#![no_std]

pub mod align;
mod allocator;
mod buddy;
mod bump;
mod dummy;
mod fixed_size;
mod linked_list;
mod locked;
mod pool;
mod provenance;

pub use allocator::Allocator;
pub use buddy::Buddy;
pub use bump::Bump;
pub use dummy::Dummy;
pub use fixed_size::{CLASSES, CLASSES_TO_A_PAGE, FINE_CLASSES, FixedSize, NoPages, Options, PageSource};
pub use linked_list::LinkedList;
pub use locked::{Locked, LockedGuard};
pub use pool::{Object, Pool};
