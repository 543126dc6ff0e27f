//! The one loop in which a call waits for a file: try, register, try again, sleep.
//!
//! Files never wait by themselves: they answer EAGAIN and have a queue for each side. The attempt is repeated with the wait registered, so
//! that what happens between the two is not missed, and a signal ends the wait (with the error that says how to restart).

use abi::{Errno, Result};
use alloc::sync::Arc;
use fs::{FileQueue, OpenFile, Side};
use process::{Thread, interruptible, interruptible_until};
use sync::WaitUntil;

/// `None` as long as the attempt says EAGAIN.
fn unless_again<T>(result: Result<T>) -> Option<Result<T>> {
    match result {
        Err(Errno::EAGAIN) => None,
        other => Some(other),
    }
}

/// Repeats `attempt` until it says something else than EAGAIN; ERESTARTSYS when a signal comes first. A file without a queue is not waited for.
pub async fn until_done<T>(thread: &Arc<Thread>, file: &Arc<OpenFile>, side: Side, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let Some(queue) = FileQueue::new(file, side) else { return attempt() };
    interruptible(thread, WaitUntil::new(queue, || unless_again(attempt()))).await?
}

/// As [`until_done`], but gives up at `deadline` with `Ok(None)`.
pub async fn until_done_or<T>(
    thread: &Arc<Thread>,
    file: &Arc<OpenFile>,
    side: Side,
    deadline: Option<u64>,
    mut attempt: impl FnMut() -> Result<T>,
) -> Result<Option<T>> {
    let Some(queue) = FileQueue::new(file, side) else { return attempt().map(Some) };
    match interruptible_until(thread, deadline, WaitUntil::new(queue, || unless_again(attempt()))).await {
        Err(Errno::ETIMEDOUT) => Ok(None),
        other => other?.map(Some),
    }
}
