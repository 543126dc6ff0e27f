//! A task in memory: one block with the header, the future and, in the future's place, its result.
//!
//! The block is reference-counted: one reference is the executor's, until the task completes; one is the join handle's; each waker has
//! one. As the executor's lasts as long as the task can be queued, being queued needs no reference of its own.

use crate::{cpu::this_cpu, join::JoinHandle, run::Executor, stack::Stack, state::State};
use alloc::alloc::{alloc, dealloc};
use core::{
    alloc::Layout,
    fmt,
    future::Future,
    pin::Pin,
    ptr::{self, NonNull},
    task::{Context, Poll},
};
use sync::{
    WakerCell,
    atomics::{AtomicPtr, AtomicU64, AtomicUsize, Ordering, UnsafeCell, fence},
    list::{Linked, Links},
};

/// There is no memory for another task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of memory for a task")
    }
}

/// The number of a task: unique since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub u64);

/// What all tasks have in common, at the start of the block.
pub(crate) struct Header {
    pub state: State,
    references: AtomicUsize,
    /// The next task in the stack or batch that this one is in. It is in one at most: queued tasks are referenced, and reaped ones aren't.
    pub next: AtomicPtr<Header>,
    /// The executor that polls it. Executors are never freed.
    pub home: &'static Executor,
    pub vtable: &'static Vtable,
    /// Who awaits its end.
    pub join: WakerCell,
    /// Among the live tasks of `home`.
    links: Links<Header>,
    pub name: &'static str,
    pub id: TaskId,
    /// How often it was polled; written by its own processor only.
    pub polls: AtomicU64,
}

// SAFETY: `links` always returns that field; all else that changes is atomic or a cell with its own lock.
unsafe impl Linked for Header {
    fn links(&self) -> &Links<Header> {
        &self.links
    }
}

/// What depends on the type of the future. All take a pointer to a block of that type.
pub(crate) struct Vtable {
    /// Polls the future; when it is ready, drops it and puts the result in its place, and returns true.
    pub poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> bool,
    /// Drops the future: the task was cancelled.
    pub abandon: unsafe fn(NonNull<Header>),
    /// Moves the result to an `Option<Output>`, which stays `None` if there is no result.
    pub take: unsafe fn(NonNull<Header>, *mut ()),
    /// Drops what is left, and frees the block.
    pub free: unsafe fn(NonNull<Header>),
    /// Size of the block in bytes.
    pub size: usize,
}

enum Stage<F: Future> {
    Running(F),
    Finished(F::Output),
    Empty,
}

#[repr(C)]
struct Task<F: Future> {
    header: Header,
    /// Until the task completes, only its executor touches it, in a poll; then the join handle; at last, who frees the block.
    stage: UnsafeCell<Stage<F>>,
}

impl<F: Future> Task<F> {
    const VTABLE: &'static Vtable =
        &Vtable { poll: Self::poll, abandon: Self::abandon, take: Self::take, free: Self::free, size: size_of::<Self>() };

    /// # Safety
    /// `task` is a `Task<F>`.
    unsafe fn stage<'a>(task: NonNull<Header>) -> &'a UnsafeCell<Stage<F>> {
        // SAFETY: the header is the first field of the `repr(C)` block.
        unsafe { &(*task.cast::<Self>().as_ptr()).stage }
    }

    /// # Safety
    /// `task` is a `Task<F>` in state RUNNING, and this is its processor.
    unsafe fn poll(task: NonNull<Header>, context: &mut Context<'_>) -> bool {
        // SAFETY: RUNNING tasks belong to their processor.
        unsafe { Self::stage(task) }.with_mut(|stage| {
            // SAFETY: as above, and the block is never moved, so the future is pinned.
            let stage = unsafe { &mut *stage };
            let Stage::Running(future) = stage else { return true };
            // SAFETY: the block is never moved; the assignment below drops the future in place.
            match unsafe { Pin::new_unchecked(future) }.poll(context) {
                Poll::Pending => false,
                Poll::Ready(output) => {
                    *stage = Stage::Finished(output);
                    true
                }
            }
        })
    }

    /// # Safety
    /// As `poll`.
    unsafe fn abandon(task: NonNull<Header>) {
        // SAFETY: as in `poll`.
        unsafe { Self::stage(task).with_mut(|stage| *stage = Stage::Empty) }
    }

