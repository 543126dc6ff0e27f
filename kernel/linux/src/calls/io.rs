//! Reading and writing: read(2), write(2), their vector and positioned forms, lseek(2), fsync(2).
//!
//! Each transfer is tried at once. Only EAGAIN on a blocking description, or a write to a stream that took a part, goes to the waiting half,
//! which carries on where the attempt stopped.

use abi::siginfo::{SignalInfo, code};
use abi::{Errno, Result, Signal};
use alloc::sync::Arc;
use alloc::vec::Vec;
use fs::{Io, OpenFile, OpenFlags, SeekKind, Side, Whence};
use memory::{IoSink, IoSource, UserPtr, UserRange};
use process::{Resource, Thread};

use super::blocking::until_done_or;
use crate::call::{Call, Outcome, Stop};

/// The most bytes that one call moves (MAX_RW_COUNT).
pub const TRANSFER_MAX: usize = 0x7fff_f000;
/// The most buffers of one vector call (UIO_MAXIOV).
const VECTOR_MAX: usize = 1024;

/// RLIMIT_FSIZE of the caller.
pub fn file_size_limit(thread: &Thread) -> u64 {
    thread.process().soft_limit(Resource::FileSize)
}

/// A buffer argument; EFAULT if it can't be user memory at all.
fn buffer(address: usize, count: usize) -> Result<UserRange> {
    if address.checked_add(count).is_none_or(|end| end > arch::USER_END) {
        return Err(Errno::EFAULT);
    }
    Ok(UserRange { address, len: count.min(TRANSFER_MAX) })
}

/// The buffers of readv(2) and writev(2): EINVAL for too many or a negative total, EFAULT for addresses outside user memory.
pub fn vector(address: usize, count: usize) -> Result<Vec<UserRange>> {
    if count > VECTOR_MAX {
        return Err(Errno::EINVAL);
    }
    let mut ranges = UserPtr::<UserRange>::new(address).read_many(count)?;
    let mut room = TRANSFER_MAX;
    for range in &mut ranges {
        if range.len > isize::MAX as usize {
            return Err(Errno::EINVAL);
        }
        *range = buffer(range.address, range.len)?;
        range.len = range.len.min(room);
        room -= range.len;
    }
    Ok(ranges)
}

/// Cuts the first `done` bytes off a list of buffers.
fn skip(ranges: &[UserRange], mut done: usize) -> Vec<UserRange> {
    let mut rest = Vec::new();
    for range in ranges {
        let cut = done.min(range.len);
        done -= cut;
        if range.len > cut {
            rest.push(UserRange { address: range.address + cut, len: range.len - cut });
        }
    }
    rest
}

/// Sends a signal to the calling thread itself, as the consequence of its call.
pub fn raise(thread: &Arc<Thread>, signal: Signal) {
    let info = SignalInfo::from_process(signal, code::SI_USER, thread.process().pid(), thread.credentials().uid);
    // Standard signals are never refused for want of room.
    let _ = process::signal::send_to_thread(thread, signal, info);
}

/// What a failed write means for the writer: a signal, if nobody reads any more or the file would grow too large.
pub fn write_failure(thread: &Arc<Thread>, file: &OpenFile, errno: Errno) -> Errno {
    match errno {
        Errno::EPIPE if file.file().seek_kind() == SeekKind::Stream => raise(thread, Signal::SIGPIPE),
        Errno::EFBIG => raise(thread, Signal::SIGXFSZ),
        _ => {}
    }
    errno
}

/// Where in the file a transfer takes place.
#[derive(Clone, Copy)]
enum Place {
    Current,
    At(u64),
}

impl Place {
    /// EINVAL for a negative position.
    fn at(offset: usize) -> Result<Place> {
        if offset > isize::MAX as usize { Err(Errno::EINVAL) } else { Ok(Place::At(offset as u64)) }
    }
}

