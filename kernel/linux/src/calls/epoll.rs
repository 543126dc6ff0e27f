//! epoll_create(2), epoll_ctl(2), epoll_wait(2) and their later forms.

use abi::event::EpollEvent;
use abi::{Errno, Result};
use fs::epoll::{self, EventPoll, Interest, Mode};
use fs::{OpenFlags, PollEvents};
use memory::UserPtr;
use process::interruptible_until;
use sync::WaitUntil;

use super::poll::read_timeout;
use super::signals::read_optional_mask;
use crate::call::{Call, Outcome, Stop};

/// The most events that a call can report (EP_MAX_EVENTS).
const EVENTS_MAX: i32 = i32::MAX / size_of::<EpollEvent>() as i32;

const CTL_ADD: i32 = 1;
const CTL_DEL: i32 = 2;
const CTL_MOD: i32 = 3;

/// What may stand beside EPOLLEXCLUSIVE.
const BESIDE_EXCLUSIVE: PollEvents = PollEvents::IN.union(PollEvents::OUT).union(PollEvents::ERR).union(PollEvents::HUP);

pub fn epoll_create(call: &mut Call<'_>, size: i32) -> Outcome {
    if size <= 0 {
        return Err(Errno::EINVAL.into());
    }
    epoll_create1(call, 0)
}

pub fn epoll_create1(call: &mut Call<'_>, flags: u32) -> Outcome {
    if flags & !OpenFlags::CLOEXEC.bits() != 0 {
        return Err(Errno::EINVAL.into());
    }
    let file = epoll::create(OpenFlags::empty())?;
    Ok(call.install(file, flags != 0)? as usize)
}

/// EPOLLEXCLUSIVE makes sense only for what it was made for: plain readiness of files that are no instances, from the first moment on.
/// EINVAL.
fn check_exclusive(interest: &Interest, operation: i32, is_nested: bool) -> Result<()> {
    let fits = operation == CTL_ADD && !is_nested && BESIDE_EXCLUSIVE.contains(interest.events) && !interest.mode.contains(Mode::ONESHOT);
    if !interest.mode.contains(Mode::EXCLUSIVE) || fits { Ok(()) } else { Err(Errno::EINVAL) }
}

pub fn epoll_ctl(call: &mut Call<'_>, epoll: i32, operation: i32, fd: i32, event: usize) -> Outcome {
    let event = if operation == CTL_DEL { EpollEvent::default() } else { UserPtr::<EpollEvent>::new(event).read()? };
    let instance = call.file(epoll)?;
    let file = call.file(fd)?;
    if !epoll::is_watchable(&file) {
        return Err(Errno::EPERM.into());
    }
    let instance = epoll::of(&instance)?;
    let inner = epoll::of(&file).ok();
    if inner.is_some_and(|inner| core::ptr::eq(inner, instance)) {
        return Err(Errno::EINVAL.into());
    }
    let interest = Interest::new(event.events, event.data);
    if operation != CTL_DEL {
        check_exclusive(&interest, operation, inner.is_some())?;
    }
    match operation {
        CTL_ADD => instance.add(fd, &file, interest)?,
        CTL_DEL => instance.remove(fd, &file)?,
        CTL_MOD => instance.modify(fd, &file, interest)?,
        _ => return Err(Errno::EINVAL.into()),
    }
    Ok(0)
}

/// The room for events that the program offers: EINVAL for an impossible number, EFAULT for addresses outside of user memory.
fn check_room(address: usize, most: i32) -> Result<usize> {
    if most <= 0 || most > EVENTS_MAX {
        return Err(Errno::EINVAL);
    }
    let bytes = most as usize * size_of::<EpollEvent>();
    if address.checked_add(bytes).is_none_or(|end| end > arch::USER_END) { Err(Errno::EFAULT) } else { Ok(most as usize) }
}

/// Writes what is ready to the program; how many events.
fn report(epoll: &EventPoll, address: usize, most: usize) -> Result<usize> {
    let mut place = UserPtr::<EpollEvent>::new(address);
    epoll.harvest(most, |events, data, _| {
        place.write(&EpollEvent { events: events.bits(), data })?;
        place = place.offset(1);
        Ok(())
    })
}

fn look_once(call: &Call<'_>, epoll: i32, address: usize, most: i32, may_wait: bool) -> Outcome {
    let most = check_room(address, most)?;
    let file = call.file(epoll)?;
    match report(epoll::of(&file)?, address, most)? {
        0 if may_wait => Err(Stop::Wait(0)),
        found => Ok(found),
    }
}

/// Waits for events until `deadline` (nanoseconds of the monotone clock; none: for ever). A signal ends it with EINTR, whatever its
/// handler's flags.
async fn wait(call: &Call<'_>, args: &[usize; 6], deadline: Option<u64>) -> Result<usize> {
    let most = check_room(args[1], args[2] as i32)?;
    let file = call.file(args[0] as i32)?;
    let epoll = epoll::of(&file)?;
    let ready = WaitUntil::new(epoll.waiters(), || match report(epoll, args[1], most) {
        Ok(0) => None,
        other => Some(other),
    });
    match interruptible_until(call.thread, deadline, ready).await {
        Err(Errno::ETIMEDOUT) => Ok(0),
        Err(Errno::ERESTARTSYS) => Err(Errno::EINTR),
        other => other?,
    }
}

/// When a time-out in milliseconds ends; a negative one never does.
fn deadline_of(timeout: i32) -> Option<u64> {
    (timeout >= 0).then(|| arch::clock::now().saturating_add(timeout as u64 * 1_000_000))
}

pub fn epoll_wait(call: &mut Call<'_>, epoll: i32, events: usize, most: i32, timeout: i32) -> Outcome {
    look_once(call, epoll, events, most, timeout != 0)
}

pub async fn epoll_wait_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    wait(call, &args, deadline_of(args[3] as i32)).await
}

/// Looks at once, unless there is a signal mask: what it lets through must be delivered under it, which is the waiting half's business.
fn look_masked(call: &Call<'_>, args: (i32, usize, i32), may_wait: bool, mask: usize, size: usize) -> Outcome {
    if read_optional_mask(mask, size)?.is_some() {
        return Err(Stop::Wait(0));
    }
    look_once(call, args.0, args.1, args.2, may_wait)
}

pub fn epoll_pwait(call: &mut Call<'_>, epoll: i32, events: usize, most: i32, timeout: i32, mask: usize, size: usize) -> Outcome {
    look_masked(call, (epoll, events, most), timeout != 0, mask, size)
}

async fn wait_masked(call: &Call<'_>, args: &[usize; 6], deadline: Option<u64>) -> Result<usize> {
    if let Some(mask) = read_optional_mask(args[4], args[5])? {
        process::signal::with_temporary_mask(call.thread, mask);
    }
    wait(call, args, deadline).await
}

pub async fn epoll_pwait_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    wait_masked(call, &args, deadline_of(args[3] as i32)).await
}

pub fn epoll_pwait2(call: &mut Call<'_>, epoll: i32, events: usize, most: i32, timeout: usize, mask: usize, size: usize) -> Outcome {
    let timeout = read_timeout(timeout)?;
    look_masked(call, (epoll, events, most), timeout != Some(0), mask, size)
}

pub async fn epoll_pwait2_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    let deadline = read_timeout(args[3])?.map(|timeout| arch::clock::now().saturating_add(timeout));
    wait_masked(call, &args, deadline).await
}
