//! Giving up the processor of one's own accord.

use crate::cpu::this_cpu;
use core::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// Lets all tasks that are ready now have a turn first.
pub fn yield_now() -> YieldNow {
    YieldNow { polled_in: None }
}

/// The future of [`yield_now`].
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct YieldNow {
    /// The number of the poll in which it was first polled: it is over in any later one, and not merely because it is polled twice.
    polled_in: Option<u64>,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let now = this_cpu().counters.polls.get();
        match self.polled_in {
            Some(then) if then != now => Poll::Ready(()),
            _ => {
                self.polled_in = Some(now);
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}
