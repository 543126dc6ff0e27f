//! What the guest programs share: raw system calls with Linux's error numbers, child processes, signals that leave a record, raw
//! memory. Everything here is plain Linux user space and runs on any Linux kernel.
//!
//! The programs test a kernel, so they must be able to make *wrong* calls: bad pointers, bad numbers. Hence [`sys::call`] is a safe
//! function although a hostile argument could damage the calling program; what the caller does to itself is the caller's matter,
//! and most tests do it in a child process.

pub mod child;
pub mod epoll;
pub mod exec;
pub mod files;
pub mod memory;
pub mod proc;
pub mod random;
pub mod signals;
pub mod sys;
pub mod terminal;
pub mod threads;
