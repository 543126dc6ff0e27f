//! Signals (signal(7)).
//!
//! [`send`] puts a signal into a queue and gets a thread to notice; [`deliver`] is what that thread then does on its way back to user mode:
//! it takes one signal after the other and acts on it, which for a handler means building the [`frame`] that it will find on its stack.
//! [`stop`] is job control. The queues and the stop state of a process, and the masks of its threads, change under the process's lock.

mod action;
mod calls;
mod deliver;
mod file;
mod frame;
mod permission;
mod queue;
mod send;
mod stop;

pub use action::{Actions, DefaultAction, default_action};
pub use calls::{TimedWait, alternate_stack, change_mask, pending, restore_mask, set_action, suspend, timed_wait, with_temporary_mask};
pub(crate) use deliver::{Next, next, restart_call};
pub use file::{change_signal_file, signal_file};
pub use frame::sigreturn;
pub use permission::{kill, may_signal, parse, queue_to_process, queue_to_thread, tgkill};
pub(crate) use queue::Pending;
pub use send::{Target, kill_all_except, raise, send_to_group, send_to_process, send_to_thread, signal_group, signal_process};
pub(crate) use send::{force, start_group_exit};
pub(crate) use stop::{leave_stop_count, rest};

/// The last exception of a thread, which the signal frame shows (`trapno`, `err`, `cr2`).
#[derive(Clone, Copy, Default)]
pub(crate) struct LastFault {
    pub trap: u64,
    pub error: u64,
    pub address: u64,
}
