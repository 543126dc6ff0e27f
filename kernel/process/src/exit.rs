//! The end of threads and processes (exit(2), exit_group(2)).
//!
//! Nobody takes a thread away from outside. Ending is a bit in its work word; the wake that goes with it gets it out of any wait, its own
//! `?` unwinds the call, and on the way back to user mode its loop ends and comes here. Whoever ends last ends the process.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use abi::process::WaitStatus;
use abi::siginfo::{SigAction, SignalInfo, code};
use abi::{Signal, SignalSet};
use fs::OpenFile;
use memory::AddressSpace;

use crate::process::{Shared, SpaceUse};
use crate::thread::work;
use crate::times::{NANOS_PER_TICK, Usage};
use crate::tree::{self, Tree, Zombie};
use crate::{Process, Thread, memory_pressure, robust, signal};

/// Pages that are unmapped between two looks at whether somebody else wants to run.
const CLEAR_STEP: usize = 256;

/// exit(2): this thread ends. It does on its way back to user mode.
pub fn exit_thread(thread: &Thread, code: u8) {
    if thread.is_leader() {
        thread.process().shared.lock().main_status = Some(WaitStatus::exited(code));
    }
    thread.work.fetch_or(work::KILL, Ordering::AcqRel);
}

/// exit_group(2): all threads end; whatever they wait for, they are woken.
pub fn exit_group(thread: &Thread, code: u8) {
    end_process(thread.process(), WaitStatus::exited(code));
    thread.work.fetch_or(work::KILL, Ordering::AcqRel);
}

/// Ends a process from outside, with this status.
pub fn end_process(process: &Process, status: WaitStatus) {
    signal::start_group_exit(&mut process.shared.lock(), status);
}

/// What a thread still has to do after its loop.
pub(crate) async fn finish(thread: &Arc<Thread>) {
    let process = thread.process();
    thread.exiting.store(true, Ordering::Relaxed);
    robust::release(thread);
    close_files(thread).await;
    drop(thread.set_fs(None));
    let last = leave(thread);
    if last {
        end(process).await;
    }
}

/// Drops the thread's share of the descriptor table; the last one closes the files.
async fn close_files(thread: &Thread) {
    let Some(table) = thread.set_files(None).and_then(Arc::into_inner) else { return };
    drop_files(thread.process(), table.into_inner().take_all()).await;
}

/// Closes files that were taken out of a table: the process's record locks on them go, then the descriptions.
pub(crate) async fn drop_files(process: &Process, files: Vec<Arc<OpenFile>>) {
    for file in files {
        fs::locks::release_process(&file, process.pid().into());
        drop(file);
        executor::budget::checkpoint(1).await;
    }
}

/// Takes the thread off its process's list and out of the table of numbers. True if it was the last one.
fn leave(thread: &Arc<Thread>) -> bool {
    let process = thread.process();
    let removed = tree::lock().remove_thread(thread.tid());
    let (last, stopped) = {
        let mut shared = process.shared.lock();
        let stopped = signal::leave_stop_count(thread, &mut shared);
        pass_on_signals(thread, &shared);
        if shared.threads.len() == 1 {
            process.set_last_thread(thread.raw_name(), thread.credentials());
        }
        remove(thread, &mut shared);
        // Under the same lock, so that no reader sees the thread neither here nor there.
        process.ended.lock().add(&thread.usage());
        (shared.threads.is_empty(), stopped)
    };
    drop(removed);
    if let Some(signal) = stopped.filter(|_| !last) {
        tell_parent(process, code::CLD_STOPPED, signal);
    }
    // Somebody may be in execve(2), waiting to be alone.
    process.events.wake_all();
    last
}

pub(crate) fn remove(thread: &Arc<Thread>, shared: &mut Shared) {
    let index = thread.index.load(Ordering::Relaxed) as usize;
    if shared.threads.get(index).is_some_and(|found| Arc::ptr_eq(found, thread)) {
        shared.threads.swap_remove(index);
        if let Some(moved) = shared.threads.get(index) {
            moved.index.store(index as u32, Ordering::Relaxed);
        }
    }
    if shared.threads.len() * 4 < shared.threads.capacity() {
        // An end must not fail for want of memory: without a smaller block the large one stays.
        let mut smaller = Vec::new();
        if smaller.try_reserve_exact(shared.threads.len()).is_ok() {
            smaller.append(&mut shared.threads);
            shared.threads = smaller;
        }
    }
}

