//! Advisory locks: record locks of fcntl(2) and whole-file locks of flock(2).
//!
//! All locks lie in one table by file, because the search for deadlocks looks at all of them; a file without locks costs nothing. Whoever
//! waits for a lock waits on one queue that is woken whenever any lock is released, and tries again. fcntl's and flock's locks do not see
//! each other, as in Linux.

mod flock;
mod range;
mod record;
#[cfg(test)]
mod tests;

pub use flock::{flock, flock_wait};
pub use range::LockRange;
pub use record::{Conflict, set_record, set_record_wait, test_record};

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};

use sync::{SpinLock, WaitQueue};

use crate::open_file::OpenFile;
use flock::WholeLock;
use record::{Record, Waiting};

/// Shared (F_RDLCK, LOCK_SH) or exclusive (F_WRLCK, LOCK_EX).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LockKind {
    Shared,
    Exclusive,
}

/// Whose a record lock is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LockOwner {
    /// A process (any number that stands for it): fcntl(F_SETLK).
    Process(u64),
    /// An open-file description: fcntl(F_OFD_SETLK). See [`LockOwner::of_description`].
    Description(usize),
}

impl LockOwner {
    pub fn of_description(file: &OpenFile) -> LockOwner {
        LockOwner::Description(core::ptr::from_ref(file).addr())
    }
}

/// A file: device and inode number.
type Key = (u64, u64);

#[derive(Default)]
struct FileLocks {
    records: Vec<Record>,
    whole: Vec<WholeLock>,
}

struct Table {
    files: BTreeMap<Key, FileLocks>,
    waiting: Vec<Waiting>,
}

static TABLE: SpinLock<Table> = SpinLock::new(Table { files: BTreeMap::new(), waiting: Vec::new() });
static RELEASED: WaitQueue = WaitQueue::new();
/// How many files have locks: closing a file looks into the table only when there are any.
static LOCKED_FILES: AtomicUsize = AtomicUsize::new(0);

fn key(file: &OpenFile) -> Key {
    let all = file.metadata();
    (all.device.word(), all.inode)
}

impl Table {
    /// Forgets a file without locks and keeps count.
    fn tidy(&mut self, key: Key) {
        if self.files.get(&key).is_some_and(|locks| locks.records.is_empty() && locks.whole.is_empty()) {
            self.files.remove(&key);
        }
        LOCKED_FILES.store(self.files.len(), Ordering::Relaxed);
    }
}

/// Releases all record locks that `owner` holds on the file: what closing any descriptor of it does to the locks of a process.
pub fn release_process(file: &OpenFile, process: u64) {
    if LOCKED_FILES.load(Ordering::Relaxed) > 0 {
        release(key(file), LockOwner::Process(process), false);
    }
}

/// Releases what a description holds, when it goes.
pub(crate) fn release_description(file: &OpenFile) {
    release(key(file), LockOwner::of_description(file), true);
}

fn release(key: Key, owner: LockOwner, whole: bool) {
    let released = {
        let mut table = TABLE.lock();
        let Some(locks) = table.files.get_mut(&key) else { return };
        let before = locks.records.len() + locks.whole.len();
        locks.records.retain(|record| record.owner != owner);
        if whole {
            locks.whole.retain(|lock| lock.owner != owner);
        }
        let released = locks.records.len() + locks.whole.len() < before;
        table.tidy(key);
        released
    };
    if released {
        RELEASED.wake_all();
    }
}
