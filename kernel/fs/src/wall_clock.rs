//! Wall-clock time: what CLOCK_REALTIME shows and what files are stamped with.
//!
//! It is the monotone clock of the processor plus one offset. The offset starts from the battery clock at boot and moves when a
//! program calls clock_settime(2). It lives here because the files' time stamps are the lowest user of wall time.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use abi::time::Timespec;

/// Wall time minus monotone time, in nanoseconds.
static OFFSET: AtomicU64 = AtomicU64::new(0);
static STARTED: AtomicBool = AtomicBool::new(false);

fn offset() -> u64 {
    if !STARTED.load(Ordering::Acquire) {
        start();
    }
    OFFSET.load(Ordering::Relaxed)
}

/// Takes the offset from the battery clock. Two CPUs that get here at once compute the same value.
#[cold]
fn start() {
    OFFSET.store(arch::clock::boot_wall_time(), Ordering::Relaxed);
    STARTED.store(true, Ordering::Release);
}

/// Nanoseconds since 1970-01-01 00:00 UTC.
pub fn now_nanos() -> u64 {
    arch::clock::now().wrapping_add(offset())
}

/// The present time as files are stamped with it.
pub fn now() -> Timespec {
    Timespec::from_nanos(now_nanos())
}

/// Sets the wall clock to `nanos` since 1970; the monotone clock is not touched (clock_settime(2)).
pub fn set(nanos: u64) {
    let old = offset();
    let new = nanos.wrapping_sub(arch::clock::now());
    OFFSET.store(new, Ordering::Relaxed);
    STARTED.store(true, Ordering::Release);
    crate::timer_file::wall_clock_was_set(new.wrapping_sub(old).cast_signed());
}

/// When the machine was started, in nanoseconds since 1970, as the wall clock now has it (`btime` of /proc/stat).
pub fn boot_time() -> u64 {
    offset()
}
