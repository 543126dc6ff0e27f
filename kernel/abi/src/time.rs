//! Time structs of clock_gettime(2), gettimeofday(2), setitimer(2), times(2).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{Errno, Result};

/// Nanoseconds in a second.
pub const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// `struct timespec`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Timespec {
    pub seconds: i64,
    pub nanoseconds: i64,
}

impl Timespec {
    pub const fn from_nanos(nanos: u64) -> Timespec {
        Timespec { seconds: (nanos / NANOS_PER_SECOND) as i64, nanoseconds: (nanos % NANOS_PER_SECOND) as i64 }
    }

    /// The length in nanoseconds, saturating; EINVAL for a negative time or a nanosecond field outside 0..10⁹, as Linux has it.
    pub fn to_nanos(self) -> Result<u64> {
        if self.seconds < 0 || self.nanoseconds < 0 || self.nanoseconds >= NANOS_PER_SECOND as i64 {
            return Err(Errno::EINVAL);
        }
        Ok((self.seconds as u64).saturating_mul(NANOS_PER_SECOND).saturating_add(self.nanoseconds as u64))
    }
}

/// `struct timeval`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Timeval {
    pub seconds: i64,
    pub microseconds: i64,
}

impl Timeval {
    pub const fn from_nanos(nanos: u64) -> Timeval {
        Timeval { seconds: (nanos / NANOS_PER_SECOND) as i64, microseconds: (nanos % NANOS_PER_SECOND / 1000) as i64 }
    }

    /// The length in nanoseconds, saturating; EINVAL for a negative time or a microsecond field outside 0..10⁶.
    pub fn to_nanos(self) -> Result<u64> {
        if self.seconds < 0 || self.microseconds < 0 || self.microseconds >= 1_000_000 {
            return Err(Errno::EINVAL);
        }
        Ok((self.seconds as u64).saturating_mul(NANOS_PER_SECOND).saturating_add(self.microseconds as u64 * 1000))
    }
}

/// `struct itimerspec`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Itimerspec {
    pub interval: Timespec,
    pub value: Timespec,
}

/// `struct itimerval`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Itimerval {
    pub interval: Timeval,
    pub value: Timeval,
}
