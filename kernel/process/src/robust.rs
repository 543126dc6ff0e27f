//! What a thread's end means for its mutexes and for who waits for it (set_robust_list(2), set_tid_address(2)).
//!
//! All of this reads memory that the dying program has filled as it liked: the walk is bounded, and stops at the first thing that can't be read.

use abi::process::{RobustListHead, futex as bits};
use memory::{UserPtr, user};

use crate::{Thread, futex};

/// Entries that are looked at (Linux: ROBUST_LIST_LIMIT).
const LIMIT: usize = 2048;

/// Walks the robust list, then tells whoever joins the thread by its tid word.
pub(crate) fn release(thread: &Thread) {
    let head = thread.robust_list();
    if head != 0 {
        thread.set_robust_list(0);
        walk(thread, head);
    }
    clear_tid(thread);
}

/// Clears the word that CLONE_CHILD_CLEARTID or set_tid_address(2) named and wakes who waits for that; but not if nobody else can see it.
fn clear_tid(thread: &Thread) {
    let address = thread.clear_tid.swap(0, core::sync::atomic::Ordering::Relaxed);
    if address == 0 || !thread.process().shares_space() {
        return;
    }
    // The program may have unmapped the word; that is its own affair.
    let _ = UserPtr::<u32>::new(address).write(&0).and_then(|()| futex::wake(thread, address, false, 1, u32::MAX));
}

fn walk(thread: &Thread, address: usize) {
    let Ok(head) = UserPtr::<RobustListHead>::new(address).read() else { return };
    let word = |entry: u64| ((entry & !1) as usize).wrapping_add(head.futex_offset as usize);
    let pending = head.pending;
    let mut entry = head.first;
    for _ in 0..LIMIT {
        if entry & !1 == address as u64 {
            break;
        }
        let next = UserPtr::<u64>::new((entry & !1) as usize).read();
        if entry & !1 != pending & !1 && !release_mutex(thread, word(entry), entry & 1 != 0, false) {
            return;
        }
        match next {
            Ok(next) => entry = next,
            Err(_) => return,
        }
    }
    if pending & !1 != 0 {
        release_mutex(thread, word(pending), pending & 1 != 0, true);
    }
}

/// If the thread owns the mutex, marks it as left by a dead owner and wakes one waiter. False: the word isn't readable.
fn release_mutex(thread: &Thread, address: usize, inherits_priority: bool, pending: bool) -> bool {
    let Ok(mut value) = user::load_u32(address) else { return false };
    // The thread died between giving the mutex up and waking the next one: that wake is made up for here.
    if pending && !inherits_priority && value == 0 {
        let _ = futex::wake(thread, address, false, 1, u32::MAX);
        return true;
    }
    while value & bits::TID_MASK == thread.tid() {
        let left = value & bits::WAITERS | bits::OWNER_DIED;
        match user::compare_exchange_u32(address, value, left) {
            Ok(Ok(_)) => {
                if value & bits::WAITERS != 0 && !inherits_priority {
                    // A word that was just written has a key.
                    let _ = futex::wake(thread, address, false, 1, u32::MAX);
                }
                break;
            }
            Ok(Err(found)) => value = found,
            Err(_) => return false,
        }
    }
    true
}
