//! What a process knows of the program that it runs: where it came from, and where its parts lie in memory.

use alloc::sync::Arc;

use fs::{Path, TextHold};

/// Facts of the last execve(2), for /proc/PID/{exe,cmdline,environ,stat,auxv} and for programs that ask.
#[derive(Clone, Default)]
pub struct Image {
    /// The program file; none for the kernel's own init.
    pub executable: Option<Path>,
    /// Keeps the file from being written to while it runs (ETXTBSY).
    pub text: Option<Arc<TextHold>>,
    /// User addresses of the argument strings, one after the other.
    pub arguments: core::ops::Range<usize>,
    /// User addresses of the environment strings.
    pub environment: core::ops::Range<usize>,
    /// Lowest and highest address of the program's executable segments.
    pub code: core::ops::Range<usize>,
    /// Of its writable segments.
    pub data: core::ops::Range<usize>,
    /// Where the stack began, its highest address.
    pub stack: usize,
    /// The auxiliary vector as the program got it, without the closing pair.
    pub auxiliary: alloc::boxed::Box<[(u64, u64)]>,
}
