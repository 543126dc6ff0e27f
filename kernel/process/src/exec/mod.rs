//! execve(2): another program in the same process.
//!
//! First everything that can be refused is checked ([`load`]: the file, its `#!` line, its headers and its interpreter's). Then the other threads go, the
//! new address space is built beside the old one, and the process moves over. From there on there is no way back: what fails now ends the
//! process with SIGSEGV, as on Linux. All of this is rare and large, so it lives in a box and the thread's future stays small.

mod arguments;
mod elf;
mod file;
mod load;
mod script;
mod stack;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use abi::process::WaitStatus;
use abi::siginfo::SignalStack;
use abi::{Errno, Result, Signal};
use arch::user::UserContext;
use fs::{Credentials, FsContext, Path};
use sync::SpinLock;

pub use arguments::Arguments;

use crate::limits::Limits;
use crate::process::SpaceUse;
use crate::thread::work;
use crate::{Process, Thread, exit, killable, robust, signal, tree};
use file::Executable;
use load::{Caller, Loaded, Plan};

/// Runs the program `path` in the calling process. `name` is how it was called (AT_EXECFN, and a script's name for its interpreter).
///
/// On success the registers are those of the new program's start. EACCES, ENOEXEC, ELOOP, ELIBBAD, ENOMEM, E2BIG; EAGAIN when another thread is
/// executing; whatever resolving an interpreter's path says.
pub async fn execute(thread: &Arc<Thread>, context: &mut UserContext, path: Path, name: Box<[u8]>, arguments: Arguments) -> Result<()> {
    Box::pin(execute_in_box(thread, context, path, name, arguments)).await
}

async fn execute_in_box(thread: &Arc<Thread>, context: &mut UserContext, path: Path, name: Box<[u8]>, arguments: Arguments) -> Result<()> {
    let plan = {
        let (credentials, fs) = (thread.credentials(), thread.fs()?);
        let caller = Caller { credentials: &credentials, fs: &fs, no_new_privileges: thread.no_new_privileges() };
        Plan::make(&caller, Executable::new(&credentials, path)?, &name, arguments)?
    };
    let files = thread.files()?;
    if Arc::strong_count(&files) > 2 {
        // Shared with a process that goes on: closing descriptors is our own affair.
        thread.unshare_files()?;
    }
    drop(files);
    be_alone(thread).await?;
    let limits = *thread.process().limits.lock();
    match plan.load(&limits) {
        Ok(loaded) => {
            move_over(thread, &plan, &loaded).await;
            *context = UserContext::new(loaded.entry, loaded.stack);
            Ok(())
        }
        Err(error) => {
            log::debug!("execve: {} cannot be loaded: {error}", alloc::string::String::from_utf8_lossy(plan.short_name()));
            let status = WaitStatus::killed(Signal::SIGSEGV, false);
            signal::start_group_exit(&mut thread.process().shared.lock(), status);
            Err(Errno::EINTR)
        }
    }
}

/// Ends all other threads and takes the first one's number. EAGAIN if another thread is at it or the process is ending, EINTR if this
/// thread is killed meanwhile.
async fn be_alone(thread: &Arc<Thread>) -> Result<()> {
    let process = thread.process();
    {
        let mut shared = process.shared.lock();
        if shared.group_exit.is_some() || shared.exec.is_some() {
            return Err(Errno::EAGAIN);
        }
        shared.exec = Some(thread.tid());
        for other in shared.threads.iter().filter(|other| !Arc::ptr_eq(other, thread)) {
            other.stopped.store(false, Ordering::Relaxed);
            other.notify(work::KILL);
        }
    }
    let alone = process.events.wait_until(|| (process.thread_count() == 1).then_some(()));
    let result = killable(thread, alone).await;
    let mut tree = tree::lock();
    if result.is_ok() {
        tree.take_over_number(thread, process.pid());
    }
    let mut shared = process.shared.lock();
    shared.exec = None;
    if result.is_ok() {
        shared.main_status = None;
    }
    result
}

/// The process becomes the new program.
///
/// Who may reach into a process is judged by its credentials and by whether it is dumpable, and others may ask at any await. So the new
/// identity is complete before the new memory can be seen at all, and what takes its time (emptying the old memory, closing files) comes last.
/// In between nobody gets at it, as the new identity may be a lesser one than the old memory was meant for.
async fn move_over(thread: &Arc<Thread>, plan: &Plan, loaded: &Loaded) {
    let process = thread.process();
    // Writes to the old memory, as the old user.
    robust::release(thread);
    process.note_resident();
    process.set_dumpable(false);
    take_identity(thread, plan, loaded);
    let old = process.replace_space(Some(SpaceUse::new(loaded.space.clone())));
    process.set_dumpable(!plan.secure);
    process.activate_space();
    exit::release_vfork_parent(process);
    let closed = thread.files().map(|files| files.lock().take_close_on_exec()).unwrap_or_default();
    if let Some(old) = old {
        exit::clear_space(old).await;
    }
    exit::drop_files(process, closed).await;
}

/// Everything but memory and files that a thread and its process take from the new program, or lose.
fn take_identity(thread: &Thread, plan: &Plan, loaded: &Loaded) {
    let process = thread.process();
    if plan.secure {
        thread.set_parent_death_signal(None);
    }
    thread.set_credentials(plan.credentials.clone());
    let old_image = core::mem::replace(&mut *process.image.lock(), Arc::new(loaded.image.clone()));
    drop(old_image);
    let actions = process.actions().lock().after_exec();
    drop(process.set_actions(Arc::new(SpinLock::new(actions))));
    *thread.alternate_stack.lock() = SignalStack { flags: SignalStack::DISABLE, ..SignalStack::default() };
    *thread.restart.lock() = crate::restart::Restart::None;
    thread.set_name(plan.short_name());
    process.set_exit_signal(Some(Signal::SIGCHLD));
    process.has_executed.store(true, Ordering::Relaxed);
}

/// A program that was loaded for a process that doesn't run yet.
pub(crate) struct FirstProgram {
    pub space: SpaceUse,
    pub context: UserContext,
    pub image: crate::image::Image,
    pub credentials: Credentials,
    pub name: alloc::vec::Vec<u8>,
}

/// Loads the program of a process that the kernel starts by itself. Errors as [`execute`].
pub(crate) fn load_first(
    credentials: &Credentials,
    fs: &FsContext,
    limits: &Limits,
    path: &[u8],
    arguments: Arguments,
) -> Result<FirstProgram> {
    let caller = Caller { credentials, fs, no_new_privileges: false };
    let plan = Plan::make(&caller, Executable::find(credentials, fs, path)?, path, arguments)?;
    let loaded = plan.load(limits)?;
    Ok(FirstProgram {
        space: SpaceUse::new(loaded.space),
        context: UserContext::new(loaded.entry, loaded.stack),
        image: loaded.image,
        name: plan.short_name().to_vec(),
        credentials: plan.credentials,
    })
}

impl Process {
    /// The program's arguments, or its environment, as they lie in its memory now (/proc/PID/cmdline, environ): at most `bytes.len()` of them from
    /// position `from` on. Answers how many.
    pub fn read_strings(&self, environment: bool, from: usize, bytes: &mut [u8]) -> Result<usize> {
        let image = self.image();
        let range = if environment { &image.environment } else { &image.arguments };
        let Some(space) = self.space() else { return Ok(0) };
        let length = range.len().saturating_sub(from).min(bytes.len());
        let Some(wanted) = bytes.get_mut(..length).filter(|wanted| !wanted.is_empty()) else { return Ok(0) };
        space.read_remote(range.start + from, wanted)
    }
}
