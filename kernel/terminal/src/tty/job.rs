//! Job control: who may use a terminal, and whom its signals reach (credentials(7), tcsetpgrp(3)).

use alloc::sync::Arc;
use core::any::Any;

use abi::{Errno, Result, Signal};
use fs::OpenFile;
use process::{ControllingTerminal, Process, Resource, Session};

use super::Tty;

/// The process that makes the present call. `None` in a kernel task, for which there is no job control.
pub(super) fn caller() -> Option<Arc<Process>> {
    process::with_current(|thread| thread.process().clone())
}

/// The user on whose behalf a new pseudo-terminal is made.
pub(crate) fn caller_credentials() -> u32 {
    process::with_current(|thread| thread.credentials().fsuid).unwrap_or(0)
}

/// The caller's controlling terminal.
pub(crate) fn caller_terminal() -> Option<Arc<Tty>> {
    caller()?.session().terminal()?.as_any().downcast().ok()
}

/// Gives the caller a descriptor for `file`: its number; EMFILE.
pub(crate) fn install_descriptor(file: Arc<OpenFile>, close_on_exec: bool) -> Result<usize> {
    let thread = process::current().ok_or(Errno::EMFILE)?;
    let limit = u32::try_from(thread.process().soft_limit(Resource::OpenFiles)).unwrap_or(u32::MAX);
    // Should there be no room, the file is closed by the last reference: this one, not the one that ends under the table's lock.
    let kept = file.clone();
    let result = thread.with_files(|files| files.insert(file, close_on_exec, limit));
    drop(kept);
    result.map(|fd| fd as usize)
}

/// TIOCSIG: the master sends SIGINT, SIGQUIT or SIGTSTP to the slave's foreground group. EINVAL for others.
pub(crate) fn signal_by_master(slave: &Tty, number: usize) -> Result<()> {
    let signal = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTSTP].into_iter().find(|signal| usize::from(signal.number()) == number);
    let signal = signal.ok_or(Errno::EINVAL)?;
    let foreground = slave.state.lock().foreground;
    signal_group(foreground, signal);
    Ok(())
}

/// Whether the caller may do what Linux reserves for CAP_SYS_ADMIN. Kernel tasks may.
pub(crate) fn is_privileged() -> bool {
    process::with_current(|thread| thread.credentials().is_privileged()).unwrap_or(true)
}

/// Signals a process group; group 0 is nobody.
pub(super) fn signal_group(group: u32, signal: Signal) {
    if group != 0 {
        // A group whose last process has just ended is no error: there is nobody left to tell.
        let _ = process::signal::signal_group(group, signal);
    }
}

/// Signals the leader of a session, if it still lives.
pub(super) fn signal_leader(session: u32, signal: Signal) {
    // A leader that is gone (its end is the usual cause of a hang-up) needs no signal.
    let _ = process::signal::signal_process(session, signal);
}

impl Tty {
    /// Whether this is the controlling terminal of `process`.
    pub(super) fn controls(&self, process: &Process) -> bool {
        self.state.lock().session == process.session_id()
            && process.session().terminal().is_some_and(|terminal| terminal.device() == self.identity.device.word())
    }

    /// Checks that the caller may go on as `signal` (SIGTTIN, SIGTTOU) demands: nothing stops processes of the foreground group, of
    /// other sessions, and kernel tasks. A background process gets the signal with its whole group and ERESTARTSYS, or EIO where
    /// stopping makes no sense: nobody could continue an orphaned group, and one that ignores SIGTTIN can't read.
    pub(super) fn check_job(&self, signal: Signal) -> Result<()> {
        let Some(process) = caller() else { return Ok(()) };
        if !self.controls(&process) {
            return Ok(());
        }
        let foreground = self.state.lock().foreground;
        let group = process.group_id();
        if foreground == 0 || foreground == group {
            return Ok(());
        }
        if process::with_current(|thread| thread.ignores_or_blocks(signal)).unwrap_or(false) {
            return if signal == Signal::SIGTTIN { Err(Errno::EIO) } else { Ok(()) };
        }
        if process::identity::is_orphaned(group) {
            return Err(Errno::EIO);
        }
        signal_group(group, signal);
        Err(Errno::ERESTARTSYS)
    }

    /// What opening does for a session leader that has no terminal, when no other session has this one.
    pub(super) fn adopt_by_opening(&self) {
        let Some(process) = caller() else { return };
        let session = process.session();
        if session.id() == process.pid() && !has_terminal(&session) && self.state.lock().session == 0 {
            self.adopt(&process);
        }
    }