/// Signals for the whole process that this thread was woken for need another thread.
fn pass_on_signals(thread: &Arc<Thread>, shared: &Shared) {
    let waiting = shared.pending.set();
    if waiting.is_empty() {
        return;
    }
    let taker = shared
        .threads
        .iter()
        .find(|other| !Arc::ptr_eq(other, thread) && !other.exiting.load(Ordering::Relaxed) && !waiting.minus(other.mask()).is_empty());
    if let Some(taker) = taker {
        taker.notify(work::SIGNAL);
    }
}

/// Gives up a process's use of an address space that isn't active here. The last user takes it apart, bit by bit.
pub(crate) async fn clear_space(used: SpaceUse) {
    if Arc::into_inner(used.users).is_some() {
        while !used.space.clear_some(CLEAR_STEP) {
            executor::budget::checkpoint(CLEAR_STEP as u32).await;
        }
    }
    drop(used.space);
}

/// The last thread is gone.
async fn end(process: &Arc<Process>) {
    let status = {
        let mut shared = process.shared.lock();
        shared.pending.remove(SignalSet::ALL);
        let natural = shared.main_status.unwrap_or(WaitStatus::exited(0));
        *shared.group_exit.get_or_insert(natural)
    };
    process.status.store(status.0, Ordering::Release);
    let timers = core::mem::take(&mut *process.timers.lock());
    drop(timers);
    process.note_resident();
    let used = process.replace_space(None);
    AddressSpace::deactivate();
    release_vfork_parent(process);
    if let Some(used) = used {
        clear_space(used).await;
    }
    *process.image.lock() = Arc::default();
    if process.leads_session()
        && let Some(terminal) = process.session().set_terminal(None)
    {
        terminal.leader_exited();
    }
    let own = process.usage();
    let zombie = Zombie { status, own, children: process.children_usage() };
    let mut gone = None;
    {
        let mut tree = tree::lock();
        tree.give_children_away(process);
        // Only if it was this process that tied its group to the rest of the session.
        let tied = tree
            .parent_of(process.pid())
            .is_some_and(|parent| parent.group_id() != process.group_id() && parent.session_id() == process.session_id());
        if tied {
            tree.hang_up_orphans(process.group_id(), process.pid());
        }
        if let Some(family) = tree.family_mut(process.pid()) {
            (family.zombie, family.stopped, family.continued) = (Some(zombie), None, false);
        }
        if tree.announce(process.pid()) {
            gone = tree.remove_process(process.pid());
        }
    }
    drop(gone);
    memory_pressure::forget(process);
    process.ended_event.set();
}

/// A vfork(2) child no longer uses its parent's memory.
pub(crate) fn release_vfork_parent(process: &Process) {
    let event = process.vfork.lock().take();
    if let Some(event) = event {
        event.set();
    }
}

/// Tells the parent that the process was stopped (by `signal`) or continued.
pub(crate) fn tell_parent(process: &Process, code: i32, signal: Signal) {
    let mut tree = tree::lock();
    let Some(family) = tree.family_mut(process.pid()) else { return };
    if code == code::CLD_STOPPED {
        (family.stopped, family.continued) = (Some(signal), false);
    } else {
        (family.stopped, family.continued) = (None, true);
    }
    let Some(parent) = tree.parent_of(process.pid()) else { return };
    let action = parent.actions().lock().get(Signal::SIGCHLD);
    if action.handler != SigAction::IGNORE && !action.has(SigAction::NOCLDSTOP) {
        let info = news(process, code, i32::from(signal.number()), &process.usage());
        // A standard signal that finds no room is still sent, without its details.
        let _ = signal::send_to_process(&parent, Signal::SIGCHLD, info);
    }
    parent.events.wake_all();
}

/// The information that goes with SIGCHLD.
fn news(process: &Process, code: i32, status: i32, usage: &Usage) -> SignalInfo {
    let uid = process.account.load(Ordering::Relaxed);
    let ticks = |nanos: u64| nanos / NANOS_PER_TICK;
    SignalInfo::child(i32::from(Signal::SIGCHLD.number()), code, process.pid(), uid, status, ticks(usage.user()), ticks(usage.system()))
}