fn attempt_read(file: &OpenFile, ranges: &[UserRange], place: Place) -> Result<usize> {
    let mut sink = IoSink::user(ranges);
    match place {
        Place::Current => file.read(&mut sink),
        Place::At(position) => file.read_at(position, &mut sink),
    }
}

fn attempt_write(thread: &Thread, file: &OpenFile, ranges: &[UserRange], place: Place) -> Result<usize> {
    let mut source = IoSource::user(ranges);
    let done = match place {
        Place::Current => file.write(&mut source, file_size_limit(thread)),
        Place::At(position) => file.write_at(position, &mut source, file_size_limit(thread)),
    }?;
    drop_set_ids(thread, file)?;
    Ok(done)
}

/// A program that someone without privilege wrote to must not run with its owner's rights.
pub fn drop_set_ids(thread: &Thread, file: &OpenFile) -> Result<()> {
    if file.file().seek_kind() != SeekKind::Positioned {
        return Ok(());
    }
    let credentials = thread.credentials();
    if credentials.overrides_files() { Ok(()) } else { file.path().clear_set_ids(&credentials) }
}

fn read_now(file: &OpenFile, ranges: &[UserRange], place: Place) -> Outcome {
    match attempt_read(file, ranges, place) {
        Err(Errno::EAGAIN) if !file.flags().nonblocking() => Err(Stop::Wait(0)),
        other => Ok(other?),
    }
}

async fn read_waiting(call: &Call<'_>, fd: usize, ranges: &[UserRange], place: Place) -> Result<usize> {
    let file = call.file(fd as i32)?;
    // A terminal may bound the wait (VTIME), from the start or from the last byte on; at the bound the read takes what there is, or nothing.
    let started = arch::clock::now();
    loop {
        let deadline = file.file().read_deadline(started);
        let attempt = || match attempt_read(&file, ranges, place) {
            Err(Errno::EAGAIN) if file.file().read_deadline(started) != deadline => Ok(None),
            other => other.map(Some),
        };
        match until_done_or(call.thread, &file, Side::Read, deadline, attempt).await? {
            Some(Some(count)) => return Ok(count),
            Some(None) => {}
            None => return read_what_is_there(&file, ranges),
        }
    }
}

fn read_what_is_there(file: &OpenFile, ranges: &[UserRange]) -> Result<usize> {
    let mut io = Io { position: 0, flags: file.flags() | OpenFlags::NONBLOCK, limit: u64::MAX };
    match file.file().try_read(&mut io, &mut IoSink::user(ranges)) {
        Err(Errno::EAGAIN) => Ok(0),
        other => other,
    }
}

fn write_now(call: &Call<'_>, file: &OpenFile, ranges: &[UserRange], place: Place) -> Outcome {
    let total: usize = ranges.iter().map(|range| range.len).sum();
    match attempt_write(call.thread, file, ranges, place) {
        Err(Errno::EAGAIN) if !file.flags().nonblocking() => Err(Stop::Wait(0)),
        Ok(done) if done < total && must_finish(file) => Err(Stop::Wait(done)),
        Ok(done) => Ok(done),
        Err(errno) => Err(write_failure(call.thread, file, errno).into()),
    }
}

/// A blocking write to a pipe or a terminal returns when all is written; one to a file that is full returns what fitted.
fn must_finish(file: &OpenFile) -> bool {
    file.file().seek_kind() == SeekKind::Stream && !file.flags().nonblocking()
}

async fn write_waiting(call: &Call<'_>, fd: usize, ranges: &[UserRange], place: Place, mut done: usize) -> Result<usize> {
    let file = call.file(fd as i32)?;
    let total: usize = ranges.iter().map(|range| range.len).sum();
    loop {
        let rest = skip(ranges, done);
        let attempt = || attempt_write(call.thread, &file, &rest, place);
        match until_done_or(call.thread, &file, Side::Write, None, attempt).await {
            Ok(Some(count)) => done += count,
            Ok(None) => return Ok(done),
            Err(errno) => {
                let errno = write_failure(call.thread, &file, errno);
                return if done > 0 { Ok(done) } else { Err(errno) };
            }
        }
        if done >= total || !must_finish(&file) || call.thread.killed() {
            return Ok(done);
        }
        // A reader that keeps up would let this go on for ever.
        executor::budget::checkpoint(1).await;
    }
}

