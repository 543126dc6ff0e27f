//! An executor that polls only what was woken.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Context, Waker};

use super::ready_list::{ReadyList, TaskWaker};
use super::simple_executor::Task;

/// The number of a task: unique for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId(u64);

impl TaskId {
    fn new() -> TaskId {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        TaskId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Tasks by number, each with the waker that was made for it once: so that waking needs no allocation, and the last reference to a waker
/// isn't dropped in an interrupt handler.
#[derive(Default)]
pub struct Executor {
    tasks: BTreeMap<TaskId, (Task, Waker)>,
    ready: Arc<ReadyList>,
}

impl Executor {
    pub fn new() -> Executor {
        Executor::default()
    }

    /// Adds a task. It counts as woken.
    pub fn spawn(&mut self, future: impl Future<Output = ()> + 'static) -> TaskId {
        let id = TaskId::new();
        let task_waker = TaskWaker::new(id, &self.ready);
        self.ready.push(task_waker.clone());
        self.tasks.insert(id, (Task::new(future), Waker::from(task_waker)));
        id
    }

    /// A waker of a task that isn't done.
    pub fn waker(&self, id: TaskId) -> Option<Waker> {
        self.tasks.get(&id).map(|(_, waker)| waker.clone())
    }

    /// How many tasks aren't done.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether all tasks are done.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Whether a task was woken.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Polls what was woken, until nothing is; how many polls.
    pub fn run_until_idle(&mut self) -> usize {
        let mut polls = 0;
        while self.has_ready() {
            polls += self.run_batch();
        }
        polls
    }

    /// Polls what was woken up to now, once; how many polls.
    pub fn run_batch(&mut self) -> usize {
        let mut polls = 0;
        for woken in self.ready.take() {
            // A wake of a task that is done already, or a second one that came too late, is nothing to worry about.
            let Some((task, waker)) = self.tasks.get_mut(&woken.id) else { continue };
            polls += 1;
            if task.poll(&mut Context::from_waker(waker)).is_ready() {
                self.tasks.remove(&woken.id);
            }
        }
        polls
    }

    /// Runs until all tasks are done. `halt` is called when nothing is ready, **with interrupts off** if `disable` switches them off: it
    /// has to switch them on and wait in one step, so that an interrupt that comes in between ends the waiting.
    pub fn run(&mut self, disable: impl Fn(), enable: impl Fn(), halt: impl Fn()) {
        while !self.is_empty() {
            self.run_until_idle();
            if self.is_empty() {
                return;
            }
            disable();
            if self.has_ready() { enable() } else { halt() }
        }
    }
}
