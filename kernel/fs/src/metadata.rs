//! What stat(2) tells about a file, and the numbers in it.

use abi::time::Timespec;

/// The kind of a file, with the value of its `S_IFMT` bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum FileType {
    Fifo = 0o010000,
    CharDevice = 0o020000,
    Directory = 0o040000,
    BlockDevice = 0o060000,
    Regular = 0o100000,
    Symlink = 0o120000,
    Socket = 0o140000,
}

/// The bits of `st_mode` that hold the kind.
pub const S_IFMT: u32 = 0o170000;
pub const S_ISUID: u32 = 0o4000;
pub const S_ISGID: u32 = 0o2000;
pub const S_ISVTX: u32 = 0o1000;
/// The bits of `st_mode` that chmod(2) changes.
pub const S_PERMISSIONS: u32 = 0o7777;

impl FileType {
    /// The kind in a mode word. `None` for values that name none; mknod(2) takes 0 for a regular file, which is its business.
    pub const fn from_mode(mode: u32) -> Option<FileType> {
        Some(match mode & S_IFMT {
            0o010000 => FileType::Fifo,
            0o020000 => FileType::CharDevice,
            0o040000 => FileType::Directory,
            0o060000 => FileType::BlockDevice,
            0o100000 => FileType::Regular,
            0o120000 => FileType::Symlink,
            0o140000 => FileType::Socket,
            _ => return None,
        })
    }

    /// The `S_IFMT` bits.
    pub const fn mode_bits(self) -> u32 {
        self as u32
    }

    /// `d_type` of getdents64(2): DT_DIR and its kin.
    pub const fn directory_entry_type(self) -> u8 {
        (self as u32 >> 12) as u8
    }
}

/// The number of a device: major and minor, in the 32-bit form that stat(2) and mknod(2) use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DeviceNumber(u32);

impl DeviceNumber {
    pub const NONE: DeviceNumber = DeviceNumber(0);

    /// `major` below 4096, `minor` below 2²⁰; higher bits are cut off.
    pub const fn new(major: u32, minor: u32) -> DeviceNumber {
        DeviceNumber((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12))
    }

    /// From the word of mknod(2).
    pub const fn from_word(word: u32) -> DeviceNumber {
        DeviceNumber(word)
    }

    /// The word of stat(2) (`st_rdev`, `st_dev`).
    pub const fn word(self) -> u64 {
        self.0 as u64
    }

    pub const fn major(self) -> u32 {
        (self.0 >> 8) & 0xfff
    }

    pub const fn minor(self) -> u32 {
        (self.0 & 0xff) | ((self.0 >> 12) & 0xfff00)
    }
}

impl core::fmt::Debug for DeviceNumber {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}:{}", self.major(), self.minor())
    }
}

/// Kind, permissions and owner: what a permission check reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ownership {
    /// `st_mode`: kind and permission bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

/// What stat(2) and statx(2) tell. `device` is the file system's, `rdev` the device that the file itself stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metadata {
    pub device: DeviceNumber,
    pub inode: u64,
    /// Kind and permission bits.
    pub mode: u32,
    pub links: u32,
    pub uid: u32,
    pub gid: u32,
    pub rdev: DeviceNumber,
    /// Bytes.
    pub size: u64,
    /// The preferred size of one transfer, in bytes.
    pub block_size: u32,
    /// Storage used, in units of 512 bytes.
    pub blocks: u64,
    pub accessed: Timespec,
    pub modified: Timespec,
    pub changed: Timespec,
    pub born: Timespec,
}

impl Metadata {
    /// The kind; an unknown one counts as a regular file.
    pub fn file_type(&self) -> FileType {
        FileType::from_mode(self.mode).unwrap_or(FileType::Regular)
    }
}

/// Changes of an inode's attributes: the fields that are `Some` are set, after all checks were made by the caller.
#[derive(Clone, Copy, Default, Debug)]
pub struct AttributeChange {
    /// Permission bits only (`S_PERMISSIONS`).
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub accessed: Option<Timespec>,
    pub modified: Option<Timespec>,
    /// `st_ctime`, which each change sets.
    pub changed: Option<Timespec>,
}

/// What statfs(2) tells about a file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FsStatistics {
    /// The magic number of the kind (TMPFS_MAGIC …).
    pub kind: u64,
    pub block_size: u64,
    pub blocks: u64,
    pub blocks_free: u64,
    pub files: u64,
    pub files_free: u64,
    pub name_max: u64,
    /// Identity of the file system (`f_fsid`).
    pub identity: u64,
}
