//! The loop of a user thread, which is its future.
//!
//! The way of a system call that finishes at once is: `arch::user::run` returns, the table's handler runs, two loads say that nothing else is to
//! be done, `run` again. Signals, stops, preemption and everything else sit behind one branch.

use alloc::sync::Arc;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll};

use abi::{Errno, Result};
use arch::cpu::PerCpu;
use arch::user::{Trap, UserContext};
use pin_project_lite::pin_project;
use sync::SpinLock;

use crate::signal::Next;
use crate::{Thread, exit, fault, sampling, signal};

/// What the synchronous half of a system call came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entered {
    /// The result is in the context.
    Done,
    /// It must wait; the number is the handler's own note to its waiting half, such as the bytes moved so far.
    Wait(usize),
}

/// The table of system calls, which a room above supplies.
pub trait SystemCalls: 'static {
    /// Tries to serve the call whose number and arguments are in `context` without waiting.
    fn enter(thread: &Arc<Thread>, context: &mut UserContext) -> Entered;

    /// Goes on with a call for which `enter` said `Wait`, and puts the result into `context`.
    fn wait<'a>(thread: &'a Arc<Thread>, context: &'a mut UserContext, progress: usize) -> impl Future<Output = ()> + Send + 'a;
}

/// The thread whose future each CPU is polling.
static CURRENT: PerCpu<SpinLock<Option<Arc<Thread>>>> = PerCpu::new([const { SpinLock::new(None) }; arch::MAX_CPUS]);

/// The thread for which the kernel is working on this CPU; none in the kernel's own tasks.
pub fn current() -> Option<Arc<Thread>> {
    CURRENT.get().lock().clone()
}

/// Calls `f` with the current thread; none in the kernel's own tasks.
pub fn with_current<T>(f: impl FnOnce(&Arc<Thread>) -> T) -> Option<T> {
    current().as_ref().map(f)
}

pin_project! {
    /// A thread's loop, with what belongs around each poll: the current thread, its address space, its clock.
    struct UserTask<F> {
        // Empty while it is polled: then it is the current thread.
        thread: Option<Arc<Thread>>,
        #[pin]
        future: F,
    }
}

impl<F: Future<Output = ()>> Future for UserTask<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let Some(thread) = this.thread.take() else { return Poll::Ready(()) };
        thread.process().activate_space();
        let begin = executor::timer::now();
        thread.clock.begin(begin);
        sampling::note_activity(begin);
        *CURRENT.get().lock() = Some(thread);
        let polled = this.future.poll(context);
        *this.thread = CURRENT.get().lock().take();
        let end = executor::timer::now();
        if let Some(thread) = this.thread {
            thread.clock.end(end);
        }
        // Most of a user thread's poll is user mode, which is no reason to report it as a long poll.
        executor::note_user_time(end.saturating_sub(begin));
        polled
    }
}

/// Makes the future of a thread and hands it to this CPU's executor. ENOMEM.
pub fn spawn_thread<S: SystemCalls>(thread: Arc<Thread>, context: UserContext) -> Result<()> {
    let task = UserTask { thread: Some(thread.clone()), future: thread_loop::<S>(thread, context) };
    executor::spawn("thread", task).map(drop).map_err(|_| Errno::ENOMEM)
}

/// Runs a thread until it is dead.
pub async fn thread_loop<S: SystemCalls>(thread: Arc<Thread>, mut context: UserContext) {
    poll_fn(|task| {
        // A task keeps its waker for life, and this runs once.
        let _ = thread.waker.set(task.waker().clone());
        Poll::Ready(())
    })
    .await;
    let mut in_user_mode = false;
    loop {
        let busy = || thread.work.load(Ordering::Acquire) != 0 || executor::should_yield();
        let Some(trap) = arch::user::run(&mut context, busy) else {
            if !before_user(&thread, &mut context, core::mem::take(&mut in_user_mode)).await {
                break;
            }
            continue;
        };
        in_user_mode = matches!(trap, Trap::Interrupt);
        match trap {
            Trap::Syscall => match S::enter(&thread, &mut context) {
                Entered::Done if !must_restart(&context) => {}
                Entered::Done => restart(&thread, &mut context).await,
                Entered::Wait(progress) => {
                    S::wait(&thread, &mut context, progress).await;
                    if must_restart(&context) {
                        restart(&thread, &mut context).await;
                    }
                }
            },
            Trap::Interrupt => {}
            Trap::PageFault { address, access } => {
                if let Some(wait) = fault::page_fault(&thread, address, access) {
                    fault::wait_for_page(&thread, wait).await;
                }
            }
            Trap::Exception { vector, error } => fault::exception(&thread, &mut context, vector, error),
        }
    }
    drop(context);
    exit::finish(&thread).await;
}

/// Whether the call ended with one of the errors that programs never see.
#[inline]
fn must_restart(context: &UserContext) -> bool {
    const LOWEST: u64 = Errno::ERESTART_RESTARTBLOCK.as_return() as u64;
    const HIGHEST: u64 = Errno::ERESTARTSYS.as_return() as u64;
    (LOWEST..=HIGHEST).contains(&context.registers().rax) && context.registers().orig_rax != u64::MAX
}

/// A call was interrupted, or met a page that must come from a disk first. If a signal is the reason, its handler decides how it goes on; else
/// the call is executed again.
async fn restart(thread: &Arc<Thread>, context: &mut UserContext) {
    if let Some(wait) = memory::user::take_deferred() {
        fault::wait_for_page(thread, fault::Wait::Page(wait)).await;
    }
    if !thread.interrupted() {
        signal::restart_call(thread, context, None);
    }
}

/// Does all that must be done before the thread may go back to user mode. False: it is dead.
async fn before_user(thread: &Arc<Thread>, context: &mut UserContext, in_user_mode: bool) -> bool {
    loop {
        if executor::should_yield() {
            sampling::sample(thread, in_user_mode);
            thread.clock.note_preemption();
            executor::yield_now().await;
        }
        if thread.work.load(Ordering::Acquire) == 0 {
            return true;
        }
        match signal::next(thread, context) {
            Next::Return => {}
            Next::Rest => signal::rest(thread).await,
            Next::Die => return false,
        }
    }
}
