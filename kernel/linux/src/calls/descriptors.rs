//! Descriptors: close(2), dup(2), fcntl(2), flock(2), ioctl(2).

use abi::stat::Flock;
use abi::{Errno, Result};
use alloc::sync::Arc;
use fs::locks::{self, LockKind, LockRange};
use fs::pipe::{Pipe, PipeEnd};
use fs::{OpenFile, OpenFlags, Whence};
use memory::UserPtr;
use process::{interruptible, sigio};

use super::owner::{self, F_GETOWN, F_GETOWN_EX, F_GETSIG, F_SETOWN, F_SETOWN_EX, F_SETSIG};
use crate::call::{Call, Outcome, Stop};

pub fn close(call: &mut Call<'_>, fd: i32) -> Outcome {
    call.close(fd)?;
    Ok(0)
}

pub fn close_range(call: &mut Call<'_>, first: u32, last: u32, flags: u32) -> Outcome {
    const UNSHARE: u32 = 2;
    const CLOEXEC: u32 = 4;
    if first > last || flags & !(UNSHARE | CLOEXEC) != 0 {
        return Err(Errno::EINVAL.into());
    }
    if flags & UNSHARE != 0 {
        call.thread.unshare_files()?;
    }
    call.close_range(first, last, flags & CLOEXEC != 0)?;
    Ok(0)
}

pub fn dup(call: &mut Call<'_>, fd: i32) -> Outcome {
    let file = call.any_file(fd)?;
    Ok(call.install(file, false)? as usize)
}

pub fn dup2(call: &mut Call<'_>, old: i32, new: i32) -> Outcome {
    if old == new {
        call.any_file(old)?;
        return Ok(new as usize);
    }
    replace(call, old, new, false)
}

pub fn dup3(call: &mut Call<'_>, old: i32, new: i32, flags: u32) -> Outcome {
    if flags & !OpenFlags::CLOEXEC.bits() != 0 || old == new {
        return Err(Errno::EINVAL.into());
    }
    replace(call, old, new, flags != 0)
}

fn replace(call: &Call<'_>, old: i32, new: i32, close_on_exec: bool) -> Outcome {
    let file = call.any_file(old)?;
    call.replace(new, file, close_on_exec)?;
    Ok(new as usize)
}

pub fn ioctl(call: &mut Call<'_>, fd: i32, request: u32, argument: usize) -> Outcome {
    const FIOCLEX: u32 = 0x5451;
    const FIONCLEX: u32 = 0x5450;
    const FIONBIO: u32 = 0x5421;
    const FIOASYNC: u32 = 0x5452;
    let file = call.file(fd)?;
    match request {
        FIOCLEX | FIONCLEX => {
            call.set_close_on_exec(fd, request == FIOCLEX)?;
            Ok(0)
        }
        FIONBIO => {
            let on = UserPtr::<i32>::new(argument).read()? != 0;
            let mut flags = file.flags();
            flags.set(OpenFlags::NONBLOCK, on);
            file.set_status_flags(flags);
            Ok(0)
        }
        FIOASYNC => {
            let on = UserPtr::<i32>::new(argument).read()? != 0;
            if on != file.flags().contains(OpenFlags::ASYNC) && !sigio::is_possible(&file) {
                return Err(Errno::ENOTTY.into());
            }
            sigio::set(&file, fd, on)?;
            Ok(0)
        }
        _ => match file.ioctl(request, argument) {
            // A terminal that must drain its output first (TCSETSW, TCSBRK).
            Err(Errno::EAGAIN) => Err(Stop::Wait(0)),
            other => Ok(other?),
        },
    }
}

pub async fn ioctl_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    let file = call.file(args[0] as i32)?;
    super::blocking::until_done(call.thread, &file, fs::Side::Write, || file.ioctl(args[1] as u32, args[2])).await
}

const F_DUPFD: i32 = 0;
const F_GETFD: i32 = 1;
const F_SETFD: i32 = 2;
const F_GETFL: i32 = 3;
const F_SETFL: i32 = 4;
const F_GETLK: i32 = 5;
const F_SETLK: i32 = 6;
const F_SETLKW: i32 = 7;
const F_OFD_GETLK: i32 = 36;
const F_OFD_SETLK: i32 = 37;
const F_OFD_SETLKW: i32 = 38;
const F_DUPFD_CLOEXEC: i32 = 1030;
const F_SETPIPE_SZ: i32 = 1031;
const F_GETPIPE_SZ: i32 = 1032;
const FD_CLOEXEC: usize = 1;
const F_RDLCK: i16 = 0;
const F_WRLCK: i16 = 1;
const F_UNLCK: i16 = 2;

