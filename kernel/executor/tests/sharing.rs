//! Sharing the processor: slices, budgets, long polls.
#![cfg(not(loom))]

use arch::hosted::advance_clock;
use executor::{budget, has_ready, note_user_time, run_until_idle, should_yield, spawn, statistics, timer::now, yield_now};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

const MILLISECOND: u64 = 1_000_000;
const SLICE: u64 = 4 * MILLISECOND;

/// Runs `body` as the task that is being polled.
fn in_task(body: impl FnOnce() + Send + 'static) {
    let handle = spawn("body", async move { body() }).unwrap();
    run_until_idle();
    assert!(handle.is_finished());
}

#[test]
fn alone_there_are_no_slices() {
    in_task(|| {
        assert!(!has_ready() && !should_yield());
        advance_clock(1000 * MILLISECOND);
        assert!(!should_yield());
    });
    assert_eq!(statistics().timer_interrupts, 0);
}

#[test]
fn a_slice_ends_when_somebody_else_is_ready() {
    in_task(|| {
        let start = now();
        drop(spawn("other", async {}));
        assert!(has_ready());
        // The host's clock runs on by itself, and its scheduler may take the time away.
        assert!(!should_yield() || now() >= start + SLICE);
        advance_clock(MILLISECOND);
        assert!(!should_yield() || now() >= start + SLICE);
        advance_clock(SLICE);
        assert!(should_yield());
    });
}

#[test]
fn who_ran_alone_for_long_makes_room_at_once() {
    in_task(|| {
        advance_clock(50 * MILLISECOND);
        assert!(!should_yield());
        drop(spawn("newcomer", async {}));
        assert!(should_yield());
    });
}

#[test]
fn each_poll_has_a_slice_of_its_own() {
    let yields = Arc::new(AtomicUsize::new(0));
    for _ in 0..2 {
        let yields = yields.clone();
        let thread = async move {
            let mut start = now();
            for _ in 0..20 {
                advance_clock(MILLISECOND);
                if should_yield() {
                    assert!(now() >= start + SLICE);
                    yields.fetch_add(1, Ordering::SeqCst);
                    yield_now().await;
                    start = now();
                }
            }
        };
        drop(spawn("thread", thread));
    }
    run_until_idle();
    let yields = yields.load(Ordering::SeqCst);
    assert!(yields >= 6, "{yields} yields in 2 x 20 ms");
}

#[test]
fn checkpoints_let_others_in() {
    let progress = Arc::new(AtomicUsize::new(0));
    let (big, small) = (progress.clone(), progress.clone());
    let job = async move {
        for _ in 0..4 * budget::PER_POLL {
            big.fetch_add(1, Ordering::SeqCst);
            budget::checkpoint(1).await;
        }
    };
    drop(spawn("big job", job));
    let seen = spawn("small job", async move { small.load(Ordering::SeqCst) }).unwrap();
    let polls = run_until_idle();
    assert!(polls >= 3);
    drop(spawn("check", async move { assert!(seen.await.unwrap() <= budget::PER_POLL as usize) }));
    run_until_idle();
    assert_eq!(progress.load(Ordering::SeqCst), 4 * budget::PER_POLL as usize);
}

#[test]
fn consume_says_when_to_stop() {
    in_task(|| {
        assert!(budget::consume(budget::PER_POLL - 1));
        assert!(!budget::consume(10));
        assert!(!budget::consume(0));
    });
    in_task(|| assert!(budget::consume(1)));
}

#[test]
fn long_polls_are_counted_without_user_time() {
    in_task(|| advance_clock(20 * MILLISECOND));
    assert_eq!(statistics().long_polls, 1);
    // The host's scheduler may make the kernel's part of a poll long by itself, but hardly each time.
    let unreported = (0..10).any(|_| {
        let before = statistics().long_polls;
        in_task(|| {
            let entry = now();
            advance_clock(1000 * MILLISECOND);
            note_user_time(now() - entry);
        });
        statistics().long_polls == before
    });
    assert!(unreported);
}
