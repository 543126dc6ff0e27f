//! Futexes (futex(2)): waiting for a word of user memory to change, and waking who waits.
//!
//! A word is known by its [`Key`]: in private memory by address space and address, in shared memory by what is mapped there, so that processes that
//! see it at different addresses mean the same word. Waiters stand in the [`table`], keyed queues behind spin locks. The word is compared under
//! the lock of its queue, which is what makes "compare and sleep" one step; a page that isn't there at that moment is fetched
//! without the lock, and the step is tried again.

mod table;
mod wait;
mod wake;

pub(crate) use table::FutexPlace;
pub use table::waiting;
pub use wait::{attempt, wait};
pub use wake::{requeue, wake, wake_operation};

use abi::{Errno, Result};

use crate::Thread;

/// The word that a futex call is about, the same for everyone who sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key {
    object: u64,
    offset: u64,
}

/// Tells numbers of memory objects from numbers of address spaces.
const OBJECT: u64 = 1 << 63;

impl Key {
    /// The key of a word of the calling thread's memory. EINVAL if it isn't aligned, EFAULT if it isn't user memory.
    pub(crate) fn of(thread: &Thread, address: usize, private: bool) -> Result<Key> {
        if !address.is_multiple_of(size_of::<u32>()) {
            return Err(Errno::EINVAL);
        }
        if address >= arch::USER_END {
            return Err(Errno::EFAULT);
        }
        if !private {
            let space = thread.process().space().ok_or(Errno::EFAULT)?;
            if let Some((object, offset)) = space.shared_key(address) {
                return Ok(Key { object: object | OBJECT, offset });
            }
            memory::user::load_u32(address)?;
        }
        Ok(Key { object: thread.process().space_id(), offset: address as u64 })
    }
}
