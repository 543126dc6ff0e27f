//! What a system-call handler gets and gives.

use abi::stat::Flock;
use abi::{Errno, Result};
use alloc::sync::Arc;
use arch::user::UserContext;
use fs::locks::LockOwner;
use fs::{FdTable, FsContext, OpenFile};
use memory::AddressSpace;
use process::{Resource, Thread};

/// The calling thread and its registers.
pub struct Call<'a> {
    pub thread: &'a Arc<Thread>,
    pub context: &'a mut UserContext,
}

/// The six argument registers of a call.
#[inline]
pub fn arguments(context: &UserContext) -> [usize; 6] {
    context.args().map(|register| register as usize)
}

/// Why a handler did not produce a result at once.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// The call fails.
    Error(Errno),
    /// The call must wait: the table's waiting half goes on. The number is how many bytes a partial transfer has moved already.
    Wait(usize),
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Stop {
        Stop::Error(errno)
    }
}

/// What the synchronous half of a handler returns.
pub type Outcome = core::result::Result<usize, Stop>;

/// The open file of a descriptor, O_PATH ones included; EBADF.
pub fn any_file(thread: &Thread, fd: i32) -> Result<Arc<OpenFile>> {
    let fd = u32::try_from(fd).map_err(|_| Errno::EBADF)?;
    thread.with_files(|files| files.get(fd).cloned())
}

/// The open file of a descriptor; EBADF, also for one that was opened with O_PATH.
pub fn file(thread: &Thread, fd: i32) -> Result<Arc<OpenFile>> {
    any_file(thread, fd).and_then(|file| if file.flags().is_path() { Err(Errno::EBADF) } else { Ok(file) })
}

/// A second reference to a file that goes into the table: if the table refuses it, the last reference must not be dropped under the table's lock,
/// since closing a file may be work.
struct KeptAlive(#[expect(dead_code, reason = "held, not read")] Arc<OpenFile>);

impl Call<'_> {
    /// See [`arguments`].
    #[inline]
    pub fn arguments(&self) -> [usize; 6] {
        arguments(self.context)
    }

    /// Whether the caller may do what only root may.
    pub fn privileged(&self) -> bool {
        self.thread.credentials().is_privileged()
    }

    /// The address space of the caller. A thread that makes calls has one; ESRCH is what Linux would say.
    pub fn space(&self) -> Result<Arc<AddressSpace>> {
        self.thread.process().space().ok_or(Errno::ESRCH)
    }

    /// Root, working directory and umask.
    pub fn fs(&self) -> Result<Arc<FsContext>> {
        self.thread.fs()
    }

    /// See [`file`].
    pub fn file(&self, fd: i32) -> Result<Arc<OpenFile>> {
        file(self.thread, fd)
    }

    /// See [`any_file`].
    pub fn any_file(&self, fd: i32) -> Result<Arc<OpenFile>> {
        any_file(self.thread, fd)
    }

    fn descriptor_limit(&self) -> u32 {
        u32::try_from(self.thread.process().soft_limit(Resource::OpenFiles)).unwrap_or(u32::MAX)
    }

    fn with_descriptor<T>(&self, fd: i32, f: impl FnOnce(&mut FdTable, u32) -> Result<T>) -> Result<T> {
        let fd = u32::try_from(fd).map_err(|_| Errno::EBADF)?;
        self.thread.with_files(|files| f(files, fd))
    }

    /// Gives `file` the lowest free descriptor. EMFILE.
    pub fn install(&self, file: Arc<OpenFile>, close_on_exec: bool) -> Result<i32> {
        let limit = self.descriptor_limit();
        let kept = KeptAlive(file.clone());
        let fd = self.thread.with_files(|files| files.insert(file, close_on_exec, limit));
        drop(kept);
        fd.map(|fd| fd as i32)
    }

    /// Gives `file` the lowest free descriptor from `minimum` on. EMFILE, EINVAL.
    pub fn install_from(&self, file: Arc<OpenFile>, minimum: usize, close_on_exec: bool) -> Result<i32> {
        let minimum = u32::try_from(minimum).map_err(|_| Errno::EINVAL)?;
        let limit = self.descriptor_limit();
        let kept = KeptAlive(file.clone());
        let fd = self.thread.with_files(|files| files.insert_from(file, minimum, close_on_exec, limit));
        drop(kept);
        fd.map(|fd| fd as i32)
    }

    /// Puts `file` at a descriptor, closing what was there. EBADF.
    pub fn replace(&self, fd: i32, file: Arc<OpenFile>, close_on_exec: bool) -> Result<()> {
        let limit = self.descriptor_limit();
        let kept = KeptAlive(file.clone());
        let old = self.with_descriptor(fd, |files, fd| files.replace(fd, file, close_on_exec, limit));
        drop(kept);
        let old = old?;
        old.into_iter().for_each(|old| self.release(old));
        Ok(())
    }

    /// Takes a descriptor away. EBADF.
    pub fn close(&self, fd: i32) -> Result<()> {
        let old = self.with_descriptor(fd, |files, fd| files.remove(fd))?;
        self.release(old);
        Ok(())
    }

    /// Takes all descriptors of a range away, or marks them close-on-exec.
    pub fn close_range(&self, first: u32, last: u32, only_mark: bool) -> Result<()> {
        let old = self.thread.with_files(|files| {
            if only_mark {
                files.mark_range(first, last);
                return Ok(alloc::vec::Vec::new());
            }
            Ok(files.remove_range(first, last))
        })?;
        old.into_iter().for_each(|old| self.release(old));
        Ok(())
    }

    /// Lets go of a description that was taken out of the table: closing any descriptor of a file ends the process's POSIX locks on it.
    fn release(&self, file: Arc<OpenFile>) {
        fs::locks::release_process(&file, self.thread.process().pid().into());
    }

    pub fn close_on_exec(&self, fd: i32) -> Result<bool> {
        self.with_descriptor(fd, |files, fd| files.close_on_exec(fd))
    }

    pub fn set_close_on_exec(&self, fd: i32, on: bool) -> Result<()> {
        self.with_descriptor(fd, |files, fd| files.set_close_on_exec(fd, on))
    }

    /// Who owns a record lock taken through `file`: the description (F_OFD_…, which want an `l_pid` of 0) or the process.
    pub fn lock_owner(&self, file: &OpenFile, by_description: bool, flock: &Flock) -> Result<LockOwner> {
        match by_description {
            true if flock.pid != 0 => Err(Errno::EINVAL),
            true => Ok(LockOwner::of_description(file)),
            false => Ok(LockOwner::Process(self.thread.process().pid().into())),
        }
    }

    /// The pid that F_GETLK tells of such a lock.
    pub fn lock_pid(&self, by_description: bool) -> i32 {
        if by_description { -1 } else { self.thread.process().pid() as i32 }
    }
}
