//! The machine: x86_64 as QEMU's q35 and microvm and ordinary PCs have it.
//!
//! A boot loader enters at `entry`, which brings the processor to long mode and calls `start`; from there on everything is
//! Rust, and `start` ends by calling the binary's `kernel_main`. Traps come in through `idt` (their stubs), `traps` (what
//! they mean in kernel mode) and `user` (the way to and from ring 3).

mod acpi;
pub(crate) mod backtrace;
pub(crate) mod block;
pub(crate) mod boot;
pub(crate) mod clock;
pub(crate) mod console;
pub(crate) mod copy;
pub(crate) mod cpu;
mod entry;
pub(crate) mod escape;
mod firmware;
pub(crate) mod fpu;
mod idt;
pub(crate) mod interrupts;
mod ioapic;
mod kernel_map;
mod lapic;
pub(crate) mod latency;
pub(crate) mod memory;
mod pic;
mod pit;
pub(crate) mod port;
pub(crate) mod power;
pub(crate) mod random;
mod registers;
mod rtc;
mod segments;
mod start;
pub(crate) mod tlb;
pub(crate) mod traps;
pub(crate) mod user;

pub use kernel_map::{guard_pages, map_device, map_pixels, visit as visit_kernel_mappings};
