//! Path arguments: reading them, and finding the place that they name.

use abi::stat::PATH_MAX;
use abi::{Errno, Result};
use alloc::vec::Vec;
use fs::{LookupFlags, Path};

use crate::call::Call;

/// "Relative paths start at the working directory", in place of a descriptor.
pub const AT_FDCWD: i32 = -100;
pub const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
pub const AT_REMOVEDIR: u32 = 0x200;
pub const AT_EACCESS: u32 = 0x200;
pub const AT_SYMLINK_FOLLOW: u32 = 0x400;
pub const AT_NO_AUTOMOUNT: u32 = 0x800;
pub const AT_EMPTY_PATH: u32 = 0x1000;

/// Where a relative path starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Base {
    Working,
    Directory(i32),
}

impl Base {
    /// From the directory argument of the *at calls.
    pub fn from_fd(fd: i32) -> Base {
        if fd == AT_FDCWD { Base::Working } else { Base::Directory(fd) }
    }
}

/// Copies a path in. ENAMETOOLONG from 4096 bytes on, EFAULT.
pub fn read(address: usize) -> Result<Vec<u8>> {
    memory::user::read_c_string(address, PATH_MAX)
}

/// The starting place for `path`; a descriptor is not even looked at for an absolute path.
pub fn start(call: &Call<'_>, base: Base, path: &[u8]) -> Result<Option<Path>> {
    match base {
        Base::Directory(fd) if path.first() != Some(&b'/') => Ok(Some(call.any_file(fd)?.path().clone())),
        _ => Ok(None),
    }
}

/// The place that `path` names.
pub fn resolve(call: &Call<'_>, base: Base, path: &[u8], flags: LookupFlags) -> Result<Path> {
    let start = start(call, base, path)?;
    call.fs()?.resolve(&call.thread.credentials(), start.as_ref(), path, flags)
}

/// The place that the path at a user address names.
pub fn lookup(call: &Call<'_>, base: Base, address: usize, flags: LookupFlags) -> Result<Path> {
    resolve(call, base, &read(address)?, flags)
}

/// The lookup flags of the `AT_…` flags of a call; EINVAL for any that the call does not know.
pub fn at_flags(flags: u32, known: u32) -> Result<LookupFlags> {
    if flags & !known != 0 {
        return Err(Errno::EINVAL);
    }
    let mut lookup = LookupFlags::FOLLOW_LAST;
    if flags & AT_SYMLINK_NOFOLLOW != 0 {
        lookup -= LookupFlags::FOLLOW_LAST;
    }
    if flags & AT_EMPTY_PATH != 0 {
        lookup |= LookupFlags::EMPTY_PATH;
    }
    Ok(lookup)
}
