//! The waiting futures of a [`WaitQueue`].

use crate::atomics::Ordering;
use crate::wait_queue::{GRANTED, IDLE, WAITING, WaitQueue, Waiter};
use core::{
    future::Future,
    ops::Deref,
    pin::Pin,
    ptr::NonNull,
    task::{Context, Poll},
};

/// A place in a [`WaitQueue`]. `Q` is any pointer to the queue: `&WaitQueue`, or an owner such as an `Arc` of the file that has it, so
/// that poll(2) can keep a vector of pinned waits.
///
/// The first poll registers and is pending; a poll after a wake is ready, and the next one after that registers again, at the end of the
/// queue. Dropping it unlinks it, and passes an unused wake on to the next waiter.
#[must_use = "futures do nothing unless polled"]
pub struct Wait<Q: Deref<Target = WaitQueue>> {
    waiter: Waiter,
    /// The queue in which the waiter is linked. `Q`'s `deref` is asked only when registering: it is foreign code, and what it returned
    /// then stays valid while `Q` lives in its place (it is pinned, and nobody gets it mutably).
    linked: Option<NonNull<WaitQueue>>,
    queue: Q,
}

// SAFETY: the waiter is shared with waking threads under the queue's lock; the queue is `Sync`. So the future can go where `Q` can.
unsafe impl<Q: Deref<Target = WaitQueue> + Send> Send for Wait<Q> {}

impl<Q: Deref<Target = WaitQueue>> Wait<Q> {
    /// A wait that is not registered yet.
    pub fn new(queue: Q) -> Self {
        Wait { waiter: Waiter::new(), linked: None, queue }
    }

    /// Whether it is in the queue, or has been granted a wake that wasn't polled yet.
    pub fn is_registered(&self) -> bool {
        self.waiter.state.load(Ordering::Relaxed) != IDLE
    }
}

impl<Q: Deref<Target = WaitQueue>> Future for Wait<Q> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // SAFETY: nothing is moved out of it.
        let this = unsafe { self.get_unchecked_mut() };
        if let Some(linked) = this.linked {
            // SAFETY: see `linked`: the queue is alive as long as `this.queue`.
            let queue = unsafe { linked.as_ref() };
            if this.waiter.state.load(Ordering::Acquire) == WAITING && queue.update(&this.waiter, context.waker()) {
                return Poll::Pending;
            }
            // Granted: the waking side doesn't touch the node any more.
            this.waiter.state.store(IDLE, Ordering::Relaxed);
            this.linked = None;
            return Poll::Ready(());
        }
        let queue = NonNull::from(&*this.queue);
        this.linked = Some(queue);
        // SAFETY: the node is IDLE as it isn't linked. It is pinned with the future, whose drop unlinks it.
        unsafe { queue.as_ref().link(NonNull::from(&this.waiter), context.waker().clone()) };
        Poll::Pending
    }
}

impl<Q: Deref<Target = WaitQueue>> Drop for Wait<Q> {
    fn drop(&mut self) {
        let Some(linked) = self.linked else { return };
        // SAFETY: see `linked`; `queue` is dropped after this.
        let queue = unsafe { linked.as_ref() };
        let granted = self.waiter.state.load(Ordering::Acquire) == GRANTED;
        // SAFETY: the waiter was linked into this queue by `poll`.
        if granted || !unsafe { queue.unlink(NonNull::from(&self.waiter)) } {
            queue.wake_one();
        }
    }
}

/// The future of [`WaitQueue::wait_until`]. Checks its condition at every poll, whatever woke it.
#[must_use = "futures do nothing unless polled"]
pub struct WaitUntil<Q: Deref<Target = WaitQueue>, F> {
    wait: Wait<Q>,
    condition: F,
}

impl<Q: Deref<Target = WaitQueue>, F> WaitUntil<Q, F> {
    /// Waits in `queue` until `condition` gives a value; see [`WaitQueue::wait_until`].
    pub fn new(queue: Q, condition: F) -> Self {
        WaitUntil { wait: Wait::new(queue), condition }
    }
}

