//! A standing place in a [`WaitQueue`]: it is told of every wake and stays where it is.
//!
//! A [`Wait`](crate::Wait) is granted one wake, leaves the queue, and its task has to be polled to get in again. That is right for whoever
//! waits for one thing. Whoever watches thousands of queues (epoll) must not walk through all of them to find the one that was woken: here
//! the queue calls [`Observe::woken`] itself, which notes what happened in a list of the watcher's own.

use crate::atomics::AtomicUsize;
use crate::atomics::Ordering;
use crate::list::{Linked, Links, List};
use crate::spin::SpinLock;
use crate::wait_queue::WaitQueue;
use core::cell::Cell;
use core::ops::Deref;
use core::pin::Pin;
use core::ptr::NonNull;

/// Observers are told under the queue's lock; after so many the lock is let go, which bounds the time with interrupts off.
const BATCH: usize = 8;

/// What is done at each wake of a queue.
pub trait Observe: Send + Sync {
    /// Called after the queue's condition was changed, with interrupts off and possibly in an interrupt handler: it may take spin locks and
    /// wake other queues, but must neither allocate nor free, nor touch the queue that calls it.
    fn woken(&self);
}

/// The list of a queue's observers.
pub(crate) struct Observers {
    /// Number of linked observers: written under the lock, read without it.
    len: AtomicUsize,
    list: SpinLock<List<Node>>,
}

/// The part of an [`Observer`] that is linked.
pub(crate) struct Node {
    links: Links<Node>,
    /// Set before the node is linked, and not changed after.
    target: Cell<Option<Target>>,
}

/// An observer's target without its type, and the function that knows the type.
#[derive(Clone, Copy)]
struct Target {
    place: NonNull<()>,
    call: unsafe fn(NonNull<()>),
}

// SAFETY: `links` always returns that field, and the rest of the node is a cell that is set only while the node is in no list.
unsafe impl Linked for Node {
    fn links(&self) -> &Links<Node> {
        &self.links
    }
}

// SAFETY: the pointer leads to a target that is `Sync` (see `Observer::attach`), and is used only under the lock of the list.
unsafe impl Send for Node {}

