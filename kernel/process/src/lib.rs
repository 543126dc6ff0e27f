//! Processes, and threads as futures.
//!
//! A user thread is one future, [`run::thread_loop`]: it calls `arch::user::run`, which enters ring 3 and returns at the next trap,
//! handles the trap, and goes round again until the thread is dead. A blocked system call is that future being `Pending`: no kernel
//! stack exists for it. Everything that can end a wait from outside (a signal, a stop, a kill) sets a bit in [`Thread`]'s work word and
//! wakes the future; one combinator, [`interruptible`], looks at that word wherever a call sleeps.
//!
//! Who owns what: a [`Process`] owns the address space, the signal actions, the resource limits and its list of threads; a [`Thread`]
//! owns its mask, its credentials and (shared as clone(2) says) its descriptor table and file-system context; the one table in
//! [`tree`] owns who is whose parent, group and session. Lock order: tree → a process's `shared` → a thread's fields → futex buckets.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod accounts;
pub mod clone;
pub mod exec;
pub mod exit;
pub(crate) mod fault;
pub mod futex;
pub mod identity;
pub mod image;
pub mod init;
pub mod interrupt;
pub mod itimer;
pub mod limits;
pub mod memory_pressure;
pub mod process;
pub mod restart;
pub mod robust;
pub mod run;
mod sampling;
pub mod session;
pub mod sigio;
pub mod signal;
pub mod thread;
pub mod times;
pub mod tree;
pub mod wait;

#[cfg(test)]
mod tests;

pub use interrupt::{interruptible, interruptible_until, killable};
pub use limits::{Limits, Resource};
pub use process::Process;
pub use run::{Entered, SystemCalls, current, spawn_thread, thread_loop, with_current};
pub use session::{ControllingTerminal, Session};
pub use thread::Thread;
pub use tree::{find_process, find_thread, next_process};
