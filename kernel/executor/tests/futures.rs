//! What the executor takes for granted of futures, and what it adds: laziness, order, results, counted wakers.
#![cfg(not(loom))]

use executor::{run_until_idle, spawn, statistics, yield_now};
use std::{
    future::{Future, poll_fn},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
};

type Log = Arc<Mutex<Vec<&'static str>>>;

fn note(log: &Log, text: &'static str) {
    log.lock().unwrap().push(text);
}

/// Two steps with a pause between them, in which whoever else is ready runs.
async fn two_steps(log: Log, names: [&'static str; 2]) {
    note(&log, names[0]);
    yield_now().await;
    note(&log, names[1]);
}

#[test]
fn a_future_does_nothing_before_its_first_poll() {
    let log = Log::default();
    let future = two_steps(log.clone(), ["first", "second"]);
    assert!(log.lock().unwrap().is_empty(), "calling an async fn runs nothing of it");
    let moved = Box::new(Some(future));
    let handle = spawn("lazy", moved.unwrap()).unwrap();
    assert!(log.lock().unwrap().is_empty(), "nor does spawning");
    run_until_idle();
    assert!(handle.is_finished());
    assert_eq!(*log.lock().unwrap(), ["first", "second"]);
    drop(two_steps(log.clone(), ["never", "never"]));
    assert_eq!(log.lock().unwrap().len(), 2);
}

/// `a().await; b().await` is a sequence within its task, whatever other tasks do meanwhile.
#[test]
fn awaits_follow_each_other_while_other_tasks_run() {
    let log = Log::default();
    let inside = log.clone();
    let sequence = async move {
        two_steps(inside.clone(), ["a1", "a2"]).await;
        note(&inside, "between");
        two_steps(inside.clone(), ["b1", "b2"]).await;
        note(&inside, "end");
    };
    drop(spawn("sequence", sequence));
    drop(spawn("other", two_steps(log.clone(), ["x1", "x2"])));
    run_until_idle();
    assert_eq!(*log.lock().unwrap(), ["a1", "x1", "a2", "between", "b1", "x2", "b2", "end"]);
}

/// What is to go on at the same time has to be tasks: their joins are awaited one after the other.
#[test]
fn joined_tasks_go_on_at_the_same_time() {
    let log = Log::default();
    let [first, second] = [["a1", "a2"], ["b1", "b2"]].map(|names| spawn("step", two_steps(log.clone(), names)).unwrap());
    let inside = log.clone();
    let both = async move {
        assert!(first.await.is_ok() && second.await.is_ok());
        note(&inside, "both");
    };
    drop(spawn("both", both));
    run_until_idle();
    assert_eq!(*log.lock().unwrap(), ["a1", "b1", "a2", "b2", "both"]);
}

#[test]
fn tasks_spawn_tasks() {
    let log = Log::default();
    let outer = log.clone();
    let parent = async move {
        let inner = outer.clone();
        let child = spawn("child", async move {
            drop(spawn("grandchild", two_steps(inner.clone(), ["g1", "g2"])));
            note(&inner, "child");
        });
        assert!(child.unwrap().await.is_ok());
        note(&outer, "parent");
    };
    drop(spawn("parent", parent));
    run_until_idle();
    assert_eq!(*log.lock().unwrap(), ["child", "g1", "parent", "g2"]);
}

#[test]
fn each_waker_is_a_reference_to_its_task() {
    let (shown, dropped) = (Arc::new(Mutex::new(None::<Waker>)), Arc::new(()));
    let (place, held) = (shown.clone(), dropped.clone());
    let handle = spawn(
        "shows its waker",
        poll_fn(move |context| {
            // The result holds what the task holds: as long as it isn't taken, only the task's memory has it.
            let mut place = place.lock().unwrap();
            if place.is_some() {
                return Poll::Ready(held.clone());
            }
            *place = Some(context.waker().clone());
            Poll::Pending
        }),
    )
    .unwrap();
    run_until_idle();
    let first = shown.lock().unwrap().clone().unwrap();
    let second = first.clone();
    assert!(first.will_wake(&second));
    second.wake();
    assert_eq!(run_until_idle(), 1);
    assert!(handle.is_finished());
    drop(handle);
    let reaped = statistics().reaped;
    // Two wakers are left: the shown one and `first`. The result lives as long as either.
    assert_eq!(Arc::strong_count(&dropped), 2);
    drop(shown.lock().unwrap().take());
    run_until_idle();
    assert_eq!((Arc::strong_count(&dropped), statistics().reaped), (2, reaped));
    first.wake_by_ref();
    assert_eq!(run_until_idle(), 0, "a finished task ignores wakes");
    first.wake();
    run_until_idle();
    assert_eq!((Arc::strong_count(&dropped), statistics().reaped), (1, reaped + 1));
}

/// A thread that changes a condition and wakes, at whatever moment, is never missed: the register, check and halt of this side stand for
/// the kernel's.
#[test]
fn a_wake_between_check_and_halt_is_not_lost() {
    let rounds = if cfg!(miri) { 20 } else { 20_000 };
    let shared = Arc::new((sync::WakerCell::new(), AtomicUsize::new(0), AtomicUsize::new(0)));
    let inside = shared.clone();
    let handle = spawn("waits for each round", async move {
        for round in 1..=rounds {
            poll_fn(|context| {
                inside.0.register(context.waker());
                if inside.1.load(Ordering::SeqCst) >= round { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            inside.2.store(round, Ordering::SeqCst);
        }
    })
    .unwrap();
    let other = shared.clone();
    let interrupts = std::thread::spawn(move || {
        for round in 1..=rounds {
            other.1.store(round, Ordering::SeqCst);
            other.0.wake();
            // Every round is waited for alone, so each wake matters.
            while other.2.load(Ordering::SeqCst) < round {
                std::thread::yield_now();
            }
        }
    });
    while !handle.is_finished() {
        if run_until_idle() == 0 {
            std::thread::yield_now();
        }
    }
    interrupts.join().unwrap();
}

fn is_send<T: Send>(_: &T) {}

/// The types behind the rule that no lock is held across an `await`: see the documentation of `spawn` for what doesn't compile.
#[test]
fn a_lock_that_is_freed_before_the_await_is_no_obstacle() {
    static LOCK: sync::SpinLock<u32> = sync::SpinLock::new(0);
    let future = async {
        {
            *LOCK.lock() += 1;
        }
        yield_now().await;
        *LOCK.lock()
    };
    is_send(&future);
    let handle = spawn("locks twice", future).unwrap();
    run_until_idle();
    let mut joined = Box::pin(handle);
    let poll = joined.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop()));
    assert_eq!(poll, Poll::Ready(Ok(1)));
}
