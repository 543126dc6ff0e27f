//! FUTEX_WAIT and FUTEX_WAIT_BITSET.

use alloc::sync::Arc;
use core::future::poll_fn;
use core::task::Poll;

use abi::{Errno, Result};

use super::{Key, table};
use crate::{Thread, interruptible_until};

/// The part of a wait that needs no waiting: fails with what it would fail with at once (EINVAL, EFAULT, EAGAIN when the word isn't `expected`).
pub fn attempt(thread: &Thread, address: usize, expected: u32, private: bool, bitset: u32) -> Result<()> {
    if bitset == 0 {
        return Err(Errno::EINVAL);
    }
    Key::of(thread, address, private)?;
    if memory::user::load_u32(address)? == expected { Ok(()) } else { Err(Errno::EAGAIN) }
}

/// Takes a thread out of its queue when the wait is given up, however that comes.
struct Place<'a>(&'a Thread);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        table::cancel(self.0);
    }
}

/// Waits, if the word is still `expected`, until it is woken by a waker that shares a bit with `bitset`.
///
/// EAGAIN when the word differs, ETIMEDOUT at `deadline` (nanoseconds of the monotone clock), ERESTARTSYS for a signal: the caller of a wait with a
/// timeout makes a restart of that.
pub async fn wait(thread: &Arc<Thread>, address: usize, expected: u32, private: bool, bitset: u32, deadline: Option<u64>) -> Result<()> {
    if bitset == 0 {
        return Err(Errno::EINVAL);
    }
    let key = Key::of(thread, address, private)?;
    join(thread, key, address, expected, bitset)?;
    let place = Place(thread);
    let woken = poll_fn(|_| if thread.futex.is_waiting() { Poll::Pending } else { Poll::Ready(()) });
    let ended = interruptible_until(thread, deadline, woken).await;
    // Whoever was woken has got what it waited for, even if a signal or the time came too.
    let was_waiting = table::cancel(thread);
    drop(place);
    if was_waiting { ended } else { Ok(()) }
}

/// Compares and joins the queue in one step.
fn join(thread: &Arc<Thread>, key: Key, address: usize, expected: u32, bitset: u32) -> Result<()> {
    let index = table::index(&key);
    loop {
        let mut bucket = table::lock(index);
        match arch::user::load_u32(address) {
            Ok(value) if value == expected => return bucket.push(index, key, bitset, thread.clone()),
            Ok(_) => return Err(Errno::EAGAIN),
            Err(_) => drop(bucket),
        }
        memory::user::load_u32(address)?;
    }
}
