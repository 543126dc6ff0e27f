//! The queues of waiters.
//!
//! A bucket is a slab of nodes, linked in order of arrival by their indices: joining and leaving cost the same in a queue of two and of ten thousand, and
//! ten thousand leave at once when a process is killed. A thread waits for one futex at a time, so its place in the table is one number in
//! the thread itself; that number also says, when it has become zero, that the thread was woken.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use abi::{Errno, Result};
use sync::{SpinLock, SpinLockGuard};

use super::Key;
use crate::Thread;

const BUCKETS: usize = 256;

/// Where a thread stands in the table: bucket and node, or nowhere.
#[derive(Default)]
pub(crate) struct FutexPlace(AtomicU64);

const NOWHERE: u64 = 0;

impl FutexPlace {
    fn set(&self, bucket: usize, node: u32) {
        self.0.store(((bucket as u64) << 32) | (u64::from(node) + 1), Ordering::Release);
    }

    /// Whether nobody woke the thread yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.0.load(Ordering::Acquire) != NOWHERE
    }
}

struct Node {
    key: Key,
    bitset: u32,
    /// None in a free node.
    thread: Option<Arc<Thread>>,
    previous: u32,
    next: u32,
}

/// No node.
const NONE: u32 = u32::MAX;

/// One queue, shared by the keys that hash to it.
pub(super) struct Bucket {
    nodes: Vec<Node>,
    first: u32,
    last: u32,
    free: u32,
    count: u32,
}

static TABLE: [SpinLock<Bucket>; BUCKETS] =
    [const { SpinLock::new(Bucket { nodes: Vec::new(), first: NONE, last: NONE, free: NONE, count: 0 }) }; BUCKETS];

pub(super) fn index(key: &Key) -> usize {
    let mixed = (key.object ^ key.offset.rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as usize % BUCKETS
}

pub(super) fn lock(bucket: usize) -> SpinLockGuard<'static, Bucket> {
    TABLE[bucket % BUCKETS].lock()
}

/// How many threads wait for futexes, in all.
pub fn waiting() -> usize {
    TABLE.iter().map(|bucket| bucket.lock().count as usize).sum()
}

impl Bucket {
    fn node(&self, at: u32) -> Option<&Node> {
        self.nodes.get(at as usize)
    }

    fn node_mut(&mut self, at: u32) -> Option<&mut Node> {
        self.nodes.get_mut(at as usize)
    }

    /// Puts a thread at the end of the queue. ENOMEM.
    pub fn push(&mut self, bucket: usize, key: Key, bitset: u32, thread: Arc<Thread>) -> Result<()> {
        let place = match self.node(self.free) {
            Some(node) => {
                let at = self.free;
                self.free = node.next;
                at
            }
            None => {
                self.nodes.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
                self.nodes.push(Node { key, bitset, thread: None, previous: NONE, next: NONE });
                self.nodes.len() as u32 - 1
            }
        };
        thread.futex.set(bucket, place);
        let last = core::mem::replace(&mut self.last, place);
        match self.node_mut(last) {
            Some(node) => node.next = place,
            None => self.first = place,
        }
        if let Some(node) = self.node_mut(place) {
            *node = Node { key, bitset, thread: Some(thread), previous: last, next: NONE };
        }
        self.count += 1;
        Ok(())
    }

    /// Takes a node out of the queue.
    fn remove(&mut self, at: u32) -> Option<Arc<Thread>> {
        let free = self.free;
        let node = self.node_mut(at)?;
        let thread = node.thread.take()?;
        let (previous, next) = (node.previous, node.next);
        (node.previous, node.next) = (NONE, free);
        self.free = at;
        match self.node_mut(previous) {
            Some(node) => node.next = next,
            None => self.first = next,
        }
        match self.node_mut(next) {
            Some(node) => node.previous = previous,
            None => self.last = previous,
        }
        self.count -= 1;
        if self.count == 0 {
            // The memory of ten thousand waiters is not kept for the next two.
            (self.nodes, self.free) = (Vec::new(), NONE);
        }
        Some(thread)
    }

    fn matching(&self, from: u32, key: &Key, bitset: u32) -> Option<u32> {
        let mut at = from;
        while let Some(node) = self.node(at) {
            if node.key == *key && node.bitset & bitset != 0 {
                return Some(at);
            }
            at = node.next;
        }
        None
    }

    /// Wakes up to `limit` waiters of a key that share a bit with `bitset`, first come first served. Answers how many.
    pub fn wake(&mut self, key: &Key, limit: usize, bitset: u32) -> usize {
        let mut woken = 0;
        let mut from = self.first;
        while woken < limit {
            let Some(at) = self.matching(from, key, bitset) else { break };
            from = self.node(at).map_or(NONE, |node| node.next);
            if let Some(thread) = self.remove(at) {
                release(&thread);
                woken += 1;
            }
        }
        woken
    }

    /// Has the first waiter of `key` wait for another key in `other`, the queue number `number`. Without memory for that it is woken, which a
    /// program must expect of any futex. False: there is none.
    pub fn move_first(&mut self, key: &Key, other: &mut Bucket, number: usize, new: Key) -> bool {
        let Some(at) = self.matching(self.first, key, u32::MAX) else { return false };
        let Some(bitset) = self.node(at).map(|node| node.bitset) else { return false };
        let Some(thread) = self.remove(at) else { return false };
        if other.push(number, new, bitset, thread.clone()).is_err() {
            release(&thread);
        }
        true
    }

    /// Has the first waiters of `key` wait for another key of the same queue, `limit` of them. Answers how many.
    pub fn rename(&mut self, key: &Key, new: Key, limit: usize) -> usize {
        let mut renamed = 0;
        let mut from = self.first;
        while renamed < limit {
            let Some(at) = self.matching(from, key, u32::MAX) else { break };
            let Some(node) = self.node_mut(at) else { break };
            node.key = new;
            from = node.next;
            renamed += 1;
        }
        renamed
    }
}

/// Ends the wait of a thread that was taken out of its queue.
fn release(thread: &Thread) {
    thread.futex.0.store(NOWHERE, Ordering::Release);
    thread.wake();
}

/// Takes the thread out of whatever queue it stands in. False: it isn't in one, it was woken.
pub(super) fn cancel(thread: &Thread) -> bool {
    loop {
        let place = thread.futex.0.load(Ordering::Acquire);
        if place == NOWHERE {
            return false;
        }
        let mut bucket = lock((place >> 32) as usize);
        // A requeue may have moved it before the lock was ours.
        if thread.futex.0.load(Ordering::Acquire) == place {
            let removed = bucket.remove((place as u32).wrapping_sub(1));
            thread.futex.0.store(NOWHERE, Ordering::Release);
            drop(bucket);
            drop(removed);
            return true;
        }
    }
}

/// Both queues of a requeue, locked in one order; only one lock when they are the same.
pub(super) fn lock_both(first: usize, second: usize) -> (SpinLockGuard<'static, Bucket>, Option<SpinLockGuard<'static, Bucket>>) {
    match first.cmp(&second) {
        core::cmp::Ordering::Less => {
            let one = lock(first);
            (one, Some(lock(second)))
        }
        core::cmp::Ordering::Equal => (lock(first), None),
        core::cmp::Ordering::Greater => {
            let two = lock(second);
            (lock(first), Some(two))
        }
    }
}
