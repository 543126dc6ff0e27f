//! A stretch of a file that a record lock covers.

use abi::{Errno, Result};

/// First and last byte, both included; `end` = i64::MAX reaches to the end of the file however long it grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LockRange {
    pub start: u64,
    pub end: u64,
}

impl LockRange {
    /// From `struct flock`: `base` is where `l_whence` counts from, in bytes. A negative length reaches back from the start; 0 means to
    /// the end. EINVAL for a stretch that begins before the file, EOVERFLOW beyond 2⁶³ − 1.
    pub fn new(base: u64, start: i64, length: i64) -> Result<LockRange> {
        let base = i64::try_from(base).map_err(|_| Errno::EOVERFLOW)?;
        let start = base.checked_add(start).ok_or(Errno::EOVERFLOW)?;
        let (start, end) = match length {
            0 => (start, i64::MAX),
            1.. => (start, start.checked_add(length - 1).ok_or(Errno::EOVERFLOW)?),
            _ => (start.checked_add(length).ok_or(Errno::EINVAL)?, start - 1),
        };
        match (u64::try_from(start), u64::try_from(end)) {
            (Ok(start), Ok(end)) => Ok(LockRange { start, end }),
            _ => Err(Errno::EINVAL),
        }
    }

    /// `l_len` as F_GETLK reports it: 0 for "to the end".
    pub fn length(&self) -> i64 {
        if self.end == i64::MAX as u64 { 0 } else { (self.end - self.start + 1) as i64 }
    }

    pub(super) fn overlaps(&self, other: &LockRange) -> bool {
        self.start <= other.end && other.start <= self.end
    }

    /// Overlaps, or lies directly beside.
    pub(super) fn touches(&self, other: &LockRange) -> bool {
        self.start <= other.end.saturating_add(1) && other.start <= self.end.saturating_add(1)
    }

    pub(super) fn joined(&self, other: &LockRange) -> LockRange {
        LockRange { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// What is left of `self` on both sides of `cut`.
    pub(super) fn without(&self, cut: &LockRange) -> (Option<LockRange>, Option<LockRange>) {
        let left = (self.start < cut.start).then(|| LockRange { start: self.start, end: self.end.min(cut.start - 1) });
        let right = (self.end > cut.end).then(|| LockRange { start: self.start.max(cut.end + 1), end: self.end });
        (left, right)
    }
}
