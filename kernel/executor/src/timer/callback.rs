//! `Timer`: a function called at a time, for alarms and interval timers.
//!
//! The function runs as a task of its own, not in the interrupt: it may take locks, allocate and send signals like any other kernel code,
//! and a user can't lengthen an interrupt by arming many. That costs one small task for each timer, which exists as long as the timer
//! does.

use super::{now, sleep_until};
use crate::{JoinHandle, OutOfMemory, spawn};
use alloc::sync::Arc;
use core::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};
use sync::{
    WakerCell,
    atomics::{AtomicU64, Ordering},
};

const DISARMED: u64 = u64::MAX;

/// Calls a function at a time. Dropping it disarms it and ends its task.
pub struct Timer {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    /// In nanoseconds since boot, or DISARMED.
    deadline: AtomicU64,
    changed: WakerCell,
}

impl Timer {
    /// A timer that isn't armed. `name` is that of its task. When the time comes it is disarmed and `callback` is called; if that returns
    /// a time, the timer is armed for it, unless it was armed otherwise meanwhile.
    ///
    /// # Errors
    /// [`OutOfMemory`]: no memory for its task.
    pub fn new(name: &'static str, callback: impl FnMut() -> Option<u64> + Send + 'static) -> Result<Timer, OutOfMemory> {
        let shared = Arc::new(Shared { deadline: AtomicU64::new(DISARMED), changed: WakerCell::new() });
        let task = spawn(name, run(shared.clone(), callback))?;
        Ok(Timer { shared, task })
    }

    /// Arms it for `deadline` (nanoseconds since boot; the past means now), instead of what it was armed for before. Neither waits nor
    /// allocates.
    pub fn arm(&self, deadline: u64) {
        self.shared.set(deadline.min(DISARMED - 1));
    }

    /// Disarms it. A call that is under way on another processor isn't waited for.
    pub fn disarm(&self) {
        self.shared.set(DISARMED);
    }

    /// Whether a call is to come.
    pub fn is_armed(&self) -> bool {
        self.deadline().is_some()
    }

    /// When the next call is to come, in nanoseconds since boot.
    pub fn deadline(&self) -> Option<u64> {
        Some(self.shared.deadline.load(Ordering::Acquire)).filter(|deadline| *deadline != DISARMED)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.task.cancel();
    }
}

impl Shared {
    fn set(&self, deadline: u64) {
        if self.deadline.swap(deadline, Ordering::AcqRel) != deadline {
            self.changed.wake();
        }
    }
}

async fn run(shared: Arc<Shared>, mut callback: impl FnMut() -> Option<u64> + Send) {
    loop {
        let deadline = shared.deadline.load(Ordering::Acquire);
        let mut sleep = pin!(sleep_until(deadline));
        poll_fn(|context| {
            shared.changed.register(context.waker());
            if shared.deadline.load(Ordering::Acquire) != deadline { Poll::Ready(()) } else { sleep.as_mut().poll(context) }
        })
        .await;
        // Armed anew or disarmed at the last moment: then this fails, and nothing is called.
        let due = deadline != DISARMED && now() >= deadline;
        if due
            && shared.deadline.compare_exchange(deadline, DISARMED, Ordering::AcqRel, Ordering::Relaxed).is_ok()
            && let Some(next) = callback()
        {
            let next = next.min(DISARMED - 1);
            // A failure means that it was armed meanwhile, which counts.
            let _armed = shared.deadline.compare_exchange(DISARMED, next, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}
