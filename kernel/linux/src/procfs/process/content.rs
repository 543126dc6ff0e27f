//! Small files of a process: its strings, its name, its auxiliary vector.

use alloc::vec::Vec;
use core::ops::Range;

use abi::{Errno, Result};
use fs::synthetic::Content;
use process::Thread;

use super::Subject;
use crate::procfs::text::Text;

/// The longest argument or environment text that is shown.
const STRINGS_MAX: usize = 2 << 20;

/// Copies a range of the process's memory, as far as it is readable.
fn copy_memory(subject: Subject, range: Range<usize>, text: &mut Vec<u8>) -> Result<()> {
    let Some(space) = subject.process()?.space() else { return Ok(()) };
    let wanted = range.end.saturating_sub(range.start).min(STRINGS_MAX);
    text.try_reserve(wanted).map_err(|_| Errno::ENOMEM)?;
    let old = text.len();
    text.resize(old + wanted, 0);
    let copied = match text.get_mut(old..) {
        // What the program has unmapped, or not brought in, is just not there.
        Some(bytes) if !bytes.is_empty() => space.read_remote(range.start, bytes).unwrap_or(0),
        _ => 0,
    };
    text.truncate(old + copied);
    Ok(())
}

/// The arguments, each with its NUL; empty for a zombie and for the kernel's own init.
pub(super) fn cmdline(subject: Subject, text: &mut Vec<u8>) -> Result<()> {
    let arguments = subject.process()?.image().arguments.clone();
    copy_memory(subject, arguments, text)
}

pub(super) fn environ(subject: Subject, text: &mut Vec<u8>) -> Result<()> {
    let environment = subject.check_access()?.image().environment.clone();
    copy_memory(subject, environment, text)
}

/// The auxiliary vector, with the pair of zeros that ends it.
pub(super) fn auxv(subject: Subject, text: &mut Vec<u8>) -> Result<()> {
    let image = subject.check_access()?.image();
    if image.auxiliary.is_empty() {
        return Ok(());
    }
    Text::fill(text, |text| {
        for &(kind, value) in image.auxiliary.iter().chain(&[(0, 0)]) {
            text.bytes(&kind.to_ne_bytes())?;
            text.bytes(&value.to_ne_bytes())?;
        }
        Ok(())
    })
}

pub(super) fn zero(subject: Subject, text: &mut Vec<u8>) -> Result<()> {
    subject.process()?;
    Text::fill(text, |text| text.line(b"0"))
}

/// Where a thread sleeps in the kernel is not told.
pub(super) fn wchan(subject: Subject, text: &mut Vec<u8>) -> Result<()> {
    subject.process()?;
    Text::fill(text, |text| text.bytes(b"0"))
}

/// /proc/PID/comm. Threads of the same process may rename one another.
pub(super) struct Name(pub Subject);

impl Content for Name {
    fn generate(&self, text: &mut Vec<u8>) -> Result<()> {
        let name = name_of(self.0)?;
        Text::fill(text, |text| text.line(&name))
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        let thread = self.0.live_thread()?;
        if process::with_current(|caller| caller.process().pid() != thread.process().pid()).unwrap_or(false) {
            return Err(Errno::EINVAL);
        }
        let end = bytes.iter().position(|byte| matches!(byte, b'\n' | 0)).unwrap_or(bytes.len());
        thread.set_name(bytes.get(..end).unwrap_or_default());
        Ok(())
    }
}

/// The name of the thread; that with which it ended for a process without threads.
pub(super) fn name_of(subject: Subject) -> Result<Vec<u8>> {
    if let Some(thread) = subject.thread()? {
        return Ok(Thread::name(&thread));
    }
    let process = subject.process()?;
    // The kernel's own init never had a thread.
    Ok(if process.pid() == process::tree::INIT { b"init".to_vec() } else { process.name() })
}
