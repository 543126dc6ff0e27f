//! The library behind the `pollux` command: it builds the kernel, makes the root file system, boots both in QEMU and
//! carries the program's input, output and exit status. It is a library so that the integration tests drive the same code.

pub mod bench;
pub mod cli;
pub mod cpio;
pub mod demo;
pub mod firmware;
pub mod gdb;
pub mod guest;
pub mod image;
pub mod kernel_build;
pub mod libraries;
pub mod monitor;
pub mod packages;
pub mod panic;
pub mod paths;
pub mod picture;
pub mod program;
pub mod progress;
pub mod protocol;
pub mod qemu;
pub mod rootfs;
pub mod run;
pub mod status;
pub mod strip;
pub mod symbols;
pub mod terminal;
pub mod toolchain;
pub mod tour;
pub mod tree;
