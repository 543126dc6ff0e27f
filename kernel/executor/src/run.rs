//! The run loop of a processor.

use crate::{
    budget::Budget,
    cpu::{kick, this_cpu},
    diagnostics::Counters,
    join::JoinHandle,
    report::Report,
    slice::Slice,
    stack::Stack,
    task::{Header, OutOfMemory, TaskId, allocate, drop_reference},
    timer::{self, Timers},
    waker,
};
use arch::interrupts;
use core::{
    future::Future,
    ptr::{self, NonNull},
    task::Context,
};
use sync::{
    SpinLock,
    atomics::{AtomicBool, AtomicPtr, AtomicUsize, Ordering},
    list::List,
};

/// What a processor needs to run tasks. Only `inbox`, `reap` and `timers` are touched from elsewhere (other processors, interrupt
/// handlers); the rest are atomics only so that no `unsafe` is needed: their relaxed loads and stores are plain moves.
///
/// Its size is a power of two, so that finding a processor's own is a shift. A new one is all zeroes, so that those of processors that the
/// machine doesn't have take no place in the kernel's file.
#[repr(align(2048))]
pub(crate) struct Executor {
    /// Tasks woken since the batch was taken.
    inbox: Stack,
    /// What is left of the tasks taken from the inbox at once, in order.
    batch: AtomicPtr<Header>,
    pub slice: Slice,
    /// Complete tasks whose last reference died elsewhere.
    pub reap: Stack,
    /// The task being polled.
    current: AtomicPtr<Header>,
    pub budget: Budget,
    pub report: Report,
    pub counters: Counters,
    /// Whether the run loop is on the stack: it isn't reentrant.
    entered: AtomicBool,
    cpu: AtomicUsize,
    /// The tasks that aren't complete, for diagnostics.
    pub tasks: SpinLock<List<Header>>,
    pub timers: Timers,
}

#[cfg(target_os = "none")]
const _: () = assert!(size_of::<Executor>() == 2048);

impl Executor {
    sync::constructor! {
        pub fn new() -> Self {
            Executor {
                inbox: Stack::new(),
                batch: AtomicPtr::new(ptr::null_mut()),
                reap: Stack::new(),
                current: AtomicPtr::new(ptr::null_mut()),
                slice: Slice::new(),
                budget: Budget::new(),
                report: Report::new(),
                counters: Counters::new(),
                entered: AtomicBool::new(false),
                cpu: AtomicUsize::new(0),
                tasks: SpinLock::new(List::new()),
                timers: Timers::new(),
            }
        }
    }

