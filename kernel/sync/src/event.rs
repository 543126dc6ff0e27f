//! A thing that happens once: "the device is ready", "the process has ended".

use crate::{
    atomics::{AtomicBool, Ordering},
    wait_queue::WaitQueue,
};

/// Starts unset, is set once, and lets everybody through from then on.
pub struct Event {
    set: AtomicBool,
    queue: WaitQueue,
}

impl Event {
    crate::constructor! {
        /// An event that has not happened.
        pub fn new() -> Self {
            Event { set: AtomicBool::new(false), queue: WaitQueue::new() }
        }
    }

    /// Whether it has happened. What was done before `set` is visible after this returned true.
    pub fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }

    /// Lets it happen. Allowed in an interrupt handler.
    pub fn set(&self) {
        self.set.store(true, Ordering::Release);
        self.queue.wake_all();
    }

    /// Waits until it has happened.
    pub fn wait(&self) -> impl Future<Output = ()> + Send + '_ {
        self.queue.wait_until(|| self.is_set().then_some(()))
    }
}

impl Default for Event {
    fn default() -> Self {
        Event::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::test_waker::{CountingWaker, poll_once};
    use std::{boxed::Box, pin::pin};

    #[test]
    fn lets_all_through_once_set() {
        let (event, counter) = (Event::new(), CountingWaker::new());
        let (mut first, mut second) = (Box::pin(event.wait()), Box::pin(event.wait()));
        assert!(poll_once(first.as_mut(), &counter).is_pending());
        assert!(poll_once(second.as_mut(), &counter).is_pending());
        event.set();
        assert_eq!(counter.count(), 2);
        assert!(poll_once(first.as_mut(), &counter).is_ready());
        assert!(poll_once(second.as_mut(), &counter).is_ready());
        assert!(poll_once(pin!(event.wait()), &counter).is_ready());
    }
}
