//! poll(2) and ppoll(2).

use abi::stat::PollFd;
use abi::time::Timespec;
use abi::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use fs::PollEvents;
use memory::UserPtr;
use process::restart::Restart;
use process::{Resource, Thread};

use super::readiness::{Interest, wait_for_any};
use crate::call::{Call, Outcome, Stop};

/// The array of a call, read once, with the files that it names.
struct Watch {
    fds: Vec<PollFd>,
    /// The file of each entry: none for a negative descriptor, which is skipped.
    files: Vec<Option<usize>>,
    interests: Vec<Interest>,
}

impl Watch {
    fn new(thread: &Arc<Thread>, address: usize, count: u32) -> Result<Watch> {
        if u64::from(count) > thread.process().soft_limit(Resource::OpenFiles) {
            return Err(Errno::EINVAL);
        }
        let mut fds = UserPtr::<PollFd>::new(address).read_many(count as usize)?;
        memory::frames::admit()?;
        let mut files = Vec::new();
        let mut interests = Vec::new();
        files.try_reserve_exact(fds.len()).map_err(|_| Errno::ENOMEM)?;
        interests.try_reserve_exact(fds.len()).map_err(|_| Errno::ENOMEM)?;
        for fd in &mut fds {
            fd.returned = 0;
            let file = if fd.fd < 0 { None } else { crate::call::file(thread, fd.fd).ok() };
            if fd.fd >= 0 && file.is_none() {
                fd.returned = PollEvents::NVAL.bits() as i16;
            }
            files.push(file.is_some().then_some(interests.len()));
            if let Some(file) = file {
                interests.push(Interest { file, events: PollEvents::from_bits_truncate(fd.events as u16 as u32) });
            }
        }
        Ok(Watch { fds, files, interests })
    }

    /// Fills in what is ready; the number of entries with something to say.
    fn look(fds: &mut [PollFd], files: &[Option<usize>], interests: &[Interest]) -> usize {
        for (fd, index) in fds.iter_mut().zip(files) {
            if let Some(interest) = index.and_then(|index| interests.get(index)) {
                fd.returned = interest.ready().bits() as i16;
            }
        }
        fds.iter().filter(|fd| fd.returned != 0).count()
    }

    /// Writes the answers, and only them, back to the program.
    fn write_back(&self, address: usize) -> Result<()> {
        let array = UserPtr::<PollFd>::new(address);
        self.fds.iter().enumerate().try_for_each(|(index, fd)| array.offset(index).write(fd))
    }
}

/// Looks once; waits only if nothing is ready and the time-out isn't zero.
fn look_once(call: &Call<'_>, fds: usize, count: u32, may_wait: bool) -> Outcome {
    let mut watch = Watch::new(call.thread, fds, count)?;
    let ready = Watch::look(&mut watch.fds, &watch.files, &watch.interests);
    if ready == 0 && may_wait {
        return Err(Stop::Wait(0));
    }
    watch.write_back(fds)?;
    Ok(ready)
}

/// Waits until something is ready or the deadline passes. A signal leaves the deadline behind for restart_syscall(2).
pub async fn wait(call: &Call<'_>, address: usize, count: u32, deadline: Option<u64>) -> Result<usize> {
    let mut watch = Watch::new(call.thread, address, count)?;
    let Watch { fds, files, interests } = &mut watch;
    let ready = wait_for_any(call.thread, interests, deadline, || match Watch::look(fds, files, interests) {
        0 => None,
        ready => Some(ready),
    })
    .await?;
    watch.write_back(address)?;
    Ok(ready.unwrap_or(0))
}

pub fn poll(call: &mut Call<'_>, fds: usize, count: u32, timeout: i32) -> Outcome {
    look_once(call, fds, count, timeout != 0)
}

pub async fn poll_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    let timeout = args[2] as i32;
    let deadline = (timeout >= 0).then(|| arch::clock::now().saturating_add(timeout as u64 * 1_000_000));
    wait(call, args[0], args[1] as u32, deadline).await.map_err(|errno| match (errno, deadline) {
        (Errno::ERESTARTSYS, None) => Errno::ERESTARTNOHAND,
        (Errno::ERESTARTSYS, Some(deadline)) => call.thread.restart_with(Restart::Poll { array: args[0], count: args[1], deadline }),
        (other, _) => other,
    })
}

/// Reads the time-out of ppoll(2) and pselect6(2): `None` waits for ever.
pub fn read_timeout(address: usize) -> Result<Option<u64>> {
    if address == 0 { Ok(None) } else { UserPtr::<Timespec>::new(address).read()?.to_nanos().map(Some) }
}

/// Writes the time that is left back into the time-out of ppoll(2) and pselect6(2), as Linux does; a time-out that can't be written is ignored.
pub fn write_remaining(address: usize, deadline: Option<u64>) {
    if let Some(deadline) = deadline {
        let left = deadline.saturating_sub(arch::clock::now());
        let _ = UserPtr::<Timespec>::new(address).write(&Timespec::from_nanos(left));
    }
}

pub fn ppoll(call: &mut Call<'_>, fds: usize, count: u32, timeout: usize, mask: usize, size: usize) -> Outcome {
    let timeout = read_timeout(timeout)?;
    let mask = super::signals::read_optional_mask(mask, size)?;
    // With a mask, a signal that it lets through must be delivered under it: that is the waiting half's business.
    if mask.is_some() {
        return Err(Stop::Wait(0));
    }
    look_once(call, fds, count, timeout != Some(0))
}

pub async fn ppoll_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    let deadline = read_timeout(args[2])?.map(|timeout| arch::clock::now().saturating_add(timeout));
    if let Some(mask) = super::signals::read_optional_mask(args[3], args[4])? {
        process::signal::with_temporary_mask(call.thread, mask);
    }
    let result = wait(call, args[0], args[1] as u32, deadline).await;
    write_remaining(args[2], deadline);
    result.map_err(|errno| if errno == Errno::ERESTARTSYS { Errno::ERESTARTNOHAND } else { errno })
}
