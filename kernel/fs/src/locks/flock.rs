//! flock(2): locks of whole files, owned by open-file descriptions.

use core::sync::atomic::Ordering;

use abi::{Errno, Result};

use super::{LockKind, LockOwner, RELEASED, TABLE, key};
use crate::open_file::OpenFile;

#[derive(Clone, Copy)]
pub(super) struct WholeLock {
    pub owner: LockOwner,
    pub kind: LockKind,
}

/// Sets (or, with `None`, releases) the lock without waiting. EAGAIN (EWOULDBLOCK) when another stands in the way; as in Linux, a lock
/// that was held and is to be changed is lost then.
pub fn flock(file: &OpenFile, kind: Option<LockKind>) -> Result<()> {
    let owner = LockOwner::of_description(file);
    let key = key(file);
    let (outcome, released) = {
        let mut table = TABLE.lock();
        if kind.is_none() && !table.files.contains_key(&key) {
            return Ok(());
        }
        let locks = &mut table.files.entry(key).or_default().whole;
        if kind.is_some() && locks.iter().any(|lock| lock.owner == owner && Some(lock.kind) == kind) {
            return Ok(());
        }
        let before = locks.len();
        locks.retain(|lock| lock.owner != owner);
        let released = locks.len() < before;
        let outcome = match kind {
            Some(wanted) if locks.iter().any(|lock| wanted == LockKind::Exclusive || lock.kind == LockKind::Exclusive) => {
                Err(Errno::EAGAIN)
            }
            Some(kind) => locks.try_reserve(1).map_err(|_| Errno::ENOLCK).map(|()| locks.push(WholeLock { owner, kind })),
            None => Ok(()),
        };
        table.tidy(key);
        (outcome, released)
    };
    if kind.is_some() && outcome.is_ok() {
        file.used_locks.store(true, Ordering::Relaxed);
    }
    if released {
        RELEASED.wake_all();
    }
    outcome
}

/// [`flock`] that waits until the lock is free.
pub async fn flock_wait(file: &OpenFile, kind: LockKind) -> Result<()> {
    let attempt = || match flock(file, Some(kind)) {
        Err(Errno::EAGAIN) => None,
        done => Some(done),
    };
    RELEASED.wait_until(attempt).await
}
