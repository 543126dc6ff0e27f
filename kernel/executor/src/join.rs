//! The handle of a spawned task: its end can be awaited or asked for.

use crate::task::{Header, TaskId, release};
use core::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    ptr::NonNull,
    task::{Context, Poll},
};

/// The task was cancelled before it had a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task was cancelled")
    }
}

/// A future of a task's result. Dropping it lets the task run on by itself.
pub struct JoinHandle<T> {
    task: NonNull<Header>,
    output: PhantomData<T>,
}

// SAFETY: the handle is a counted reference; what it gives out is the result, which may be sent.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: shared, it only allows `cancel` and looking at the header, which are atomic.
unsafe impl<T: Send> Sync for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    /// The caller gives its reference to `task`, whose result is a `T`, and makes only one handle of it.
    pub(crate) unsafe fn new(task: NonNull<Header>) -> Self {
        JoinHandle { task, output: PhantomData }
    }

    fn header(&self) -> &Header {
        // SAFETY: the handle is a reference.
        unsafe { self.task.as_ref() }
    }

    /// Asks for the end of the task: when its turn comes, its future is dropped instead of polled, by the executor. Awaiting the handle
    /// then gives [`Cancelled`], unless the task finished first. Allowed in an interrupt handler.
    ///
    /// This is for the kernel's own tasks. A user thread is killed by a signal, which unwinds its future through `?`.
    pub fn cancel(&self) {
        if self.header().state.cancel() {
            // SAFETY: this step scheduled the task, so it isn't queued yet, and it isn't complete, so it lives.
            unsafe { self.header().home.schedule(self.task) };
        }
    }

    /// Whether the task has ended: awaiting it won't wait.
    pub fn is_finished(&self) -> bool {
        self.header().state.is_complete()
    }

    pub fn id(&self) -> TaskId {
        self.header().id
    }

    pub fn name(&self) -> &'static str {
        self.header().name
    }
}

impl<T> Future for JoinHandle<T> {
    /// The result comes out once; whoever polls again after that finds [`Cancelled`].
    type Output = Result<T, Cancelled>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let header = self.header();
        if !header.state.is_complete() {
            header.join.register(context.waker());
            if !header.state.is_complete() {
                return Poll::Pending;
            }
        }
        let mut output = None::<T>;
        // SAFETY: complete, of this type, and there is one handle for each task.
        unsafe { (header.vtable.take)(self.task, (&raw mut output).cast()) };
        Poll::Ready(output.ok_or(Cancelled))
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        // SAFETY: the handle is a reference, which ends here.
        unsafe { release(self.task) };
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinHandle({} {:?})", self.name(), self.id())
    }
}
