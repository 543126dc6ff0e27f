//! File attributes: chmod(2), chown(2), utimensat(2), truncate(2), fallocate(2), extended attributes.

use abi::time::{Timespec, Timeval};
use abi::{Errno, Result};
use fs::{LookupFlags, Path, TimeChange};
use memory::UserPtr;

use super::io::{drop_set_ids, file_size_limit, write_failure};
use super::paths::{self, AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, Base, at_flags};
use crate::call::{Call, Outcome};

const FOLLOW: LookupFlags = LookupFlags::FOLLOW_LAST;

fn set_mode(call: &Call<'_>, place: Result<Path>, mode: u32) -> Outcome {
    place?.set_mode(&call.thread.credentials(), mode)?;
    Ok(0)
}

pub fn chmod(call: &mut Call<'_>, path: usize, mode: u32) -> Outcome {
    set_mode(call, paths::lookup(call, Base::Working, path, FOLLOW), mode)
}

pub fn fchmod(call: &mut Call<'_>, fd: i32, mode: u32) -> Outcome {
    set_mode(call, call.file(fd).map(|file| file.path().clone()), mode)
}

pub fn fchmodat(call: &mut Call<'_>, directory: i32, path: usize, mode: u32) -> Outcome {
    set_mode(call, paths::lookup(call, Base::from_fd(directory), path, FOLLOW), mode)
}

pub fn fchmodat2(call: &mut Call<'_>, directory: i32, path: usize, mode: u32, flags: u32) -> Outcome {
    let lookup = at_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    set_mode(call, paths::lookup(call, Base::from_fd(directory), path, lookup), mode)
}

fn set_owner(call: &Call<'_>, place: Result<Path>, uid: i32, gid: i32) -> Outcome {
    let id = |id: i32| (id != -1).then_some(id as u32);
    place?.set_owner(&call.thread.credentials(), id(uid), id(gid))?;
    Ok(0)
}

pub fn chown(call: &mut Call<'_>, path: usize, uid: i32, gid: i32) -> Outcome {
    set_owner(call, paths::lookup(call, Base::Working, path, FOLLOW), uid, gid)
}

pub fn lchown(call: &mut Call<'_>, path: usize, uid: i32, gid: i32) -> Outcome {
    set_owner(call, paths::lookup(call, Base::Working, path, LookupFlags::empty()), uid, gid)
}

pub fn fchown(call: &mut Call<'_>, fd: i32, uid: i32, gid: i32) -> Outcome {
    set_owner(call, call.file(fd).map(|file| file.path().clone()), uid, gid)
}

pub fn fchownat(call: &mut Call<'_>, directory: i32, path: usize, uid: i32, gid: i32, flags: u32) -> Outcome {
    let lookup = at_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    set_owner(call, paths::lookup(call, Base::from_fd(directory), path, lookup), uid, gid)
}

/// The two times of utimensat(2): special nanosecond values stand for "now" and "leave it".
fn time_change(time: Timespec) -> Result<TimeChange> {
    const UTIME_NOW: i64 = 0x3fff_ffff;
    const UTIME_OMIT: i64 = 0x3fff_fffe;
    match time.nanoseconds {
        UTIME_NOW => Ok(TimeChange::Now),
        UTIME_OMIT => Ok(TimeChange::Keep),
        0..1_000_000_000 => Ok(TimeChange::To(time)),
        _ => Err(Errno::EINVAL),
    }
}

pub fn utimensat(call: &mut Call<'_>, directory: i32, path: usize, times: usize, flags: u32) -> Outcome {
    let change = match times {
        0 => [TimeChange::Now; 2],
        _ => {
            let times = UserPtr::<Timespec>::new(times);
            [time_change(times.read()?)?, time_change(times.offset(1).read()?)?]
        }
    };
    let lookup = at_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    // Without a path the descriptor itself is meant: futimens(3).
    let place = match path {
        0 if directory != AT_FDCWD && flags != 0 => return Err(Errno::EINVAL.into()),
        0 if directory != AT_FDCWD => call.file(directory)?.path().clone(),
        _ => paths::lookup(call, Base::from_fd(directory), path, lookup)?,
    };
    place.set_times(&call.thread.credentials(), change[0], change[1])?;
    Ok(0)
}

fn set_times_of(call: &Call<'_>, base: Base, path: usize, change: [TimeChange; 2]) -> Outcome {
    paths::lookup(call, base, path, FOLLOW)?.set_times(&call.thread.credentials(), change[0], change[1])?;
    Ok(0)
}

/// Two times in microseconds, as utimes(2) takes them.
fn read_timevals(times: usize) -> Result<[TimeChange; 2]> {
    if times == 0 {
        return Ok([TimeChange::Now; 2]);
    }
    let times = UserPtr::<Timeval>::new(times);
    let change = |time: Timeval| match time.microseconds {
        0..1_000_000 => Ok(TimeChange::To(Timespec { seconds: time.seconds, nanoseconds: time.microseconds * 1000 })),
        _ => Err(Errno::EINVAL),
    };
    Ok([change(times.read()?)?, change(times.offset(1).read()?)?])
}

pub fn utimes(call: &mut Call<'_>, path: usize, times: usize) -> Outcome {
    set_times_of(call, Base::Working, path, read_timevals(times)?)
}

