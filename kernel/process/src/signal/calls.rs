//! The system calls by which a thread arranges its own signals.

use core::sync::atomic::Ordering;

use abi::siginfo::{SigAction, SignalInfo, SignalStack};
use abi::{Errno, Result, Signal, SignalSet};

use super::action::UNBLOCKABLE;
use super::deliver::recalculate;
use crate::Thread;
use crate::process::Shared;
use crate::thread::work;

/// rt_sigaction(2): sets the action if `new` is given; answers the old one. EINVAL for SIGKILL and SIGSTOP with a new action.
pub fn set_action(thread: &Thread, signal: Signal, new: Option<SigAction>) -> Result<SigAction> {
    let process = thread.process();
    if new.is_some() && UNBLOCKABLE.contains(signal) {
        return Err(Errno::EINVAL);
    }
    let mut shared = process.shared.lock();
    let actions = process.actions();
    let mut actions = actions.lock();
    let old = actions.get(signal);
    if let Some(mut new) = new {
        new.flags &= SigAction::KNOWN;
        new.mask = new.mask().minus(UNBLOCKABLE).0;
        actions.set(signal, new);
        // POSIX: setting an action that ignores the signal discards what is pending, blocked or not.
        if actions.ignores(signal) {
            let set = SignalSet::of(signal);
            shared.pending.remove(set);
            for thread in &shared.threads {
                thread.pending.lock().remove(set);
            }
        }
    }
    Ok(old)
}

/// rt_sigprocmask(2): `how` is SIG_BLOCK 0, SIG_UNBLOCK 1 or SIG_SETMASK 2 (else EINVAL, if a set is given); answers the old mask.
pub fn change_mask(thread: &Thread, how: i32, set: Option<SignalSet>) -> Result<SignalSet> {
    let old = thread.mask();
    if let Some(set) = set {
        let new = match how {
            0 => old.union(set),
            1 => old.minus(set),
            2 => set,
            _ => return Err(Errno::EINVAL),
        };
        set_mask(thread, new);
    }
    Ok(old)
}

/// Sets the mask and sees whether that lets something through, or keeps from this thread what another one could take.
pub(super) fn set_mask(thread: &Thread, mask: SignalSet) {
    let shared = thread.process().shared.lock();
    set_mask_locked(thread, &shared, mask);
}

fn set_mask_locked(thread: &Thread, shared: &Shared, mask: SignalSet) {
    let mask = mask.minus(UNBLOCKABLE);
    let newly_blocked = mask.minus(thread.mask());
    thread.mask.store(mask.0, Ordering::Relaxed);
    recalculate(thread, shared);
    // A signal for the whole process may have picked this thread, which now doesn't want it: somebody else may.
    let orphaned = SignalSet(shared.pending.set().0 & newly_blocked.0);
    if !orphaned.is_empty() {
        let taker = shared.threads.iter().find(|other| {
            !core::ptr::eq(&***other, thread) && !other.exiting.load(Ordering::Relaxed) && !orphaned.minus(other.mask()).is_empty()
        });
        if let Some(taker) = taker {
            taker.notify(work::SIGNAL);
        }
    }
}

/// rt_sigpending(2): what waits and is blocked.
pub fn pending(thread: &Thread) -> SignalSet {
    let shared = thread.process().shared.lock();
    let all = shared.pending.set().union(thread.pending.lock().set());
    SignalSet(all.0 & thread.mask().0)
}

/// Sets a mask for the length of one system call (ppoll, pselect, epoll_pwait): the old one comes back when the thread returns to user mode,
/// but only after a handler that the temporary mask let through has been set up.
pub fn with_temporary_mask(thread: &Thread, mask: SignalSet) {
    thread.saved_mask.store(thread.mask().0, Ordering::Relaxed);
    set_mask(thread, mask);
    thread.work.fetch_or(work::RESTORE_MASK, Ordering::Relaxed);
}

/// Puts the mask from before [`with_temporary_mask`] back at once: the call ended without having waited.
pub fn restore_mask(thread: &Thread) {
    if thread.work.fetch_and(!work::RESTORE_MASK, Ordering::Relaxed) & work::RESTORE_MASK != 0 {
        set_mask(thread, SignalSet(thread.saved_mask.load(Ordering::Relaxed)));
    }
}

/// rt_sigsuspend(2): sets the mask and waits for a signal. It always ends with an error: ERESTARTNOHAND, which becomes EINTR after a handler.
pub async fn suspend(thread: &Thread, mask: SignalSet) -> Errno {
    with_temporary_mask(thread, mask);
    // Nothing ever completes this wait but a signal.
    let _ = crate::interruptible(thread, core::future::pending::<()>()).await;
    Errno::ERESTARTNOHAND
}

/// What rt_sigtimedwait(2) found at once.
pub enum TimedWait {
    Found(SignalInfo),
    /// Nothing: wait, with [`timed_wait`].
    Nothing,
}

