//! Writers and execution of one file exclude each other (ETXTBSY).

use alloc::sync::Arc;
use core::sync::atomic::{AtomicI32, Ordering};

use abi::{Errno, Result};

use crate::inode::Inode;
use crate::path::Path;

/// How many have the file open for writing (above 0), or execute it (below 0).
#[derive(Default)]
pub struct WriterCount(AtomicI32);

impl WriterCount {
    pub const fn new() -> WriterCount {
        WriterCount(AtomicI32::new(0))
    }

    fn change(&self, allowed: impl Fn(i32) -> bool, by: i32) -> Result<()> {
        let step = |count: i32| if allowed(count) { count.checked_add(by) } else { None };
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, step).map(drop).map_err(|_| Errno::ETXTBSY)
    }

    /// One more writer; ETXTBSY while the file is executed.
    pub(crate) fn add_writer(&self) -> Result<()> {
        self.change(|count| count >= 0, 1)
    }

    pub(crate) fn remove_writer(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }

    /// ETXTBSY while the file is executed.
    pub(crate) fn check_not_executed(&self) -> Result<()> {
        if self.0.load(Ordering::Acquire) < 0 { Err(Errno::ETXTBSY) } else { Ok(()) }
    }
}

/// While it lives, the file cannot be opened for writing: a program being executed holds one.
pub struct TextHold(Arc<dyn Inode>);

impl Path {
    /// Forbids writing to this file, for execve(2). ETXTBSY when someone has it open for writing.
    pub fn hold_text(&self) -> Result<TextHold> {
        if let Some(writers) = self.inode().writers() {
            writers.change(|count| count <= 0, -1)?;
        }
        Ok(TextHold(self.inode().clone()))
    }
}

impl Drop for TextHold {
    fn drop(&mut self) {
        if let Some(writers) = self.0.writers() {
            writers.0.fetch_add(1, Ordering::AcqRel);
        }
    }
}
