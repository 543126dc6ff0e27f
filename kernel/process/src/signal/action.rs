//! What a process does about each signal (sigaction(2)), and what happens by default.

use abi::siginfo::SigAction;
use abi::{Signal, SignalSet};

/// What a signal does by default.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DefaultAction {
    Ignore,
    Continue,
    Stop,
    /// End the process.
    Terminate,
    /// End the process, and dump core where that exists. There is no core dump here, as in a Linux without CONFIG_COREDUMP.
    Core,
}

/// What a signal does to a process that has made no arrangements.
pub fn default_action(signal: Signal) -> DefaultAction {
    match signal {
        Signal::SIGCHLD | Signal::SIGURG | Signal::SIGWINCH => DefaultAction::Ignore,
        Signal::SIGCONT => DefaultAction::Continue,
        Signal::SIGSTOP | Signal::SIGTSTP | Signal::SIGTTIN | Signal::SIGTTOU => DefaultAction::Stop,
        Signal::SIGQUIT
        | Signal::SIGILL
        | Signal::SIGTRAP
        | Signal::SIGABRT
        | Signal::SIGBUS
        | Signal::SIGFPE
        | Signal::SIGSEGV
        | Signal::SIGXCPU
        | Signal::SIGXFSZ
        | Signal::SIGSYS => DefaultAction::Core,
        _ => DefaultAction::Terminate,
    }
}

/// The signals whose default is to stop.
pub(crate) const STOPPING: SignalSet = SignalSet::of(Signal::SIGSTOP).with(Signal::SIGTSTP).with(Signal::SIGTTIN).with(Signal::SIGTTOU);
/// The signals that nobody can block, catch or ignore.
pub(crate) const UNBLOCKABLE: SignalSet = SignalSet::of(Signal::SIGKILL).with(Signal::SIGSTOP);

/// One action for each signal.
#[derive(Clone)]
pub struct Actions([SigAction; Signal::COUNT]);

const DEFAULT: SigAction = SigAction { handler: SigAction::DEFAULT, flags: 0, restorer: 0, mask: 0 };

impl Default for Actions {
    fn default() -> Actions {
        Actions([DEFAULT; Signal::COUNT])
    }
}

impl Actions {
    pub fn get(&self, signal: Signal) -> SigAction {
        self.0.get(usize::from(signal.number()) - 1).copied().unwrap_or(DEFAULT)
    }

    pub(crate) fn set(&mut self, signal: Signal, action: SigAction) {
        if let Some(slot) = self.0.get_mut(usize::from(signal.number()) - 1) {
            *slot = action;
        }
    }

    /// Whether the signal would do nothing: ignored, or left at a default that does nothing.
    pub fn ignores(&self, signal: Signal) -> bool {
        match self.get(signal).handler {
            SigAction::IGNORE => true,
            SigAction::DEFAULT => default_action(signal) == DefaultAction::Ignore,
            _ => false,
        }
    }

    /// What execve(2) leaves: handlers are gone, what was ignored stays ignored.
    pub(crate) fn after_exec(&self) -> Actions {
        self.keeping(|action| action.handler == SigAction::IGNORE)
    }

    /// CLONE_CLEAR_SIGHAND: as after execve(2).
    pub(crate) fn cleared(&self) -> Actions {
        self.after_exec()
    }

    fn keeping(&self, keep: impl Fn(&SigAction) -> bool) -> Actions {
        Actions(self.0.map(|action| if keep(&action) { SigAction { handler: action.handler, ..DEFAULT } } else { DEFAULT }))
    }

    /// The signals that are ignored and those that are caught (`SigIgn` and `SigCgt` in /proc/PID/status).
    pub fn sets(&self) -> (SignalSet, SignalSet) {
        let (mut ignored, mut caught) = (SignalSet::EMPTY, SignalSet::EMPTY);
        for number in 1..=Signal::COUNT as u64 {
            let Some(signal) = Signal::new(number) else { continue };
            match self.get(signal).handler {
                SigAction::IGNORE => ignored = ignored.with(signal),
                SigAction::DEFAULT => {}
                _ => caught = caught.with(signal),
            }
        }
        (ignored, caught)
    }
}
