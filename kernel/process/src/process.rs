//! A process: what its threads have in common.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use abi::process::WaitStatus;
use abi::{Errno, Result, Signal};
use fs::Credentials;
use memory::AddressSpace;
use sync::{Event, SpinLock, WaitQueue};

use crate::image::Image;
use crate::itimer::IntervalTimers;
use crate::limits::{Limits, Resource};
use crate::session::Session;
use crate::signal::{Actions, Pending};
use crate::thread::{NAME_LENGTH, trimmed};
use crate::times::Usage;
use crate::{Thread, tree};

/// Who else uses an address space: vfork(2) and CLONE_VM lend it to other processes, and only the last one clears it.
#[derive(Clone)]
pub(crate) struct SpaceUse {
    pub space: Arc<AddressSpace>,
    pub users: Arc<()>,
}

impl SpaceUse {
    pub(crate) fn new(space: Arc<AddressSpace>) -> SpaceUse {
        SpaceUse { space, users: Arc::new(()) }
    }
}

/// How far stopping or continuing a process has got.
#[derive(Default)]
pub(crate) struct StopState {
    /// The signal of the stop that is under way or done.
    pub signal: Option<Signal>,
    /// Threads that have yet to notice.
    pub remaining: u32,
    /// All threads have stopped.
    pub stopped: bool,
    /// A stop signal was taken from a queue and is being looked at; SIGCONT in the meantime cancels it.
    pub dequeued: bool,
    /// SIGCONT ended a stop, and the parent doesn't know yet.
    pub tell_continued: bool,
}

/// What changes together, under one lock.
#[derive(Default)]
pub(crate) struct Shared {
    pub threads: Vec<Arc<Thread>>,
    /// Signals sent to the process as a whole.
    pub pending: Pending,
    /// Set once: the process ends with this status.
    pub group_exit: Option<WaitStatus>,
    /// What the main thread gave to exit(2): the process's status if it doesn't end as a whole.
    pub main_status: Option<WaitStatus>,
    /// The thread in execve(2) for which all others must go.
    pub exec: Option<u32>,
    pub stop: StopState,
}

#[derive(Default)]
struct LastThread {
    name: [u8; NAME_LENGTH],
    credentials: Option<Arc<Credentials>>,
}

/// A process.
pub struct Process {
    pid: u32,
    // Copies of what the tree says, for getppid(2) and its kin, which must not take the tree's lock.
    parent: AtomicU32,
    group: AtomicU32,
    session: SpinLock<Arc<Session>>,
    /// The signal that tells the parent of the end; 0 for none.
    exit_signal: AtomicU8,
    space: SpinLock<Option<SpaceUse>>,
    pub(crate) shared: SpinLock<Shared>,
    actions: SpinLock<Arc<SpinLock<Actions>>>,
    pub(crate) limits: SpinLock<Limits>,
    pub(crate) timers: SpinLock<IntervalTimers>,
    pub(crate) image: SpinLock<Arc<Image>>,
    /// Usage of threads that have ended, and of children that were waited for.
    pub(crate) ended: SpinLock<Usage>,
    pub(crate) children_usage: SpinLock<Usage>,
    /// Woken when a child changes state, and when threads of this process end.
    pub(crate) events: WaitQueue,
    /// Woken when the process has ended.
    pub(crate) ended_event: Event,
    /// Set when a vfork(2) child no longer uses its parent's memory.
    pub(crate) vfork: SpinLock<Option<Arc<Event>>>,
    pub(crate) status: AtomicU32,
    /// Name and credentials of the last thread, for a process that has none any more.
    last_thread: SpinLock<LastThread>,
    started: u64,
    pub(crate) subreaper: AtomicBool,
    pub(crate) has_executed: AtomicBool,
    /// The largest resident set seen, in pages.
    pub(crate) max_resident: AtomicU64,
    dumpable: AtomicBool,
    membarrier: AtomicBool,
    /// The real user, to whom queued signals are charged.
    pub(crate) account: AtomicU32,
    /// Runs no user code: the kernel's own init.
    pub(crate) kernel_init: bool,
    /// Signals without a handler bounce off: it is the first process, which must not die by accident.
    pub(crate) protected: AtomicBool,
}

/// What a new process starts with.
pub(crate) struct Beginning {
    pub pid: u32,
    pub parent: u32,
    pub group: u32,
    pub session: Arc<Session>,
    pub exit_signal: Option<Signal>,
    pub space: Option<SpaceUse>,
    pub actions: Arc<SpinLock<Actions>>,
    pub limits: Limits,
    pub image: Arc<Image>,
    pub vfork: Option<Arc<Event>>,
    pub kernel_init: bool,
    pub account: u32,
}

