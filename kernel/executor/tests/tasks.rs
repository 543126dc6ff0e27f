//! Tasks: order, wakes, results, cancellation, memory.
#![cfg(not(loom))]

use executor::{Cancelled, TaskState, current_task, run_until_idle, spawn, statistics, tasks, yield_now};
use std::{
    future::{Future, pending, poll_fn},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};
use sync::WaitQueue;

/// Runs `future` as a task until nothing is ready, and expects it to be done.
fn run<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let result = Arc::new(Mutex::new(None));
    let place = result.clone();
    drop(spawn("test", async move { *place.lock().unwrap() = Some(future.await) }));
    run_until_idle();
    result.lock().unwrap().take().expect("the test's task is stuck")
}

/// Counts its polls, shows its waker, and ends when it is told to.
#[derive(Clone, Default)]
struct Probe(Arc<ProbeState>);

#[derive(Default)]
struct ProbeState {
    polls: AtomicUsize,
    done: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Probe {
    fn polls(&self) -> usize {
        self.0.polls.load(Ordering::SeqCst)
    }

    fn waker(&self) -> Waker {
        self.0.waker.lock().unwrap().clone().expect("was polled")
    }

    fn end(&self) {
        self.0.done.store(true, Ordering::SeqCst);
        self.waker().wake();
    }
}

impl Future for Probe {
    type Output = &'static str;
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<&'static str> {
        self.0.polls.fetch_add(1, Ordering::SeqCst);
        *self.0.waker.lock().unwrap() = Some(context.waker().clone());
        if self.0.done.load(Ordering::SeqCst) { Poll::Ready("done") } else { Poll::Pending }
    }
}

#[test]
fn gives_its_result_to_the_join_handle() {
    let handle = spawn("answer", async { String::from("42") }).unwrap();
    assert!(!handle.is_finished());
    assert_eq!(run(handle), Ok(String::from("42")));
}

#[test]
fn wakes_queue_once() {
    let probe = Probe::default();
    drop(spawn("probe", probe.clone()));
    assert_eq!(run_until_idle(), 1);
    let waker = probe.waker();
    for _ in 0..5 {
        waker.wake_by_ref();
    }
    assert_eq!(run_until_idle(), 1);
    assert_eq!(run_until_idle(), 0);
    assert_eq!(probe.polls(), 2);
}

#[test]
fn a_wake_during_the_poll_queues_once_more() {
    let polls = Arc::new(AtomicUsize::new(0));
    let count = polls.clone();
    let task = poll_fn(move |context| {
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            context.waker().wake_by_ref();
            context.waker().wake_by_ref();
        }
        Poll::<()>::Pending
    });
    drop(spawn("twice", task));
    assert_eq!(run_until_idle(), 2);
}

#[test]
fn batches_are_fair() {
    let order = Arc::new(Mutex::new(Vec::new()));
    for name in ["a", "b", "c"] {
        let order = order.clone();
        let task = async move {
            for _ in 0..3 {
                order.lock().unwrap().push(name);
                yield_now().await;
            }
        };
        drop(spawn(name, task));
    }
    run_until_idle();
    assert_eq!(*order.lock().unwrap(), ["a", "b", "c", "a", "b", "c", "a", "b", "c"]);
}

#[test]
fn finished_tasks_ignore_wakes_and_are_freed() {
    let probe = Probe::default();
    let handle = spawn("probe", probe.clone()).unwrap();
    run_until_idle();
    let waker = probe.waker();
    probe.end();
    assert_eq!(run_until_idle(), 1);
    assert!(handle.is_finished());
    waker.wake_by_ref();
    handle.cancel();
    assert_eq!(run_until_idle(), 0);
    *probe.0.waker.lock().unwrap() = None;
    let reaped = statistics().reaped;
    drop((waker, handle));
    assert_eq!(statistics().reaped, reaped, "freed by the executor only");
    run_until_idle();
    assert_eq!(statistics().reaped, reaped + 1);
    assert_eq!(Arc::strong_count(&probe.0), 1);
}

#[test]
fn the_future_is_dropped_when_it_is_ready_and_the_result_with_the_handle() {
    let (held, result) = (Arc::new(()), Arc::new(()));
    let (in_future, output) = (held.clone(), result.clone());
    let handle = spawn("holder", async move {
        yield_now().await;
        drop(in_future);
        output
    })
    .unwrap();
    run_until_idle();
    assert_eq!((Arc::strong_count(&held), Arc::strong_count(&result)), (1, 2));
    drop(handle);
    run_until_idle();
    assert_eq!(Arc::strong_count(&result), 1);
}

#[test]
fn detached_tasks_run_on() {
    let probe = Probe::default();
    drop(spawn("detached", probe.clone()).unwrap());
    run_until_idle();
    probe.end();
    run_until_idle();
    assert_eq!(probe.polls(), 2);
}

