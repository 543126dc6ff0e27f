//! The queue of tasks that wait for something: a pipe's readers, a process's parents, a device's requests.
//!
//! A waiter is a node inside its own future ([`Wait`](crate::Wait)). Waking *grants*: it unlinks the node, marks it and wakes its task. A
//! future that is dropped with an unused grant passes it on, so that `wake_one` always reaches somebody who acts on it.
//!
//! The usual trouble with such queues is a wake that comes between a waiter's check and its registration. Here waiters register before they
//! check, and both sides put a full fence between their two steps (register, check / change, look for waiters), so that one of them sees
//! the other. With that, waking an empty queue costs a fence and a load, and no lock.

use crate::{
    atomics::{AtomicU8, AtomicUsize, Ordering, fence},
    list::{Linked, Links, List},
    observer::Observers,
    spin::SpinLock,
    wait::{Wait, WaitUntil},
};
use core::{cell::Cell, ptr::NonNull, task::Waker};

/// Wakers are woken after the queue's lock was freed; so many are collected at a time, which bounds the time with interrupts off.
const BATCH: usize = 8;

/// First in, first out queue of waiting tasks. Waking is allowed in an interrupt handler, registering isn't.
pub struct WaitQueue {
    /// Number of linked waiters: written under the lock, read without it.
    len: AtomicUsize,
    waiters: SpinLock<List<Waiter>>,
    observers: Observers,
}

/// States of a [`Waiter`].
pub(crate) const IDLE: u8 = 0;
pub(crate) const WAITING: u8 = 1;
pub(crate) const GRANTED: u8 = 2;

/// A task in the queue: lives in the waiting future.
pub(crate) struct Waiter {
    links: Links<Waiter>,
    /// Touched only under the lock while WAITING.
    waker: Cell<Option<Waker>>,
    /// IDLE and WAITING are set by the owner. GRANTED is set by the waking side, as the last thing that it does to the node.
    pub(crate) state: AtomicU8,
}

// SAFETY: `links` always returns that field, and the rest of the node is a cell and an atomic.
unsafe impl Linked for Waiter {
    fn links(&self) -> &Links<Waiter> {
        &self.links
    }
}

impl Waiter {
    crate::constructor! {
        pub(crate) fn new() -> Self {
            Waiter { links: Links::new(), waker: Cell::new(None), state: AtomicU8::new(IDLE) }
        }
    }

    /// Puts `waker` into a linked node, unless the one there wakes the same task. Returns the old one, to be dropped without the lock.
    pub(crate) fn set_waker(&self, waker: &Waker) -> Option<Waker> {
        let old = self.waker.take();
        match old {
            Some(old) if old.will_wake(waker) => self.waker.replace(Some(old)),
            old => {
                self.waker.set(Some(waker.clone()));
                old
            }
        }
    }

    /// Marks a node that was just unlinked. Its owner may free it as soon as the mark is set, so the waker is taken out before, and no
    /// reference to the whole node is alive then.
    ///
    /// # Safety
    /// `waiter` was linked until now, and the lock of its queue is held.
    pub(crate) unsafe fn grant(waiter: NonNull<Waiter>) -> Option<Waker> {
        let waiter = waiter.as_ptr();
        // SAFETY: its owner sees it WAITING, and needs the lock to free it.
        let (waker, state) = unsafe { ((*waiter).waker.take(), &(*waiter).state) };
        state.store(GRANTED, Ordering::Release);
        waker
    }
}

impl WaitQueue {
    crate::constructor! {
        /// A queue without waiters.
        pub fn new() -> Self {
            WaitQueue { len: AtomicUsize::new(0), waiters: SpinLock::new(List::new()), observers: Observers::new() }
        }
    }

    pub(crate) fn observers(&self) -> &Observers {
        &self.observers
    }

    /// Whether nobody waits. Others may come and go at once; useful as a hint.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many wait, as a hint.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Wakes the one who has waited longest. Returns whether there was one. Call it after the condition was changed.
    pub fn wake_one(&self) -> bool {
        self.wake_up_to(1) == 1
    }

    /// Wakes all who wait now; who comes while this runs may or may not be woken. Returns how many.
    pub fn wake_all(&self) -> usize {
        self.wake_up_to(usize::MAX)
    }