pub fn fcntl(call: &mut Call<'_>, fd: i32, command: i32, argument: usize) -> Outcome {
    let file = call.any_file(fd)?;
    // A descriptor of O_PATH allows only what concerns the descriptor itself.
    if file.flags().is_path() && !matches!(command, F_DUPFD | F_DUPFD_CLOEXEC | F_GETFD | F_SETFD | F_GETFL) {
        return Err(Errno::EBADF.into());
    }
    match command {
        F_DUPFD | F_DUPFD_CLOEXEC => Ok(call.install_from(file, argument, command == F_DUPFD_CLOEXEC)? as usize),
        F_GETFD => Ok(usize::from(call.close_on_exec(fd)?)),
        F_SETFD => {
            call.set_close_on_exec(fd, argument & FD_CLOEXEC != 0)?;
            Ok(0)
        }
        F_GETFL => Ok(file.flags().bits() as usize),
        F_SETFL => {
            let on = argument as u32 & OpenFlags::ASYNC.bits() != 0;
            sigio::set(&file, fd, on)?;
            // What can't be signalled keeps the flag as it was, as on Linux.
            let mut flags = OpenFlags::from_bits_retain(argument as u32);
            flags.set(OpenFlags::ASYNC, file.flags().contains(OpenFlags::ASYNC));
            file.set_status_flags(flags);
            Ok(0)
        }
        F_GETLK | F_OFD_GETLK => {
            let user = UserPtr::<Flock>::new(argument);
            let flock = test_lock(call, &file, user.read()?, command == F_OFD_GETLK)?;
            user.write(&flock)?;
            Ok(0)
        }
        F_SETLK | F_SETLKW | F_OFD_SETLK | F_OFD_SETLKW => {
            let flock = UserPtr::<Flock>::new(argument).read()?;
            let (kind, range) = lock_request(&file, &flock)?;
            let by_description = matches!(command, F_OFD_SETLK | F_OFD_SETLKW);
            let owner = call.lock_owner(&file, by_description, &flock)?;
            match locks::set_record(&file, owner, call.lock_pid(by_description), kind, range) {
                Err(Errno::EAGAIN) if matches!(command, F_SETLKW | F_OFD_SETLKW) => Err(Stop::Wait(0)),
                other => Ok(other.map(|()| 0)?),
            }
        }
        F_SETOWN | F_GETOWN | F_SETSIG | F_GETSIG | F_SETOWN_EX | F_GETOWN_EX => Ok(owner::control(call, &file, command, argument)?),
        F_SETPIPE_SZ => Ok(pipe_of(&file)?.set_capacity(argument, call.privileged())?),
        F_GETPIPE_SZ => Ok(pipe_of(&file)?.capacity()),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// The pipe behind a descriptor; EBADF for other files.
fn pipe_of(file: &OpenFile) -> Result<Arc<Pipe>> {
    file.file().as_any().downcast_ref::<PipeEnd>().map(|end| end.pipe().clone()).ok_or(Errno::EBADF)
}

/// The kind (none: unlock) and range of a lock. EINVAL, EOVERFLOW.
fn lock_request(file: &OpenFile, flock: &Flock) -> Result<(Option<LockKind>, LockRange)> {
    let kind = match flock.kind {
        F_RDLCK => Some(LockKind::Shared),
        F_WRLCK => Some(LockKind::Exclusive),
        F_UNLCK => None,
        _ => return Err(Errno::EINVAL),
    };
    let base = match Whence::from_number(flock.whence as u32)? {
        Whence::Start => 0,
        Whence::Current => file.position(),
        Whence::End => file.file().size(),
        _ => return Err(Errno::EINVAL),
    };
    Ok((kind, LockRange::new(base, flock.start, flock.length)?))
}

/// F_GETLK: the lock that stands in the way of this one, or F_UNLCK.
fn test_lock(call: &Call<'_>, file: &OpenFile, mut flock: Flock, by_description: bool) -> Result<Flock> {
    let (kind, range) = lock_request(file, &flock)?;
    let kind = kind.ok_or(Errno::EINVAL)?;
    let owner = call.lock_owner(file, by_description, &flock)?;
    match locks::test_record(file, owner, kind, range) {
        None => flock.kind = F_UNLCK,
        Some(conflict) => {
            flock.kind = if conflict.kind == LockKind::Shared { F_RDLCK } else { F_WRLCK };
            flock.whence = 0;
            flock.start = conflict.range.start as i64;
            flock.length = conflict.range.length();
            flock.pid = conflict.pid;
        }
    }
    Ok(flock)
}

pub async fn fcntl_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    let file = call.file(args[0] as i32)?;
    let flock = UserPtr::<Flock>::new(args[2]).read()?;
    let (kind, range) = lock_request(&file, &flock)?;
    let by_description = args[1] as i32 == F_OFD_SETLKW;
    let owner = call.lock_owner(&file, by_description, &flock)?;
    let kind = kind.ok_or(Errno::EINVAL)?;
    interruptible(call.thread, locks::set_record_wait(&file, owner, call.lock_pid(by_description), kind, range)).await??;
    Ok(0)
}

/// The kind of lock that flock(2) asks for, and whether the caller waits for it. EINVAL.
fn flock_kind(operation: i32) -> Result<(Option<LockKind>, bool)> {
    const LOCK_NB: i32 = 4;
    let kind = match operation & !LOCK_NB {
        1 => Some(LockKind::Shared),
        2 => Some(LockKind::Exclusive),
        8 => None,
        _ => return Err(Errno::EINVAL),
    };
    Ok((kind, operation & LOCK_NB == 0))
}

pub fn flock(call: &mut Call<'_>, fd: i32, operation: i32) -> Outcome {
    let file = call.file(fd)?;
    let (kind, waits) = flock_kind(operation)?;
    match locks::flock(&file, kind) {
        Err(Errno::EAGAIN) if waits => Err(Stop::Wait(0)),
        other => Ok(other.map(|()| 0)?),
    }
}

pub async fn flock_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    let file = call.file(args[0] as i32)?;
    let kind = flock_kind(args[1] as i32)?.0.ok_or(Errno::EINVAL)?;
    interruptible(call.thread, locks::flock_wait(&file, kind)).await??;
    Ok(0)
}