impl Observers {
    crate::constructor! {
        pub(crate) fn new() -> Self {
            Observers { len: AtomicUsize::new(0), list: SpinLock::new(List::new()) }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len.load(Ordering::Relaxed) == 0
    }

    /// Tells all that are linked. Each one told goes to the end of the list, so that the lock can be let go in between: whoever is skipped
    /// because another processor tells observers at the same time was told by that one, after this call began.
    #[cold]
    pub(crate) fn tell(&self) {
        let mut left = self.len.load(Ordering::Relaxed);
        while left > 0 {
            let mut list = self.list.lock();
            for _ in 0..left.min(BATCH) {
                let Some(node) = list.pop_front() else { return };
                // SAFETY: it was just taken out of this list, whose nodes stay alive and in place until `remove`, which needs the lock.
                unsafe { list.push_back(node) };
                // SAFETY: as above.
                if let Some(Target { place, call }) = unsafe { node.as_ref() }.target.get() {
                    // SAFETY: `call` was made for this target, which lives as long as the node is linked.
                    unsafe { call(place) };
                }
            }
            left -= left.min(BATCH);
        }
    }

    /// # Safety
    /// `node` is in no list, and stays alive and in its place, with its target, until it is [removed](Self::remove).
    unsafe fn add(&self, node: NonNull<Node>) {
        let mut list = self.list.lock();
        // SAFETY: the caller's promise; all touch the list under its lock.
        unsafe { list.push_back(node) };
        self.len.store(self.len.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Once this returned, the node's target isn't called any more.
    ///
    /// # Safety
    /// `node` was added to these observers and not removed.
    unsafe fn remove(&self, node: NonNull<Node>) {
        let mut list = self.list.lock();
        // SAFETY: the caller's promise.
        unsafe { list.remove(node) };
        self.len.store(self.len.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
    }
}

/// Has `T` told of each wake of the queue that `Q` leads to, from [`attach`](Self::attach) until it is dropped.
pub struct Observer<Q: Deref<Target = WaitQueue>, T: Observe> {
    node: Node,
    /// The queue in which the node is linked. As in `Wait`: `Q`'s `deref` is asked once, and what it returned stays valid while `Q` lives
    /// in its place.
    linked: Option<NonNull<WaitQueue>>,
    queue: Q,
    target: T,
}

// SAFETY: the node is shared with waking threads under the queue's lock, and they use the target by shared reference: it is `Sync`.
unsafe impl<Q: Deref<Target = WaitQueue> + Send, T: Observe> Send for Observer<Q, T> {}

/// Calls a target of type `T`.
///
/// # Safety
/// `target` leads to a live `T`.
unsafe fn call<T: Observe>(target: NonNull<()>) {
    // SAFETY: the caller's promise.
    unsafe { target.cast::<T>().as_ref() }.woken();
}

impl<Q: Deref<Target = WaitQueue>, T: Observe> Observer<Q, T> {
    /// An observer that is not in the queue yet.
    pub fn new(queue: Q, target: T) -> Self {
        Observer { node: Node { links: Links::new(), target: Cell::new(None) }, linked: None, queue, target }
    }

    /// Goes into the queue, unless it is there already. Look at the condition after that: changes from here on are told.
    pub fn attach(self: Pin<&mut Self>) {
        // SAFETY: nothing is moved out of it.
        let this = unsafe { self.get_unchecked_mut() };
        if this.linked.is_some() {
            return;
        }
        let queue = NonNull::from(&*this.queue);
        this.node.target.set(Some(Target { place: NonNull::from(&this.target).cast(), call: call::<T> }));
        this.linked = Some(queue);
        // SAFETY: the queue is alive (see `linked`). Node and target are pinned with the observer, whose drop takes the node out.
        unsafe { queue.as_ref().observers().add(NonNull::from(&this.node)) };
        // Pairs with the fence in `WaitQueue::wake_up_to`.
        crate::atomics::fence(Ordering::SeqCst);
    }
}

impl<Q: Deref<Target = WaitQueue>, T: Observe> Drop for Observer<Q, T> {
    fn drop(&mut self) {
        if let Some(queue) = self.linked {
            // SAFETY: see `linked`; `queue` is dropped after this. The node was added by `attach`, once.
            unsafe { queue.as_ref().observers().remove(NonNull::from(&self.node)) };
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::{
        boxed::Box,
        sync::{
            Arc,
            atomic::{AtomicUsize as Counter, Ordering::SeqCst},
        },
        vec::Vec,
    };

    struct Count(Arc<Counter>);

    impl Observe for Count {
        fn woken(&self) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn is_told_of_each_wake_until_it_is_dropped() {
        let (queue, count) = (WaitQueue::new(), Arc::new(Counter::new(0)));
        let mut observer = Box::pin(Observer::new(&queue, Count(count.clone())));
        queue.wake_all();
        assert_eq!(count.load(SeqCst), 0, "not in the queue yet");
        observer.as_mut().attach();
        observer.as_mut().attach();
        assert_eq!((queue.wake_all(), queue.wake_one()), (0, false), "an observer is nobody who was woken");
        assert_eq!(count.load(SeqCst), 2);
        drop(observer);
        queue.wake_all();
        assert_eq!(count.load(SeqCst), 2);
    }

    #[test]
    fn all_of_many_are_told_once() {
        let queue = WaitQueue::new();
        let counts: Vec<_> = (0..3 * BATCH + 1).map(|_| Arc::new(Counter::new(0))).collect();
        let mut observers: Vec<_> = counts.iter().map(|count| Box::pin(Observer::new(&queue, Count(count.clone())))).collect();
        observers.iter_mut().for_each(|observer| observer.as_mut().attach());
        queue.wake_one();
        assert!(counts.iter().all(|count| count.load(SeqCst) == 1));
        observers.remove(BATCH);
        queue.wake_all();
        assert_eq!(counts.iter().filter(|count| count.load(SeqCst) == 2).count(), 3 * BATCH);
    }

    #[test]
    fn observers_and_waiters_share_a_queue() {
        let (queue, count) = (WaitQueue::new(), Arc::new(Counter::new(0)));
        let mut observer = Box::pin(Observer::new(&queue, Count(count.clone())));
        observer.as_mut().attach();
        let waker = crate::test_waker::CountingWaker::new();
        let mut wait = Box::pin(queue.wait());
        assert!(crate::test_waker::poll_once(wait.as_mut(), &waker).is_pending());
        assert!(queue.wake_one());
        assert_eq!((count.load(SeqCst), waker.count()), (1, 1));
    }
}
