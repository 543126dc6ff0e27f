//! Big jobs in small pieces: tearing down an address space, clearing a large file.
//!
//! Each poll starts with the same budget. A job that loops tells what each round costs, and yields when the budget is gone, so that no
//! poll takes longer than about a millisecond, whatever size the user chose.

use crate::{cpu::this_cpu, yield_now};
use sync::atomics::{AtomicU32, Ordering};

/// Budget of a poll. One unit is about the work of clearing or copying a page.
pub const PER_POLL: u32 = 512;

/// What the current poll has used of it.
pub(crate) struct Budget(AtomicU32);

impl Budget {
    sync::constructor! {
        pub fn new() -> Self {
            Budget(AtomicU32::new(0))
        }
    }

    #[inline]
    pub fn refill(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Takes `units` from the budget of the current poll. False: it is used up, and the task should yield before it goes on.
#[inline]
pub fn consume(units: u32) -> bool {
    let budget = &this_cpu().budget.0;
    let used = budget.load(Ordering::Relaxed).saturating_add(units);
    budget.store(used, Ordering::Relaxed);
    used < PER_POLL
}

/// Takes `units` from the budget, and yields if it is used up and another task is ready.
pub async fn checkpoint(units: u32) {
    if consume(units) {
        return;
    }
    if crate::has_ready() {
        yield_now().await;
    }
    this_cpu().budget.refill();
}
