//! Every primitive under every interleaving that the memory model allows (with a bounded number of preemptions).
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p sync --release --lib --test loom`. A lost wake shows as a deadlock: `block_on` sleeps until it is
//! woken. Another thread stands for another processor, and for an interrupt handler, which can do no more than a thread that runs at the
//! worst moment.
#![cfg(loom)]

use loom::{
    future::block_on,
    model::Builder,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};
use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, Waker},
};
use sync::{Event, Mutex, Observe, Observer, Once, Ring, SpinLock, WaitQueue, WakerCell};

/// Explores `model` with up to three preemptions, which find practically all errors, in a bounded time.
fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Polls once, with a waker that wakes nobody.
fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn spin_lock_excludes() {
    check(|| {
        let lock = Arc::new(SpinLock::new(0));
        let other = lock.clone();
        let thread = thread::spawn(move || *other.lock() += 1);
        *lock.lock() += 1;
        thread.join().unwrap();
        assert_eq!(*lock.lock(), 2);
    });
}

#[test]
fn once_is_set_by_one_and_seen_whole() {
    check(|| {
        let once = Arc::new(Once::new());
        let other = once.clone();
        let thread = thread::spawn(move || other.set(1).is_ok());
        let mine = once.set(2).is_ok();
        let seen = once.get().copied();
        let theirs = thread.join().unwrap();
        assert!(mine ^ theirs);
        assert!(seen.is_none_or(|seen| seen == 1 || seen == 2));
        assert_eq!(once.get(), Some(if mine { &2 } else { &1 }));
    });
}

#[test]
fn waker_cell_loses_no_wake() {
    check(|| {
        let shared = Arc::new((WakerCell::new(), AtomicBool::new(false)));
        let other = shared.clone();
        let handler = thread::spawn(move || {
            other.1.store(true, Ordering::Relaxed);
            other.0.wake();
        });
        block_on(poll_fn(|context| {
            shared.0.register(context.waker());
            if shared.1.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
        }));
        handler.join().unwrap();
    });
}

#[test]
fn waker_cell_with_two_wakers() {
    check(|| {
        let shared = Arc::new((WakerCell::new(), AtomicUsize::new(0)));
        let handlers = [(); 2].map(|()| {
            let other = shared.clone();
            thread::spawn(move || {
                other.1.fetch_add(1, Ordering::Relaxed);
                other.0.wake();
            })
        });
        block_on(poll_fn(|context| {
            shared.0.register(context.waker());
            if shared.1.load(Ordering::Relaxed) == 2 { Poll::Ready(()) } else { Poll::Pending }
        }));
        handlers.into_iter().for_each(|handler| handler.join().unwrap());
    });
}

#[test]
fn wait_queue_loses_no_wake() {
    check(|| {
        let shared = Arc::new((WaitQueue::new(), AtomicBool::new(false)));
        let other = shared.clone();
        let handler = thread::spawn(move || {
            other.1.store(true, Ordering::Relaxed);
            other.0.wake_one();
        });
        block_on(shared.0.wait_until(|| shared.1.load(Ordering::Relaxed).then_some(())));
        handler.join().unwrap();
        assert!(shared.0.is_empty());
    });
}

#[test]
fn wait_queue_wakes_two_waiters_one_by_one() {
    check(|| {
        let shared = Arc::new((WaitQueue::new(), AtomicUsize::new(0)));
        let take = |shared: &(WaitQueue, AtomicUsize)| {
            let take = || shared.1.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left: usize| left.checked_sub(1)).ok();
            block_on(shared.0.wait_until(take));
        };
        let other = shared.clone();
        let waiter = thread::spawn(move || take(&other));
        for _ in 0..2 {
            shared.1.fetch_add(1, Ordering::Relaxed);
            shared.0.wake_one();
        }
        take(&shared);
        waiter.join().unwrap();
        assert!(shared.0.is_empty());
    });
}

#[test]
fn a_waiter_dropped_at_any_moment_passes_its_wake_on() {
    check(|| {
        let shared = Arc::new((WaitQueue::new(), AtomicBool::new(false)));
        let mut dropped = Box::pin(shared.0.wait());
        assert!(poll_once(dropped.as_mut()).is_pending());
        let other = shared.clone();
        let handler = thread::spawn(move || {
            other.1.store(true, Ordering::Relaxed);
            other.0.wake_one();
        });
        let other = shared.clone();
        let waiter = thread::spawn(move || block_on(other.0.wait_until(|| other.1.load(Ordering::Relaxed).then_some(()))));
        drop(dropped);
        handler.join().unwrap();
        waiter.join().unwrap();
        assert!(shared.0.is_empty());
    });
}

#[test]
fn a_waiter_changes_its_waker_while_being_woken() {
    check(|| {
        let queue = Arc::new(WaitQueue::new());
        let mut wait = Box::pin(queue.wait());
        assert!(poll_once(wait.as_mut()).is_pending());
        let other = queue.clone();
        let handler = thread::spawn(move || assert_eq!(other.wake_all(), 1));
        block_on(wait);
        handler.join().unwrap();
    });
}

#[test]
fn event_lets_through() {
    check(|| {
        let shared = Arc::new((Event::new(), AtomicUsize::new(0)));
        let other = shared.clone();
        let setter = thread::spawn(move || {
            other.1.store(7, Ordering::Relaxed);
            other.0.set();
        });
        block_on(shared.0.wait());
        assert_eq!(shared.1.load(Ordering::Relaxed), 7);
        setter.join().unwrap();
    });
}

#[test]
fn mutex_excludes_and_hands_over() {
    check(|| {
        let mutex = Arc::new(Mutex::new(0));
        let other = mutex.clone();
        let thread = thread::spawn(move || block_on(async { *other.lock().await += 1 }));
        block_on(async { *mutex.lock().await += 1 });
        thread.join().unwrap();
        assert_eq!(*mutex.try_lock().unwrap(), 2);
    });
}

#[test]
fn a_lock_dropped_before_others_hands_on() {
    check(|| {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.try_lock().unwrap();
        let mut dropped = Box::pin(mutex.lock());
        assert!(poll_once(dropped.as_mut()).is_pending());
        let other = mutex.clone();
        let waiter = thread::spawn(move || block_on(async { *other.lock().await += 1 }));
        drop(guard);
        drop(dropped);
        waiter.join().unwrap();
        assert_eq!(*mutex.try_lock().unwrap(), 1);
    });
}

#[test]
fn a_lock_dropped_while_it_is_granted_hands_on() {
    check(|| {
        let mutex: &'static Mutex<u32> = Box::leak(Box::new(Mutex::new(0)));
        let guard = mutex.try_lock().unwrap();
        let mut dropped = Box::pin(mutex.lock());
        assert!(poll_once(dropped.as_mut()).is_pending());
        let holder = thread::spawn(move || drop(guard));
        drop(dropped);
        block_on(async { *mutex.lock().await += 1 });
        holder.join().unwrap();
        assert_eq!(*mutex.try_lock().unwrap(), 1);
    });
}

struct Flag(Arc<AtomicBool>);

impl Observe for Flag {
    fn woken(&self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn an_observer_is_told_or_sees_the_change() {
    check(|| {
        let shared = Arc::new((WaitQueue::new(), AtomicBool::new(false)));
        let other = shared.clone();
        let waker = thread::spawn(move || {
            other.1.store(true, Ordering::Relaxed);
            other.0.wake_all();
        });
        let told = Arc::new(AtomicBool::new(false));
        let mut observer = Box::pin(Observer::new(&shared.0, Flag(told.clone())));
        observer.as_mut().attach();
        let seen = shared.1.load(Ordering::Relaxed);
        waker.join().unwrap();
        assert!(seen || told.load(Ordering::Acquire), "the change was neither seen nor told");
    });
}

#[test]
fn an_observer_leaves_while_it_is_told() {
    check(|| {
        let queue: &'static WaitQueue = Box::leak(Box::new(WaitQueue::new()));
        let told = Arc::new(AtomicBool::new(false));
        let mut observer = Box::pin(Observer::new(queue, Flag(told.clone())));
        observer.as_mut().attach();
        let waker = thread::spawn(move || queue.wake_all());
        drop(observer);
        told.store(false, Ordering::Relaxed);
        waker.join().unwrap();
        assert!(!told.load(Ordering::Acquire), "told after it had left");
    });
}

/// An interrupt handler pushes words and wakes after each; the task takes them out until it has all.
#[test]
fn ring_loses_no_word_and_no_wake() {
    check(|| {
        let shared = Arc::new((Ring::<2>::new(), WaitQueue::new()));
        let other = shared.clone();
        let handler = thread::spawn(move || {
            for word in [7, 8] {
                assert!(other.0.push(word));
                other.1.wake_all();
            }
        });
        for expected in [7, 8] {
            let word = block_on(shared.1.wait_until(|| shared.0.pop()));
            assert_eq!(word, expected);
        }
        handler.join().unwrap();
        assert!(shared.0.is_empty());
    });
}
