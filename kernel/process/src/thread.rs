//! One user thread, seen from the kernel.
//!
//! Its registers are not here: they live in its future, which alone runs it. What is here can be looked at, and some of it changed, by
//! others. The heart is the *work word*: bits that others set, and that the thread looks at once before each return to user mode.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use core::task::Waker;

use abi::SignalSet;
use abi::siginfo::SignalStack;
use abi::{Errno, Result};
use fs::{Credentials, FdTable, FsContext};
use sync::{Once, SpinLock};

use crate::futex::FutexPlace;
use crate::restart::Restart;
use crate::signal::{LastFault, Pending};
use crate::times::ThreadClock;
use crate::{Process, accounts};

/// Bits of the work word: reasons to look closer before going back to user mode.
pub mod work {
    /// A signal waits that isn't blocked.
    pub const SIGNAL: u32 = 1;
    /// The process is being stopped.
    pub const STOP: u32 = 2;
    /// The thread must end: nothing may hold it up.
    pub const KILL: u32 = 4;
    /// The mask is a temporary one (sigsuspend, ppoll): put the old one back.
    pub const RESTORE_MASK: u32 = 8;
    /// What ends an interruptible wait.
    pub const INTERRUPT: u32 = SIGNAL | STOP | KILL;
}

/// A descriptor table as threads share it.
pub type Files = SpinLock<FdTable>;

/// The bytes of a thread's name, without a closing NUL; `TASK_COMM_LEN` is 16 with it.
pub const NAME_LENGTH: usize = 15;

