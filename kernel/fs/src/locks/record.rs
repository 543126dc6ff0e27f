//! Record locks: fcntl(F_SETLK, F_SETLKW, F_GETLK) and the F_OFD_ ones.

use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use abi::{Errno, Result};

use super::{FileLocks, Key, LockKind, LockOwner, LockRange, RELEASED, TABLE, Table, key};
use crate::open_file::OpenFile;

/// A lock that is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Record {
    pub owner: LockOwner,
    /// What F_GETLK reports: the process that set it, −1 for a description's.
    pub pid: i32,
    pub kind: LockKind,
    pub range: LockRange,
}

/// Someone who waits for a lock: an edge of the graph in which a circle is a deadlock.
pub(super) struct Waiting {
    owner: LockOwner,
    key: Key,
    kind: LockKind,
    range: LockRange,
    ticket: u64,
}

/// The lock that stands in the way (F_GETLK).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Conflict {
    pub kind: LockKind,
    pub range: LockRange,
    pub pid: i32,
}

fn in_the_way(record: &Record, owner: LockOwner, kind: LockKind, range: &LockRange) -> bool {
    record.owner != owner && record.range.overlaps(range) && (kind == LockKind::Exclusive || record.kind == LockKind::Exclusive)
}

/// The first lock that would keep `owner` from getting this one.
pub fn test_record(file: &OpenFile, owner: LockOwner, kind: LockKind, range: LockRange) -> Option<Conflict> {
    let key = key(file);
    let table = TABLE.lock();
    let locks = table.files.get(&key)?;
    let found = locks.records.iter().filter(|record| in_the_way(record, owner, kind, &range)).min_by_key(|record| record.range.start)?;
    Some(Conflict { kind: found.kind, range: found.range, pid: found.pid })
}

/// Sets (or, with `None`, releases) a lock without waiting. EAGAIN when another stands in the way; EBADF unless the file is open for reading
/// (shared) or writing (exclusive); ENOLCK when there is no memory. The new lock replaces what the same owner had in the range.
pub fn set_record(file: &OpenFile, owner: LockOwner, pid: i32, kind: Option<LockKind>, range: LockRange) -> Result<()> {
    match kind {
        Some(LockKind::Shared) if !file.flags().reads() => return Err(Errno::EBADF),
        Some(LockKind::Exclusive) if !file.flags().writes() => return Err(Errno::EBADF),
        _ => {}
    }
    let key = key(file);
    let released = {
        let mut table = TABLE.lock();
        if kind.is_none() && !table.files.contains_key(&key) {
            return Ok(());
        }
        let locks = table.files.entry(key).or_default();
        let outcome = apply(locks, owner, pid, kind, range);
        table.tidy(key);
        outcome?
    };
    if kind.is_some() {
        file.used_locks.store(true, Ordering::Relaxed);
    }
    if released {
        RELEASED.wake_all();
    }
    Ok(())
}

/// Changes the list; true when something became free or weaker.
fn apply(locks: &mut FileLocks, owner: LockOwner, pid: i32, kind: Option<LockKind>, range: LockRange) -> Result<bool> {
    if let Some(kind) = kind {
        if locks.records.iter().any(|record| in_the_way(record, owner, kind, &range)) {
            return Err(Errno::EAGAIN);
        }
        memory::frames::admit().map_err(|_| Errno::ENOLCK)?;
    }
    let mut kept: Vec<Record> = Vec::new();
    kept.try_reserve(locks.records.len() + 2).map_err(|_| Errno::ENOLCK)?;
    let mut wanted = range;
    let mut released = false;
    for record in &locks.records {
        if record.owner != owner {
            kept.push(*record);
        } else if Some(record.kind) == kind && record.range.touches(&wanted) {
            // Neighbours of one kind become one lock.
            wanted = record.range.joined(&wanted);
        } else if record.range.overlaps(&range) {
            released |= kind != Some(LockKind::Exclusive);
            let (left, right) = record.range.without(&range);
            kept.extend(left.into_iter().chain(right).map(|range| Record { range, ..*record }));
        } else {
            kept.push(*record);
        }
    }
    if let Some(kind) = kind {
        kept.push(Record { owner, pid, kind, range: wanted });
    }
    locks.records = kept;
    Ok(released)
}

/// Takes the edge out of the graph again, also when the waiting future is dropped.
struct WaitEdge(u64);

impl Drop for WaitEdge {
    fn drop(&mut self) {
        TABLE.lock().waiting.retain(|waiting| waiting.ticket != self.0);
    }
}

/// [`set_record`] that waits until the lock is free: F_SETLKW. EDEADLK when it would wait for someone who waits for this owner.
pub async fn set_record_wait(file: &OpenFile, owner: LockOwner, pid: i32, kind: LockKind, range: LockRange) -> Result<()> {
    match set_record(file, owner, pid, Some(kind), range) {
        Err(Errno::EAGAIN) => {}
        done => return done,
    }
    let _edge = begin_wait(key(file), owner, kind, range)?;
    let attempt = || match set_record(file, owner, pid, Some(kind), range) {
        Err(Errno::EAGAIN) => None,
        done => Some(done),
    };
    RELEASED.wait_until(attempt).await
}

fn begin_wait(key: Key, owner: LockOwner, kind: LockKind, range: LockRange) -> Result<WaitEdge> {
    static NEXT: core::sync::atomic::AtomicU64 = core::sync::atomic::AtomicU64::new(0);
    let ticket = NEXT.fetch_add(1, Ordering::Relaxed);
    let waiting = Waiting { owner, key, kind, range, ticket };
    let mut table = TABLE.lock();
    table.waiting.try_reserve(1).map_err(|_| Errno::ENOLCK)?;
    // Descriptions are shared by processes, so nobody can say who waits for whom: Linux does not look for circles there either.
    if matches!(owner, LockOwner::Process(_)) && leads_back(&table, &waiting)? {
        return Err(Errno::EDEADLK);
    }
    table.waiting.push(waiting);
    Ok(WaitEdge(ticket))
}

/// Whether one of those that `start` would wait for waits, directly or through others, for the owner of `start`. ENOLCK when there is no memory.
fn leads_back(table: &Table, start: &Waiting) -> Result<bool> {
    let mut reached: Vec<LockOwner> = Vec::new();
    add_holders(table, start, &mut reached)?;
    let mut next = 0;
    while let Some(&holder) = reached.get(next) {
        if holder == start.owner {
            return Ok(true);
        }
        for waiting in table.waiting.iter().filter(|waiting| waiting.owner == holder) {
            add_holders(table, waiting, &mut reached)?;
        }
        next += 1;
    }
    Ok(false)
}

/// Adds who holds the locks that stand in the way of `waiting`: each owner once, however many locks it has.
fn add_holders(table: &Table, waiting: &Waiting, reached: &mut Vec<LockOwner>) -> Result<()> {
    let records = table.files.get(&waiting.key).map(|locks| locks.records.as_slice()).unwrap_or_default();
    for record in records.iter().filter(|record| in_the_way(record, waiting.owner, waiting.kind, &waiting.range)) {
        if !reached.contains(&record.owner) {
            reached.try_reserve(1).map_err(|_| Errno::ENOLCK)?;
            reached.push(record.owner);
        }
    }
    Ok(())
}
