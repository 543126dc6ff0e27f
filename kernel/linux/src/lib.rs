//! The Linux ABI: system calls, and what /proc shows.
//!
//! * [`table`] is the one list of system calls; dispatch, trace and documentation come from it.
//! * [`calls`] holds the handlers, a file for each family. They translate: registers to words, results to registers. What a call *does* lives in
//!   the rooms below.
//! * [`trace`] is the strace-like trace, [`document`] the generated page, [`procfs`] the file system on /proc.
//! * [`start`] mounts the first file systems and runs the first program.
//!
//! A call runs in two halves. [`Linux::enter`] runs the synchronous half on the spot, and most calls end there. When a handler says that it must
//! wait, the thread awaits [`Linux::wait`], the asynchronous half, which starts from the same registers.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod argument;
pub mod call;
pub mod calls;
pub mod document;
pub mod load_average;

pub mod procfs;
mod shells;
pub mod start;
pub mod table;
pub mod trace;

use alloc::sync::Arc;
use arch::user::UserContext;
use process::{Entered, SystemCalls, Thread};

use call::{Call, Outcome, Stop};

/// The system calls of Linux, for [`process::spawn_thread`].
pub struct Linux;

/// Only the low 32 bits of the number count, as on Linux.
#[inline]
fn number(context: &UserContext) -> usize {
    context.syscall_number() as u32 as usize
}

fn finish(context: &mut UserContext, outcome: Outcome) -> Entered {
    let result = match outcome {
        Ok(result) => result,
        Err(Stop::Error(errno)) => errno.as_return(),
        Err(Stop::Wait(progress)) => return Entered::Wait(progress),
    };
    context.set_return(result as u64);
    Entered::Done
}

#[cold]
fn enter_traced(thread: &Arc<Thread>, context: &mut UserContext, number: usize) -> Entered {
    // The tid may change in execve.
    let tid = thread.tid();
    let entered = trace::enter(number, &call::arguments(context));
    let outcome = table::dispatch(&mut Call { thread, context }, number);
    let done = finish(context, outcome);
    // A call that waits is formatted again, and printed, by its waiting half.
    if matches!(done, Entered::Done) {
        if thread.killed() {
            trace::gone(tid, entered);
        } else {
            trace::leave(tid, entered, context.registers().rax as usize);
        }
    }
    done
}

impl SystemCalls for Linux {
    #[inline]
    fn enter(thread: &Arc<Thread>, context: &mut UserContext) -> Entered {
        let number = number(context);
        if trace::enabled() {
            return enter_traced(thread, context, number);
        }
        let outcome = table::dispatch(&mut Call { thread, context }, number);
        finish(context, outcome)
    }

    async fn wait(thread: &Arc<Thread>, context: &mut UserContext, progress: usize) {
        let number = number(context);
        let args = call::arguments(context);
        let entered = trace::enabled().then(|| trace::enter(number, &args));
        let result = table::wait(&mut Call { thread, context }, number, args, progress).await;
        let result = result.unwrap_or_else(|errno| errno.as_return());
        context.set_return(result as u64);
        if let Some(entered) = entered {
            trace::leave(thread.tid(), entered, result);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<F>(_: impl FnOnce(Arc<Thread>, UserContext) -> F) -> usize {
        size_of::<F>()
    }

    /// What a thread that waits in a system call costs is mostly this future: 10,000 of them must not cost much.
    #[test]
    fn the_future_of_a_thread_is_small() {
        let size = size_of_future(process::thread_loop::<Linux>);
        println!("thread future: {size} bytes, Thread: {} bytes", size_of::<Thread>());
        assert!(size <= 1536, "the future of a thread has {size} bytes");
    }
}
