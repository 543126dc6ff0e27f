//! The first processes.
//!
//! Either a program is the real first process (`init=`), or the kernel itself is: then number 1 is a process without threads that collects orphans and
//! reaps them at once, and the first program is number 2.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use abi::{Errno, Result, SignalSet};
use fs::{Credentials, FdTable, FsContext};
use sync::SpinLock;

use crate::exec::{self, Arguments};
use crate::limits::{Limits, Resource};
use crate::process::Beginning;
use crate::run::{SystemCalls, spawn_thread};
use crate::session::Session;
use crate::signal::Actions;
use crate::thread::Inherited;
use crate::{Process, Thread, accounts, tree};

/// Memory that Linux reckons for a thread when it derives limits from the size of memory; it needs less here, but programs expect such figures.
const BYTES_PER_THREAD: u64 = 128 << 10;

/// Thread limit for the machine (`kernel.threads-max`), 0 until it is first asked for.
static MAX_THREADS: AtomicU64 = AtomicU64::new(0);

/// How many threads the limits are derived from: what memory carries, between 20 and the table of numbers.
pub fn max_threads() -> u64 {
    match MAX_THREADS.load(Ordering::Relaxed) {
        0 => {
            let bytes = memory::frames::stats().total as u64 * memory::PAGE_SIZE as u64;
            let threads = (bytes / BYTES_PER_THREAD * 8).clamp(20, u64::from(tree::PID_MAX));
            MAX_THREADS.store(threads, Ordering::Relaxed);
            threads
        }
        threads => threads,
    }
}

/// Twice what a small process takes with page tables, stack, and what it has written to.
const BYTES_PER_PROCESS: u64 = 256 << 10;

/// How many processes there may be at all, so that those who only multiply run into EAGAIN before memory is out.
pub fn max_processes() -> u64 {
    let bytes = memory::frames::stats().total as u64 * memory::PAGE_SIZE as u64;
    (bytes / BYTES_PER_PROCESS).clamp(20, u64::from(tree::PID_MAX))
}

/// What the kernel starts.
pub struct FirstProgram<'a, A> {
    pub path: &'a [u8],
    pub argv: &'a [A],
    pub envp: &'a [A],
    pub fs: FsContext,
    pub files: FdTable,
    /// In a session of its own (the real first process always is).
    pub own_session: bool,
}

/// Makes the kernel itself process number 1. To be called before any program is spawned. EAGAIN if there is a first process already.
pub fn become_init() -> Result<Arc<Process>> {
    let session = Arc::new(Session::new(tree::INIT));
    let limits = Limits::first(max_threads());
    let process = Arc::new(Process::new(Beginning {
        pid: reserve_first()?,
        parent: 0,
        group: tree::INIT,
        session,
        exit_signal: None,
        space: None,
        actions: Arc::new(SpinLock::new(Actions::default())),
        limits,
        image: Arc::default(),
        vfork: None,
        kernel_init: true,
        account: 0,
    }));
    let mut name = [0; crate::thread::NAME_LENGTH];
    name[..4].copy_from_slice(b"init");
    process.set_last_thread(name, Arc::new(Credentials::root()));
    tree::lock().add_process(&process, 0);
    Ok(process)
}

fn reserve_first() -> Result<u32> {
    let mut tree = tree::lock();
    let pid = tree.allocate()?;
    if pid != tree::INIT {
        tree.cancel(pid);
        return Err(Errno::EAGAIN);
    }
    Ok(pid)
}

/// Starts a program as root: as process number 1 if there is none yet, else as a child of it. Errors as execve(2), EAGAIN, ENOMEM.
pub fn spawn_program<S: SystemCalls>(program: FirstProgram<'_, impl AsRef<[u8]>>) -> Result<Arc<Process>> {
    let limits = tree::find_process(tree::INIT).map_or(Limits::first(max_threads()), |init| *init.limits.lock());
    let stack_limit = limits.get(Resource::Stack).soft;
    let arguments = Arguments::from_kernel(program.argv, program.envp, stack_limit)?;
    let root = Credentials::root();
    let loaded = exec::load_first(&root, &program.fs, &limits, program.path, arguments)?;
    let pid = tree::lock().allocate()?;
    let init = tree::find_process(tree::INIT);
    let own_session = program.own_session || init.is_none();
    let session = match &init {
        Some(init) if !own_session => init.session(),
        _ => Arc::new(Session::new(pid)),
    };
    let process = Arc::new(Process::new(Beginning {
        pid,
        parent: if init.is_some() { tree::INIT } else { 0 },
        group: if own_session { pid } else { session.id() },
        session,
        exit_signal: Some(abi::Signal::SIGCHLD),
        space: Some(loaded.space),
        actions: Arc::new(SpinLock::new(Actions::default())),
        limits,
        image: Arc::new(loaded.image),
        vfork: None,
        kernel_init: false,
        account: loaded.credentials.uid,
    }));
    process.has_executed.store(true, Ordering::Relaxed);
    accounts::charge_thread(loaded.credentials.uid, u64::MAX)?;
    let inherited = Inherited {
        files: Some(Arc::new(SpinLock::new(program.files))),
        fs: Some(Arc::new(program.fs)),
        credentials: Arc::new(loaded.credentials),
        name: [0; crate::thread::NAME_LENGTH],
        mask: SignalSet::EMPTY,
        nice: 0,
        no_new_privileges: false,
    };
    let thread = Arc::new(Thread::new(pid, process.clone(), inherited));
    thread.set_name(&loaded.name);
    process.shared.lock().threads.push(thread.clone());
    spawn_thread::<S>(thread.clone(), loaded.context).inspect_err(|_| tree::lock().cancel(pid))?;
    let mut tree = tree::lock();
    tree.add_process(&process, 0);
    tree.add_thread(&thread);
    drop(tree);
    Ok(process)
}
