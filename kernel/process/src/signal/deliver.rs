//! What a thread does about its signals before it returns to user mode.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use abi::process::WaitStatus;
use abi::siginfo::{SigAction, SignalInfo, code};
use abi::{Errno, Signal, SignalSet};
use arch::user::UserContext;

use super::action::{DefaultAction, UNBLOCKABLE, default_action};
use super::{frame, send, stop};
use crate::process::Shared;
use crate::restart::Restart;
use crate::thread::work;
use crate::{Thread, exit, identity};

/// How it goes on after looking at the signals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// Back to user mode.
    Return,
    /// The process is stopped: rest first, then look again.
    Rest,
    /// The thread ends.
    Die,
}

/// Length of the `syscall` instruction.
const SYSCALL_LENGTH: u64 = 2;
/// The number of restart_syscall(2).
const RESTART_SYSCALL: u64 = 219;

/// Sets or clears the thread's "a signal waits" bit according to queues and mask. For the thread itself, under its process's lock.
pub(super) fn recalculate(thread: &Thread, shared: &Shared) {
    let waiting = shared.pending.set().union(thread.pending.lock().set());
    if waiting.minus(thread.mask()).is_empty() {
        thread.work.fetch_and(!work::SIGNAL, Ordering::AcqRel);
    } else {
        thread.work.fetch_or(work::SIGNAL, Ordering::AcqRel);
    }
}

/// Looks at signals and stops until the thread may return to user mode: at most one handler is set up.
pub(crate) fn next(thread: &Arc<Thread>, context: &mut UserContext) -> Next {
    loop {
        match take(thread) {
            Taken::Nothing => {
                restart_call(thread, context, None);
                super::restore_mask(thread);
                return Next::Return;
            }
            Taken::Die => return Next::Die,
            Taken::Stopped(signal) => {
                if let Some(signal) = signal {
                    exit::tell_parent(thread.process(), code::CLD_STOPPED, signal);
                }
                return Next::Rest;
            }
            Taken::StopAsked(signal) => {
                // Whether the group is orphaned is known only with the tree's lock, which comes before the process's.
                let unable = signal != Signal::SIGSTOP && identity::is_orphaned(thread.process().group_id());
                if !unable {
                    stop::begin(&mut thread.process().shared.lock(), signal);
                }
            }
            Taken::Fatal(signal) => {
                send::start_group_exit(&mut thread.process().shared.lock(), WaitStatus::killed(signal, false));
                return Next::Die;
            }
            Taken::Handle(signal, info, action) => {
                restart_call(thread, context, Some(&action));
                if handle(thread, context, signal, info, &action).is_ok() {
                    return Next::Return;
                }
                if signal == Signal::SIGSEGV {
                    send::force_default(thread, Signal::SIGSEGV);
                } else {
                    send::force(thread, Signal::SIGSEGV, SignalInfo::kernel(Signal::SIGSEGV));
                }
            }
        }
    }
}

enum Taken {
    Nothing,
    Die,
    /// This thread stops, and completes the stop by that if there is a signal.
    Stopped(Option<Signal>),
    StopAsked(Signal),
    Fatal(Signal),
    Handle(Signal, SignalInfo, SigAction),
}

fn take(thread: &Arc<Thread>) -> Taken {
    let process = thread.process();
    let mut shared = process.shared.lock();
    loop {
        if thread.killed() {
            return Taken::Die;
        }
        if thread.work.load(Ordering::Relaxed) & work::STOP != 0 {
            let complete = stop::join(thread, &mut shared);
            if thread.stopped.load(Ordering::Relaxed) {
                return Taken::Stopped(if complete { shared.stop.signal } else { None });
            }
            continue;
        }
        let mask = thread.mask();
        let own = thread.pending.lock().take(mask);
        let Some((signal, info)) = own.or_else(|| shared.pending.take(mask)) else {
            recalculate(thread, &shared);
            return Taken::Nothing;
        };
        recalculate(thread, &shared);
        let actions = process.actions();
        let mut actions = actions.lock();
        let action = actions.get(signal);
        match action.handler {
            SigAction::IGNORE => continue,
            SigAction::DEFAULT => {}
            _ => {
                if action.has(SigAction::RESETHAND) {
                    actions.set(signal, SigAction { handler: SigAction::DEFAULT, ..action });
                }
                return Taken::Handle(signal, info, action);
            }
        }
        match default_action(signal) {
            DefaultAction::Ignore | DefaultAction::Continue => continue,
            _ if process.protected.load(Ordering::Relaxed) => continue,
            DefaultAction::Stop => {
                shared.stop.dequeued = true;
                return Taken::StopAsked(signal);
            }
            DefaultAction::Terminate | DefaultAction::Core => return Taken::Fatal(signal),
        }
    }
}

/// Sets up a handler: its frame on the stack, its mask, the registers.
fn handle(thread: &Arc<Thread>, context: &mut UserContext, signal: Signal, info: SignalInfo, action: &SigAction) -> abi::Result<()> {
    let temporary = thread.work.load(Ordering::Relaxed) & work::RESTORE_MASK != 0;
    let mask = if temporary { SignalSet(thread.saved_mask.load(Ordering::Relaxed)) } else { thread.mask() };
    frame::build(thread, context, signal, info, action, mask)?;
    thread.work.fetch_and(!work::RESTORE_MASK, Ordering::Relaxed);
    let mut blocked = thread.mask().union(action.mask());
    if !action.has(SigAction::NODEFER) {
        blocked = blocked.with(signal);
    }
    super::calls::set_mask(thread, blocked.minus(UNBLOCKABLE));
    Ok(())
}

/// If the thread is in a system call that was interrupted, decides whether it ends with EINTR or is executed again. `action` is that of the
/// handler that runs first, if one does.
pub(crate) fn restart_call(thread: &Thread, context: &mut UserContext, action: Option<&SigAction>) {
    let registers = context.registers_mut();
    if registers.orig_rax == u64::MAX {
        return;
    }
    let is = |errno: Errno| registers.rax == errno.as_return() as u64;
    let again = is(Errno::ERESTARTNOINTR)
        || is(Errno::ERESTARTSYS) && action.is_none_or(|action| action.has(SigAction::RESTART))
        || is(Errno::ERESTARTNOHAND) && action.is_none();
    let with_rest = is(Errno::ERESTART_RESTARTBLOCK) && action.is_none();
    if again || with_rest {
        registers.rax = if with_rest { RESTART_SYSCALL } else { registers.orig_rax };
        registers.rip = registers.rip.wrapping_sub(SYSCALL_LENGTH);
    } else if is(Errno::ERESTARTSYS) || is(Errno::ERESTARTNOHAND) || is(Errno::ERESTART_RESTARTBLOCK) {
        registers.rax = Errno::EINTR.as_return() as u64;
        *thread.restart.lock() = Restart::None;
    }
    // Done once: a second signal on the same way back must not move `rip` again.
    registers.orig_rax = u64::MAX;
}