pub fn read(call: &mut Call<'_>, fd: i32, address: usize, count: usize) -> Outcome {
    let file = call.file(fd)?;
    read_now(&file, &[buffer(address, count)?], Place::Current)
}

pub async fn read_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    read_waiting(call, args[0], &[buffer(args[1], args[2])?], Place::Current).await
}

pub fn write(call: &mut Call<'_>, fd: i32, address: usize, count: usize) -> Outcome {
    let file = call.file(fd)?;
    write_now(call, &file, &[buffer(address, count)?], Place::Current)
}

pub async fn write_wait(call: &mut Call<'_>, args: [usize; 6], done: usize) -> Result<usize> {
    write_waiting(call, args[0], &[buffer(args[1], args[2])?], Place::Current, done).await
}

pub fn pread64(call: &mut Call<'_>, fd: i32, address: usize, count: usize, offset: usize) -> Outcome {
    let place = Place::at(offset)?;
    let file = call.file(fd)?;
    read_now(&file, &[buffer(address, count)?], place)
}

pub async fn pread64_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    read_waiting(call, args[0], &[buffer(args[1], args[2])?], Place::at(args[3])?).await
}

pub fn pwrite64(call: &mut Call<'_>, fd: i32, address: usize, count: usize, offset: usize) -> Outcome {
    let place = Place::at(offset)?;
    let file = call.file(fd)?;
    write_now(call, &file, &[buffer(address, count)?], place)
}

pub async fn pwrite64_wait(call: &mut Call<'_>, args: [usize; 6], done: usize) -> Result<usize> {
    write_waiting(call, args[0], &[buffer(args[1], args[2])?], Place::at(args[3])?, done).await
}

pub fn readv(call: &mut Call<'_>, fd: i32, address: usize, count: usize) -> Outcome {
    let file = call.file(fd)?;
    read_now(&file, &vector(address, count)?, Place::Current)
}

pub async fn readv_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    let ranges = vector(args[1], args[2])?;
    read_waiting(call, args[0], &ranges, Place::Current).await
}

pub fn writev(call: &mut Call<'_>, fd: i32, address: usize, count: usize) -> Outcome {
    let file = call.file(fd)?;
    write_now(call, &file, &vector(address, count)?, Place::Current)
}

pub async fn writev_wait(call: &mut Call<'_>, args: [usize; 6], done: usize) -> Result<usize> {
    let ranges = vector(args[1], args[2])?;
    write_waiting(call, args[0], &ranges, Place::Current, done).await
}

pub fn preadv(call: &mut Call<'_>, fd: i32, address: usize, count: usize, offset: usize) -> Outcome {
    let place = Place::at(offset)?;
    let file = call.file(fd)?;
    read_now(&file, &vector(address, count)?, place)
}

pub async fn preadv_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    let ranges = vector(args[1], args[2])?;
    read_waiting(call, args[0], &ranges, Place::at(args[3])?).await
}

pub fn pwritev(call: &mut Call<'_>, fd: i32, address: usize, count: usize, offset: usize) -> Outcome {
    let place = Place::at(offset)?;
    let file = call.file(fd)?;
    write_now(call, &file, &vector(address, count)?, place)
}

pub async fn pwritev_wait(call: &mut Call<'_>, args: [usize; 6], done: usize) -> Result<usize> {
    let ranges = vector(args[1], args[2])?;
    write_waiting(call, args[0], &ranges, Place::at(args[3])?, done).await
}

