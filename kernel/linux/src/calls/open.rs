//! Opening: open(2) and its family, pipe(2), memfd_create(2).

use abi::stat::OpenHow;
use abi::{Errno, Result};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use fs::{OpenFile, OpenFlags, Opened, PendingOpen};
use memory::{PAGE_SIZE, UserPtr, UserSlice};
use process::interruptible;
use sync::{SpinLock, WaitUntil};

use super::paths::{self, Base};
use crate::call::{Call, Outcome, Stop};

/// All flags that openat2(2) accepts; open(2) ignores the rest.
const KNOWN: u32 = OpenFlags::all().bits() | 3;

/// FIFOs whose other side is not open yet, between the two halves of the opener's call, by tid. An opener counts as open already while it
/// waits, so the attempt of the first half must not be dropped and made again.
static PENDING: SpinLock<BTreeMap<u32, (PendingOpen, OpenFlags)>> = SpinLock::new(BTreeMap::new());

/// Gives an open file the lowest free descriptor.
fn install(call: &Call<'_>, file: Arc<OpenFile>, flags: OpenFlags) -> Result<usize> {
    call.install(file, flags.contains(OpenFlags::CLOEXEC)).map(|fd| fd as usize)
}

fn open_at(call: &Call<'_>, base: Base, path: usize, flags: u32, mode: u32) -> Outcome {
    let path = paths::read(path)?;
    let start = paths::start(call, base, &path)?;
    let flags = OpenFlags::from_bits_retain(flags & KNOWN) | OpenFlags::LARGEFILE;
    match call.fs()?.open(&call.thread.credentials(), start.as_ref(), &path, flags, mode)? {
        Opened::Ready(file) => Ok(install(call, file, flags)?),
        Opened::Waiting(pending) => {
            let old = PENDING.lock().insert(call.thread.tid(), (pending, flags));
            drop(old);
            Err(Stop::Wait(0))
        }
    }
}

/// Waits for the other side of a FIFO. A signal closes our side again.
async fn open_fifo(call: &Call<'_>) -> Result<usize> {
    let (pending, flags) = PENDING.lock().remove(&call.thread.tid()).ok_or(Errno::EINTR)?;
    let met = WaitUntil::new(pending.wait_queue(), || pending.is_ready().then_some(()));
    interruptible(call.thread, met).await?;
    install(call, pending.finish(), flags)
}

pub fn open(call: &mut Call<'_>, path: usize, flags: u32, mode: u32) -> Outcome {
    open_at(call, Base::Working, path, flags, mode)
}

pub async fn open_wait(call: &mut Call<'_>, _: [usize; 6], _: usize) -> Result<usize> {
    open_fifo(call).await
}

pub fn creat(call: &mut Call<'_>, path: usize, mode: u32) -> Outcome {
    let flags = OpenFlags::CREAT | OpenFlags::WRONLY | OpenFlags::TRUNC;
    open_at(call, Base::Working, path, flags.bits(), mode)
}

pub async fn creat_wait(call: &mut Call<'_>, _: [usize; 6], _: usize) -> Result<usize> {
    open_fifo(call).await
}

pub fn openat(call: &mut Call<'_>, directory: i32, path: usize, flags: u32, mode: u32) -> Outcome {
    open_at(call, Base::from_fd(directory), path, flags, mode)
}

pub async fn openat_wait(call: &mut Call<'_>, _: [usize; 6], _: usize) -> Result<usize> {
    open_fifo(call).await
}

fn read_how(address: usize, size: usize) -> Result<OpenHow> {
    const SIZE: usize = size_of::<OpenHow>();
    if size < SIZE {
        return Err(Errno::EINVAL);
    }
    if size > PAGE_SIZE {
        return Err(Errno::E2BIG);
    }
    // Fields of a later Linux must be zero.
    let later = UserSlice::new(address.saturating_add(SIZE), size - SIZE).to_vec()?;
    if later.iter().any(|&byte| byte != 0) {
        return Err(Errno::E2BIG);
    }
    let how = UserPtr::<OpenHow>::new(address).read()?;
    let creates = how.flags as u32 & (OpenFlags::CREAT | OpenFlags::UNNAMED).bits() != 0;
    if how.flags & !u64::from(KNOWN) != 0 || how.mode & !0o7777 != 0 || how.mode != 0 && !creates {
        return Err(Errno::EINVAL);
    }
    match how.resolve {
        0 => Ok(how),
        // RESOLVE_NO_XDEV … RESOLVE_CACHED exist; walks that obey them do not, here.
        1..=0x3f => Err(Errno::EOPNOTSUPP),
        _ => Err(Errno::EINVAL),
    }
}

pub fn openat2(call: &mut Call<'_>, directory: i32, path: usize, how: usize, size: usize) -> Outcome {
    let how = read_how(how, size)?;
    open_at(call, Base::from_fd(directory), path, how.flags as u32, how.mode as u32)
}

pub async fn openat2_wait(call: &mut Call<'_>, _: [usize; 6], _: usize) -> Result<usize> {
    open_fifo(call).await
}

pub fn pipe(call: &mut Call<'_>, fds: usize) -> Outcome {
    pipe2(call, fds, 0)
}

pub fn pipe2(call: &mut Call<'_>, fds: usize, flags: u32) -> Outcome {
    let allowed = OpenFlags::CLOEXEC | OpenFlags::NONBLOCK | OpenFlags::DIRECT;
    let flags = OpenFlags::from_bits(flags).filter(|flags| allowed.contains(*flags)).ok_or(Errno::EINVAL)?;
    let who = call.thread.credentials();
    let (reader, writer) = fs::pipe::pipe(who.fsuid, who.fsgid, flags)?;
    let close_on_exec = flags.contains(OpenFlags::CLOEXEC);
    let read_fd = call.install(reader, close_on_exec)?;
    let write_fd = match call.install(writer, close_on_exec) {
        Ok(fd) => fd,
        Err(errno) => {
            call.close(read_fd)?;
            return Err(errno.into());
        }
    };
    if let Err(errno) = UserPtr::<[i32; 2]>::new(fds).write(&[read_fd, write_fd]) {
        call.close(read_fd)?;
        call.close(write_fd)?;
        return Err(errno.into());
    }
    Ok(0)
}

pub fn memfd_create(call: &mut Call<'_>, name: usize, flags: u32) -> Outcome {
    const CLOEXEC: u32 = 1;
    const ALLOW_SEALING: u32 = 2;
    /// NAME_MAX less the "memfd:" in front.
    const NAME_MAX: usize = 249;
    // Sealing is not supported; without ALLOW_SEALING a file can't be sealed on Linux either.
    if flags & !CLOEXEC != 0 {
        return Err(if flags & !(CLOEXEC | ALLOW_SEALING) != 0 { Errno::EINVAL } else { Errno::ENOSYS }.into());
    }
    let name = memory::user::read_c_string(name, NAME_MAX + 1).map_err(|errno| match errno {
        Errno::ENAMETOOLONG => Errno::EINVAL,
        other => other,
    })?;
    let who = call.thread.credentials();
    let file = fs::tmpfs::memory_file(&name, who.fsuid, who.fsgid)?;
    Ok(call.install(file, flags & CLOEXEC != 0)? as usize)
}
