//! New threads and processes (clone(2), clone3(2), fork(2), vfork(2)).

use alloc::sync::Arc;

use abi::process::{CloneArgs, CloneFlags};
use abi::{Errno, Result, Signal};
use arch::user::UserContext;
use memory::UserPtr;
use sync::{Event, SpinLock};

use crate::init::max_processes;
use crate::limits::Resource;
use crate::process::{Beginning, SpaceUse};
use crate::run::{SystemCalls, spawn_thread};
use crate::thread::Inherited;
use crate::{Process, Thread, accounts, killable, tree};

/// What the new thread or process shall be.
#[derive(Clone, Copy, Debug)]
pub struct CloneRequest {
    pub flags: CloneFlags,
    /// What the parent is told with when the child ends.
    pub exit_signal: Option<Signal>,
    /// The child's stack pointer; 0: the parent's.
    pub stack: usize,
    pub parent_tid: usize,
    pub child_tid: usize,
    /// The child's FS base, with CLONE_SETTLS.
    pub tls: usize,
}

/// What clone made.
#[derive(Clone, Copy, Debug)]
pub struct Cloned {
    pub tid: u32,
    /// CLONE_VFORK: the caller must wait with [`wait_for_vfork`].
    pub wait: bool,
}

impl CloneRequest {
    /// fork(2).
    pub const FORK: CloneRequest =
        CloneRequest { flags: CloneFlags::empty(), exit_signal: Some(Signal::SIGCHLD), stack: 0, parent_tid: 0, child_tid: 0, tls: 0 };

    /// vfork(2).
    pub const VFORK: CloneRequest = CloneRequest { flags: CloneFlags::VM.union(CloneFlags::VFORK), ..CloneRequest::FORK };

    /// The arguments of clone(2) in x86_64's order. The low byte of the flags is the exit signal.
    pub fn from_clone(flags: usize, stack: usize, parent_tid: usize, child_tid: usize, tls: usize) -> CloneRequest {
        let bits = flags as u32;
        CloneRequest {
            flags: CloneFlags::from_bits_truncate(u64::from(bits & !0xff)) - CloneFlags::NEWTIME,
            exit_signal: Signal::new(u64::from(bits & 0xff)),
            stack,
            parent_tid,
            child_tid,
            tls,
        }
    }

    /// The structure of clone3(2), whose unknown tail the caller has checked to be zero. EINVAL for what cannot be.
    pub fn from_clone3(arguments: &CloneArgs) -> Result<CloneRequest> {
        let flags = CloneFlags::from_bits(arguments.flags).ok_or(Errno::EINVAL)?;
        let invalid = flags.contains(CloneFlags::DETACHED)
            || flags.contains(CloneFlags::SIGHAND | CloneFlags::CLEAR_SIGHAND)
            || flags.intersects(CloneFlags::THREAD | CloneFlags::PARENT) && arguments.exit_signal != 0
            || arguments.exit_signal > Signal::COUNT as u64
            || (arguments.stack == 0) != (arguments.stack_size == 0)
            || arguments.stack.saturating_add(arguments.stack_size) > arch::USER_END as u64
            // There are no namespaces in which numbers could be chosen, and no control groups.
            || arguments.set_tid != 0
            || arguments.set_tid_size != 0
            || flags.contains(CloneFlags::INTO_CGROUP);
        if invalid {
            return Err(Errno::EINVAL);
        }
        Ok(CloneRequest {
            flags,
            exit_signal: Signal::new(arguments.exit_signal),
            stack: arguments.stack.wrapping_add(arguments.stack_size) as usize,
            parent_tid: arguments.parent_tid as usize,
            child_tid: arguments.child_tid as usize,
            tls: arguments.tls as usize,
        })
    }

    /// Whether the flags go together. EINVAL if not; EPERM for a namespace that only root could ask for.
    fn check(&self, thread: &Thread) -> Result<()> {
        use CloneFlags as F;
        let flags = self.flags;
        let invalid = flags.contains(F::FS | F::NEWNS)
            || flags.contains(F::FS | F::NEWUSER)
            || flags.contains(F::THREAD) && !flags.contains(F::SIGHAND)
            || flags.contains(F::SIGHAND) && !flags.contains(F::VM)
            || flags.contains(F::PARENT) && thread.process().pid() == tree::INIT
            || flags.contains(F::THREAD) && flags.intersects(F::NEWUSER | F::NEWPID)
            // Descriptors for processes do not exist.
            || flags.contains(F::PIDFD);
        if invalid {
            return Err(Errno::EINVAL);
        }
        let spaces = flags & F::NAMESPACES;
        if !spaces.is_empty() {
            let unprivileged = thread.credentials().euid != 0 && spaces != F::NEWUSER;
            return Err(if unprivileged { Errno::EPERM } else { Errno::EINVAL });
        }
        if flags.contains(F::SETTLS) && self.tls >= arch::USER_END {
            return Err(Errno::EPERM);
        }
        Ok(())
    }
}