/// preadv2(2) and pwritev2(2) take −1 for "the current position".
fn place2(offset: usize) -> Result<Place> {
    if offset == usize::MAX { Ok(Place::Current) } else { Place::at(offset) }
}

/// The per-call flags: only those that hold anyway are accepted (RWF_HIPRI, RWF_DSYNC, RWF_SYNC); EOPNOTSUPP for others.
fn check_flags(flags: u32) -> Result<()> {
    const HOLDING: u32 = 1 | 2 | 4;
    if flags & !HOLDING != 0 { Err(Errno::EOPNOTSUPP) } else { Ok(()) }
}

pub fn preadv2(call: &mut Call<'_>, fd: i32, address: usize, count: usize, offset: usize, _high: usize, flags: u32) -> Outcome {
    let place = place2(offset)?;
    let file = call.file(fd)?;
    let ranges = vector(address, count)?;
    check_flags(flags)?;
    read_now(&file, &ranges, place)
}

pub async fn preadv2_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    let ranges = vector(args[1], args[2])?;
    read_waiting(call, args[0], &ranges, place2(args[3])?).await
}

pub fn pwritev2(call: &mut Call<'_>, fd: i32, address: usize, count: usize, offset: usize, _high: usize, flags: u32) -> Outcome {
    let place = place2(offset)?;
    let file = call.file(fd)?;
    let ranges = vector(address, count)?;
    check_flags(flags)?;
    write_now(call, &file, &ranges, place)
}

pub async fn pwritev2_wait(call: &mut Call<'_>, args: [usize; 6], done: usize) -> Result<usize> {
    let ranges = vector(args[1], args[2])?;
    write_waiting(call, args[0], &ranges, place2(args[3])?, done).await
}

pub fn lseek(call: &mut Call<'_>, fd: i32, offset: usize, whence: u32) -> Outcome {
    let file = call.file(fd)?;
    Ok(file.seek(offset as i64, Whence::from_number(whence)?)? as usize)
}

pub fn fsync(call: &mut Call<'_>, fd: i32) -> Outcome {
    call.file(fd)?.file().sync()?;
    Ok(0)
}

/// sync(2): all mounted file systems.
pub fn sync(call: &mut Call<'_>) -> Outcome {
    for mount in fs::mount::list(call.fs()?.root().mount()) {
        // sync(2) reports no errors; fsync(2) of the file will.
        let _ = mount.fs().sync();
    }
    Ok(0)
}

pub fn sync_file_range(call: &mut Call<'_>, fd: i32, offset: usize, count: usize, flags: u32) -> Outcome {
    let file = call.file(fd)?;
    if flags & !7 != 0 || offset > isize::MAX as usize || offset.checked_add(count).is_none_or(|end| end > isize::MAX as usize) {
        return Err(Errno::EINVAL.into());
    }
    if file.file().seek_kind() == SeekKind::Stream {
        return Err(Errno::ESPIPE.into());
    }
    file.file().sync()?;
    Ok(0)
}

/// posix_fadvise(2): the page cache holds whole files in memory, so every piece of advice is followed already.
pub fn fadvise64(call: &mut Call<'_>, fd: i32, _offset: usize, length: usize, advice: i32) -> Outcome {
    let file = call.file(fd)?;
    if file.path().file_type() == fs::FileType::Fifo {
        return Err(Errno::ESPIPE.into());
    }
    if !(0..=5).contains(&advice) || length > isize::MAX as usize {
        return Err(Errno::EINVAL.into());
    }
    Ok(0)
}

pub fn readahead(call: &mut Call<'_>, fd: i32, _offset: usize, _count: usize) -> Outcome {
    let file = call.file(fd)?;
    if !file.flags().reads() {
        return Err(Errno::EBADF.into());
    }
    if file.path().file_type() != fs::FileType::Regular {
        return Err(Errno::EINVAL.into());
    }
    Ok(0)
}