impl TimedWait {
    /// Takes a pending signal of `set`, if there is one.
    pub fn attempt(thread: &Thread, set: SignalSet) -> TimedWait {
        let mut shared = thread.process().shared.lock();
        match take(thread, &mut shared, set) {
            Some(info) => TimedWait::Found(info),
            None => TimedWait::Nothing,
        }
    }
}

/// Takes a pending signal of `set`: the thread's own first, then the process's.
pub(super) fn take(thread: &Thread, shared: &mut Shared, set: SignalSet) -> Option<SignalInfo> {
    let mask = SignalSet::ALL.minus(set.minus(UNBLOCKABLE));
    let own = thread.pending.lock().take(mask);
    let found = own.or_else(|| shared.pending.take(mask));
    if found.is_some() {
        recalculate(thread, shared);
    }
    found.map(|(_, info)| info)
}

/// rt_sigtimedwait(2): takes a signal of `set`, waiting until `deadline` (nanoseconds of the monotone clock; none: for ever).
///
/// EAGAIN when the time is over, EINTR when another signal came.
pub async fn timed_wait(thread: &Thread, set: SignalSet, deadline: Option<u64>) -> Result<SignalInfo> {
    let set = set.minus(UNBLOCKABLE);
    let restore = {
        let mut shared = thread.process().shared.lock();
        if let Some(info) = take(thread, &mut shared, set) {
            return Ok(info);
        }
        // While we wait these signals are as good as unblocked, so that one of them wakes us; what is sent must still be queued even if
        // its action is to ignore it, hence `real_mask`.
        let guard = RestoreMask { thread, mask: thread.mask() };
        thread.real_mask.store(thread.mask().0, Ordering::Relaxed);
        set_mask_locked(thread, &shared, thread.mask().minus(set));
        guard
    };
    let ended = crate::interruptible_until(thread, deadline, core::future::pending::<()>()).await;
    drop(restore);
    match (TimedWait::attempt(thread, set), ended) {
        (TimedWait::Found(info), _) => Ok(info),
        (TimedWait::Nothing, Err(Errno::ETIMEDOUT)) => Err(Errno::EAGAIN),
        (TimedWait::Nothing, _) => Err(Errno::EINTR),
    }
}

struct RestoreMask<'a> {
    thread: &'a Thread,
    mask: SignalSet,
}

impl Drop for RestoreMask<'_> {
    fn drop(&mut self) {
        self.thread.real_mask.store(0, Ordering::Relaxed);
        set_mask(self.thread, self.mask);
    }
}

/// Whether a stack pointer lies in the alternate stack.
pub(super) fn is_on(stack: &SignalStack, pointer: u64) -> bool {
    stack.flags & SignalStack::AUTODISARM == 0 && pointer > stack.base && pointer - stack.base <= stack.size
}

/// sigaltstack(2): sets the stack if `new` is given; answers the old one. `pointer` is the program's stack pointer.
///
/// EPERM while the thread is on that stack, EINVAL for unknown flags, ENOMEM for too small a stack.
pub fn alternate_stack(thread: &Thread, pointer: u64, new: Option<SignalStack>) -> Result<SignalStack> {
    let mut stack = thread.alternate_stack.lock();
    let mut old = *stack;
    if stack.size == 0 {
        old.flags = SignalStack::DISABLE | stack.flags & SignalStack::AUTODISARM;
    } else if is_on(&stack, pointer) {
        old.flags |= SignalStack::ONSTACK;
    }
    let Some(new) = new else { return Ok(old) };
    if is_on(&stack, pointer) {
        return Err(Errno::EPERM);
    }
    let mode = new.flags & !SignalStack::AUTODISARM;
    *stack = match mode {
        SignalStack::DISABLE => SignalStack { base: 0, flags: SignalStack::DISABLE, padding: 0, size: 0 },
        // SS_ONSTACK is accepted as if it were 0, for programs of old.
        0 | SignalStack::ONSTACK if new.size < SignalStack::MINIMUM => return Err(Errno::ENOMEM),
        0 | SignalStack::ONSTACK => SignalStack { flags: new.flags & SignalStack::AUTODISARM, padding: 0, ..new },
        _ => return Err(Errno::EINVAL),
    };
    Ok(old)
}

impl Thread {
    /// Whether the signal would not reach a handler or end the thread: blocked or ignored. The terminal asks before SIGTTIN and SIGTTOU.
    pub fn ignores_or_blocks(&self, signal: Signal) -> bool {
        self.mask().contains(signal) || self.process().actions().lock().get(signal).handler == SigAction::IGNORE
    }

    /// What waits for this thread alone and what waits for its process (`SigPnd`, `ShdPnd` in /proc/PID/status).
    pub fn pending_sets(&self) -> (SignalSet, SignalSet) {
        let shared = self.process().shared.lock();
        let own = self.pending.lock().set();
        (own, shared.pending.set())
    }

    /// Signals ignored and caught (`SigIgn`, `SigCgt` in /proc/PID/status).
    pub fn action_sets(&self) -> (SignalSet, SignalSet) {
        self.process().actions().lock().sets()
    }
}
