//! Job control: stopping and continuing a process.
//!
//! A stop signal is taken from the queue by one thread, which asks all others to stop too. Each rests in [`rest`], at the end of its own loop,
//! and the last one to get there tells the parent. SIGCONT, at the moment when it is *sent*, lets them all go; whichever thread
//! comes first then tells the parent.

use alloc::sync::Arc;
use core::future::poll_fn;
use core::sync::atomic::Ordering;
use core::task::Poll;

use abi::Signal;
use abi::siginfo::code;

use crate::process::Shared;
use crate::thread::work;
use crate::{Thread, exit};

/// The process shall stop, with `signal` as the reason: asks all threads, the caller included. False when SIGCONT or an end came in between.
pub(super) fn begin(shared: &mut Shared, signal: Signal) -> bool {
    if !core::mem::take(&mut shared.stop.dequeued) || shared.group_exit.is_some() || shared.exec.is_some() {
        return false;
    }
    shared.stop.signal = Some(signal);
    shared.stop.tell_continued = false;
    let mut remaining = 0;
    for thread in &shared.threads {
        let resting = thread.stopped.load(Ordering::Relaxed) || thread.exiting.load(Ordering::Relaxed);
        if !resting {
            remaining += 1;
            thread.notify(work::STOP);
        }
    }
    shared.stop.remaining = remaining;
    true
}

/// A thread notices that it shall stop. Answers whether the process is stopped with it. The thread then awaits [`rest`].
pub(super) fn join(thread: &Thread, shared: &mut Shared) -> bool {
    thread.work.fetch_and(!work::STOP, Ordering::Relaxed);
    if shared.stop.signal.is_none() {
        return false;
    }
    thread.stopped.store(true, Ordering::Relaxed);
    count_down(shared)
}

fn count_down(shared: &mut Shared) -> bool {
    shared.stop.remaining = shared.stop.remaining.saturating_sub(1);
    let complete = shared.stop.remaining == 0 && !shared.stop.stopped;
    shared.stop.stopped |= complete;
    complete
}

/// A thread that ends while a stop is under way is not waited for. Answers the signal if the process is stopped with that.
pub(crate) fn leave_stop_count(thread: &Thread, shared: &mut Shared) -> Option<Signal> {
    let asked = thread.work.fetch_and(!work::STOP, Ordering::Relaxed) & work::STOP != 0;
    let complete = asked && shared.stop.signal.is_some() && count_down(shared);
    if complete { shared.stop.signal } else { None }
}

/// SIGCONT was sent: whoever rests goes on, whoever was asked to stop needn't.
pub(super) fn resume(shared: &mut Shared) {
    let was_under_way = shared.stop.signal.is_some();
    let tell = was_under_way && shared.stop.stopped || shared.stop.tell_continued;
    shared.stop = Default::default();
    shared.stop.tell_continued = tell;
    if !was_under_way {
        return;
    }
    for thread in &shared.threads {
        thread.stopped.store(false, Ordering::Release);
        thread.work.fetch_and(!work::STOP, Ordering::Relaxed);
        // Signals that came during the stop are looked at now.
        thread.notify(work::SIGNAL);
    }
}

/// Rests until the process is continued or killed.
pub(crate) async fn rest(thread: &Arc<Thread>) {
    poll_fn(|_| if thread.stopped.load(Ordering::Acquire) && !thread.killed() { Poll::Pending } else { Poll::Ready(()) }).await;
    let tell = core::mem::take(&mut thread.process().shared.lock().stop.tell_continued);
    if tell {
        exit::tell_parent(thread.process(), code::CLD_CONTINUED, Signal::SIGCONT);
    }
}
