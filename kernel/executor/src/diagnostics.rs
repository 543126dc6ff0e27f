//! What the executor shows of itself: counters, and the tasks that live.

use crate::{
    cpu::{for_each, this_cpu},
    task::{Header, TaskId},
};
use sync::atomics::{AtomicU64, Ordering};

/// A number that one processor counts up, in one context, and anybody reads: an addition without a locked instruction.
pub(crate) struct Counter(AtomicU64);

impl Counter {
    sync::constructor! {
        pub fn new() -> Self {
            Counter(AtomicU64::new(0))
        }
    }

    #[inline]
    pub fn add_one(&self) -> u64 {
        let sum = self.get() + 1;
        self.0.store(sum, Ordering::Relaxed);
        sum
    }

    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Its value; it starts again at zero.
    pub fn take(&self) -> u64 {
        let sum = self.get();
        self.0.store(0, Ordering::Relaxed);
        sum
    }
}

pub(crate) struct Counters {
    pub spawned: Counter,
    pub completed: Counter,
    pub cancelled: Counter,
    pub reaped: Counter,
    pub polls: Counter,
    pub long_polls: Counter,
    /// Counted in the timer interrupt only.
    pub timer_interrupts: Counter,
}

impl Counters {
    sync::constructor! {
        pub fn new() -> Self {
            Counters {
                spawned: Counter::new(),
                completed: Counter::new(),
                cancelled: Counter::new(),
                reaped: Counter::new(),
                polls: Counter::new(),
                long_polls: Counter::new(),
                timer_interrupts: Counter::new(),
            }
        }
    }
}

/// Counts of an executor, or of several, since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Tasks made, including those for which there was no memory.
    pub spawned: u64,
    /// Tasks that ended, cancelled ones included.
    pub completed: u64,
    pub cancelled: u64,
    /// Tasks freed after their last reference died in an interrupt, on another processor or in another task.
    pub reaped: u64,
    pub polls: u64,
    /// Polls that took too long.
    pub long_polls: u64,
    pub timer_interrupts: u64,
}

/// The counts of all processors together.
pub fn statistics() -> Statistics {
    let mut sum = Statistics::default();
    for_each(&mut |executor| {
        let counters = &executor.counters;
        sum.spawned += counters.spawned.get();
        sum.completed += counters.completed.get();
        sum.cancelled += counters.cancelled.get();
        sum.reaped += counters.reaped.get();
        sum.polls += counters.polls.get();
        sum.long_polls += counters.long_polls.get();
        sum.timer_interrupts += counters.timer_interrupts.get();
    });
    sum
}

/// What a task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// In the queue of its processor.
    Ready,
    /// Being polled.
    Running,
    /// Nobody has woken it.
    Waiting,
}

/// A live task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskInfo {
    pub id: TaskId,
    pub name: &'static str,
    pub state: TaskState,
    /// How often it was polled.
    pub polls: u64,
    /// The memory it takes, in bytes.
    pub size: usize,
}

fn describe(header: &Header) -> TaskInfo {
    let state = match header.state.look() {
        (true, _) => TaskState::Running,
        (false, true) => TaskState::Ready,
        (false, false) => TaskState::Waiting,
    };
    TaskInfo { id: header.id, name: header.name, state, polls: header.polls.load(Ordering::Relaxed), size: header.vtable.size }
}

/// The task that this processor is polling; in an interrupt handler, the interrupted one.
pub fn current_task() -> Option<TaskInfo> {
    // SAFETY: a task being polled is alive, and only this processor ends its poll.
    this_cpu().current().map(|task| describe(unsafe { task.as_ref() }))
}

/// Shows each live task of all processors to `f`, in the order in which they were spawned. A lock is held meanwhile: `f` must not spawn.
pub fn tasks(f: &mut dyn FnMut(&TaskInfo)) {
    for_each(&mut |executor| {
        let tasks = executor.tasks.lock();
        let mut next = tasks.front();
        while let Some(task) = next {
            // SAFETY: tasks in the list are alive: `complete` takes the lock to unlink them before they are freed.
            unsafe {
                f(&describe(task.as_ref()));
                next = tasks.next(task);
            }
        }
    });
}
