//! Futures of time: `Sleep` and `Timeout`.

use super::{now, timers::Timers, wheel::Entry};
use crate::cpu::this_cpu;
use core::{
    fmt,
    future::Future,
    pin::Pin,
    ptr::NonNull,
    task::{Context, Poll},
};

/// Ready when `deadline` (nanoseconds since boot) has come; at once if it is past. `u64::MAX` never comes.
pub fn sleep_until(deadline: u64) -> Sleep {
    Sleep { deadline, timers: None, entry: Entry::new() }
}

/// Ready in `nanoseconds` from now.
pub fn sleep(nanoseconds: u64) -> Sleep {
    sleep_until(now().saturating_add(nanoseconds))
}

/// The future of [`sleep_until`]. Takes part in the wheel from its first poll on, and leaves it when dropped. Allocates nothing.
#[must_use = "futures do nothing unless polled"]
pub struct Sleep {
    deadline: u64,
    /// Where the entry was inserted.
    timers: Option<&'static Timers>,
    entry: Entry,
}

// SAFETY: the entry is shared with the wheel under the wheel's lock, or by its atomic state; the owner may be anywhere.
unsafe impl Send for Sleep {}

impl Sleep {
    /// In nanoseconds since boot.
    pub fn deadline(&self) -> u64 {
        self.deadline
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // SAFETY: nothing is moved out of it.
        let this = unsafe { self.get_unchecked_mut() };
        loop {
            if now() >= this.deadline {
                return Poll::Ready(());
            }
            if this.deadline == u64::MAX {
                return Poll::Pending;
            }
            if let Some(timers) = this.timers
                && this.entry.is_waiting()
                && timers.update(&this.entry, context.waker())
            {
                return Poll::Pending;
            }
            // Not in a wheel, or fired just now: once more round the loop if so.
            let timers = &this_cpu().timers;
            this.timers = Some(timers);
            // SAFETY: not waiting; pinned with this future, whose drop removes it.
            if unsafe { timers.insert(NonNull::from(&this.entry), this.deadline, context.waker().clone()) } {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timers) = self.timers
            && self.entry.is_waiting()
        {
            // SAFETY: it was inserted there.
            unsafe { timers.remove(NonNull::from(&self.entry)) };
        }
    }
}

/// The deadline came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out")
    }
}

/// Gives `future` until `deadline` (nanoseconds since boot; `u64::MAX`: for ever). If both are ready, the future wins.
pub fn timeout<F: Future>(deadline: u64, future: F) -> Timeout<F> {
    Timeout { future, sleep: sleep_until(deadline) }
}

/// The future of [`timeout`].
#[must_use = "futures do nothing unless polled"]
pub struct Timeout<F> {
    future: F,
    sleep: Sleep,
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: both fields are treated as pinned with the whole: nothing is moved out, there is no `Drop`, and `Sleep` makes the whole
        // `!Unpin`.
        let (future, sleep) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), Pin::new_unchecked(&mut this.sleep))
        };
        if let Poll::Ready(output) = future.poll(context) {
            return Poll::Ready(Ok(output));
        }
        sleep.poll(context).map(|()| Err(Elapsed))
    }
}