/// Gives back what was taken for a thread that came to nothing.
struct Reservation {
    tid: u32,
    uid: u32,
    kept: bool,
}

impl Reservation {
    /// EAGAIN when the user has too many threads, or numbers are out; ENOMEM.
    fn new(thread: &Thread) -> Result<Reservation> {
        let credentials = thread.credentials();
        let limit = match credentials.is_privileged() {
            true => u64::MAX,
            false => thread.process().soft_limit(Resource::Processes),
        };
        accounts::charge_thread(credentials.uid, limit)?;
        let tid = tree::lock().allocate().inspect_err(|_| accounts::release_thread(credentials.uid))?;
        Ok(Reservation { tid, uid: credentials.uid, kept: false })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.kept {
            tree::lock().cancel(self.tid);
            accounts::release_thread(self.uid);
        }
    }
}

/// Makes a thread or process as `request` says; it starts with the registers in `context` and 0 as the result of the call.
///
/// EINVAL and EPERM for flags; EAGAIN at a limit; ENOMEM; ERESTARTNOINTR when a signal should be looked at first.
pub fn clone<S: SystemCalls>(thread: &Arc<Thread>, context: &UserContext, request: &CloneRequest) -> Result<Cloned> {
    request.check(thread)?;
    if thread.interrupted() {
        return Err(Errno::ERESTARTNOINTR);
    }
    memory::frames::admit()?;
    let reservation = Reservation::new(thread)?;
    let flags = request.flags;
    let mut child_context = context.duplicate().ok_or(Errno::ENOMEM)?;
    child_context.set_return(0);
    child_context.registers_mut().orig_rax = u64::MAX;
    if request.stack != 0 {
        child_context.registers_mut().rsp = request.stack as u64;
    }
    if flags.contains(CloneFlags::SETTLS) {
        child_context.set_fs_base(request.tls as u64);
    }
    let vfork = flags.contains(CloneFlags::VFORK).then(|| Arc::new(Event::new()));
    let tid = if flags.contains(CloneFlags::THREAD) {
        new_thread::<S>(thread, child_context, request, reservation)?
    } else {
        new_process::<S>(thread, child_context, request, reservation, vfork)?
    };
    if flags.contains(CloneFlags::PARENT_SETTID) {
        // As on Linux, a bad address here does not undo the clone.
        let _ = UserPtr::<u32>::new(request.parent_tid).write(&tid);
    }
    let wait = flags.contains(CloneFlags::VFORK) && !flags.contains(CloneFlags::THREAD);
    Ok(Cloned { tid, wait })
}

/// What the child has of the parent's thread.
fn inherit(thread: &Thread, flags: CloneFlags) -> Result<Inherited> {
    let files = thread.files()?;
    let files = if flags.contains(CloneFlags::FILES) { files } else { Arc::new(SpinLock::new(files.lock().duplicate()?)) };
    let fs = thread.fs()?;
    let fs = if flags.contains(CloneFlags::FS) { fs } else { Arc::new(fs.duplicate()) };
    Ok(Inherited {
        files: Some(files),
        fs: Some(fs),
        credentials: thread.credentials(),
        name: thread.raw_name(),
        mask: thread.mask(),
        nice: thread.nice(),
        no_new_privileges: thread.no_new_privileges(),
    })
}

fn make_thread(
    parent: &Thread,
    process: &Arc<Process>,
    request: &CloneRequest,
    inherited: Inherited,
    mut reservation: Reservation,
) -> Arc<Thread> {
    let thread = Thread::new(reservation.tid, process.clone(), inherited);
    reservation.kept = true;
    if request.flags.contains(CloneFlags::CHILD_CLEARTID) {
        thread.set_clear_tid(request.child_tid);
    }
    // A thread that runs in the same memory at the same time needs a stack of its own for its signals.
    if !request.flags.contains(CloneFlags::VM) || request.flags.contains(CloneFlags::VFORK) {
        *thread.alternate_stack.lock() = *parent.alternate_stack.lock();
    }
    Arc::new(thread)
}

