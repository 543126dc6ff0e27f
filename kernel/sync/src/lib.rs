//! What code shares with other processors, with interrupts and with other tasks.
//!
//! Two families live here and must not be mixed up:
//!
//! * **Spin locks** ([`SpinLock`], [`Once`], [`Lazy`]) guard a few instructions. Interrupts stay off while one is held, and its guard is
//!   not `Send`, so that the compiler refuses to keep it across an `await`.
//! * **Waiting** ([`WaitQueue`], [`Mutex`], [`Event`], [`WakerCell`]) is for tasks. A waiter is a node inside the waiting future itself: waiting
//!   allocates nothing, is first come first served, and dropping the future at any `await` unlinks the node and passes on what it was
//!   granted. An [`Observer`] of a queue does not wait: it is told of each wake.
//!
//! [`Ring`] carries words from an interrupt handler to a task without any lock.
//!
//! Waking never allocates, never frees and takes only spin locks whose holders have interrupts off: it is allowed in an interrupt handler.
//! Everything is built on [`atomics`], which loom can replace: `tests/loom.rs` explores all interleavings of the very same code.
#![cfg_attr(not(any(test, loom)), no_std)]

pub mod atomics;
mod event;
pub mod list;
mod mutex;
mod observer;
mod once;
mod raw_spin;
mod ring;
mod spin;
#[cfg(all(test, not(loom)))]
mod test_waker;
mod wait;
mod wait_queue;
mod waker_cell;

pub use event::Event;
pub use mutex::{Lock, Mutex, MutexGuard};
pub use observer::{Observe, Observer};
pub use once::{Lazy, Once};
pub use ring::Ring;
pub use spin::{SpinLock, SpinLockGuard};
pub use wait::{Wait, WaitUntil};
pub use wait_queue::WaitQueue;
pub use waker_cell::WakerCell;
