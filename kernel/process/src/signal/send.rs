//! Sending: into the right queue, and to a thread that will notice.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use abi::process::WaitStatus;
use abi::siginfo::{SigAction, SignalInfo, code};
use abi::{Errno, Result, Signal, SignalSet};

use super::action::{DefaultAction, STOPPING, default_action};
use crate::limits::Resource;
use crate::process::Shared;
use crate::thread::work;
use crate::{Process, Thread, accounts, tree};

/// For whom a signal is.
#[derive(Clone, Copy)]
pub enum Target<'a> {
    /// Whichever thread of the process doesn't block it.
    Process(&'a Process),
    /// This thread and no other.
    Thread(&'a Arc<Thread>),
}

impl Target<'_> {
    fn process(&self) -> &Process {
        match self {
            Target::Process(process) => process,
            Target::Thread(thread) => thread.process(),
        }
    }
}

/// Sends a signal to a process as a whole. EAGAIN when a real-time signal finds the queue full. Nobody's permission is checked.
pub fn send_to_process(process: &Process, signal: Signal, info: SignalInfo) -> Result<()> {
    send(Target::Process(process), signal, info)
}

/// Sends a signal to one thread. EAGAIN when a real-time signal finds the queue full.
pub fn send_to_thread(thread: &Arc<Thread>, signal: Signal, info: SignalInfo) -> Result<()> {
    send(Target::Thread(thread), signal, info)
}

/// Sends a signal to all members of a process group; ESRCH when there is none.
pub fn send_to_group(group: u32, signal: Signal, info: SignalInfo) -> Result<()> {
    let tree = tree::lock();
    let mut next = tree.first_member(group);
    if next.is_none() {
        return Err(Errno::ESRCH);
    }
    while let Some(pid) = next {
        next = tree.next_member(pid);
        if let Some(family) = tree.family(pid) {
            // A full queue of one member must not keep the signal from the others.
            let _ = send_to_process(&family.process, signal, info);
        }
    }
    Ok(())
}

/// The kernel's own signal to a process group, as the terminal sends it; ESRCH when there is no such group.
pub fn signal_group(group: u32, signal: Signal) -> Result<()> {
    send_to_group(group, signal, SignalInfo::kernel(signal))
}

/// The kernel's own signal to a process; ESRCH when there is none.
pub fn signal_process(pid: u32, signal: Signal) -> Result<()> {
    let process = tree::find_process(pid).ok_or(Errno::ESRCH)?;
    send_to_process(&process, signal, SignalInfo::kernel(signal))
}

fn send(target: Target<'_>, signal: Signal, info: SignalInfo) -> Result<()> {
    let process = target.process();
    let mut shared = process.shared.lock();
    let shared = &mut *shared;
    if shared.group_exit.is_some() || shared.threads.is_empty() {
        return Ok(());
    }
    prepare(shared, signal);
    let observer = match target {
        Target::Thread(thread) => Some(thread),
        Target::Process(process) => shared.threads.iter().find(|thread| thread.tid() == process.pid()).or(shared.threads.first()),
    };
    if observer.is_none_or(|thread| is_ignored(process, thread, signal)) {
        return Ok(());
    }
    match target {
        Target::Process(_) => enqueue(&mut shared.pending, process, signal, info)?,
        Target::Thread(thread) => enqueue(&mut thread.pending.lock(), process, signal, info)?,
    }
    complete(process, shared, target, signal);
    super::file::announce();
    Ok(())
}

/// What sending does even when the signal itself is ignored or blocked: stops and SIGCONT cancel each other, and SIGCONT continues.
fn prepare(shared: &mut Shared, signal: Signal) {
    if STOPPING.contains(signal) {
        remove_everywhere(shared, SignalSet::of(Signal::SIGCONT));
    } else if signal == Signal::SIGCONT {
        remove_everywhere(shared, STOPPING);
        super::stop::resume(shared);
    }
}

fn remove_everywhere(shared: &mut Shared, set: SignalSet) {
    shared.pending.remove(set);
    for thread in &shared.threads {
        thread.pending.lock().remove(set);
    }
}

/// Whether the signal need not even be queued. A blocked one must be: it may have a handler when it is unblocked.
fn is_ignored(process: &Process, thread: &Thread, signal: Signal) -> bool {
    let mask = SignalSet(thread.mask.load(Ordering::Relaxed) | thread.real_mask.load(Ordering::Relaxed));
    if mask.contains(signal) {
        return false;
    }
    let actions = process.actions();
    let actions = actions.lock();
    let bounces = process.protected.load(Ordering::Relaxed) && actions.get(signal).handler == SigAction::DEFAULT;
    bounces || actions.ignores(signal)
}

