//! What tasks allocate: one block each, nothing for wakes and sleeps; and what happens when there is none.
#![cfg(not(loom))]

use executor::{OutOfMemory, run_until_idle, spawn, timer::sleep};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    future::{pending, poll_fn},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static FAILING: Cell<bool> = const { Cell::new(false) };
}

struct Watched;

// SAFETY: hands all to the system's allocator, or refuses.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if FAILING.get() {
            return std::ptr::null_mut();
        }
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// How many allocations `body` makes.
fn allocations<T>(body: impl FnOnce() -> T) -> (usize, T) {
    let before = ALLOCATIONS.get();
    let result = body();
    (ALLOCATIONS.get() - before, result)
}

#[test]
fn a_task_is_one_allocation_and_waking_none() {
    run_until_idle();
    let polls = Arc::new(AtomicUsize::new(0));
    let count = polls.clone();
    let task = poll_fn(move |context| {
        if count.fetch_add(1, Ordering::SeqCst) < 10 {
            context.waker().wake_by_ref();
        }
        Poll::<()>::Pending
    });
    assert_eq!(allocations(|| drop(spawn("counted", task))).0, 1);
    assert_eq!(allocations(run_until_idle), (0, 11));
}

#[test]
fn sleeping_allocates_nothing() {
    run_until_idle();
    drop(spawn("sleeper", sleep(1_000_000_000)));
    assert_eq!(allocations(run_until_idle).0, 0);
    assert_eq!(allocations(|| arch::hosted::advance_clock(2_000_000_000)).0, 0);
    assert_eq!(run_until_idle(), 1);
}

#[test]
fn without_memory_spawn_fails_and_drops_the_future() {
    run_until_idle();
    let held = Arc::new(());
    let in_future = held.clone();
    let task = async move {
        pending::<()>().await;
        drop(in_future);
    };
    FAILING.set(true);
    let result = spawn("too many", task);
    FAILING.set(false);
    assert_eq!(result.err(), Some(OutOfMemory));
    assert_eq!(Arc::strong_count(&held), 1);
    assert_eq!(run_until_idle(), 0);
}

#[test]
fn sizes_have_a_budget() {
    assert!(size_of::<executor::timer::Sleep>() <= 64);
    assert!(size_of::<sync::Wait<&sync::WaitQueue>>() <= 64);
    let mut size = 0;
    let handle = spawn("small", pending::<()>()).unwrap();
    executor::tasks(&mut |task| {
        if task.id == handle.id() {
            size = task.size;
        }
    });
    assert!(size <= 128, "{size} bytes for a task without a future");
}