    /// # Safety
    /// `task` is a complete `Task<F>`, `to` points to an `Option<F::Output>`, and the caller is the only join handle.
    unsafe fn take(task: NonNull<Header>, to: *mut ()) {
        // SAFETY: the executor leaves the stage of a complete task alone.
        unsafe { Self::stage(task) }.with_mut(|stage| {
            // SAFETY: as above; `to` has the right type.
            unsafe {
                if let Stage::Finished(output) = ptr::replace(stage, Stage::Empty) {
                    *to.cast::<Option<F::Output>>() = Some(output);
                }
            }
        });
    }

    /// # Safety
    /// `task` is a `Task<F>` without references.
    unsafe fn free(task: NonNull<Header>) {
        let task = task.cast::<Self>().as_ptr();
        // SAFETY: nobody has the block any more.
        unsafe {
            ptr::drop_in_place(task);
            dealloc(task.cast(), Layout::new::<Self>());
        }
    }
}

/// Makes a task in one allocation, with two references: the executor's and the join handle's.
pub(crate) fn allocate<F>(name: &'static str, home: &'static Executor, id: TaskId, future: F) -> Result<NonNull<Header>, OutOfMemory>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    // SAFETY: the layout isn't empty, as the header isn't.
    let block = unsafe { alloc(Layout::new::<Task<F>>()) }.cast::<Task<F>>();
    let block = NonNull::new(block).ok_or(OutOfMemory)?;
    let header = Header {
        state: State::scheduled(),
        references: AtomicUsize::new(2),
        next: AtomicPtr::new(ptr::null_mut()),
        home,
        vtable: Task::<F>::VTABLE,
        join: WakerCell::new(),
        links: Links::new(),
        name,
        id,
        polls: AtomicU64::new(0),
    };
    // SAFETY: fresh memory of the right layout. Writing field by field lets the compiler build the future where it stays.
    unsafe {
        (&raw mut (*block.as_ptr()).header).write(header);
        (&raw mut (*block.as_ptr()).stage).write(UnsafeCell::new(Stage::Running(future)));
    }
    Ok(block.cast())
}

/// One more reference.
///
/// # Safety
/// The caller has a reference.
pub(crate) unsafe fn add_reference(task: NonNull<Header>) {
    // SAFETY: the caller's reference keeps it alive. Relaxed: a new reference is made from an old one, as in `Arc`.
    unsafe { &(*task.as_ptr()).references }.fetch_add(1, Ordering::Relaxed);
}

/// One reference fewer. Returns whether it was the last: then the block is the caller's, to free or to push to a reap stack.
///
/// # Safety
/// The caller has a reference, which it gives up.
#[must_use]
pub(crate) unsafe fn drop_reference(task: NonNull<Header>) -> bool {
    // SAFETY: the caller's reference keeps it alive until it is counted down. Release, then acquire by the last: all that others did
    // to the task happens before it is freed.
    let last = unsafe { &(*task.as_ptr()).references }.fetch_sub(1, Ordering::Release) == 1;
    if last {
        fence(Ordering::Acquire);
    }
    last
}

/// Gives up a reference in any context, an interrupt handler included: the executor frees the block later.
///
/// # Safety
/// The caller has a reference, which it gives up.
pub(crate) unsafe fn release(task: NonNull<Header>) {
    // SAFETY: the caller's reference keeps it alive.
    let reap: &'static Stack = unsafe { &(*task.as_ptr()).home.reap };
    // SAFETY: the caller gives its reference up.
    if unsafe { drop_reference(task) } {
        // SAFETY: without references, it is complete and in no queue.
        unsafe { reap.push(task) };
    }
}

/// Starts a task on this processor: it is polled for the first time when the tasks that are ready now have had their turn.
///
/// `name` is shown in diagnostics. The future is moved once, into the task's only allocation. Dropping the handle lets the task run on by
/// itself. Not for interrupt handlers.
///
/// The future must be `Send`, so a spin lock can't be held across an `await`: its guard isn't.
/// ```compile_fail
/// static LOCK: sync::SpinLock<u32> = sync::SpinLock::new(0);
/// let _ = executor::spawn("holds a lock while it waits", async {
///     let held = LOCK.lock();
///     executor::yield_now().await;
///     drop(held);
/// });
/// ```
/// Freed before, it is no obstacle:
/// ```
/// static LOCK: sync::SpinLock<u32> = sync::SpinLock::new(0);
/// let _ = executor::spawn("locks and waits", async {
///     *LOCK.lock() += 1;
///     executor::yield_now().await;
/// });
/// ```
///
/// # Errors
/// [`OutOfMemory`]: the future is dropped.
pub fn spawn<F>(name: &'static str, future: F) -> Result<JoinHandle<F::Output>, OutOfMemory>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    this_cpu().spawn(name, future)
}
