//! A waker that counts, for the tests of this crate.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

#[derive(Clone)]
pub struct CountingWaker(Arc<Count>);

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl CountingWaker {
    pub fn new() -> Self {
        CountingWaker(Arc::new(Count(AtomicUsize::new(0))))
    }

    pub fn waker(&self) -> Waker {
        self.0.clone().into()
    }

    /// How often it was woken.
    pub fn count(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    /// How many wakers there are, plus one.
    pub fn references(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

pub fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>, counter: &CountingWaker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&counter.waker()))
}
