//! Chapter 13: coroutines, stackful beside stackless.
//!
//! A coroutine is a function that can stop in the middle and go on later. A *stackful* one ([`stackful`]) has a stack of its own: to stop
//! is to change the stack pointer, from any depth of calls. A *stackless* one ([`stackless`]) is a value that holds what lives across its
//! stops; each caller in between has to be such a value too, which is what `async` and `await` spell out.

pub mod stackful;
pub mod stackless;
mod switch;

use alloc::vec::Vec;

use crate::{claim, say};
use stackful::{Coroutine, suspend};

/// How often the two are switched to for the comparison.
const SWITCHES: u64 = 10_000;

/// Time-stamp counter.
fn ticks() -> u64 {
    // SAFETY: reads a counter.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Suspends from `depth` calls down: a stackful coroutine needs nobody's leave for it.
fn suspends_deep_down(depth: u64) {
    if depth == 0 {
        suspend(1)
    } else {
        suspends_deep_down(depth - 1)
    }
    core::hint::black_box(depth);
}

pub fn run() {
    let mut fibonacci = Coroutine::new(|| {
        let (mut a, mut b) = (0, 1);
        for _ in 0..10 {
            suspend(a);
            (a, b) = (b, a + b);
        }
    });
    let stackful: Vec<u64> = core::iter::from_fn(|| fibonacci.resume()).collect();
    let stackless: Vec<u64> = stackless::Fibonacci::new(10).collect();
    let generated: Vec<u64> = stackless::generate(|out| async move {
        let (mut a, mut b) = (0, 1);
        for _ in 0..10 {
            out.give(a).await;
            (a, b) = (b, a + b);
        }
    })
    .collect();
    claim!(stackful == [0, 1, 1, 2, 3, 5, 8, 13, 21, 34], "a stackful coroutine counts {stackful:?}");
    claim!(stackful == stackless && stackful == generated, "a hand-written state machine and an async block count the same");
    claim!(fibonacci.is_finished(), "and it is finished: its stack could be used again");

    let mut deep = Coroutine::new(|| suspends_deep_down(100));
    claim!(deep.resume() == Some(1) && deep.resume().is_none(), "it can stop from a hundred calls down");

    let mut endless = Coroutine::new(|| {
        loop {
            suspend(1);
        }
    });
    let start = ticks();
    let sum: u64 = (0..SWITCHES).filter_map(|_| endless.resume()).sum();
    let stackful_ticks = (ticks() - start) / SWITCHES;
    let mut machine = stackless::generate(|out| async move {
        loop {
            out.give(1).await;
        }
    });
    let start = ticks();
    let same: u64 = (0..SWITCHES).filter_map(|_| machine.next()).sum();
    let stackless_ticks = (ticks() - start) / SWITCHES;
    claim!(sum == SWITCHES && same == SWITCHES, "each was switched to {SWITCHES} times");
    say!("There and back: stackful {stackful_ticks} ticks of the clock, stackless {stackless_ticks}.");
    let bytes = machine.bytes();
    claim!(bytes < stackful::STACK / 100, "memory: stackful {} bytes of stack, stackless {bytes} bytes", stackful::STACK);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chapter_holds() {
        run();
    }
}
