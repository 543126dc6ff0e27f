//! File status structs and constants: stat(2), statx(2), statfs(2), getdents64(2), fcntl(2) locks.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::time::Timespec;

/// `struct stat` of x86_64.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Stat {
    pub device: u64,
    pub inode: u64,
    pub links: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub padding: u32,
    pub special_device: u64,
    pub size: i64,
    pub block_size: i64,
    /// In units of 512 bytes.
    pub blocks: i64,
    pub accessed: Timespec,
    pub modified: Timespec,
    pub changed: Timespec,
    pub unused: [i64; 3],
}

/// `struct statx_timestamp`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct StatxTimestamp {
    pub seconds: i64,
    pub nanoseconds: u32,
    pub padding: i32,
}

impl From<Timespec> for StatxTimestamp {
    fn from(time: Timespec) -> StatxTimestamp {
        StatxTimestamp { seconds: time.seconds, nanoseconds: time.nanoseconds as u32, padding: 0 }
    }
}

/// `struct statx`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Statx {
    pub mask: u32,
    pub block_size: u32,
    pub attributes: u64,
    pub links: u32,
    pub uid: u32,
    pub gid: u32,
    pub mode: u16,
    pub padding: u16,
    pub inode: u64,
    pub size: u64,
    pub blocks: u64,
    pub attributes_mask: u64,
    pub accessed: StatxTimestamp,
    pub created: StatxTimestamp,
    pub changed: StatxTimestamp,
    pub modified: StatxTimestamp,
    pub special_device_major: u32,
    pub special_device_minor: u32,
    pub device_major: u32,
    pub device_minor: u32,
    pub mount_id: u64,
    pub direct_io: [u32; 2],
    pub spare: [u64; 12],
}

/// The longest path, its NUL included (PATH_MAX).
pub const PATH_MAX: usize = 4096;

/// STATX_BASIC_STATS | STATX_BTIME: what a statx(2) of Pollux always fills.
pub const STATX_FILLED: u32 = 0xfff;
/// STATX__RESERVED: asking for it is EINVAL.
pub const STATX_RESERVED: u32 = 0x8000_0000;

/// `struct statfs` of x86_64.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Statfs {
    pub kind: i64,
    pub block_size: i64,
    pub blocks: u64,
    pub blocks_free: u64,
    pub blocks_available: u64,
    pub files: u64,
    pub files_free: u64,
    pub id: [i32; 2],
    pub name_length: i64,
    pub fragment_size: i64,
    pub flags: i64,
    pub spare: [i64; 4],
}

/// `struct flock`, the argument of F_GETLK and F_SETLK.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Flock {
    pub kind: i16,
    pub whence: i16,
    pub padding: u32,
    pub start: i64,
    pub length: i64,
    pub pid: i32,
    pub padding2: u32,
}

/// `struct open_how` of openat2(2).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct OpenHow {
    pub flags: u64,
    pub mode: u64,
    pub resolve: u64,
}

/// `struct iovec`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct IoVec {
    pub base: usize,
    pub length: usize,
}

/// `struct pollfd`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PollFd {
    pub fd: i32,
    pub events: i16,
    pub returned: i16,
}

const _: () = {
    assert!(size_of::<Stat>() == 144);
    assert!(size_of::<Statx>() == 256);
    assert!(size_of::<Statfs>() == 120);
    assert!(size_of::<Flock>() == 32);
};