impl Process {
    pub(crate) fn new(beginning: Beginning) -> Process {
        Process {
            pid: beginning.pid,
            parent: AtomicU32::new(beginning.parent),
            group: AtomicU32::new(beginning.group),
            session: SpinLock::new(beginning.session),
            exit_signal: AtomicU8::new(beginning.exit_signal.map_or(0, Signal::number)),
            space: SpinLock::new(beginning.space),
            shared: SpinLock::new(Shared::default()),
            actions: SpinLock::new(beginning.actions),
            limits: SpinLock::new(beginning.limits),
            timers: SpinLock::new(IntervalTimers::default()),
            image: SpinLock::new(beginning.image),
            ended: SpinLock::new(Usage::default()),
            children_usage: SpinLock::new(Usage::default()),
            events: WaitQueue::new(),
            ended_event: Event::new(),
            vfork: SpinLock::new(beginning.vfork),
            status: AtomicU32::new(0),
            last_thread: SpinLock::new(LastThread::default()),
            started: executor::timer::now(),
            subreaper: AtomicBool::new(false),
            has_executed: AtomicBool::new(false),
            max_resident: AtomicU64::new(0),
            dumpable: AtomicBool::new(true),
            membarrier: AtomicBool::new(false),
            account: AtomicU32::new(beginning.account),
            kernel_init: beginning.kernel_init,
            protected: AtomicBool::new(beginning.pid == tree::INIT),
        }
    }

    /// The process's number.
    #[inline]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The parent's number, 0 for the first process (getppid(2)).
    #[inline]
    pub fn parent_pid(&self) -> u32 {
        self.parent.load(Ordering::Relaxed)
    }

    pub(crate) fn set_parent_pid(&self, pid: u32) {
        self.parent.store(pid, Ordering::Relaxed);
    }

    /// The process group's number.
    #[inline]
    pub fn group_id(&self) -> u32 {
        self.group.load(Ordering::Relaxed)
    }

    pub(crate) fn set_group_id(&self, group: u32) {
        self.group.store(group, Ordering::Relaxed);
    }

    pub fn session(&self) -> Arc<Session> {
        self.session.lock().clone()
    }

    /// The session's number.
    pub fn session_id(&self) -> u32 {
        self.session.lock().id()
    }

    pub(crate) fn set_session(&self, session: Arc<Session>) -> Arc<Session> {
        core::mem::replace(&mut *self.session.lock(), session)
    }

    pub(crate) fn exit_signal(&self) -> Option<Signal> {
        Signal::new(u64::from(self.exit_signal.load(Ordering::Relaxed)))
    }

    pub(crate) fn set_exit_signal(&self, signal: Option<Signal>) {
        self.exit_signal.store(signal.map_or(0, Signal::number), Ordering::Relaxed);
    }

    /// The address space; none once the process has ended, and for the kernel's own init.
    pub fn space(&self) -> Option<Arc<AddressSpace>> {
        self.space.lock().as_ref().map(|used| used.space.clone())
    }

    /// The number of the address space, 0 when there is none any more.
    pub(crate) fn space_id(&self) -> u64 {
        self.space.lock().as_ref().map_or(0, |used| used.space.id())
    }

    pub(crate) fn space_use(&self) -> Option<SpaceUse> {
        self.space.lock().clone()
    }

    pub(crate) fn replace_space(&self, space: Option<SpaceUse>) -> Option<SpaceUse> {
        core::mem::replace(&mut *self.space.lock(), space)
    }

    /// Whether anybody but the calling thread sees the process's memory.
    pub(crate) fn shares_space(&self) -> bool {
        let lent = self.space.lock().as_ref().is_some_and(|used| Arc::strong_count(&used.users) > 1);
        lent || self.thread_count() > 1
    }

    /// Makes the process's address space the one that this CPU translates with, if it isn't that already.
    pub(crate) fn activate_space(&self) {
        if let Some(used) = &*self.space.lock() {
            used.space.activate();
        }
    }

    /// The actions for signals; another process has the same ones only after clone(CLONE_SIGHAND) without CLONE_THREAD.
    pub(crate) fn actions(&self) -> Arc<SpinLock<Actions>> {
        self.actions.lock().clone()
    }

    pub(crate) fn set_actions(&self, actions: Arc<SpinLock<Actions>>) -> Arc<SpinLock<Actions>> {
        core::mem::replace(&mut *self.actions.lock(), actions)
    }

    /// Facts of the program that runs (for /proc).
    pub fn image(&self) -> Arc<Image> {
        self.image.lock().clone()
    }

