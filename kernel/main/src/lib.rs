//! The parts of the kernel's binary that need no machine, so that the host can test them.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod command_line;
pub mod parameters;
