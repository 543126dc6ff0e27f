//! The words that Pollux shares with Linux programs: error numbers, signals and the structs that cross the system-call boundary.
//!
//! It is the lowest room of all: it holds layouts and names, no behaviour, so that every other room can speak of an `Errno` or a
//! `Signal` without depending on the room that acts on it. Struct layouts are those of x86_64 Linux (`/usr/include/asm-generic`,
//! `/usr/include/x86_64-linux-gnu/asm`); each derives the zerocopy traits, so it can be copied to and from user memory without `unsafe`.
#![no_std]
#![forbid(unsafe_code)]

pub mod errno;
pub mod event;
pub mod process;
pub mod siginfo;
pub mod signal;
pub mod stat;
pub mod system;
pub mod termios;
pub mod time;
pub mod vt;

pub use errno::{Errno, Result};
pub use signal::{Signal, SignalSet};
