//! Sleeping, timeouts and timers, on a clock that the test moves.
#![cfg(not(loom))]

use arch::hosted::advance_clock;
use executor::{
    run_until_idle, spawn, statistics,
    timer::{Elapsed, Timer, now, sleep, sleep_until, timeout},
};
use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

const SECOND: u64 = 1_000_000_000;

/// Moves the clock on by `nanoseconds`, and runs what that woke.
fn pass(nanoseconds: u64) {
    advance_clock(nanoseconds);
    run_until_idle();
}

#[test]
fn sleeps_are_never_early_and_end_in_order() {
    let start = now();
    let ended = Arc::new(AtomicU64::new(0));
    for seconds in [5, 1, 3, 100, 3600] {
        let ended = ended.clone();
        let task = async move {
            sleep_until(start + seconds * SECOND).await;
            assert!(now() >= start + seconds * SECOND);
            ended.fetch_add(1, Ordering::SeqCst);
        };
        drop(spawn("sleeper", task));
    }
    run_until_idle();
    for (seconds, expected) in [(2, 1), (2, 2), (2, 3), (93, 3), (2, 4), (3500, 5)] {
        pass(seconds * SECOND);
        assert_eq!(ended.load(Ordering::SeqCst), expected);
    }
    assert_eq!(statistics().timer_interrupts, 5, "no ticks between");
}

#[test]
fn a_past_deadline_needs_no_timer() {
    let handle = spawn("no sleep", async { sleep_until(0).await }).unwrap();
    assert_eq!(run_until_idle(), 1);
    assert!(handle.is_finished());
    assert_eq!(statistics().timer_interrupts, 0);
}

#[test]
fn a_dropped_sleep_leaves_nothing() {
    let handle = spawn("dropped", sleep(SECOND)).unwrap();
    run_until_idle();
    handle.cancel();
    run_until_idle();
    pass(2 * SECOND);
    pass(2 * SECOND);
    assert_eq!(statistics().timer_interrupts, 1, "the one that was set already finds nothing, and sets no other");
}

#[test]
fn many_sleepers_at_once_are_woken_in_portions() {
    let count = if cfg!(miri) { 100 } else { 10_000 };
    let ended = Arc::new(AtomicUsize::new(0));
    let deadline = now() + 100 * SECOND;
    for _ in 0..count {
        let ended = ended.clone();
        let task = async move {
            sleep_until(deadline).await;
            ended.fetch_add(1, Ordering::SeqCst);
        };
        drop(spawn("sleeper", task));
    }
    run_until_idle();
    assert_eq!(ended.load(Ordering::SeqCst), 0);
    advance_clock(101 * SECOND);
    assert!(executor::has_ready());
    run_until_idle();
    assert_eq!(ended.load(Ordering::SeqCst), count);
}

#[test]
fn timeouts() {
    let late = spawn("late", timeout(now() + SECOND, pending::<()>())).unwrap();
    let early = spawn("early", timeout(now() + SECOND, async { 3 })).unwrap();
    let never = spawn("never", timeout(u64::MAX, sleep(3 * SECOND))).unwrap();
    run_until_idle();
    assert!(early.is_finished() && !late.is_finished());
    pass(SECOND + 100_000);
    assert!(late.is_finished() && !never.is_finished());
    pass(2 * SECOND);
    assert!(never.is_finished());
    let check = spawn("check", async move {
        assert_eq!(late.await, Ok(Err(Elapsed)));
        assert_eq!(early.await, Ok(Ok(3)));
        assert_eq!(never.await, Ok(Ok(())));
    })
    .unwrap();
    run_until_idle();
    assert!(check.is_finished());
}

/// A timer and the number of its calls.
fn counting(interval: Option<u64>) -> (Timer, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let timer = Timer::new("timer", move || {
        count.fetch_add(1, Ordering::SeqCst);
        interval.map(|interval| now() + interval)
    });
    (timer.unwrap(), calls)
}

#[test]
fn timers_call_when_armed() {
    let (timer, calls) = counting(None);
    pass(SECOND);
    assert!(!timer.is_armed());
    timer.arm(now() + SECOND);
    assert!(timer.is_armed());
    run_until_idle();
    pass(SECOND / 2);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    pass(SECOND);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert_eq!(timer.deadline(), None);
    timer.arm(0);
    run_until_idle();
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[test]
fn timers_can_be_moved_and_disarmed() {
    let (timer, calls) = counting(None);
    timer.arm(now() + 10 * SECOND);
    run_until_idle();
    timer.arm(now() + SECOND);
    run_until_idle();
    pass(2 * SECOND);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    timer.arm(now() + SECOND);
    run_until_idle();
    timer.disarm();
    pass(20 * SECOND);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    timer.arm(now() + SECOND);
    run_until_idle();
    timer.arm(now() + 2 * SECOND);
    pass(SECOND + SECOND / 2);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    pass(SECOND);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[test]
fn interval_timers_go_on_until_dropped() {
    let (timer, calls) = counting(Some(SECOND));
    timer.arm(now() + SECOND);
    run_until_idle();
    for expected in 1..=3 {
        pass(SECOND + 1_000_000);
        assert_eq!(calls.load(Ordering::SeqCst), expected);
    }
    drop(timer);
    run_until_idle();
    pass(10 * SECOND);
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    assert_eq!(Arc::strong_count(&calls), 1);
}
