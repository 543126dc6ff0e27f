//! How an interrupted system call goes on (`restart_syscall(2)`).
//!
//! A call that a signal interrupts fails with one of four errors that programs never see; [`crate::signal`] turns them into EINTR or
//! into a second execution of the `syscall` instruction. Calls with a relative timeout cannot just be executed again, or they would
//! wait for the whole time once more: they leave a [`Restart`] here, and the second execution is restart_syscall(2), which takes it.

use abi::Errno;

use crate::Thread;

/// What restart_syscall(2) shall do. Deadlines are nanoseconds of the monotone clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Restart {
    /// Nothing was interrupted: EINTR.
    #[default]
    None,
    /// nanosleep(2), clock_nanosleep(2): sleep until then; the rest goes to `remaining` (a `struct timespec` of the user, or 0) if
    /// another signal comes.
    Sleep { deadline: u64, remaining: usize },
    /// poll(2) over the same array.
    Poll { array: usize, count: usize, deadline: u64 },
    /// futex(FUTEX_WAIT) with a relative timeout.
    Futex { address: usize, expected: u32, private: bool, bitset: u32, deadline: u64 },
}

impl Thread {
    /// Leaves behind how the call goes on; answers the error that the call then ends with.
    pub fn restart_with(&self, restart: Restart) -> Errno {
        *self.restart.lock() = restart;
        Errno::ERESTART_RESTARTBLOCK
    }

    /// What restart_syscall(2) has to do. It can be asked once.
    pub fn take_restart(&self) -> Restart {
        core::mem::take(&mut *self.restart.lock())
    }
}
