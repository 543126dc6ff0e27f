//! The chapter's claims, and what they leave open.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use futures_util::{FutureExt, Stream};

use super::combinators::{Either, map, ready, string_len, then};
use super::executor::Executor;
use super::keyboard::{CAPACITY, Keyboard};
use super::machine::{ExampleStateMachine, example};
use super::pinning::SelfReferential;
use super::simple_executor::SimpleExecutor;
use super::waker::{Counter, block_on, dummy};
use super::*;

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn the_chapter_holds() {
    run();
}

#[test]
fn combinators_compose() {
    assert_eq!(block_on(string_len(ready(String::from("four")))), 4);
    assert_eq!(block_on(map(ready(20), |number| number + 1)), 21);
    assert_eq!(block_on(then(ready(3), |number| map(ready(4), move |other| number * other))), 12);
    for (left, expected) in [(true, 1), (false, 2)] {
        let either = if left { Either::left(ready(1)) } else { Either::right(map(ready(1), |number| number + 1)) };
        assert_eq!(block_on(either), expected);
    }
}

/// The work behind a combinator happens at the poll that needs it, and not before.
#[test]
fn nothing_runs_before_the_first_poll() {
    let order = RefCell::new(Vec::new());
    let future = then(map(ready(1), |number| order.borrow_mut().push(number)), |()| ready(order.borrow().len()));
    assert!(order.borrow().is_empty());
    assert_eq!(block_on(future), 1);
    let calls = RefCell::new(0);
    let call = async || *calls.borrow_mut() += 1;
    drop(call());
    assert_eq!(*calls.borrow(), 0, "an async fn that is called and dropped does nothing");
    block_on(call());
    assert_eq!(*calls.borrow(), 1);
}

#[test]
fn what_follows_an_await_waits_for_it() {
    let order = RefCell::new(Vec::new());
    let step = async |name| {
        order.borrow_mut().push(name);
        disk::waits_for_polls(2).await;
        order.borrow_mut().push(name);
    };
    block_on(async {
        step("a").await;
        order.borrow_mut().push("-");
        step("b").await;
        order.borrow_mut().push(".");
    });
    assert_eq!(order.borrow().concat(), "aa-bb.");
}

#[test]
fn a_finished_machine_must_not_be_polled() {
    let panics = |mut poll: Box<dyn FnMut() -> Poll<String>>| {
        while poll().is_pending() {}
        catch_unwind(AssertUnwindSafe(poll)).is_err()
    };
    let mut compilers = Box::pin(example(3));
    assert!(panics(Box::new(move || compilers.as_mut().poll(&mut Context::from_waker(Waker::noop())))));
    let mut ours = ExampleStateMachine::new(3);
    assert!(panics(Box::new(move || poll(pin!(&mut ours)))));
    let mut once = ready(String::new());
    assert!(panics(Box::new(move || poll(pin!(&mut once)))));
}

#[test]
fn the_machines_states_are_those_of_the_text() {
    let mut machine = ExampleStateMachine::new(100);
    assert!(matches!(machine, ExampleStateMachine::Start { min: 100 }));
    assert!(poll(pin!(&mut machine)).is_pending());
    assert!(matches!(machine, ExampleStateMachine::WaitingOnFoo { .. }));
    assert!(poll(pin!(&mut machine)).is_pending());
    assert!(matches!(&machine, ExampleStateMachine::WaitingOnBar { content, .. } if content == disk::FOO));
    assert!(poll(pin!(&mut machine)).is_ready());
    assert!(matches!(machine, ExampleStateMachine::End));
}

#[test]
fn futures_move_until_they_are_polled() {
    let future = example(3);
    let in_a_box = Box::new(future);
    let in_a_vector = vec![in_a_box];
    let mut pinned: Vec<Pin<Box<_>>> = in_a_vector.into_iter().map(Box::into_pin).collect();
    assert!(poll(pinned[0].as_mut()).is_pending());
    // The pointer may move on; what it points to stays.
    let place: *const _ = &*pinned[0];
    let mut moved = pinned.remove(0);
    assert!(std::ptr::eq(place, &*moved));
    assert_eq!(poll(moved.as_mut()), Poll::Ready(String::from(disk::FOO)));
}

#[test]
fn self_references_hold_on_the_heap_and_on_the_stack() {
    let mut boxed = SelfReferential::boxed(5);
    assert_eq!((boxed.as_ref().through_pointer(), boxed.is_sound()), (Some(5), true));
    boxed.as_mut().set(6);
    assert_eq!((boxed.as_ref().through_pointer(), boxed.changes()), (Some(6), 1));
    let mut on_the_stack = pin!(SelfReferential::unset(7));
    assert_eq!(on_the_stack.as_ref().through_pointer(), None);
    on_the_stack.as_mut().point_at_itself();
    assert_eq!(on_the_stack.as_ref().through_pointer(), Some(7));
}

