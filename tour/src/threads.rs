//! Chapter 15: threads, and work that would block an executor.
//!
//! With stackful coroutines a thread is a small thing: a coroutine in a queue. [`Threads::spawn`] takes a closure, [`JoinHandle::join`]
//! gives its result. What async tasks can't do for themselves, such a thread can do for them: a long computation inside a task keeps all
//! other tasks waiting, while [`Threads::unblock`] is a future that is ready when a thread has done it.
//!
//! These threads share politely ([`pause`]). The real kernel's threads are programs' threads, each a future, and a timer takes the
//! processor from them; its own tasks split long jobs by a budget (`executor::budget`).

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Poll, Waker};

use crate::claim;
use crate::coroutines::stackful::{Coroutine, suspend};
use crate::futures::executor::Executor;
use crate::reactor::yield_once;

/// Threads that take turns.
#[derive(Clone, Default)]
pub struct Threads(Rc<RefCell<VecDeque<Coroutine>>>);

/// The result of a thread, when there is one.
pub struct JoinHandle<T> {
    threads: Threads,
    result: Rc<Outcome<T>>,
}

struct Outcome<T> {
    value: RefCell<Option<T>>,
    waker: RefCell<Option<Waker>>,
}

/// Lets the other threads run. To be called by a thread.
pub fn pause() {
    suspend(0);
}

impl Threads {
    pub fn new() -> Threads {
        Threads::default()
    }

    /// Starts a thread. It runs when its turn comes.
    pub fn spawn<T: 'static>(&self, body: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
        let result = Rc::new(Outcome { value: RefCell::new(None), waker: RefCell::new(None) });
        let place = result.clone();
        let thread = Coroutine::new(move || {
            *place.value.borrow_mut() = Some(body());
            if let Some(waker) = place.waker.borrow_mut().take() {
                waker.wake();
            }
        });
        self.0.borrow_mut().push_back(thread);
        JoinHandle { threads: self.clone(), result }
    }

    /// Gives the next thread its turn. False: there is none.
    pub fn run_one(&self) -> bool {
        // The borrow ends before the thread runs: it may spawn others.
        let next = self.0.borrow_mut().pop_front();
        let Some(mut thread) = next else { return false };
        thread.resume();
        if !thread.is_finished() {
            self.0.borrow_mut().push_back(thread);
        }
        true
    }

    /// Does `work` in a thread; ready when that is done.
    pub fn unblock<T: 'static, W: FnOnce() -> T + 'static>(&self, work: W) -> impl Future<Output = T> + use<T, W> {
        let result = self.spawn(work).result;
        poll_fn(move |context| match result.value.borrow_mut().take() {
            Some(value) => Poll::Ready(value),
            None => {
                *result.waker.borrow_mut() = Some(context.waker().clone());
                Poll::Pending
            }
        })
    }
}

impl<T> JoinHandle<T> {
    /// Runs threads until this one has ended, and gives its result. Panics if it never will, because nobody is left to run.
    pub fn join(self) -> T {
        loop {
            if let Some(value) = self.result.value.borrow_mut().take() {
                return value;
            }
            assert!(self.threads.run_one(), "all threads have ended but the one that is waited for");
        }
    }
}

/// Adds numbers, and pauses after each if it is to be polite.
fn long_work(polite: bool) -> u64 {
    (1..=100)
        .inspect(|_| {
            if polite {
                pause();
            }
        })
        .sum()
}

/// Runs the work beside a task that counts its own turns; the result, and the turns that the counting task had by then.
fn beside_a_counter(work: impl FnOnce(Threads) -> Pin<Box<dyn Future<Output = u64>>>) -> (u64, u64) {
    let threads = Threads::new();
    let turns = Rc::new(Cell::new(0));
    let result = Rc::new(Cell::new(None));
    let mut executor = Executor::new();
    let (place, future) = (result.clone(), work(threads.clone()));
    executor.spawn(async move { place.set(Some(future.await)) });
    let (count, until) = (turns.clone(), result.clone());
    executor.spawn(async move {
        while until.get().is_none() {
            count.set(count.get() + 1);
            // Once for each time round: the loop below lets a thread run in between.
            yield_once().await;
        }
    });
    while !executor.is_empty() {
        executor.run_batch();
        threads.run_one();
    }
    (result.get().unwrap_or(0), turns.get())
}

pub fn run() {
    let threads = Threads::new();
    let order = Rc::new(RefCell::new(Vec::new()));
    let handles: Vec<JoinHandle<usize>> = ["a", "b", "c"]
        .into_iter()
        .map(|name| {
            let order = order.clone();
            threads.spawn(move || {
                for _ in 0..3 {
                    order.borrow_mut().push(name);
                    pause();
                }
                name.len()
            })
        })
        .collect();
    let sum: usize = handles.into_iter().map(JoinHandle::join).sum();
    let order = order.borrow().concat();
    claim!(order == "abcabcabc" && sum == 3, "three threads took turns: {order}; their results add up to {sum}");

    let (result, turns) = beside_a_counter(|_| Box::pin(async { long_work(false) }));
    claim!(result == 5050 && turns == 0, "a long computation inside a task: {result}, and the task beside it had {turns} turns");
    let (result, turns) = beside_a_counter(|threads| Box::pin(threads.unblock(|| long_work(true))));
    claim!(result == 5050 && turns >= 100, "the same in a thread: {result}, and the task beside it had {turns} turns");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chapter_holds() {
        run();
    }

    #[test]
    fn threads_spawn_threads() {
        let threads = Threads::new();
        let inner = threads.clone();
        let handle = threads.spawn(move || {
            let children: Vec<_> = (0..3).map(|number| inner.spawn(move || number * 2)).collect();
            children.into_iter().map(JoinHandle::join).sum::<i32>()
        });
        assert_eq!(handle.join(), 6);
    }

    #[test]
    #[should_panic = "all threads have ended"]
    fn joining_what_never_ends_is_noticed() {
        let threads = Threads::new();
        let lost = JoinHandle::<u32> {
            threads: threads.clone(),
            result: Rc::new(Outcome { value: RefCell::new(None), waker: RefCell::new(None) }),
        };
        lost.join();
    }
}
