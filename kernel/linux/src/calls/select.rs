//! select(2) and pselect6(2).

use abi::time::Timeval;
use abi::{Errno, Result};
use alloc::vec::Vec;
use fs::PollEvents;
use memory::UserPtr;
use process::Resource;

use super::poll::{read_timeout, write_remaining};
use super::readiness::{Interest, wait_for_any};
use crate::call::{Call, Outcome, Stop};

const BITS: usize = u64::BITS as usize;
/// What makes a descriptor readable, writable or exceptional, in the order of the three sets.
const KINDS: [PollEvents; 3] = [
    PollEvents::IN.union(PollEvents::RDNORM).union(PollEvents::RDBAND).union(PollEvents::HUP).union(PollEvents::ERR),
    PollEvents::OUT.union(PollEvents::WRNORM).union(PollEvents::WRBAND).union(PollEvents::ERR),
    PollEvents::PRI,
];

/// Three descriptor sets, read from the program.
struct Sets {
    words: usize,
    addresses: [usize; 3],
    asked: [Vec<u64>; 3],
    answer: [Vec<u64>; 3],
    /// The descriptors of `interests`, in the same order.
    fds: Vec<usize>,
    interests: Vec<Interest>,
}

impl Sets {
    fn read(call: &Call<'_>, count: i32, addresses: [usize; 3]) -> Result<Sets> {
        if count < 0 {
            return Err(Errno::EINVAL);
        }
        // Descriptors above the table's size can't be open; Linux cuts the sets there too.
        let count = (count as usize).min(call.thread.process().soft_limit(Resource::OpenFiles).max(1024) as usize);
        let words = count.div_ceil(BITS);
        let read = |address: usize| {
            if address == 0 { Ok(Vec::new()) } else { UserPtr::<u64>::new(address).read_many(words) }
        };
        let asked = [read(addresses[0])?, read(addresses[1])?, read(addresses[2])?];
        let mut sets = Sets { words, addresses, asked, answer: [const { Vec::new() }; 3], fds: Vec::new(), interests: Vec::new() };
        memory::frames::admit()?;
        for set in &mut sets.answer {
            set.try_reserve_exact(words).map_err(|_| Errno::ENOMEM)?;
        }
        for fd in 0..count {
            let mut events = PollEvents::empty();
            for (kind, set) in KINDS.into_iter().zip(&sets.asked) {
                if has(set, fd) {
                    events |= kind;
                }
            }
            if !events.is_empty() {
                let file = call.file(fd as i32)?;
                sets.fds.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
                sets.interests.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
                sets.fds.push(fd);
                sets.interests.push(Interest { file, events });
            }
        }
        Ok(sets)
    }

    /// Computes the answer; the number of bits in it.
    fn look(words: usize, asked: &[Vec<u64>; 3], answer: &mut [Vec<u64>; 3], fds: &[usize], interests: &[Interest]) -> usize {
        let mut found = 0;
        for ((set, asked), kind) in answer.iter_mut().zip(asked).zip(KINDS) {
            set.clear();
            set.resize(words, 0);
            for (&fd, interest) in fds.iter().zip(interests) {
                if has(asked, fd)
                    && interest.file.poll().intersects(kind)
                    && let Some(word) = set.get_mut(fd / BITS)
                {
                    *word |= 1 << (fd % BITS);
                    found += 1;
                }
            }
        }
        found
    }

    fn write_back(&self) -> Result<()> {
        for (address, answer) in self.addresses.into_iter().zip(&self.answer) {
            if address != 0 {
                UserPtr::<u64>::new(address).write_many(answer)?;
            }
        }
        Ok(())
    }
}

fn has(set: &[u64], fd: usize) -> bool {
    set.get(fd / BITS).is_some_and(|word| word >> (fd % BITS) & 1 != 0)
}

fn look_once(call: &Call<'_>, count: i32, addresses: [usize; 3], may_wait: bool) -> Outcome {
    let mut sets = Sets::read(call, count, addresses)?;
    let found = Sets::look(sets.words, &sets.asked, &mut sets.answer, &sets.fds, &sets.interests);
    if found == 0 && may_wait {
        return Err(Stop::Wait(0));
    }
    sets.write_back()?;
    Ok(found)
}

async fn wait(call: &Call<'_>, args: &[usize; 6], deadline: Option<u64>) -> Result<usize> {
    let mut sets = Sets::read(call, args[0] as i32, [args[1], args[2], args[3]])?;
    let Sets { words, asked, answer, fds, interests, .. } = &mut sets;
    let found = wait_for_any(call.thread, interests, deadline, || match Sets::look(*words, asked, answer, fds, interests) {
        0 => None,
        found => Some(found),
    })
    .await?;
    sets.write_back()?;
    Ok(found.unwrap_or(0))
}

/// select(2) takes a microsecond field of more than a second, unlike other calls.
fn read_timeval(address: usize) -> Result<Option<u64>> {
    if address == 0 {
        return Ok(None);
    }
    let time = UserPtr::<Timeval>::new(address).read()?;
    if time.seconds < 0 || time.microseconds < 0 {
        return Err(Errno::EINVAL);
    }
    Ok(Some((time.seconds as u64).saturating_mul(1_000_000_000).saturating_add((time.microseconds as u64).saturating_mul(1000))))
}

pub fn select(call: &mut Call<'_>, count: i32, read: usize, write: usize, except: usize, timeout: usize) -> Outcome {
    let may_wait = read_timeval(timeout)? != Some(0);
    look_once(call, count, [read, write, except], may_wait)
}

pub async fn select_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    let deadline = read_timeval(args[4])?.map(|timeout| arch::clock::now().saturating_add(timeout));
    let result = wait(call, &args, deadline).await;
    if let Some(deadline) = deadline {
        // A time-out that can't be written back is ignored, as on Linux.
        let left = Timeval::from_nanos(deadline.saturating_sub(arch::clock::now()));
        let _ = UserPtr::<Timeval>::new(args[4]).write(&left);
    }
    result.map_err(|errno| if errno == Errno::ERESTARTSYS { Errno::ERESTARTNOHAND } else { errno })
}

/// The sixth argument of pselect6(2) points to the address and the size of the signal mask.
fn read_mask(address: usize) -> Result<Option<abi::SignalSet>> {
    if address == 0 {
        return Ok(None);
    }
    let [mask, size] = UserPtr::<[usize; 2]>::new(address).read()?;
    super::signals::read_optional_mask(mask, size)
}

pub fn pselect6(call: &mut Call<'_>, count: i32, read: usize, write: usize, except: usize, timeout: usize, mask: usize) -> Outcome {
    let timeout = read_timeout(timeout)?;
    if read_mask(mask)?.is_some() {
        return Err(Stop::Wait(0));
    }
    look_once(call, count, [read, write, except], timeout != Some(0))
}

pub async fn pselect6_wait(call: &mut Call<'_>, args: [usize; 6], _: usize) -> Result<usize> {
    let deadline = read_timeout(args[4])?.map(|timeout| arch::clock::now().saturating_add(timeout));
    if let Some(mask) = read_mask(args[5])? {
        process::signal::with_temporary_mask(call.thread, mask);
    }
    let result = wait(call, &args, deadline).await;
    write_remaining(args[4], deadline);
    result.map_err(|errno| if errno == Errno::ERESTARTSYS { Errno::ERESTARTNOHAND } else { errno })
}