/// What the pins are for: without them safe code could do this.
#[test]
fn a_moved_value_no_longer_points_to_itself() {
    let mut first = Box::new(SelfReferential::unset(1));
    // SAFETY: the test breaks the promise of `Pin` on purpose, and only compares addresses afterwards.
    unsafe { Pin::new_unchecked(&mut *first) }.point_at_itself();
    assert!(first.is_sound());
    let moved = *first;
    assert!(!moved.is_sound());
}

#[test]
fn wakers_are_counted() {
    let counter = Arc::new(Counter::default());
    let waker = counter.waker();
    assert_eq!(Arc::strong_count(&counter), 2);
    let second = waker.clone();
    assert_eq!(Arc::strong_count(&counter), 3);
    assert!(waker.will_wake(&second) && !waker.will_wake(&dummy()));
    second.wake();
    assert_eq!((counter.wakes(), Arc::strong_count(&counter)), (1, 2));
    waker.wake_by_ref();
    assert_eq!((counter.wakes(), Arc::strong_count(&counter)), (2, 2));
    drop(waker);
    assert_eq!((counter.wakes(), Arc::strong_count(&counter)), (2, 1));
}

#[test]
fn the_simple_executor_takes_turns() {
    let order = Rc::new(RefCell::new(String::new()));
    let mut executor = SimpleExecutor::new();
    for name in ["a", "b", "c"] {
        let order = order.clone();
        executor.spawn(async move {
            for _ in 0..2 {
                order.borrow_mut().push_str(name);
                disk::waits_for_polls(1).await;
            }
        });
    }
    assert_eq!(executor.run(), 9);
    assert_eq!(*order.borrow(), "abcabc");
}

#[test]
fn a_hundred_and_one_tasks_and_many_more() {
    let mut executor = Executor::new();
    let count = if cfg!(miri) { 150 } else { 10_000 };
    let ids: Vec<_> = (0..count).map(|_| executor.spawn(disk::read_file("foo.txt").map(drop))).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(executor.run_until_idle(), 2 * count);
    assert!(executor.is_empty());
}

#[test]
fn only_what_was_woken_is_polled_and_once() {
    let mut executor = Executor::new();
    let polls = Rc::new(RefCell::new(0));
    let count = polls.clone();
    let id = executor.spawn(std::future::poll_fn(move |_| {
        *count.borrow_mut() += 1;
        if *count.borrow() < 3 { Poll::Pending } else { Poll::Ready(()) }
    }));
    let waker = executor.waker(id).unwrap();
    assert_eq!(executor.run_until_idle(), 1);
    assert_eq!(executor.run_until_idle(), 0);
    (0..10).for_each(|_| waker.wake_by_ref());
    assert_eq!(executor.run_until_idle(), 1, "ten wakes, one poll");
    waker.wake_by_ref();
    assert_eq!((executor.run_until_idle(), executor.len()), (1, 0));
    waker.wake();
    assert_eq!(executor.run_until_idle(), 0, "a finished task's waker does nothing");
}

static FLOODED: Keyboard = Keyboard::new();

#[test]
fn a_flooded_keyboard_drops_what_is_too_much() {
    FLOODED.add(1);
    assert_eq!(FLOODED.lost(), 1, "before there is a queue");
    let mut stream = FLOODED.stream().unwrap();
    assert!(FLOODED.stream().is_none());
    (0..CAPACITY + 20).for_each(|number| FLOODED.add(number as u8));
    assert_eq!(FLOODED.lost(), 21);
    let counter = Arc::new(Counter::default());
    let waker = counter.waker();
    let mut context = Context::from_waker(&waker);
    for number in 0..CAPACITY {
        assert_eq!(Pin::new(&mut stream).poll_next(&mut context), Poll::Ready(Some(number as u8)));
    }
    assert_eq!(Pin::new(&mut stream).poll_next(&mut context), Poll::Pending);
    assert_eq!(counter.wakes(), 0);
    FLOODED.add(9);
    assert_eq!(counter.wakes(), 1);
    assert_eq!(Pin::new(&mut stream).poll_next(&mut context), Poll::Ready(Some(9)));
}

static STRESSED: Keyboard = Keyboard::new();

/// A thread plays the interrupt and strikes between any two steps of the stream: no key is lost, and no wake.
#[test]
fn an_interrupt_at_any_moment_loses_no_key() {
    use futures_util::StreamExt;
    let count: u64 = if cfg!(miri) { 100 } else { 50_000 };
    let mut stream = STRESSED.stream().unwrap();
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    let interrupts = std::thread::spawn(move || {
        for number in 0..count {
            while number - TAKEN.load(Ordering::Acquire) >= CAPACITY as u64 {
                std::thread::yield_now();
            }
            STRESSED.add(number as u8);
        }
    });
    let mut executor = Executor::new();
    executor.spawn(async move {
        for number in 0..count {
            assert_eq!(stream.next().await, Some(number as u8));
            TAKEN.store(number + 1, Ordering::Release);
        }
    });
    // Halting is a yield here; a lost wake would leave the loop without anything to run for ever.
    executor.run(|| {}, || {}, std::thread::yield_now);
    interrupts.join().unwrap();
    assert_eq!(STRESSED.lost(), 0);
}
