//! Waiting until one of many files is ready: the common half of poll(2) and select(2).
//!
//! Files have no list of pollers. A waiter puts one wait node into each queue of each file that it is interested in, looks at all files, and
//! sleeps; dropping the nodes takes them out again. Nothing stays behind in a file, whichever way the call ends.

use abi::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;
use fs::{FileQueue, OpenFile, PollEvents, Side};
use process::{Thread, interruptible_until};
use sync::Wait;

/// One file that the caller watches, and for what.
pub struct Interest {
    pub file: Arc<OpenFile>,
    pub events: PollEvents,
}

impl Interest {
    /// The events that hold now, of those that were asked for and those that always count.
    pub fn ready(&self) -> PollEvents {
        self.file.poll() & (self.events | fs::file::ALWAYS)
    }
}

/// Waits until `check` finds something, a signal comes (an error), or the deadline passes (`None`). `check` runs with the waits registered, so
/// that no change is missed.
pub async fn wait_for_any<T>(
    thread: &Arc<Thread>,
    interests: &[Interest],
    deadline: Option<u64>,
    mut check: impl FnMut() -> Option<T>,
) -> Result<Option<T>> {
    let mut waits: Vec<Pin<Box<Wait<FileQueue>>>> = Vec::new();
    for interest in interests {
        for side in [Side::Read, Side::Write] {
            if let Some(queue) = interest.events.concerns(side).then(|| FileQueue::new(&interest.file, side)).flatten() {
                // A program may do this in many threads at once, with many descriptors each.
                memory::frames::admit()?;
                waits.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
                waits.push(Box::pin(Wait::new(queue)));
            }
        }
    }
    let ready = poll_fn(|context| {
        for wait in &mut waits {
            // A wake that was granted is used up by the check below; then the wait goes back into its queue before the check.
            while wait.as_mut().poll(context).is_ready() {}
        }
        check().map_or(Poll::Pending, Poll::Ready)
    });
    match interruptible_until(thread, deadline, ready).await {
        Err(Errno::ETIMEDOUT) => Ok(None),
        other => other.map(Some),
    }
}
