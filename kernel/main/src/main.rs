//! The kernel's binary: it puts the rooms together and boots. See `boot` for the order.
//!
//! It is a program for the bare machine only. For the host it is an empty one, so that the whole workspace can be checked there.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
mod boot;
#[cfg(target_os = "none")]
mod crash;
#[cfg(target_os = "none")]
mod heaps;
#[cfg(target_os = "none")]
mod keyboard;
#[cfg(target_os = "none")]
#[cfg_attr(not(feature = "selftest"), expect(dead_code, reason = "always compiled, and linked with the feature only"))]
mod ktest;
#[cfg(target_os = "none")]
mod logger;
#[cfg(target_os = "none")]
mod panic;
#[cfg(target_os = "none")]
mod screen;
#[cfg(target_os = "none")]
mod serial;
#[cfg(target_os = "none")]
mod serial_log;

/// On the host: nothing to do.
#[cfg(not(target_os = "none"))]
fn main() {
    println!("This is the kernel of Pollux, built for the host. It runs when it is built for x86_64-unknown-none.");
}
