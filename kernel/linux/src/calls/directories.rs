//! Directories: getdents64(2), getcwd(2), chdir(2), chroot(2), umask(2).

use abi::{Errno, Result};
use alloc::vec::Vec;
use fs::{DirectoryEntry, LookupFlags, Whence};
use memory::UserSlice;

use super::paths::{self, Base};
use crate::call::{Call, Outcome};

const INTO_DIRECTORY: LookupFlags = LookupFlags::FOLLOW_LAST.union(LookupFlags::DIRECTORY);
/// The largest piece of a directory that is prepared at a time.
const BUFFER_MAX: usize = 32 * 1024;

/// Appends a `struct linux_dirent64`; false when it does not fit below `limit`.
fn put64(out: &mut Vec<u8>, limit: usize, entry: &DirectoryEntry<'_>) -> bool {
    const HEADER: usize = 19;
    let length = (HEADER + entry.name.len() + 1).next_multiple_of(8);
    if out.len() + length > limit {
        return false;
    }
    let end = out.len() + length;
    out.extend_from_slice(&entry.inode.to_le_bytes());
    out.extend_from_slice(&entry.next.to_le_bytes());
    out.extend_from_slice(&(length as u16).to_le_bytes());
    out.push(entry.file_type.directory_entry_type());
    out.extend_from_slice(entry.name);
    out.resize(end, 0);
    true
}

/// Appends a `struct linux_dirent` of the old call, which keeps the type in its last byte.
fn put(out: &mut Vec<u8>, limit: usize, entry: &DirectoryEntry<'_>) -> bool {
    const HEADER: usize = 18;
    let length = (HEADER + entry.name.len() + 2).next_multiple_of(8);
    if out.len() + length > limit {
        return false;
    }
    let end = out.len() + length;
    out.extend_from_slice(&entry.inode.to_le_bytes());
    out.extend_from_slice(&entry.next.to_le_bytes());
    out.extend_from_slice(&(length as u16).to_le_bytes());
    out.extend_from_slice(entry.name);
    out.resize(end - 1, 0);
    out.push(entry.file_type.directory_entry_type());
    true
}

fn read(call: &Call<'_>, fd: i32, buffer: usize, count: u32, put: fn(&mut Vec<u8>, usize, &DirectoryEntry<'_>) -> bool) -> Result<usize> {
    let file = call.file(fd)?;
    let limit = (count as usize).min(BUFFER_MAX);
    let start = file.position();
    let mut out = Vec::new();
    let mut any = false;
    file.read_directory(&mut |entry| {
        any = true;
        put(&mut out, limit, &entry)
    })?;
    if out.is_empty() && any {
        // Not even one entry fits.
        return Err(Errno::EINVAL);
    }
    if let Err(errno) = UserSlice::new(buffer, out.len()).write(&out) {
        // The entries that did not arrive come again.
        file.seek(start as i64, Whence::Start)?;
        return Err(errno);
    }
    Ok(out.len())
}

pub fn getdents64(call: &mut Call<'_>, fd: i32, buffer: usize, count: u32) -> Outcome {
    Ok(read(call, fd, buffer, count, put64)?)
}

pub fn getdents(call: &mut Call<'_>, fd: i32, buffer: usize, count: u32) -> Outcome {
    Ok(read(call, fd, buffer, count, put)?)
}

/// getcwd(2) as the kernel has it: the length with the NUL.
pub fn getcwd(call: &mut Call<'_>, buffer: usize, size: usize) -> Outcome {
    let context = call.fs()?;
    let working = context.working_directory();
    if working.dentry().is_deleted() {
        return Err(Errno::ENOENT.into());
    }
    let mut path = working.try_absolute(&context.root())?;
    path.push(0);
    if path.len() > size {
        return Err(Errno::ERANGE.into());
    }
    UserSlice::new(buffer, path.len()).write(&path)?;
    Ok(path.len())
}

pub fn chdir(call: &mut Call<'_>, path: usize) -> Outcome {
    let place = paths::lookup(call, Base::Working, path, INTO_DIRECTORY)?;
    call.fs()?.change_directory(&call.thread.credentials(), place)?;
    Ok(0)
}

pub fn fchdir(call: &mut Call<'_>, fd: i32) -> Outcome {
    let place = call.any_file(fd)?.path().clone();
    call.fs()?.change_directory(&call.thread.credentials(), place)?;
    Ok(0)
}

pub fn chroot(call: &mut Call<'_>, path: usize) -> Outcome {
    let place = paths::lookup(call, Base::Working, path, INTO_DIRECTORY)?;
    call.fs()?.change_root(&call.thread.credentials(), place)?;
    Ok(0)
}

pub fn umask(call: &mut Call<'_>, mask: u32) -> Outcome {
    Ok(call.fs()?.set_umask(mask) as usize)
}
