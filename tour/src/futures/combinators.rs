//! Futures out of futures, without `async`.
//!
//! Each takes a future and is one. Reaching a pinned field of a pinned struct (structural projection) is what `pin_project` writes for us;
//! `pinning` shows it by hand.

use alloc::string::String;
use core::pin::Pin;
use core::task::{Context, Poll, ready as done};

use pin_project_lite::pin_project;

pin_project! {
    /// The length of the text that a future gives.
    pub struct StringLen<F> {
        #[pin]
        inner: F,
    }
}

/// The length of the text that `inner` gives.
pub fn string_len<F: Future<Output = String>>(inner: F) -> StringLen<F> {
    StringLen { inner }
}

impl<F: Future<Output = String>> Future for StringLen<F> {
    type Output = usize;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<usize> {
        match self.project().inner.poll(context) {
            Poll::Ready(text) => Poll::Ready(text.len()),
            Poll::Pending => Poll::Pending,
        }
    }
}

pin_project! {
    /// What a function makes of a future's result.
    pub struct Map<F, C> {
        #[pin]
        inner: F,
        change: Option<C>,
    }
}

/// Changes the result of `inner`. Panics when polled again after it was ready.
pub fn map<F: Future, T, C: FnOnce(F::Output) -> T>(inner: F, change: C) -> Map<F, C> {
    Map { inner, change: Some(change) }
}

impl<F: Future, T, C: FnOnce(F::Output) -> T> Future for Map<F, C> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let this = self.project();
        let result = done!(this.inner.poll(context));
        let change = this.change.take().expect("a future isn't polled again after it was ready");
        Poll::Ready(change(result))
    }
}

pin_project! {
    /// One future, and then another that depends on its result.
    #[project = ThenState]
    pub enum Then<F, G, C> {
        First { #[pin] inner: F, next: Option<C> },
        Second { #[pin] inner: G },
    }
}

/// Runs `inner`, then the future that `next` makes of its result.
pub fn then<F: Future, G: Future, C: FnOnce(F::Output) -> G>(inner: F, next: C) -> Then<F, G, C> {
    Then::First { inner, next: Some(next) }
}

impl<F: Future, G: Future, C: FnOnce(F::Output) -> G> Future for Then<F, G, C> {
    type Output = G::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<G::Output> {
        loop {
            match self.as_mut().project() {
                ThenState::First { inner, next } => {
                    let result = done!(inner.poll(context));
                    let next = next.take().expect("the first future ends once");
                    let second = next(result);
                    self.set(Then::Second { inner: second });
                }
                ThenState::Second { inner } => return inner.poll(context),
            }
        }
    }
}

/// A result that is there already.
pub struct Ready<T>(Option<T>);

impl<T> Unpin for Ready<T> {}

/// A future that is ready at its first poll. Panics when polled again.
pub fn ready<T>(value: T) -> Ready<T> {
    Ready(Some(value))
}

impl<T> Future for Ready<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        Poll::Ready(self.0.take().expect("a future isn't polled again after it was ready"))
    }
}

pin_project! {
    /// One of two futures with the same result: what an `if` gives whose branches wait for different things.
    #[project = EitherSide]
    pub enum Either<A, B> {
        Left { #[pin] inner: A },
        Right { #[pin] inner: B },
    }
}

impl<A, B> Either<A, B> {
    pub fn left(inner: A) -> Either<A, B> {
        Either::Left { inner }
    }

    pub fn right(inner: B) -> Either<A, B> {
        Either::Right { inner }
    }
}

impl<A: Future, B: Future<Output = A::Output>> Future for Either<A, B> {
    type Output = A::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<A::Output> {
        match self.project() {
            EitherSide::Left { inner } => inner.poll(context),
            EitherSide::Right { inner } => inner.poll(context),
        }
    }
}
