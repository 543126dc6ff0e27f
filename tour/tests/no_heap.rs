//! The executor with static tasks, on a heap that refuses.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};

use tour::futures::static_executor::StaticExecutor;
use tour::reactor::yield_once;

/// Gives nothing to a thread that has switched the heap off.
struct Switchable;

thread_local! {
    static OFF: Cell<bool> = const { Cell::new(false) };
    static REFUSED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator, or null, which means that there is no memory.
unsafe impl GlobalAlloc for Switchable {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if OFF.get() {
            REFUSED.set(REFUSED.get() + 1);
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static HEAP: Switchable = Switchable;

static EXECUTOR: StaticExecutor<3> = StaticExecutor::new();
static DATA: AtomicU32 = AtomicU32::new(0);
static STEPS: AtomicU32 = AtomicU32::new(0);

async fn counts(number: u32) {
    for _ in 0..10 {
        DATA.fetch_add(number, Ordering::Relaxed);
        yield_once().await;
    }
}

async fn waits_for_the_others() {
    while DATA.load(Ordering::Relaxed) < 30 {
        STEPS.fetch_add(1, Ordering::Relaxed);
        yield_once().await;
    }
}

#[test]
fn static_tasks_need_no_heap() {
    OFF.set(true);
    let mut nothing: Vec<u8> = Vec::new();
    let refused = nothing.try_reserve(1).is_err();
    let (mut first, mut second, mut third) = (pin!(counts(1)), pin!(counts(2)), pin!(waits_for_the_others()));
    let tasks: [Option<std::pin::Pin<&mut dyn Future<Output = ()>>>; 3] =
        [Some(first.as_mut()), Some(second.as_mut()), Some(third.as_mut())];
    let polls = EXECUTOR.run(tasks, || panic!("somebody is always woken here"));
    OFF.set(false);
    assert!(refused && REFUSED.get() == 1, "the heap was off, and only this test asked for it");
    assert_eq!(DATA.load(Ordering::Relaxed), 30);
    // Each counting task is polled once more than it pauses.
    assert!(polls >= 22 && STEPS.load(Ordering::Relaxed) > 0, "{polls}");
}
