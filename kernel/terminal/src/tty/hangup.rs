//! Hanging up: the end of a terminal for everybody who has it open.

use alloc::sync::Arc;
use core::any::Any;

use abi::Signal;
use process::ControllingTerminal;

use super::{Tty, job};
use crate::discipline::Effects;

/// What a session keeps of a terminal that was hung up: the group that was in its foreground, which learns of it when the session leader
/// ends. It has no device number, and nobody finds it as a terminal.
struct FormerTerminal {
    foreground: u32,
}

impl ControllingTerminal for FormerTerminal {
    fn leader_exited(self: Arc<Self>) {
        job::signal_group(self.foreground, Signal::SIGHUP);
        job::signal_group(self.foreground, Signal::SIGCONT);
    }

    fn foreground_group(&self) -> u32 {
        0
    }

    fn device(&self) -> u64 {
        0
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl Tty {
    /// Hangs the terminal up (vhangup(2), the master was closed): its files are dead, its session loses it, and the session leader gets
    /// SIGHUP and SIGCONT.
    pub fn hang_up(&self) {
        let session = self.state.lock().session;
        self.end_files();
        let foreground = self.leave_session();
        if session != 0 {
            job::replace_terminal(session, Some(Arc::new(FormerTerminal { foreground })));
            job::signal_leader(session, Signal::SIGHUP);
            job::signal_leader(session, Signal::SIGCONT);
        }
    }

    /// The session leader ended: the foreground group gets SIGHUP. A real line is hung up; a pseudo-terminal stays as it is, since its
    /// master decides about its end.
    pub(super) fn lose_leader(&self) {
        if !self.driver.is_pty() {
            self.end_files();
        }
        let foreground = self.leave_session();
        job::signal_group(foreground, Signal::SIGHUP);
    }

    /// From now on all open files read end of file and fail with EIO; the settings go back to the initial ones.
    fn end_files(&self) {
        {
            let mut state = self.state.lock();
            state.generation = state.generation.wrapping_add(1);
            state.exclusive = false;
            let mut effects = Effects::default();
            state.discipline.flush_input(&mut effects);
            state.discipline.flush_echo();
            state.discipline.set_termios(self.identity.initial, &mut effects);
            state.discipline.start(&mut effects);
            // What was written before still goes out: it is the last words of the programs that end now.
            self.driver.set_stopped(false);
        }
        self.readers.wake_all();
        self.driver.writers().wake_all();
    }
}
