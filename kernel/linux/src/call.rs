//! What a system-call handler gets and gives.

use abi::Errno;
use alloc::sync::Arc;
use arch::user::UserContext;
use process::Thread;

/// The calling thread and its registers.
pub struct Call<'a> {
    pub thread: &'a Arc<Thread>,
    pub context: &'a mut UserContext,
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
pub type Outcome = Result<usize, Stop>;