    /// Makes this the controlling terminal of the session of `process`, with its group in the foreground.
    pub fn adopt(&self, process: &Process) {
        let session = process.session();
        {
            let mut state = self.state.lock();
            state.session = session.id();
            state.foreground = process.group_id();
        }
        if let Some(this) = self.this.upgrade() {
            session.set_terminal(Some(this as Arc<dyn ControllingTerminal>));
        }
    }

    /// TIOCSCTTY. EPERM: the caller is no session leader, or has a terminal, or another session has this one (`steal` by a privileged
    /// caller takes it away from that one).
    pub(super) fn set_controlling(&self, steal: bool, readable: bool) -> Result<()> {
        let process = caller().ok_or(Errno::EPERM)?;
        let session = process.session();
        let leader = session.id() == process.pid();
        let owner = self.state.lock().session;
        if leader && owner == session.id() {
            return Ok(());
        }
        if !leader || has_terminal(&session) {
            return Err(Errno::EPERM);
        }
        if owner != 0 {
            if !(steal && is_privileged()) {
                return Err(Errno::EPERM);
            }
            replace_terminal(owner, None);
        }
        if !readable && !is_privileged() {
            return Err(Errno::EPERM);
        }
        self.adopt(&process);
        Ok(())
    }

    /// TIOCNOTTY. ENOTTY: not the caller's terminal. The session leader gives it up for the whole session, whose foreground group gets
    /// SIGHUP and SIGCONT. EPERM for others: here the terminal belongs to the session, not to each process.
    pub(super) fn give_up(&self) -> Result<()> {
        let process = caller().ok_or(Errno::ENOTTY)?;
        if !self.controls(&process) {
            return Err(Errno::ENOTTY);
        }
        if process.session_id() != process.pid() {
            return Err(Errno::EPERM);
        }
        let foreground = self.leave_session();
        process.session().set_terminal(None);
        signal_group(foreground, Signal::SIGHUP);
        signal_group(foreground, Signal::SIGCONT);
        Ok(())
    }

    /// TIOCGPGRP's answer; ENOTTY when this isn't the caller's terminal (asked from the slave's side).
    pub(super) fn foreground_of_caller(&self, from_master: bool) -> Result<u32> {
        self.check_controls_caller(from_master)?;
        Ok(self.state.lock().foreground)
    }

    /// TIOCGSID's answer; ENOTTY when this isn't the caller's terminal, or nobody's.
    pub(super) fn session_of_caller(&self, from_master: bool) -> Result<u32> {
        self.check_controls_caller(from_master)?;
        let session = self.state.lock().session;
        if session == 0 { Err(Errno::ENOTTY) } else { Ok(session) }
    }

    fn check_controls_caller(&self, from_master: bool) -> Result<()> {
        if from_master || caller().is_none_or(|process| self.controls(&process)) { Ok(()) } else { Err(Errno::ENOTTY) }
    }

    /// TIOCSPGRP. ENOTTY: not the caller's terminal; EINVAL, ESRCH: no such group; EPERM: a group of another session.
    pub(super) fn set_foreground(&self, group: impl FnOnce() -> Result<i32>) -> Result<()> {
        self.check_job(Signal::SIGTTOU).map_err(|error| if error == Errno::EIO { Errno::ENOTTY } else { error })?;
        let group = u32::try_from(group()?).map_err(|_| Errno::EINVAL)?;
        let process = caller().ok_or(Errno::ENOTTY)?;
        if !self.controls(&process) {
            return Err(Errno::ENOTTY);
        }
        let session = process::identity::session_of_group(group).ok_or(Errno::ESRCH)?;
        if session != process.session_id() {
            return Err(Errno::EPERM);
        }
        self.state.lock().foreground = group;
        Ok(())
    }

    /// Forgets session and foreground group; answers what the latter was.
    pub(super) fn leave_session(&self) -> u32 {
        let mut state = self.state.lock();
        state.session = 0;
        core::mem::take(&mut state.foreground)
    }
}

/// Puts another terminal, or none, in the place of a session's. Its leader may be gone, so any member will do to find it.
pub(super) fn replace_terminal(session: u32, terminal: Option<Arc<dyn ControllingTerminal>>) {
    let mut pid = 0;
    while let Some(process) = process::next_process(pid) {
        if process.session_id() == session {
            process.session().set_terminal(terminal);
            return;
        }
        pid = process.pid().saturating_add(1);
    }
}

/// Whether a session has a terminal now: one that was hung up doesn't count.
fn has_terminal(session: &Session) -> bool {
    session.terminal().is_some_and(|terminal| terminal.device() != 0)
}

impl ControllingTerminal for Tty {
    fn leader_exited(self: Arc<Self>) {
        self.lose_leader();
    }

    fn foreground_group(&self) -> u32 {
        self.state.lock().foreground
    }

    fn device(&self) -> u64 {
        self.identity.device.word()
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
