//! The copy loops: raw user copies of `arch`, repeated as page faults get resolved.
//!
//! The quick path is one call that succeeds. Everything about faults is out of line.

use crate::cache::PageWait;
use crate::space::{AddressSpace, Fault};
use abi::{Errno, Result};
use arch::cpu::PerCpu;
use arch::user::{self as raw, Access, CopyFault};
use sync::SpinLock;

/// A copy that ended early: how many bytes are certain to have been copied, and why no more were.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub done: usize,
    pub error: Errno,
}

/// Faults in a row without a byte of progress after which a copy gives up. One is normal; more happen only when another thread unmaps the page
/// again and again.
const STUCK: usize = 64;

/// The wait that the last deferred copy on each CPU left for its system call.
static DEFERRED: PerCpu<SpinLock<Option<PageWait>>> = PerCpu::new([const { SpinLock::new(None) }; arch::MAX_CPUS]);

/// The page that a failed copy of the running system call waits for. The thread's loop asks when a call returned
/// [`Errno::ERESTARTNOINTR`], awaits it, and runs the call again.
pub fn take_deferred() -> Option<PageWait> {
    DEFERRED.get().lock().take()
}

/// Copies from user memory.
///
/// # Safety
/// `destination` must be writable kernel memory of `len` bytes.
#[inline]
pub(crate) unsafe fn copy_in(destination: *mut u8, source: usize, len: usize) -> Result<(), Stop> {
    // SAFETY: the caller vouches for `destination`; `arch` checks and recovers the user side.
    match unsafe { raw::copy_in(destination, source, len) } {
        Ok(()) => Ok(()),
        Err(fault) => resume(fault, len, Access::Read, |done| {
            // SAFETY: `done <= len`, so the rest of the destination is still the caller's.
            unsafe { raw::copy_in(destination.add(done), source + done, len - done) }
        }),
    }
}

/// Copies to user memory.
///
/// # Safety
/// `source` must be readable kernel memory of `len` bytes.
#[inline]
pub(crate) unsafe fn copy_out(destination: usize, source: *const u8, len: usize) -> Result<(), Stop> {
    // SAFETY: the caller vouches for `source`; `arch` checks and recovers the user side.
    match unsafe { raw::copy_out(destination, source, len) } {
        Ok(()) => Ok(()),
        Err(fault) => resume(fault, len, Access::Write, |done| {
            // SAFETY: `done <= len`, so the rest of the source is still the caller's.
            unsafe { raw::copy_out(destination + done, source.add(done), len - done) }
        }),
    }
}

/// Sets user memory to `byte`.
pub(crate) fn fill_out(destination: usize, byte: u8, len: usize) -> Result<(), Stop> {
    match raw::fill(destination, byte, len) {
        Ok(()) => Ok(()),
        Err(fault) => resume(fault, len, Access::Write, |done| raw::fill(destination + done, byte, len - done)),
    }
}

/// Reads an aligned word in one access. EFAULT when it can't be read or isn't aligned.
pub fn load_u32(address: usize) -> Result<u32> {
    retry(address, Access::Read, || raw::load_u32(address))
}

/// Writes an aligned word in one access. EFAULT when it can't be written or isn't aligned.
pub fn store_u32(address: usize, value: u32) -> Result<()> {
    retry(address, Access::Write, || raw::store_u32(address, value))
}

/// Replaces an aligned word by `new` if it is `old`. The inner result is the old value either way: `Ok` if it was replaced. EFAULT as above.
pub fn compare_exchange_u32(address: usize, old: u32, new: u32) -> Result<Result<u32, u32>> {
    retry(address, Access::Write, || raw::compare_exchange_u32(address, old, new))
}

/// Repeats an access to one word until it meets no page fault.
#[inline]
fn retry<T>(address: usize, access: Access, word: impl Fn() -> Result<T, CopyFault>) -> Result<T> {
    if !address.is_multiple_of(size_of::<u32>()) {
        return Err(Errno::EFAULT);
    }
    for _ in 0..STUCK {
        match word() {
            Ok(value) => return Ok(value),
            Err(fault) => resolve(fault.address, access)?,
        }
    }
    Err(Errno::EFAULT)
}

/// Goes on with a copy that met a page fault: resolves it, calls `again` with the number of bytes done, and so on to the end.
#[cold]
fn resume(first: CopyFault, len: usize, access: Access, mut again: impl FnMut(usize) -> Result<(), CopyFault>) -> Result<(), Stop> {
    let (mut fault, mut done, mut stuck) = (first, 0, 0);
    loop {
        let progress = fault.done.min(len - done);
        done += progress;
        stuck = if progress == 0 { stuck + 1 } else { 0 };
        if stuck > STUCK {
            return Err(Stop { done, error: Errno::EFAULT });
        }
        resolve(fault.address, access).map_err(|error| Stop { done, error })?;
        match again(done) {
            Ok(()) => return Ok(()),
            Err(next) => fault = next,
        }
    }
}

/// Has the current address space handle a fault of the kernel's own access to user memory.
#[cold]
fn resolve(address: usize, access: Access) -> Result<()> {
    let space = AddressSpace::current().ok_or(Errno::EFAULT)?;
    match space.fault(address, access) {
        Fault::Resolved => Ok(()),
        Fault::Denied(_) => Err(Errno::EFAULT),
        Fault::OutOfMemory => Err(Errno::ENOMEM),
        Fault::Deferred(wait) => {
            *DEFERRED.get().lock() = Some(wait);
            Err(Errno::ERESTARTNOINTR)
        }
    }
}