    /// Wakes up to `limit` of those who wait now, those who have waited longest first. Returns how many.
    pub fn wake_up_to(&self, limit: usize) -> usize {
        // Pairs with the fence in `link`: either we see the waiter, or the waiter sees what was changed before this call.
        fence(Ordering::SeqCst);
        if !self.observers.is_empty() {
            self.observers.tell();
        }
        let limit = limit.min(self.len());
        let mut woken = 0;
        while woken < limit {
            match limit - woken {
                1 => woken += self.grant_some::<1>(1),
                left => woken += self.grant_some::<BATCH>(left),
            }
            if self.is_empty() {
                break;
            }
        }
        woken
    }

    /// Grants up to `limit` or `N` waiters under the lock, then wakes them without it.
    fn grant_some<const N: usize>(&self, limit: usize) -> usize {
        let mut wakers = [const { None }; N];
        let mut granted = 0;
        {
            let mut waiters = self.waiters.lock();
            for slot in wakers.iter_mut().take(limit) {
                let Some(waiter) = waiters.pop_front() else { break };
                granted += 1;
                // SAFETY: just unlinked, and locked.
                *slot = unsafe { Waiter::grant(waiter) };
            }
            self.len.store(self.len() - granted, Ordering::Relaxed);
        }
        for waker in wakers.into_iter().flatten() {
            waker.wake();
        }
        granted
    }

    /// Appends `waiter`, whose task is `waker`.
    ///
    /// # Safety
    /// `waiter` is IDLE, and stays alive and in its place until it is GRANTED or [unlinked](Self::unlink) from this queue.
    pub(crate) unsafe fn link(&self, waiter: NonNull<Waiter>, waker: Waker) {
        {
            let mut waiters = self.waiters.lock();
            // SAFETY: the caller keeps the node alive; it is in no list as it is IDLE.
            let node = unsafe { waiter.as_ref() };
            node.waker.set(Some(waker));
            node.state.store(WAITING, Ordering::Relaxed);
            // SAFETY: as above; all touch the list under the lock.
            unsafe { waiters.push_back(waiter) };
            self.len.store(self.len() + 1, Ordering::Relaxed);
        }
        // Pairs with the fence in `wake_up_to`.
        fence(Ordering::SeqCst);
    }

    /// Changes the waker of a linked waiter. Returns false if it was granted meanwhile.
    pub(crate) fn update(&self, waiter: &Waiter, waker: &Waker) -> bool {
        let guard = self.waiters.lock();
        if waiter.state.load(Ordering::Acquire) != WAITING {
            return false;
        }
        let old = waiter.set_waker(waker);
        drop(guard);
        drop(old);
        true
    }

    /// Takes `waiter` out of the queue. Returns false if it was granted meanwhile: then the grant is the caller's.
    ///
    /// # Safety
    /// `waiter` was linked into this queue, and is WAITING or GRANTED.
    pub(crate) unsafe fn unlink(&self, waiter: NonNull<Waiter>) -> bool {
        let mut waiters = self.waiters.lock();
        // SAFETY: the caller owns the node.
        let node = unsafe { waiter.as_ref() };
        if node.state.load(Ordering::Acquire) != WAITING {
            return false;
        }
        // SAFETY: WAITING under the lock means that it is in this list.
        unsafe { waiters.remove(waiter) };
        self.len.store(self.len() - 1, Ordering::Relaxed);
        let waker = node.waker.take();
        node.state.store(IDLE, Ordering::Relaxed);
        drop(waiters);
        drop(waker);
        true
    }

    /// A future that becomes ready when it is woken. It is in the queue from its first poll on, not before. Prefer
    /// [`wait_until`](Self::wait_until).
    pub fn wait(&self) -> Wait<&WaitQueue> {
        Wait::new(self)
    }

    /// Waits until `condition` gives a value. It is called in the poll: before waiting, after registering, and at each wake, so no change
    /// is missed as long as `wake_one` or `wake_all` follows the change. It should be short and must not block.
    pub fn wait_until<T, F: FnMut() -> Option<T>>(&self, condition: F) -> WaitUntil<&WaitQueue, F> {
        WaitUntil::new(self, condition)
    }
}

impl Default for WaitQueue {
    fn default() -> Self {
        WaitQueue::new()
    }
}
