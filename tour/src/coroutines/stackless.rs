//! Coroutines without stacks: by hand, and out of an `async` block.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::Cell;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

/// The Fibonacci numbers as a state machine: three numbers, and a function that goes from one state to the next.
pub struct Fibonacci {
    left: usize,
    next: (u64, u64),
}

impl Fibonacci {
    /// The first `count` of them.
    pub fn new(count: usize) -> Fibonacci {
        Fibonacci { left: count, next: (0, 1) }
    }
}

impl Iterator for Fibonacci {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        let (value, after) = self.next;
        self.next = (after, value + after);
        Some(value)
    }
}

/// Where an async block puts its values.
#[derive(Clone, Default)]
pub struct Out(Rc<Cell<Option<u64>>>);

impl Out {
    /// Gives a value, and stops until it was taken.
    pub async fn give(&self, value: u64) {
        self.0.set(Some(value));
        poll_fn(|_| if self.0.get().is_some() { Poll::Pending } else { Poll::Ready(()) }).await;
    }
}

/// An iterator out of an async block: each `next` is a poll, and the compiler writes the state machine.
pub struct Generated<F> {
    future: Pin<Box<F>>,
    out: Out,
    finished: bool,
}

/// The values that the future gives to its [`Out`].
pub fn generate<F: Future<Output = ()>>(body: impl FnOnce(Out) -> F) -> Generated<F> {
    let out = Out::default();
    Generated { future: Box::pin(body(out.clone())), out, finished: false }
}

impl<F> Generated<F> {
    /// Bytes of its state.
    pub fn bytes(&self) -> usize {
        size_of::<F>()
    }
}

impl<F: Future<Output = ()>> Iterator for Generated<F> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if !self.finished {
            self.finished = self.future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        }
        self.out.0.take()
    }
}