pub fn futimesat(call: &mut Call<'_>, directory: i32, path: usize, times: usize) -> Outcome {
    let change = read_timevals(times)?;
    if path == 0 && directory != AT_FDCWD {
        call.file(directory)?.path().set_times(&call.thread.credentials(), change[0], change[1])?;
        return Ok(0);
    }
    set_times_of(call, Base::from_fd(directory), path, change)
}

/// utime(2): two whole seconds.
pub fn utime(call: &mut Call<'_>, path: usize, times: usize) -> Outcome {
    let change = match times {
        0 => [TimeChange::Now; 2],
        _ => UserPtr::<[i64; 2]>::new(times).read()?.map(|seconds| TimeChange::To(Timespec { seconds, nanoseconds: 0 })),
    };
    set_times_of(call, Base::Working, path, change)
}

/// A new file length: EINVAL if negative.
fn length(length: usize) -> Result<u64> {
    if length > isize::MAX as usize { Err(Errno::EINVAL) } else { Ok(length as u64) }
}

pub fn truncate(call: &mut Call<'_>, path: usize, size: usize) -> Outcome {
    let size = length(size)?;
    let place = paths::lookup(call, Base::Working, path, FOLLOW)?;
    match place.truncate(&call.thread.credentials(), size, file_size_limit(call.thread)) {
        Err(Errno::EFBIG) => {
            super::io::raise(call.thread, abi::Signal::SIGXFSZ);
            Err(Errno::EFBIG.into())
        }
        other => Ok(other.map(|()| 0)?),
    }
}

pub fn ftruncate(call: &mut Call<'_>, fd: i32, size: usize) -> Outcome {
    let size = length(size)?;
    let file = call.file(fd)?;
    if size > file_size_limit(call.thread) && size > file.file().size() && file.flags().writes() {
        return Err(write_failure(call.thread, &file, Errno::EFBIG).into());
    }
    file.truncate(size)?;
    drop_set_ids(call.thread, &file)?;
    Ok(0)
}

pub fn fallocate(call: &mut Call<'_>, fd: i32, mode: u32, offset: usize, size: usize) -> Outcome {
    const KEEP_SIZE: u32 = 1;
    const PUNCH_HOLE: u32 = 2;
    let file = call.file(fd)?;
    let start = length(offset)?;
    if length(size)? == 0 {
        return Err(Errno::EINVAL.into());
    }
    if mode & !(KEEP_SIZE | PUNCH_HOLE) != 0 || mode & (KEEP_SIZE | PUNCH_HOLE) == PUNCH_HOLE {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let end = start.checked_add(size as u64).filter(|&end| end <= i64::MAX as u64).ok_or(Errno::EFBIG)?;
    if mode & KEEP_SIZE == 0 && end > file_size_limit(call.thread) {
        return Err(write_failure(call.thread, &file, Errno::EFBIG).into());
    }
    file.allocate(start..end, mode & KEEP_SIZE != 0, mode & PUNCH_HOLE != 0)?;
    drop_set_ids(call.thread, &file)?;
    Ok(0)
}

/// No file system here keeps extended attributes: EOPNOTSUPP once the file is found, as from a Linux file system without them.
fn unsupported<T>(place: Result<T>) -> Outcome {
    place?;
    Err(Errno::EOPNOTSUPP.into())
}

pub fn set_xattr(call: &mut Call<'_>, path: usize, _name: usize, _value: usize, _size: usize, _flags: u32) -> Outcome {
    unsupported(paths::lookup(call, Base::Working, path, FOLLOW))
}

pub fn lset_xattr(call: &mut Call<'_>, path: usize, _name: usize, _value: usize, _size: usize, _flags: u32) -> Outcome {
    unsupported(paths::lookup(call, Base::Working, path, LookupFlags::empty()))
}

pub fn fset_xattr(call: &mut Call<'_>, fd: i32, _name: usize, _value: usize, _size: usize, _flags: u32) -> Outcome {
    unsupported(call.file(fd))
}

pub fn get_xattr(call: &mut Call<'_>, path: usize, _name: usize, _value: usize, _size: usize) -> Outcome {
    unsupported(paths::lookup(call, Base::Working, path, FOLLOW))
}

pub fn lget_xattr(call: &mut Call<'_>, path: usize, _name: usize, _value: usize, _size: usize) -> Outcome {
    unsupported(paths::lookup(call, Base::Working, path, LookupFlags::empty()))
}

pub fn fget_xattr(call: &mut Call<'_>, fd: i32, _name: usize, _value: usize, _size: usize) -> Outcome {
    unsupported(call.file(fd))
}

pub fn list_xattr(call: &mut Call<'_>, path: usize, _list: usize, _size: usize) -> Outcome {
    unsupported(paths::lookup(call, Base::Working, path, FOLLOW))
}

pub fn llist_xattr(call: &mut Call<'_>, path: usize, _list: usize, _size: usize) -> Outcome {
    unsupported(paths::lookup(call, Base::Working, path, LookupFlags::empty()))
}

pub fn flist_xattr(call: &mut Call<'_>, fd: i32, _list: usize, _size: usize) -> Outcome {
    unsupported(call.file(fd))
}
