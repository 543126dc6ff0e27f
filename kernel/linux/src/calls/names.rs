//! Making, moving and removing names: mkdir(2), mknod(2), link(2), symlink(2), rename(2), unlink(2), readlink(2).

use abi::{Errno, Result};
use fs::{DeviceNumber, LookupFlags, RenameMode};
use memory::UserSlice;

use super::paths::{self, AT_EMPTY_PATH, AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, Base};
use crate::call::{Call, Outcome};

/// Reads a path and finds where it starts, then lets `f` act on both with the caller's credentials.
fn with_path<T>(
    call: &Call<'_>,
    base: Base,
    path: usize,
    f: impl FnOnce(&fs::FsContext, &fs::Credentials, Option<&fs::Path>, &[u8]) -> Result<T>,
) -> Result<T> {
    let path = paths::read(path)?;
    let start = paths::start(call, base, &path)?;
    f(&*call.fs()?, &call.thread.credentials(), start.as_ref(), &path)
}

pub fn mkdir(call: &mut Call<'_>, path: usize, mode: u32) -> Outcome {
    mkdirat(call, AT_FDCWD, path, mode)
}

pub fn mkdirat(call: &mut Call<'_>, directory: i32, path: usize, mode: u32) -> Outcome {
    with_path(call, Base::from_fd(directory), path, |fs, who, start, path| fs.make_directory(who, start, path, mode))?;
    Ok(0)
}

pub fn mknod(call: &mut Call<'_>, path: usize, mode: u32, device: u32) -> Outcome {
    mknodat(call, AT_FDCWD, path, mode, device)
}

pub fn mknodat(call: &mut Call<'_>, directory: i32, path: usize, mode: u32, device: u32) -> Outcome {
    let device = DeviceNumber::from_word(device);
    with_path(call, Base::from_fd(directory), path, |fs, who, start, path| fs.make_node(who, start, path, mode, device))?;
    Ok(0)
}

pub fn rmdir(call: &mut Call<'_>, path: usize) -> Outcome {
    with_path(call, Base::Working, path, |fs, who, start, path| fs.remove_directory(who, start, path))?;
    Ok(0)
}

pub fn unlink(call: &mut Call<'_>, path: usize) -> Outcome {
    unlinkat(call, AT_FDCWD, path, 0)
}

pub fn unlinkat(call: &mut Call<'_>, directory: i32, path: usize, flags: u32) -> Outcome {
    if flags & !AT_REMOVEDIR != 0 {
        return Err(Errno::EINVAL.into());
    }
    with_path(call, Base::from_fd(directory), path, |fs, who, start, path| {
        if flags & AT_REMOVEDIR != 0 { fs.remove_directory(who, start, path) } else { fs.unlink(who, start, path) }
    })?;
    Ok(0)
}

pub fn link(call: &mut Call<'_>, old: usize, new: usize) -> Outcome {
    linkat(call, AT_FDCWD, old, AT_FDCWD, new, 0)
}

pub fn linkat(call: &mut Call<'_>, old_directory: i32, old: usize, new_directory: i32, new: usize, flags: u32) -> Outcome {
    if flags & !(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let mut lookup = LookupFlags::empty();
    if flags & AT_SYMLINK_FOLLOW != 0 {
        lookup |= LookupFlags::FOLLOW_LAST;
    }
    if flags & AT_EMPTY_PATH != 0 {
        if !call.privileged() {
            // CAP_DAC_READ_SEARCH, so that nobody makes a name for a file that was only handed over as a descriptor.
            return Err(Errno::ENOENT.into());
        }
        lookup |= LookupFlags::EMPTY_PATH;
    }
    let target = paths::lookup(call, Base::from_fd(old_directory), old, lookup)?;
    with_path(call, Base::from_fd(new_directory), new, |fs, who, start, path| fs.link(who, &target, start, path))?;
    Ok(0)
}

pub fn symlink(call: &mut Call<'_>, target: usize, path: usize) -> Outcome {
    symlinkat(call, target, AT_FDCWD, path)
}

pub fn symlinkat(call: &mut Call<'_>, target: usize, directory: i32, path: usize) -> Outcome {
    let target = paths::read(target)?;
    with_path(call, Base::from_fd(directory), path, |fs, who, start, path| fs.make_symlink(who, &target, start, path))?;
    Ok(0)
}

pub fn rename(call: &mut Call<'_>, old: usize, new: usize) -> Outcome {
    renameat2(call, AT_FDCWD, old, AT_FDCWD, new, 0)
}

pub fn renameat(call: &mut Call<'_>, old_directory: i32, old: usize, new_directory: i32, new: usize) -> Outcome {
    renameat2(call, old_directory, old, new_directory, new, 0)
}

pub fn renameat2(call: &mut Call<'_>, old_directory: i32, old: usize, new_directory: i32, new: usize, flags: u32) -> Outcome {
    let mode = RenameMode::from_flags(flags)?;
    let (old, new) = (paths::read(old)?, paths::read(new)?);
    let from = paths::start(call, Base::from_fd(old_directory), &old)?;
    let to = paths::start(call, Base::from_fd(new_directory), &new)?;
    call.fs()?.rename(&call.thread.credentials(), (from.as_ref(), &old), (to.as_ref(), &new), mode)?;
    Ok(0)
}

pub fn readlink(call: &mut Call<'_>, path: usize, buffer: usize, size: usize) -> Outcome {
    readlinkat(call, AT_FDCWD, path, buffer, size)
}

pub fn readlinkat(call: &mut Call<'_>, directory: i32, path: usize, buffer: usize, size: usize) -> Outcome {
    // The size is an int in Linux, and the first thing that is looked at.
    if size as i32 <= 0 {
        return Err(Errno::EINVAL.into());
    }
    let text = with_path(call, Base::from_fd(directory), path, |fs, who, start, path| fs.read_link(who, start, path))?;
    let shown = text.get(..text.len().min(size as i32 as usize)).unwrap_or(&text);
    UserSlice::new(buffer, shown.len()).write(shown)?;
    Ok(shown.len())
}