fn new_thread<S: SystemCalls>(parent: &Arc<Thread>, context: UserContext, request: &CloneRequest, reservation: Reservation) -> Result<u32> {
    let process = parent.process();
    let tid = reservation.tid;
    let inherited = inherit(parent, request.flags)?;
    let thread = make_thread(parent, process, request, inherited, reservation);
    let entered = enter(&thread, context, |context| spawn_thread::<S>(thread.clone(), context));
    if let Err(error) = entered {
        tree::lock().cancel(tid);
        return Err(error);
    }
    if request.flags.contains(CloneFlags::CHILD_SETTID) {
        // As on Linux, a bad address is the program's own affair.
        let _ = UserPtr::<u32>::new(request.child_tid).write(&tid);
    }
    Ok(tid)
}

/// Puts the thread on its process's list and into the table, and starts it. Nothing of it runs before this CPU's executor is back in charge.
fn enter(thread: &Arc<Thread>, context: UserContext, start: impl FnOnce(UserContext) -> Result<()>) -> Result<()> {
    let process = thread.process();
    {
        let mut shared = process.shared.lock();
        // The process is ending or stopping, or another program is on its way: that comes first.
        if shared.group_exit.is_some() || shared.exec.is_some() || shared.stop.signal.is_some() {
            return Err(Errno::ERESTARTNOINTR);
        }
        shared.threads.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
        thread.index.store(shared.threads.len() as u32, core::sync::atomic::Ordering::Relaxed);
        shared.threads.push(thread.clone());
    }
    if let Err(error) = start(context) {
        crate::exit::remove(thread, &mut process.shared.lock());
        return Err(error);
    }
    tree::lock().add_thread(thread);
    Ok(())
}

fn new_process<S: SystemCalls>(
    parent: &Arc<Thread>,
    context: UserContext,
    request: &CloneRequest,
    reservation: Reservation,
    vfork: Option<Arc<Event>>,
) -> Result<u32> {
    let flags = request.flags;
    let pid = reservation.tid;
    if u64::from(tree::counts().0) >= max_processes() {
        return Err(Errno::EAGAIN);
    }
    let old = parent.process();
    let mother = if flags.contains(CloneFlags::PARENT) { tree::lock().parent_of(old.pid()) } else { Some(old.clone()) };
    let lent = old.space_use().ok_or(Errno::ESRCH)?;
    let inherited = inherit(parent, flags)?;
    let space = if flags.contains(CloneFlags::VM) { lent } else { SpaceUse::new(lent.space.fork()?) };
    let actions = if flags.contains(CloneFlags::SIGHAND) {
        old.actions()
    } else {
        let actions = old.actions();
        let actions = actions.lock();
        Arc::new(SpinLock::new(if flags.contains(CloneFlags::CLEAR_SIGHAND) { actions.cleared() } else { actions.clone() }))
    };
    let limits = *old.limits.lock();
    let process = Arc::new(Process::new(Beginning {
        pid,
        parent: mother.map_or(0, |mother| mother.pid()),
        group: old.group_id(),
        session: old.session(),
        exit_signal: if flags.contains(CloneFlags::PARENT) { old.exit_signal() } else { request.exit_signal },
        space: Some(space.clone()),
        actions,
        limits,
        image: old.image(),
        vfork,
        kernel_init: false,
        account: inherited.credentials.uid,
    }));
    process.set_dumpable(old.is_dumpable());
    let thread = make_thread(parent, &process, request, inherited, reservation);
    if flags.contains(CloneFlags::CHILD_SETTID) {
        // As on Linux, a bad address is the program's own affair.
        let _ = space.space.write_remote(request.child_tid, &pid.to_ne_bytes());
    }
    drop(space);
    tree::lock().add_process(&process, parent.tid());
    let entered = enter(&thread, context, |context| spawn_thread::<S>(thread.clone(), context));
    if let Err(error) = entered {
        let gone = tree::lock().remove_process(pid);
        drop(gone);
        return Err(error);
    }
    Ok(pid)
}

/// The caller of vfork(2) waits until its child `pid` has executed a program or ended; only being killed ends the wait before.
pub async fn wait_for_vfork(thread: &Arc<Thread>, pid: u32) {
    let Some(event) = tree::find_process(pid).and_then(|child| child.vfork.lock().clone()) else { return };
    // A killed thread ends on its way back; there is nothing else to do about it.
    let _ = killable(thread, event.wait()).await;
}

impl Thread {
    /// unshare(CLONE_FILES): a descriptor table of its own. ENOMEM.
    pub fn unshare_files(&self) -> Result<()> {
        let files = self.files()?;
        let own = Arc::new(SpinLock::new(files.lock().duplicate()?));
        drop(files);
        drop(self.set_files(Some(own)));
        Ok(())
    }

    /// unshare(CLONE_FS): root, working directory and umask of its own.
    pub fn unshare_fs(&self) -> Result<()> {
        let own = Arc::new(self.fs()?.duplicate());
        drop(self.set_fs(Some(own)));
        Ok(())
    }
}