/// A name without the zeros behind it.
pub(crate) fn trimmed(name: &[u8; NAME_LENGTH]) -> &[u8] {
    name.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// A thread.
pub struct Thread {
    tid: AtomicU32,
    process: Arc<Process>,
    pub(crate) work: AtomicU32,
    /// Wakes the thread's future; set when it is polled for the first time.
    pub(crate) waker: Once<Waker>,
    /// Where the thread stands in its process's list.
    pub(crate) index: AtomicU32,
    /// Blocked signals. Changed by the thread itself, under its process's lock.
    pub(crate) mask: AtomicU64,
    /// What the mask goes back to when [`work::RESTORE_MASK`] is set.
    pub(crate) saved_mask: AtomicU64,
    /// The mask proper while sigtimedwait(2) has taken the signals that it waits for out of `mask`; 0 otherwise.
    pub(crate) real_mask: AtomicU64,
    pub(crate) pending: SpinLock<Pending>,
    pub(crate) alternate_stack: SpinLock<SignalStack>,
    pub(crate) last_fault: SpinLock<LastFault>,
    pub(crate) restart: SpinLock<Restart>,
    name: SpinLock<[u8; NAME_LENGTH]>,
    files: SpinLock<Option<Arc<Files>>>,
    fs: SpinLock<Option<Arc<FsContext>>>,
    credentials: SpinLock<Arc<Credentials>>,
    /// The user to whom the thread is charged.
    account: AtomicU32,
    /// set_tid_address(2), CLONE_CHILD_CLEARTID.
    pub(crate) clear_tid: AtomicUsize,
    /// set_robust_list(2).
    pub(crate) robust_list: AtomicUsize,
    pub(crate) futex: FutexPlace,
    pub(crate) clock: ThreadClock,
    nice: AtomicI32,
    /// The signal that the thread wants when its parent ends (PR_SET_PDEATHSIG), 0 for none.
    pub(crate) parent_death_signal: AtomicU8,
    no_new_privileges: AtomicBool,
    /// On its way out: signals go to others.
    pub(crate) exiting: AtomicBool,
    /// Resting in a job-control stop.
    pub(crate) stopped: AtomicBool,
}

/// What a new thread takes from the one that makes it.
pub(crate) struct Inherited {
    pub files: Option<Arc<Files>>,
    pub fs: Option<Arc<FsContext>>,
    pub credentials: Arc<Credentials>,
    pub name: [u8; NAME_LENGTH],
    pub mask: SignalSet,
    pub nice: i32,
    pub no_new_privileges: bool,
}

impl Thread {
    /// The caller has charged the thread to `inherited.credentials.uid`; dropping the thread gives that back.
    pub(crate) fn new(tid: u32, process: Arc<Process>, inherited: Inherited) -> Thread {
        let account = inherited.credentials.uid;
        Thread {
            tid: AtomicU32::new(tid),
            process,
            work: AtomicU32::new(0),
            waker: Once::new(),
            index: AtomicU32::new(0),
            mask: AtomicU64::new(inherited.mask.0),
            saved_mask: AtomicU64::new(0),
            real_mask: AtomicU64::new(0),
            pending: SpinLock::new(Pending::default()),
            alternate_stack: SpinLock::new(SignalStack { flags: SignalStack::DISABLE, ..SignalStack::default() }),
            last_fault: SpinLock::new(LastFault::default()),
            restart: SpinLock::new(Restart::None),
            name: SpinLock::new(inherited.name),
            files: SpinLock::new(inherited.files),
            fs: SpinLock::new(inherited.fs),
            credentials: SpinLock::new(inherited.credentials),
            account: AtomicU32::new(account),
            clear_tid: AtomicUsize::new(0),
            robust_list: AtomicUsize::new(0),
            futex: FutexPlace::default(),
            clock: ThreadClock::default(),
            nice: AtomicI32::new(inherited.nice),
            parent_death_signal: AtomicU8::new(0),
            no_new_privileges: AtomicBool::new(inherited.no_new_privileges),
            exiting: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        }
    }

    /// The thread's number, which gettid(2) tells.
    #[inline]
    pub fn tid(&self) -> u32 {
        self.tid.load(Ordering::Relaxed)
    }

    /// execve(2) from a thread other than the first makes it the first.
    pub(crate) fn set_tid(&self, tid: u32) {
        self.tid.store(tid, Ordering::Relaxed);
    }

    #[inline]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// Whether an interruptible wait must end now.
    #[inline]
    pub fn interrupted(&self) -> bool {
        self.work.load(Ordering::Acquire) & work::INTERRUPT != 0
    }

    /// Whether the thread is being killed: even waits that signals do not interrupt end.
    #[inline]
    pub fn killed(&self) -> bool {
        self.work.load(Ordering::Acquire) & work::KILL != 0
    }

    /// Sets bits of the work word and gets the thread to look at them.
    pub(crate) fn notify(&self, bits: u32) {
        self.work.fetch_or(bits, Ordering::AcqRel);
        self.wake();
    }

    /// Has the thread's future polled again.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    /// The blocked signals.
    pub fn mask(&self) -> SignalSet {
        SignalSet(self.mask.load(Ordering::Relaxed))
    }

    /// The thread's name (`comm`), up to 15 bytes.
    pub fn name(&self) -> alloc::vec::Vec<u8> {
        trimmed(&self.name.lock()).to_vec()
    }

    /// Sets the name (PR_SET_NAME, /proc/PID/comm, execve); cut to 15 bytes.
    pub fn set_name(&self, name: &[u8]) {
        let mut bytes = [0; NAME_LENGTH];
        for (to, from) in bytes.iter_mut().zip(name) {
            *to = *from;
        }
        *self.name.lock() = bytes;
    }

    pub(crate) fn raw_name(&self) -> [u8; NAME_LENGTH] {
        *self.name.lock()
    }

    /// The descriptor table. ESRCH when the thread is at its end.
    pub fn files(&self) -> Result<Arc<Files>> {
        self.files.lock().clone().ok_or(Errno::ESRCH)
    }

    /// Does something with the descriptor table, without counting references. `f` must be short: interrupts are off. EBADF when the
    /// thread is at its end.
    #[inline]
    pub fn with_files<T>(&self, f: impl FnOnce(&mut FdTable) -> Result<T>) -> Result<T> {
        f(&mut self.files.lock().as_deref().ok_or(Errno::EBADF)?.lock())
    }

    /// Replaces the descriptor table (unshare, execve, exit); answers the old one, whose last reference may close files.
    pub fn set_files(&self, files: Option<Arc<Files>>) -> Option<Arc<Files>> {
        core::mem::replace(&mut *self.files.lock(), files)
    }

    /// Root, working directory and umask. ESRCH when the thread is at its end.
    pub fn fs(&self) -> Result<Arc<FsContext>> {
        self.fs.lock().clone().ok_or(Errno::ESRCH)
    }

    /// Replaces root, working directory and umask by other ones (unshare, exit); answers the old ones.
    pub fn set_fs(&self, fs: Option<Arc<FsContext>>) -> Option<Arc<FsContext>> {
        core::mem::replace(&mut *self.fs.lock(), fs)
    }

    /// Who the thread acts as.
    pub fn credentials(&self) -> Arc<Credentials> {
        self.credentials.lock().clone()
    }

    /// Changes who the thread acts as. A change of the real user moves the thread's charge, without regard to RLIMIT_NPROC.
    pub fn set_credentials(&self, credentials: Credentials) {
        let uid = credentials.uid;
        let old = core::mem::replace(&mut *self.credentials.lock(), Arc::new(credentials));
        let before = self.account.swap(uid, Ordering::Relaxed);
        self.process.account.store(uid, Ordering::Relaxed);
        if before != uid {
            accounts::release_thread(before);
            // Without a limit a charge cannot fail.
            let _ = accounts::charge_thread(uid, u64::MAX);
        }
        drop(old);
    }

    /// The nice value, −20 to 19.
    pub fn nice(&self) -> i32 {
        self.nice.load(Ordering::Relaxed)
    }

    /// Sets the nice value; the caller has checked who may.
    pub fn set_nice(&self, nice: i32) {
        self.nice.store(nice.clamp(-20, 19), Ordering::Relaxed);
    }

    /// PR_GET_NO_NEW_PRIVS.
    pub fn no_new_privileges(&self) -> bool {
        self.no_new_privileges.load(Ordering::Relaxed)
    }

    /// PR_SET_NO_NEW_PRIVS; there is no way back.
    pub fn set_no_new_privileges(&self) {
        self.no_new_privileges.store(true, Ordering::Relaxed);
    }

    /// PR_GET_PDEATHSIG: the number of the signal for the parent's death, 0 for none.
    pub fn parent_death_signal(&self) -> u8 {
        self.parent_death_signal.load(Ordering::Relaxed)
    }

    /// PR_SET_PDEATHSIG.
    pub fn set_parent_death_signal(&self, signal: Option<abi::Signal>) {
        self.parent_death_signal.store(signal.map_or(0, abi::Signal::number), Ordering::Relaxed);
    }

    /// set_tid_address(2).
    pub fn set_clear_tid(&self, address: usize) {
        self.clear_tid.store(address, Ordering::Relaxed);
    }

    /// The anchor of the robust list, an address in user memory (get_robust_list(2)).
    pub fn robust_list(&self) -> usize {
        self.robust_list.load(Ordering::Relaxed)
    }

    /// set_robust_list(2).
    pub fn set_robust_list(&self, head: usize) {
        self.robust_list.store(head, Ordering::Relaxed);
    }

    /// Whether this is the thread that the process began with (or that called execve last).
    pub fn is_leader(&self) -> bool {
        self.tid() == self.process.pid()
    }

    /// The letter of the thread's state in /proc: R, S, T; a thread that waits without being interruptible is shown as S too.
    pub fn state_letter(&self) -> char {
        if self.stopped.load(Ordering::Relaxed) {
            'T'
        } else if self.clock.is_ready() {
            'R'
        } else {
            'S'
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        accounts::release_thread(self.account.load(Ordering::Relaxed));
    }
}

impl core::fmt::Debug for Thread {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Thread({}/{})", self.process.pid(), self.tid())
    }
}
