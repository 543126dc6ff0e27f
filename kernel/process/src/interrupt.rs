//! The one place where signals, kills and timeouts end a wait.
//!
//! A system call that sleeps awaits `interruptible(thread, what)`. Whoever sends a signal sets a bit in the thread's work word and then
//! wakes the thread's future; being polled, this combinator finds either its inner future ready (which wins: what was received must
//! not be lost) or the bit set. The inner future is dropped with the combinator, which takes it off every queue.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use abi::{Errno, Result};
use executor::timer::Sleep;
use pin_project_lite::pin_project;

use crate::Thread;

pin_project! {
    /// See [`interruptible`].
    #[must_use = "a future does nothing until it is awaited"]
    pub struct Interruptible<'a, F> {
        thread: &'a Thread,
        #[pin]
        future: F,
    }
}

/// Waits for `future`, or fails with ERESTARTSYS when a signal, a stop or a kill comes first.
pub fn interruptible<F: Future>(thread: &Thread, future: F) -> Interruptible<'_, F> {
    Interruptible { thread, future }
}

impl<F: Future> Future for Interruptible<'_, F> {
    type Output = Result<F::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.future.poll(context) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if this.thread.interrupted() => Poll::Ready(Err(Errno::ERESTARTSYS)),
            Poll::Pending => Poll::Pending,
        }
    }
}

pin_project! {
    /// See [`interruptible_until`].
    #[must_use = "a future does nothing until it is awaited"]
    pub struct InterruptibleUntil<'a, F> {
        #[pin]
        inner: Interruptible<'a, F>,
        #[pin]
        sleep: Option<Sleep>,
    }
}

/// As [`interruptible`], and fails with ETIMEDOUT at `deadline` (nanoseconds of the monotone clock; none: never).
pub fn interruptible_until<F: Future>(thread: &Thread, deadline: Option<u64>, future: F) -> InterruptibleUntil<'_, F> {
    InterruptibleUntil { inner: interruptible(thread, future), sleep: deadline.map(executor::timer::sleep_until) }
}

impl<F: Future> Future for InterruptibleUntil<'_, F> {
    type Output = Result<F::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(result) = this.inner.poll(context) {
            return Poll::Ready(result);
        }
        match this.sleep.as_pin_mut().map(|sleep| sleep.poll(context)) {
            Some(Poll::Ready(_)) => Poll::Ready(Err(Errno::ETIMEDOUT)),
            _ => Poll::Pending,
        }
    }
}

pin_project! {
    /// See [`killable`].
    #[must_use = "a future does nothing until it is awaited"]
    pub struct Killable<'a, F> {
        thread: &'a Thread,
        #[pin]
        future: F,
    }
}

/// Waits for `future`; signals do not interrupt it, only a kill does (EINTR, which nobody will see).
pub fn killable<F: Future>(thread: &Thread, future: F) -> Killable<'_, F> {
    Killable { thread, future }
}

impl<F: Future> Future for Killable<'_, F> {
    type Output = Result<F::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.future.poll(context) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if this.thread.killed() => Poll::Ready(Err(Errno::EINTR)),
            Poll::Pending => Poll::Pending,
        }
    }
}