    /// See [`crate::spawn`].
    pub fn spawn<F>(&'static self, name: &'static str, future: F) -> Result<JoinHandle<F::Output>, OutOfMemory>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let number = self.counters.spawned.add_one();
        let id = TaskId((arch::cpu::id() as u64) << 48 | number);
        let task = allocate(name, self, id, future)?;
        // SAFETY: the task is in no list yet, and `complete` unlinks it before it can be freed.
        unsafe { self.tasks.lock().push_back(task) };
        // SAFETY: it was made in state SCHEDULED, and not queued yet.
        unsafe { self.schedule(task) };
        // SAFETY: `allocate` counted a reference for the one handle.
        Ok(unsafe { JoinHandle::new(task) })
    }

    /// Queues `task`. Allowed in an interrupt handler.
    ///
    /// # Safety
    /// The caller made the step to SCHEDULED that puts the task into the queue.
    #[inline]
    pub unsafe fn schedule(&self, task: NonNull<Header>) {
        // SAFETY: a scheduled task isn't complete, so the executor's reference keeps it alive; only the caller queues it.
        let was_empty = unsafe { self.inbox.push(task) };
        self.slice.attract();
        if was_empty {
            let cpu = self.cpu.load(Ordering::Relaxed);
            if cpu != arch::cpu::id() {
                kick(cpu);
            }
        }
    }

    /// Whether a task other than the one being polled is ready.
    #[inline]
    pub fn has_ready(&self) -> bool {
        !self.inbox.is_empty() || !self.batch.load(Ordering::Relaxed).is_null() || self.timers.is_behind()
    }

    /// The task being polled.
    pub fn current(&self) -> Option<NonNull<Header>> {
        NonNull::new(self.current.load(Ordering::Relaxed))
    }

    /// Polls until nothing is ready; returns the number of polls.
    pub fn run_until_idle(&self) -> usize {
        /// Leaves the loop, also when a test's future panics.
        struct Leave<'a>(&'a Executor);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.current.store(ptr::null_mut(), Ordering::Relaxed);
                self.0.entered.store(false, Ordering::Relaxed);
            }
        }
        if self.entered.swap(true, Ordering::Relaxed) {
            log::error!("executor: a task tried to run the executor");
            return 0;
        }
        let _leave = Leave(self);
        self.cpu.store(arch::cpu::id(), Ordering::Relaxed);
        let mut polls = 0;
        let mut now = timer::now();
        while let Some(task) = self.next() {
            now = self.poll(task, now);
            polls += 1;
        }
        polls
    }

    /// The next task of the batch, or of a new batch.
    #[inline]
    fn next(&self) -> Option<NonNull<Header>> {
        let mut task = self.batch.load(Ordering::Relaxed);
        if task.is_null() {
            task = self.next_batch();
        }
        let task = NonNull::new(task)?;
        // SAFETY: queued tasks are alive, and their link belongs to the queue.
        let next = unsafe { (*task.as_ptr()).next.load(Ordering::Relaxed) };
        self.batch.store(next, Ordering::Relaxed);
        Some(task)
    }

    /// The tasks that were woken since the last batch was taken, in order, chained; null if none was.
    #[inline]
    fn next_batch(&self) -> *mut Header {
        loop {
            self.timers.catch_up();
            self.free_reaped();
            let batch = self.inbox.take_all_in_order();
            // Catching up may move entries in the wheel for a while before it wakes somebody.
            if !batch.is_null() || !self.timers.is_behind() {
                return batch;
            }
        }
    }

    /// Polls one task that was just taken out of the batch. Takes and returns the time, so that the clock is read once for each poll.
    #[inline]
    fn poll(&self, task: NonNull<Header>, start: u64) -> u64 {
        // SAFETY: a queued task isn't complete, so the executor's reference keeps it alive until `complete`.
        let header = unsafe { task.as_ref() };
        let name = header.name;
        self.current.store(task.as_ptr(), Ordering::Relaxed);
        self.slice.begin(start, self.has_ready());
        self.budget.refill();
        self.report.begin();
        header.polls.store(header.polls.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        self.counters.polls.add_one();
        let cancelled = header.state.start();
        let done = if cancelled {
            // SAFETY: RUNNING, on its own processor.
            unsafe { (header.vtable.abandon)(task) };
            true
        } else {
            // SAFETY: the task outlives the poll.
            let waker = unsafe { waker::borrowed(task) };
            // SAFETY: RUNNING, on its own processor.
            unsafe { (header.vtable.poll)(task, &mut Context::from_waker(&waker)) }
        };
        self.current.store(ptr::null_mut(), Ordering::Relaxed);
        if done {
            self.complete(task, cancelled);
        } else if header.state.pause() {
            // SAFETY: the poll is over and the task was woken in it, so this step queues it.
            unsafe { self.inbox.push(task) };
        }
        let end = timer::now();
        self.report.end(self, name, start, end);
        end
    }

    /// The future of `task` is gone: tells who waits for its end, and gives up the executor's reference.
    fn complete(&self, task: NonNull<Header>, cancelled: bool) {
        // SAFETY: the executor's reference keeps it alive.
        let header = unsafe { task.as_ref() };
        // SAFETY: linked by `spawn`.
        unsafe { self.tasks.lock().remove(task) };
        header.state.finish();
        header.join.wake();
        self.counters.completed.add_one();
        if cancelled {
            self.counters.cancelled.add_one();
        }
        // SAFETY: the executor's reference ends here. The task is complete, so nobody queues it any more.
        unsafe {
            if drop_reference(task) {
                free(task);
            }
        }
    }

    /// Frees tasks whose last reference died in an interrupt, on another processor or in another task.
    #[inline]
    fn free_reaped(&self) {
        let mut task = self.reap.take_all();
        while let Some(block) = NonNull::new(task) {
            // SAFETY: blocks on the reap stack have no references; their link belongs to the stack.
            unsafe {
                task = (*block.as_ptr()).next.load(Ordering::Relaxed);
                free(block);
            }
            self.counters.reaped.add_one();
        }
    }

    /// Whether the run loop would find something to do.
    fn has_work(&self) -> bool {
        self.has_ready() || !self.reap.is_empty()
    }
}

/// # Safety
/// `task` has no references.
unsafe fn free(task: NonNull<Header>) {
    // SAFETY: the caller has the only pointer.
    unsafe { ((*task.as_ptr()).vtable.free)(task) }
}

/// Polls the tasks of this processor that are ready, and those that become ready meanwhile, until none is. Returns the number of polls.
///
/// Does nothing when called from within a task: a kernel that waits by running others inside a poll deadlocks sooner or later.
pub fn run_until_idle() -> usize {
    this_cpu().run_until_idle()
}

/// Runs the tasks of this processor for ever. When none is ready, `idle` is called with interrupts off, and must wait for one with
/// interrupts on, without letting one slip in between: `arch::interrupts::enable_and_halt`.
pub fn run_forever(idle: impl Fn()) -> ! {
    let executor = this_cpu();
    loop {
        executor.run_until_idle();
        interrupts::disable();
        if !executor.has_work() {
            idle();
        }
        interrupts::enable();
    }
}
