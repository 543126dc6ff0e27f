//! Sessions and their controlling terminals (setsid(2), credentials(7)).
//!
//! The terminal itself lives in a room above; here it is an object that can be hung up and asked which group is in the foreground.

use alloc::sync::Arc;
use core::any::Any;

use sync::SpinLock;

/// What a session needs of its terminal.
pub trait ControllingTerminal: Send + Sync {
    /// The leader of the session ended: the terminal forgets the session and tells its foreground group (SIGHUP, SIGCONT).
    fn leader_exited(self: Arc<Self>);
    /// The process group in the foreground, 0 when there is none.
    fn foreground_group(&self) -> u32;
    /// The device number as stat(2) has it (`tty_nr` of /proc/PID/stat).
    fn device(&self) -> u64;
    /// Lets the room that made the terminal find its own type again.
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// A session: some process groups that may share a terminal.
pub struct Session {
    id: u32,
    terminal: SpinLock<Option<Arc<dyn ControllingTerminal>>>,
}

impl Session {
    pub(crate) fn new(id: u32) -> Session {
        Session { id, terminal: SpinLock::new(None) }
    }

    /// The session's number: the PID of the process that founded it.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The controlling terminal.
    pub fn terminal(&self) -> Option<Arc<dyn ControllingTerminal>> {
        self.terminal.lock().clone()
    }

    /// Gives the session this terminal, or none; answers what it had.
    pub fn set_terminal(&self, terminal: Option<Arc<dyn ControllingTerminal>>) -> Option<Arc<dyn ControllingTerminal>> {
        core::mem::replace(&mut *self.terminal.lock(), terminal)
    }
}