fn enqueue(pending: &mut super::Pending, process: &Process, signal: Signal, info: SignalInfo) -> Result<()> {
    if !signal.is_realtime() && pending.set().contains(signal) {
        return Ok(());
    }
    if signal == Signal::SIGKILL || info == SignalInfo::kernel(signal) && !signal.is_realtime() {
        pending.mark(signal);
        return Ok(());
    }
    let account = process.account.load(Ordering::Relaxed);
    // As on Linux, what the kernel or kill(2) sends may exceed the limit for standard signals.
    let limit = if !signal.is_realtime() && info.code >= 0 { u64::MAX } else { process.soft_limit(Resource::PendingSignals) };
    let queued = memory::frames::admit().and_then(|()| accounts::charge_signal(account, limit)).and_then(|()| {
        let pushed = pending.push(signal, info, account);
        if pushed.is_err() {
            accounts::release_signal(account);
        }
        pushed
    });
    match queued {
        Ok(()) => {}
        Err(_) if signal.is_realtime() && info.code != code::SI_USER => return Err(Errno::EAGAIN),
        Err(_) => pending.mark(signal),
    }
    Ok(())
}

/// Finds a thread for the signal and wakes it. A signal that is sure to end the process ends all threads at once.
fn complete(process: &Process, shared: &mut Shared, target: Target<'_>, signal: Signal) {
    let chosen = match target {
        Target::Thread(thread) => wants(thread, signal).then(|| thread.clone()),
        Target::Process(process) => {
            let main = shared.threads.iter().find(|thread| thread.tid() == process.pid() && wants(thread, signal));
            main.or_else(|| shared.threads.iter().find(|thread| wants(thread, signal))).cloned()
        }
    };
    let Some(thread) = chosen else { return };
    let ends = default_action(signal) == DefaultAction::Terminate && process.actions().lock().get(signal).handler == SigAction::DEFAULT;
    let protected = process.protected.load(Ordering::Relaxed);
    let waited_for = thread.real_mask.load(Ordering::Relaxed) & SignalSet::of(signal).0 != 0;
    if ends && !protected && !waited_for {
        start_group_exit(shared, WaitStatus::killed(signal, false));
        return;
    }
    thread.notify(work::SIGNAL);
}

fn wants(thread: &Thread, signal: Signal) -> bool {
    if thread.mask().contains(signal) || thread.exiting.load(Ordering::Relaxed) {
        return false;
    }
    signal == Signal::SIGKILL || !thread.stopped.load(Ordering::Relaxed)
}

/// All threads must end, and the process with this status. The first caller decides; answers the status that holds.
pub(crate) fn start_group_exit(shared: &mut Shared, status: WaitStatus) -> WaitStatus {
    if let Some(decided) = shared.group_exit {
        return decided;
    }
    shared.group_exit = Some(status);
    shared.stop = Default::default();
    for thread in &shared.threads {
        thread.stopped.store(false, Ordering::Relaxed);
        thread.notify(work::KILL);
    }
    status
}

/// A fault of the calling thread itself: the signal is delivered even if it is blocked or ignored, and then by the default action, which
/// ends even the first process.
pub(crate) fn force(thread: &Arc<Thread>, signal: Signal, info: SignalInfo) {
    let process = thread.process();
    {
        let _shared = process.shared.lock();
        let actions = process.actions();
        let mut actions = actions.lock();
        let mut action = actions.get(signal);
        let blocked = thread.mask().contains(signal);
        if blocked || action.handler == SigAction::IGNORE {
            action = SigAction::default();
            actions.set(signal, action);
            thread.mask.fetch_and(!SignalSet::of(signal).0, Ordering::Relaxed);
        }
        if action.handler == SigAction::DEFAULT {
            process.protected.store(false, Ordering::Relaxed);
        }
    }
    // A standard signal sent by the kernel always finds room.
    let _ = send_to_thread(thread, signal, info);
}

/// As [`force`], but a handler is not given another chance: it was the handler's own frame that failed.
pub(crate) fn force_default(thread: &Arc<Thread>, signal: Signal) {
    thread.process().actions().lock().set(signal, SigAction::default());
    force(thread, signal, SignalInfo::kernel(signal));
}

/// The kernel's own signal to the calling thread, for what it did in a system call: SIGPIPE, SIGXFSZ.
pub fn raise(thread: &Arc<Thread>, signal: Signal) {
    // The kernel's own standard signals always find room.
    let _ = send_to_thread(thread, signal, SignalInfo::kernel(signal));
}

/// Kills every process but the first one and `spared`; for the end of the machine.
pub fn kill_all_except(spared: u32) {
    let tree = tree::lock();
    let mut next = tree.next_pid(tree::INIT + 1);
    while let Some(pid) = next {
        next = tree.next_pid(pid + 1);
        if let Some(family) = tree.family(pid).filter(|_| pid != spared) {
            // The kernel's own signal always finds room.
            let _ = send_to_process(&family.process, Signal::SIGKILL, SignalInfo::kernel(Signal::SIGKILL));
        }
    }
}
