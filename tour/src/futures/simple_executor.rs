//! The simplest executor: a queue, polled round and round with a waker that does nothing.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::waker::dummy;

/// A future that stays where it is and gives nothing: all that an executor has to know. It must own what it uses, as it may outlive its
/// spawner.
///
/// ```compile_fail,E0373
/// use tour::futures::simple_executor::Task;
/// let task;
/// {
///     let local = 1;
///     task = Task::new(async { println!("{}", &local) });
/// }
/// ```
pub struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
}

impl Task {
    pub fn new(future: impl Future<Output = ()> + 'static) -> Task {
        Task { future: Box::pin(future) }
    }

    /// Polls it.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.future.as_mut().poll(context)
    }
}

/// First in, first out.
#[derive(Default)]
pub struct SimpleExecutor {
    queue: VecDeque<Task>,
}

impl SimpleExecutor {
    pub fn new() -> SimpleExecutor {
        SimpleExecutor::default()
    }

    /// Puts a task at the end of the queue.
    pub fn spawn(&mut self, future: impl Future<Output = ()> + 'static) {
        self.queue.push_back(Task::new(future));
    }

    /// Polls until all tasks are done; how often. The processor never rests meanwhile.
    pub fn run(&mut self) -> usize {
        let waker = dummy();
        let mut polls = 0;
        while let Some(mut task) = self.queue.pop_front() {
            polls += 1;
            if task.poll(&mut Context::from_waker(&waker)).is_pending() {
                self.queue.push_back(task);
            }
        }
        polls
    }
}
