//! The list of woken tasks: without a limit, and without allocating.
//!
//! The series uses a queue with a hundred places, and panics at the hundred and first. A longer queue would still have a length, and one
//! that grows would allocate in an interrupt handler. Here the link is in the waker itself, which exists already: a task is in the list
//! once at most, so one link is enough.

use alloc::sync::{Arc, Weak};
use alloc::task::Wake;
use alloc::vec::Vec;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use super::executor::TaskId;

/// What a task's waker leads to.
pub struct TaskWaker {
    pub id: TaskId,
    /// In the list already: a second wake has nothing to do.
    queued: AtomicBool,
    next: AtomicPtr<TaskWaker>,
    /// Weak: the list has references to its tasks, and the two would keep each other for ever when the executor has gone.
    list: Weak<ReadyList>,
}

/// Tasks that were woken, the last one first.
#[derive(Default)]
pub struct ReadyList {
    head: AtomicPtr<TaskWaker>,
}

impl TaskWaker {
    pub fn new(id: TaskId, list: &Arc<ReadyList>) -> Arc<TaskWaker> {
        Arc::new(TaskWaker { id, queued: AtomicBool::new(false), next: AtomicPtr::new(ptr::null_mut()), list: Arc::downgrade(list) })
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if let Some(list) = self.list.upgrade() {
            list.push(self);
        }
    }
}

impl ReadyList {
    /// Adds a task, unless it is in the list already. Allowed in an interrupt handler: it neither waits nor allocates.
    pub fn push(&self, task: Arc<TaskWaker>) {
        if task.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let task = Arc::into_raw(task).cast_mut();
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: the list has a reference of its own, made just now, until `take` gives it back.
            unsafe { &*task }.next.store(head, Ordering::Relaxed);
            // Release: whoever takes the list sees the link, and all that was done before the wake.
            match self.head.compare_exchange_weak(head, task, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Takes all that is in the list, first come first.
    pub fn take(&self) -> Vec<Arc<TaskWaker>> {
        let mut head = self.head.swap(ptr::null_mut(), Ordering::Acquire);
        let mut taken = Vec::new();
        while !head.is_null() {
            // SAFETY: a reference that `push` left in the list, which nobody else can take any more.
            let task = unsafe { Arc::from_raw(head) };
            head = task.next.load(Ordering::Relaxed);
            // From here on a wake queues it again: it comes before the poll, which will see what it is about.
            task.queued.store(false, Ordering::Release);
            taken.push(task);
        }
        taken.reverse();
        taken
    }

    /// Whether nothing was woken.
    pub fn is_empty(&self) -> bool {
        self.head.load(Ordering::Acquire).is_null()
    }
}

impl Drop for ReadyList {
    fn drop(&mut self) {
        self.take();
    }
}
