//! Device state machines that know no kernel.
//!
//! A driver here sees its device through a small trait for register access and hands bytes to closures; who calls it from an
//! interrupt, which lock protects it and where the bytes go is decided where the device is wired. So each driver runs on the host
//! against a model of its device.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod display;
pub mod framebuffer;
pub mod i8042;
pub mod keyboard;
pub mod uart;
pub mod vga;