    /// When the process began, in nanoseconds since boot.
    pub fn started(&self) -> u64 {
        self.started
    }

    /// Calls `f` with each thread, under the process's lock: `f` must be short and lock nothing of a process.
    pub fn for_each_thread(&self, mut f: impl FnMut(&Arc<Thread>)) {
        self.shared.lock().threads.iter().for_each(&mut f);
    }

    /// How many threads live.
    pub fn thread_count(&self) -> usize {
        self.shared.lock().threads.len()
    }

    /// The numbers of the live threads, ascending (/proc/PID/task).
    pub fn thread_ids(&self) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        loop {
            let count = self.thread_count();
            ids.try_reserve(count).map_err(|_| Errno::ENOMEM)?;
            let shared = self.shared.lock();
            if shared.threads.len() <= ids.capacity() {
                ids.extend(shared.threads.iter().map(|thread| thread.tid()));
                break;
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// The first thread, or any other when that one has ended.
    pub fn main_thread(&self) -> Option<Arc<Thread>> {
        let shared = self.shared.lock();
        shared.threads.iter().find(|thread| thread.is_leader()).or(shared.threads.first()).cloned()
    }

    /// The credentials of the main thread; of a zombie, those that it ended with.
    pub fn credentials(&self) -> Option<Arc<Credentials>> {
        self.main_thread().map(|thread| thread.credentials()).or_else(|| self.last_thread.lock().credentials.clone())
    }

    /// The name of the main thread (`comm`); of a zombie, that with which it ended.
    pub fn name(&self) -> Vec<u8> {
        match self.main_thread() {
            Some(thread) => thread.name(),
            None => trimmed(&self.last_thread.lock().name).to_vec(),
        }
    }

    /// Remembers what others may still want to know when no thread is left.
    pub(crate) fn set_last_thread(&self, name: [u8; NAME_LENGTH], credentials: Arc<Credentials>) {
        *self.last_thread.lock() = LastThread { name, credentials: Some(credentials) };
    }

    /// Whether no thread is left: the process is a zombie, or gone.
    pub fn has_ended(&self) -> bool {
        self.ended_event.is_set()
    }

    /// Whether job control has stopped the process.
    pub fn is_stopped(&self) -> bool {
        self.shared.lock().stop.stopped
    }

    /// Whether the process is on its way out.
    pub fn is_exiting(&self) -> bool {
        self.shared.lock().group_exit.is_some()
    }

    /// Waits for the process's end and answers its status. This is for the kernel; programs use [`crate::wait`].
    pub async fn ended(&self) -> WaitStatus {
        self.ended_event.wait().await;
        WaitStatus(self.status.load(Ordering::Acquire))
    }

    /// PR_SET_CHILD_SUBREAPER: orphaned descendants come to this process.
    pub fn set_subreaper(&self, on: bool) {
        self.subreaper.store(on, Ordering::Relaxed);
    }

    /// PR_GET_CHILD_SUBREAPER.
    pub fn is_subreaper(&self) -> bool {
        self.subreaper.load(Ordering::Relaxed)
    }

    /// membarrier(2): the process intends to use expedited barriers.
    pub fn register_membarrier(&self) {
        self.membarrier.store(true, Ordering::Relaxed);
    }

    /// Whether [`Process::register_membarrier`] was called.
    pub fn registered_membarrier(&self) -> bool {
        self.membarrier.load(Ordering::Relaxed)
    }

    /// PR_GET_DUMPABLE.
    pub fn is_dumpable(&self) -> bool {
        self.dumpable.load(Ordering::Relaxed)
    }

    /// PR_SET_DUMPABLE.
    pub fn set_dumpable(&self, on: bool) {
        self.dumpable.store(on, Ordering::Relaxed);
    }

    pub(crate) fn apply_memory_limits(&self, limits: &Limits) {
        if let Some(space) = self.space() {
            space.set_limits(memory_limits(limits));
        }
    }

    pub(crate) fn note_resident(&self) {
        if let Some(space) = self.space() {
            self.max_resident.fetch_max(space.usage().peak_resident_pages as u64, Ordering::Relaxed);
        }
    }
}

/// The limits that the address space itself enforces.
pub(crate) fn memory_limits(limits: &Limits) -> memory::Limits {
    let soft = |resource| usize::try_from(limits.get(resource).soft).unwrap_or(usize::MAX);
    memory::Limits {
        stack: soft(Resource::Stack),
        data: soft(Resource::Data),
        address_space: soft(Resource::AddressSpace),
        locked: soft(Resource::LockedMemory),
    }
}

impl core::fmt::Debug for Process {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Process({})", self.pid)
    }
}
