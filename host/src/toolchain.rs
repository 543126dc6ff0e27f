//! The Rust targets that Pollux builds for. A missing one is added through rustup; without rustup the message says what to do.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::progress::{self, Progress};

/// The kernel's target: no operating system, no SIMD, no red zone.
pub const KERNEL: &str = "x86_64-unknown-none";
/// The target of the guest programs: Linux, linked statically with musl.
pub const PROGRAMS: &str = "x86_64-unknown-linux-musl";

/// Makes sure that the standard library for `target` is installed.
pub fn ensure_target(target: &str) -> Result<()> {
    if sysroot()?.join("lib/rustlib").join(target).join("lib").is_dir() {
        return Ok(());
    }
    if Command::new("rustup").arg("--version").output().is_err() {
        bail!(
            "the Rust target {target} is missing and rustup is not here to add it: install rustup (https://rustup.rs), then run `rustup target add {target}`"
        );
    }
    let progress = Progress::start(&format!("adding the Rust target {target}"));
    progress::run(&progress, Command::new("rustup").args(["target", "add", target]).current_dir(crate::paths::workspace()))
}

fn sysroot() -> Result<PathBuf> {
    let output = Command::new("rustc")
        .args(["--print", "sysroot"])
        .current_dir(crate::paths::workspace())
        .output()
        .context("rustc is missing: install Rust through rustup (https://rustup.rs)")?;
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// The cargo that started us, or the one in PATH.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