#[test]
fn cancelling_drops_the_future_in_the_executor() {
    struct Bomb(Arc<AtomicBool>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert_eq!(current_task().expect("dropped in a task").name, "victim");
            self.0.store(true, Ordering::SeqCst);
        }
    }
    for polled_before in [false, true] {
        let dropped = Arc::new(AtomicBool::new(false));
        let bomb = Bomb(dropped.clone());
        let handle = spawn("victim", async move {
            pending::<()>().await;
            drop(bomb);
        })
        .unwrap();
        if polled_before {
            run_until_idle();
        }
        handle.cancel();
        handle.cancel();
        assert!(!dropped.load(Ordering::SeqCst));
        assert_eq!(run_until_idle(), 1);
        assert!(dropped.load(Ordering::SeqCst));
        assert_eq!(run(handle), Err(Cancelled));
    }
}

#[test]
fn a_join_waits_and_is_woken() {
    let probe = Probe::default();
    let handle = spawn("probe", probe.clone()).unwrap();
    let joiner = spawn("joiner", async move { handle.await.unwrap().len() }).unwrap();
    run_until_idle();
    assert!(!joiner.is_finished());
    probe.end();
    run_until_idle();
    assert_eq!(run(joiner), Ok(4));
}

#[test]
fn the_run_loop_is_not_reentrant() {
    assert_eq!(run(async { run_until_idle() }), 0);
}

#[test]
fn survives_a_panic_in_a_poll() {
    drop(spawn("panics", async { panic!("in a poll") }));
    assert!(std::panic::catch_unwind(run_until_idle).is_err());
    assert!(current_task().is_none());
    assert_eq!(run(async { 1 }), 1);
}

#[test]
fn shows_its_tasks() {
    let probe = Probe::default();
    let handle = spawn("watched", probe.clone()).unwrap();
    let find = || {
        let mut found = None;
        tasks(&mut |task| {
            if task.name == "watched" {
                found = Some(*task);
            }
        });
        found
    };
    assert_eq!(find().unwrap().state, TaskState::Ready);
    run_until_idle();
    let info = find().unwrap();
    assert_eq!((info.state, info.polls, info.id), (TaskState::Waiting, 1, handle.id()));
    let running = run(async { current_task().unwrap() });
    assert_eq!((running.name, running.state), ("test", TaskState::Running));
    probe.end();
    run_until_idle();
    assert!(find().is_none());
    let statistics = statistics();
    assert_eq!((statistics.spawned, statistics.completed), (2, 2));
}

#[test]
fn a_hundred_thousand_tasks() {
    let count = if cfg!(miri) { 100 } else { 100_000 };
    let gate = Arc::new((WaitQueue::new(), AtomicBool::new(false)));
    let passed = Arc::new(AtomicUsize::new(0));
    for _ in 0..count {
        let (gate, passed) = (gate.clone(), passed.clone());
        let task = async move {
            gate.0.wait_until(|| gate.1.load(Ordering::SeqCst).then_some(())).await;
            passed.fetch_add(1, Ordering::SeqCst);
        };
        drop(spawn("one of many", task).unwrap());
    }
    assert_eq!(run_until_idle(), count);
    assert_eq!(gate.0.len(), count);
    gate.1.store(true, Ordering::SeqCst);
    assert_eq!(gate.0.wake_all(), count);
    assert_eq!(run_until_idle(), count);
    assert_eq!(passed.load(Ordering::SeqCst), count);
    assert_eq!(Arc::strong_count(&gate), 1);
}

#[test]
fn wakes_from_other_threads_are_not_lost() {
    let rounds = if cfg!(miri) { 20 } else { 20_000 };
    let queue = Arc::new((WaitQueue::new(), AtomicUsize::new(0)));
    let shared = queue.clone();
    let handle = spawn("consumer", async move {
        for _ in 0..2 * rounds {
            let take = || shared.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).ok();
            shared.0.wait_until(take).await;
        }
    })
    .unwrap();
    let producers: Vec<_> = (0..2)
        .map(|_| {
            let queue = queue.clone();
            std::thread::spawn(move || {
                for _ in 0..rounds {
                    queue.1.fetch_add(1, Ordering::SeqCst);
                    queue.0.wake_one();
                }
            })
        })
        .collect();
    while !handle.is_finished() {
        run_until_idle();
        std::thread::yield_now();
    }
    producers.into_iter().for_each(|producer| producer.join().unwrap());
}

#[test]
fn async_mutex_between_tasks() {
    let mutex = Arc::new(sync::Mutex::new(0));
    for _ in 0..10 {
        let mutex = mutex.clone();
        let task = async move {
            for _ in 0..5 {
                let mut guard = mutex.lock().await;
                let before = *guard;
                yield_now().await;
                *guard = before + 1;
            }
        };
        drop(spawn("adder", task));
    }
    run_until_idle();
    assert_eq!(*mutex.try_lock().unwrap(), 50);
}
