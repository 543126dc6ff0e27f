//! Chapter 12: async/await, from one future by hand to an executor with a keyboard.
//!
//! | file | what |
//! |---|---|
//! | `disk` | a pretended disk: the leaf future that the examples wait for |
//! | `combinators` | `StringLen`, `map`, `then`, `Either`, `ready`: programs out of futures, without `async` |
//! | `machine` | what the compiler makes of an `async fn`, written by hand |
//! | `pinning` | values that point into themselves |
//! | `waker` | wakers from a hand-written table of functions; `block_on` |
//! | `simple_executor` | polls all tasks round and round |
//! | `executor`, `ready_list` | polls only what was woken |
//! | `static_executor` | tasks without a heap |
//! | `keyboard` | interrupt, queue, waker, stream |
//!
//! The real executor (`kernel/executor`) is the last of these, with one allocation a task and no map at all.

pub mod combinators;
pub mod disk;
pub mod executor;
pub mod keyboard;
pub mod machine;
pub mod pinning;
mod ready_list;
pub mod simple_executor;
pub mod static_executor;
#[cfg(test)]
mod tests;
pub mod waker;

use alloc::boxed::Box;
use alloc::string::String;
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};

use crate::{claim, say};
use executor::Executor;
use simple_executor::SimpleExecutor;

/// Runs through all of it.
pub fn run() {
    combinators();
    machines();
    pinned();
    executors();
    keyboard::show();
}

fn combinators() {
    let length = waker::block_on(combinators::string_len(combinators::ready(String::from("Hello"))));
    claim!(length == 5, "string_len(ready(\"Hello\")) is {length}");
    let sum = waker::block_on(combinators::map(combinators::string_len(disk::read_file("foo.txt")), |length| length + 1));
    claim!(sum == disk::FOO.len() + 1, "map over string_len over a file of the disk is {sum}");
    for (min, expected) in [(3, disk::FOO.len()), (100, disk::FOO.len() + disk::BAR.len())] {
        let text = waker::block_on(machine::with_combinators(min));
        claim!(text.len() == expected, "the example with combinators, at least {min} bytes: {text:?}");
    }
}

/// Polls both machines side by side; how many polls it took, if they agreed at each.
fn in_step(min: usize) -> Option<(usize, String)> {
    let mut compilers = Box::pin(machine::example(min));
    let mut ours = Box::pin(machine::ExampleStateMachine::new(min));
    let mut context = Context::from_waker(Waker::noop());
    for polls in 1.. {
        match (compilers.as_mut().poll(&mut context), ours.as_mut().poll(&mut context)) {
            (Poll::Pending, Poll::Pending) => {}
            (Poll::Ready(first), Poll::Ready(second)) if first == second => return Some((polls, first)),
            _ => break,
        }
    }
    None
}

fn machines() {
    for min in [3, 100] {
        let result = in_step(min);
        claim!(result.is_some(), "the compiler's machine and ours agree at each poll and in the end: {result:?}");
    }
    let bytes = (size_of_val(&machine::example(3)), size_of::<machine::ExampleStateMachine>());
    say!("The compiler's machine has {} bytes, ours {}.", bytes.0, bytes.1);
    let started = AtomicUsize::new(0);
    let lazy = async { started.fetch_add(1, Ordering::Relaxed) };
    let moved = Box::new(lazy);
    claim!(started.load(Ordering::Relaxed) == 0, "a future that nobody polls does nothing, and may be moved");
    waker::block_on(moved_into_pin(moved));
    claim!(started.load(Ordering::Relaxed) == 1, "polled, it ran");
}

fn moved_into_pin<F: Future>(future: Box<F>) -> Pin<Box<F>> {
    Box::into_pin(future)
}

fn pinned() {
    let pinned = pinning::SelfReferential::boxed(7);
    claim!(pinned.is_sound(), "a pinned value may point into itself: it stays where it is");
}

async fn async_number() -> u32 {
    42
}

async fn example_task() {
    let number = async_number().await;
    claim!(number == 42, "async number: {number}");
}

fn executors() {
    let mut executor = SimpleExecutor::new();
    executor.spawn(example_task());
    let polls = executor.run();
    claim!(polls == 1, "the simple executor polled once");

    let mut executor = SimpleExecutor::new();
    executor.spawn(disk::waits_for_polls(1000));
    let busy = executor.run();
    claim!(busy == 1001, "it polls a task that waits again and again: {busy} polls of nothing");

    static PASSED: AtomicUsize = AtomicUsize::new(0);
    let mut executor = Executor::new();
    for _ in 0..1000 {
        executor.spawn(async {
            disk::read_file("foo.txt").await;
            PASSED.fetch_add(1, Ordering::Relaxed);
        });
    }
    let polls = executor.run_until_idle();
    claim!(
        PASSED.load(Ordering::Relaxed) == 1000,
        "the executor with wakers ran a thousand tasks in {polls} polls; it has no limit of 100"
    );
    claim!(polls == 2000, "and polled nothing that wasn't woken");
}