impl<Q: Deref<Target = WaitQueue>, T, F: FnMut() -> Option<T>> Future for WaitUntil<Q, F> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // SAFETY: `wait` is pinned below and nothing is moved out; `condition` is not pinned, it is only called.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: `wait` is a field of a pinned struct that never gives it away.
        let mut wait = unsafe { Pin::new_unchecked(&mut this.wait) };
        // Linked or not, look first: what is there already costs no place in the queue. A wake is used up before the check, not after:
        // one that comes after the check stays in the node, and our drop passes it on.
        let was_waiting = wait.is_registered() && wait.as_mut().poll(context).is_pending();
        if let Some(value) = (this.condition)() {
            return Poll::Ready(value);
        }
        if was_waiting {
            return Poll::Pending;
        }
        // Register, then check again: a change between the first check and the registration woke nobody.
        let registered = wait.poll(context);
        debug_assert!(registered.is_pending());
        match (this.condition)() {
            Some(value) => Poll::Ready(value),
            None => Poll::Pending,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::test_waker::{CountingWaker, poll_once};
    use std::{boxed::Box, cell::Cell, sync::Arc, vec::Vec};

    #[test]
    fn wakes_in_order_and_counts() {
        let (queue, counter) = (WaitQueue::new(), CountingWaker::new());
        let mut waits: Vec<_> = (0..20).map(|_| Box::pin(queue.wait())).collect();
        for wait in &mut waits {
            assert!(poll_once(wait.as_mut(), &counter).is_pending());
        }
        assert_eq!(queue.len(), 20);
        assert!(queue.wake_one());
        assert!(poll_once(waits[1].as_mut(), &counter).is_pending());
        assert!(poll_once(waits[0].as_mut(), &counter).is_ready());
        assert_eq!(queue.wake_up_to(3), 3);
        assert_eq!(queue.wake_all(), 16);
        assert_eq!((queue.wake_all(), queue.wake_one()), (0, false));
        assert!(waits.iter_mut().skip(1).all(|wait| poll_once(wait.as_mut(), &counter).is_ready()));
        assert_eq!(counter.count(), 20);
        assert_eq!(counter.references(), 1);
    }

    #[test]
    fn a_dropped_waiter_leaves_the_queue_and_passes_its_grant_on() {
        let (queue, counter) = (WaitQueue::new(), CountingWaker::new());
        let (mut first, mut second, mut third) = (Box::pin(queue.wait()), Box::pin(queue.wait()), Box::pin(queue.wait()));
        for wait in [&mut first, &mut second, &mut third] {
            assert!(poll_once(wait.as_mut(), &counter).is_pending());
        }
        drop(second);
        assert_eq!(queue.len(), 2);
        queue.wake_one();
        drop(first);
        assert!(poll_once(third.as_mut(), &counter).is_ready());
        assert!(queue.is_empty());
    }

    #[test]
    fn wait_until_checks_at_every_poll() {
        let (queue, counter) = (WaitQueue::new(), CountingWaker::new());
        let value = Cell::new(None);
        let mut wait = Box::pin(queue.wait_until(|| value.get()));
        assert!(poll_once(wait.as_mut(), &counter).is_pending());
        queue.wake_one();
        assert!(poll_once(wait.as_mut(), &counter).is_pending());
        assert_eq!(queue.len(), 1);
        value.set(Some(5));
        assert_eq!(poll_once(wait.as_mut(), &counter), Poll::Ready(5));
        drop(wait);
        assert!(queue.is_empty());
        let mut at_once = Box::pin(queue.wait_until(|| value.get()));
        assert_eq!(poll_once(at_once.as_mut(), &counter), Poll::Ready(5));
    }

    #[test]
    fn owns_its_queue_and_follows_a_changed_waker() {
        struct File {
            queue: WaitQueue,
        }
        struct Readable(Arc<File>);
        impl Deref for Readable {
            type Target = WaitQueue;
            fn deref(&self) -> &WaitQueue {
                &self.0.queue
            }
        }
        let file = Arc::new(File { queue: WaitQueue::new() });
        let (old, new) = (CountingWaker::new(), CountingWaker::new());
        let mut wait = Box::pin(Wait::new(Readable(file.clone())));
        assert!(poll_once(wait.as_mut(), &old).is_pending());
        assert!(poll_once(wait.as_mut(), &new).is_pending());
        file.queue.wake_all();
        assert_eq!((old.count(), new.count()), (0, 1));
        drop(wait);
        assert_eq!(Arc::strong_count(&file), 1);
    }
}
