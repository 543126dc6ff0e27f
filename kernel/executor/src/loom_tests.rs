//! The wake path under every interleaving that the memory model allows (with a bounded number of preemptions).
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p executor --release --lib`. The main thread is the executor's processor; other threads stand for
//! other processors and for interrupt handlers. Loom also checks that the future and its result are touched by one at a time, and that
//! what was done before a wake is seen in the poll.

use crate::{JoinHandle, run::Executor};
use loom::{
    model::Builder,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};
use std::{
    boxed::Box,
    future::{Future, poll_fn},
    task::{Poll, Waker},
};
use sync::WakerCell;

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

fn executor() -> &'static Executor {
    Box::leak(Box::new(Executor::new()))
}

fn spawn<F: Future<Output: Send> + Send + 'static>(executor: &'static Executor, future: F) -> JoinHandle<F::Output> {
    match executor.spawn("task", future) {
        Ok(handle) => handle,
        Err(error) => panic!("{error}"),
    }
}

/// Runs until the task has ended, as a processor that halts in between does.
fn run<T>(executor: &'static Executor, handle: &JoinHandle<T>) {
    while !handle.is_finished() {
        if executor.run_until_idle() == 0 {
            thread::yield_now();
        }
    }
}

#[derive(Default)]
struct Shared {
    waker: WakerCell,
    ready: AtomicUsize,
    polls: AtomicUsize,
}

/// Waits until `ready` has reached `goal`; counts polls.
fn waits_for(shared: &Arc<Shared>, goal: usize) -> impl Future<Output = usize> + Send + use<> {
    let shared = shared.clone();
    poll_fn(move |context| {
        shared.waker.register(context.waker());
        shared.polls.fetch_add(1, Ordering::Relaxed);
        if shared.ready.load(Ordering::Relaxed) == goal { Poll::Ready(goal) } else { Poll::Pending }
    })
}

#[test]
fn a_wake_is_not_lost() {
    check(|| {
        let (executor, shared) = (executor(), Arc::new(Shared::default()));
        let handle = spawn(executor, waits_for(&shared, 1));
        let other = shared.clone();
        let handler = thread::spawn(move || {
            other.ready.store(1, Ordering::Relaxed);
            other.waker.wake();
        });
        run(executor, &handle);
        handler.join().unwrap();
        assert!(shared.polls.load(Ordering::Relaxed) <= 2, "one wake, one more poll");
    });
}

#[test]
fn two_wakers_of_one_task_queue_it_once() {
    check(|| {
        let (executor, polls) = (executor(), Arc::new(AtomicUsize::new(0)));
        let (seen, waker) = (polls.clone(), std::sync::Arc::new(std::sync::Mutex::new(None::<Waker>)));
        let place = waker.clone();
        let handle = spawn(
            executor,
            poll_fn(move |context| {
                seen.fetch_add(1, Ordering::Relaxed);
                *place.lock().unwrap() = Some(context.waker().clone());
                Poll::<()>::Pending
            }),
        );
        executor.run_until_idle();
        let waker = waker.lock().unwrap().take().unwrap();
        let wakers = [waker.clone(), waker].map(|waker| thread::spawn(move || waker.wake()));
        executor.run_until_idle();
        wakers.into_iter().for_each(|thread| thread.join().unwrap());
        executor.run_until_idle();
        assert!((2..=3).contains(&polls.load(Ordering::Relaxed)));
        assert!(!executor.has_ready());
        handle.cancel();
        run(executor, &handle);
    });
}

#[test]
fn a_poll_sees_what_happened_before_each_wake() {
    check(|| {
        let (executor, ready) = (executor(), Arc::new(AtomicUsize::new(0)));
        let waker = std::sync::Arc::new(std::sync::Mutex::new(None::<Waker>));
        let (seen, place) = (ready.clone(), waker.clone());
        let handle = spawn(
            executor,
            poll_fn(move |context| {
                place.lock().unwrap().get_or_insert_with(|| context.waker().clone());
                if seen.load(Ordering::Relaxed) == 2 { Poll::Ready(()) } else { Poll::Pending }
            }),
        );
        executor.run_until_idle();
        let waker = waker.lock().unwrap().clone().unwrap();
        let threads = [waker.clone(), waker].map(|waker| {
            let ready = ready.clone();
            thread::spawn(move || {
                ready.fetch_add(1, Ordering::Relaxed);
                waker.wake();
            })
        });
        executor.run_until_idle();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        executor.run_until_idle();
        assert!(handle.is_finished());
    });
}

#[test]
fn two_tasks_woken_at_once_are_both_queued() {
    check(|| {
        let executor = executor();
        let shared = [(); 2].map(|()| Arc::new(Shared::default()));
        let handles = [0, 1].map(|n| spawn(executor, waits_for(&shared[n], 1)));
        executor.run_until_idle();
        let [theirs, mine] = shared.map(|shared| {
            move || {
                shared.ready.store(1, Ordering::Relaxed);
                shared.waker.wake();
            }
        });
        let thread = thread::spawn(theirs);
        mine();
        handles.iter().for_each(|handle| run(executor, handle));
        thread.join().unwrap();
    });
}

#[test]
fn the_last_reference_may_die_anywhere() {
    check(|| {
        let executor = executor();
        let held = std::sync::Arc::new(());
        let (result, place) = (held.clone(), std::sync::Arc::new(std::sync::Mutex::new(None::<Waker>)));
        let out = place.clone();
        let mut result = Some(result);
        let handle = spawn(
            executor,
            poll_fn(move |context| {
                *out.lock().unwrap() = Some(context.waker().clone());
                Poll::Ready(result.take())
            }),
        );
        executor.run_until_idle();
        let waker = place.lock().unwrap().take().unwrap();
        let handler = thread::spawn(move || waker.wake());
        drop(handle);
        executor.run_until_idle();
        handler.join().unwrap();
        executor.run_until_idle();
        assert_eq!(std::sync::Arc::strong_count(&held), 1, "the block was freed, and the result with it");
    });
}

#[test]
fn a_join_from_another_thread_gets_the_result() {
    check(|| {
        let executor = executor();
        let mut handle = spawn(executor, async { Box::new(7) });
        let joiner = thread::spawn(move || loom::future::block_on(&mut handle).map(|result| *result));
        executor.run_until_idle();
        assert_eq!(joiner.join().unwrap(), Ok(7));
        executor.run_until_idle();
    });
}

#[test]
fn cancelling_races_with_a_wake_and_with_the_end() {
    check(|| {
        let (executor, shared) = (executor(), Arc::new(Shared::default()));
        let handle = spawn(executor, waits_for(&shared, 1));
        executor.run_until_idle();
        let other = shared.clone();
        let handler = thread::spawn(move || {
            other.ready.store(1, Ordering::Relaxed);
            other.waker.wake();
        });
        let canceller = thread::spawn(move || {
            handle.cancel();
            handle
        });
        executor.run_until_idle();
        handler.join().unwrap();
        let mut handle = canceller.join().unwrap();
        run(executor, &handle);
        let result = loom::future::block_on(&mut handle);
        assert!(matches!(result, Ok(1) | Err(crate::Cancelled)));
        assert!(!executor.has_ready());
    });
}