/// `si_code` and `si_status` for a process's end.
pub(crate) fn explain(status: WaitStatus) -> (i32, i32) {
    match status.signal() {
        Some(signal) if status.core() => (code::CLD_DUMPED, i32::from(signal.number())),
        Some(signal) => (code::CLD_KILLED, i32::from(signal.number())),
        None => (code::CLD_EXITED, i32::from(status.code())),
    }
}

impl Tree {
    pub(crate) fn parent_of(&self, pid: u32) -> Option<Arc<Process>> {
        Some(self.family(self.family(pid)?.parent)?.process.clone())
    }

    /// Tells the parent of an end. True when nobody will wait for the process, so that it can go at once.
    fn announce(&mut self, pid: u32) -> bool {
        let Some((process, zombie)) = self.family(pid).and_then(|family| Some((family.process.clone(), family.zombie?))) else {
            return false;
        };
        let Some(parent) = self.parent_of(pid) else { return true };
        let mut unwanted = parent.kernel_init;
        let mut send = process.exit_signal();
        if send == Some(Signal::SIGCHLD) {
            let action = parent.actions().lock().get(Signal::SIGCHLD);
            let ignored = action.handler == SigAction::IGNORE;
            unwanted |= ignored || action.has(SigAction::NOCLDWAIT);
            send = send.filter(|_| !ignored);
        }
        if let Some(signal) = send {
            let (code, status) = explain(zombie.status);
            let mut info = news(&process, code, status, &zombie.own);
            info.signal = i32::from(signal.number());
            // A standard signal that finds no room is still sent, without its details.
            let _ = signal::send_to_process(&parent, signal, info);
        }
        parent.events.wake_all();
        unwanted
    }

    /// Children go to the nearest ancestor that collects orphans, or to the first process.
    fn give_children_away(&mut self, process: &Process) {
        let heir = self.heir(process.pid());
        while let Some(child) = self.first_child(process.pid()) {
            let Some((group, child_process, zombie)) =
                self.family(child).map(|family| (family.process.group_id(), family.process.clone(), family.zombie.is_some()))
            else {
                return;
            };
            child_process.set_exit_signal(Some(Signal::SIGCHLD));
            self.adopt(child, heir);
            tell_of_parents_death(&child_process);
            if zombie && self.announce(child) {
                // The family's box is small; the process itself was emptied when it ended.
                drop(self.remove_process(child));
            } else if group != process.group_id() && child_process.session_id() == process.session_id() {
                self.hang_up_orphans(group, 0);
            }
            if heir == 0 && self.first_child(process.pid()) == Some(child) {
                return;
            }
        }
    }

    fn heir(&self, pid: u32) -> u32 {
        let mut ancestor = self.family(pid).map_or(0, |family| family.parent);
        while let Some(family) = self.family(ancestor) {
            if family.process.is_subreaper() && family.zombie.is_none() && !family.process.is_exiting() {
                return ancestor;
            }
            ancestor = family.parent;
        }
        if pid != tree::INIT && self.family(tree::INIT).is_some() { tree::INIT } else { 0 }
    }

    /// A group that becomes orphaned with the end of `leaving`, and has stopped members, is hung up and continued: nobody else could.
    fn hang_up_orphans(&mut self, group: u32, leaving: u32) {
        if self.is_orphaned(group, leaving) && self.has_stopped_member(group) {
            for signal in [Signal::SIGHUP, Signal::SIGCONT] {
                let mut next = self.first_member(group);
                while let Some(pid) = next {
                    next = self.next_member(pid);
                    if let Some(family) = self.family(pid) {
                        // The kernel's own standard signals always find room.
                        let _ = signal::send_to_process(&family.process, signal, SignalInfo::kernel(signal));
                    }
                }
            }
        }
    }
}

fn tell_of_parents_death(child: &Process) {
    let mut wanted = None;
    child.for_each_thread(|thread| wanted = wanted.or(Signal::new(u64::from(thread.parent_death_signal()))));
    if let Some(signal) = wanted {
        // The kernel's own signal always finds room.
        let _ = signal::send_to_process(child, signal, SignalInfo::kernel(signal));
    }
}
