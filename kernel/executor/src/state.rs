//! The states of a task, in one atomic word.
//!
//! ```text
//!              wake: push to the inbox                 start                     poll is ready: finish
//!   waiting ───────────────────────────► SCHEDULED ───────────► RUNNING ──────────────────────────────► COMPLETE (wakes are ignored)
//!      ▲                                     ▲                     │ wake: sets SCHEDULED beside RUNNING
//!      └───────────── pause, not woken ──────┼─────────────────────┤
//!                                            └─ pause, woken: push ┘
//! ```
//!
//! A task is in a queue exactly if it is SCHEDULED and not RUNNING, and only the step that made that so pushes it: it is never queued
//! twice. While it is being polled, a wake leaves only the bit; the executor queues the task again afterwards. RUNNING and COMPLETE are
//! changed by the task's own processor alone.

use sync::atomics::{AtomicUsize, Ordering};

const SCHEDULED: usize = 1;
const RUNNING: usize = 2;
const COMPLETE: usize = 4;
const CANCELLED: usize = 8;

pub(crate) struct State(AtomicUsize);

impl State {
    /// A task about to be put into its first queue.
    pub fn scheduled() -> Self {
        State(AtomicUsize::new(SCHEDULED))
    }

    /// Wakes. True: the caller must push the task to its inbox.
    ///
    /// This is an atomic change even if the bit is set already: the poll to come must see all that the waking side did before.
    #[inline]
    pub fn wake(&self) -> bool {
        self.0.fetch_or(SCHEDULED, Ordering::AcqRel) & (SCHEDULED | RUNNING | COMPLETE) == 0
    }

    /// Asks for the end of the task, and wakes it. True: the caller must push it.
    pub fn cancel(&self) -> bool {
        self.0.fetch_or(SCHEDULED | CANCELLED, Ordering::AcqRel) & (SCHEDULED | RUNNING | COMPLETE) == 0
    }

    /// Out of the queue, into the poll. True: it was cancelled, and its future is to be dropped instead.
    #[inline]
    pub fn start(&self) -> bool {
        // SCHEDULED is set and RUNNING isn't, and nobody else changes either now: the sum turns one into the other in a single `lock xadd`.
        self.0.fetch_add(RUNNING - SCHEDULED, Ordering::AcqRel) & CANCELLED != 0
    }

    /// The poll was pending. True: the task was woken meanwhile, and the caller must push it again.
    #[inline]
    pub fn pause(&self) -> bool {
        self.0.fetch_sub(RUNNING, Ordering::AcqRel) & SCHEDULED != 0
    }

    /// The future is gone; the result, if there is one, is in its place.
    pub fn finish(&self) {
        self.0.fetch_add(COMPLETE - RUNNING, Ordering::AcqRel);
    }

    /// Whether it has finished. If so, the result may be taken.
    pub fn is_complete(&self) -> bool {
        self.0.load(Ordering::Acquire) & COMPLETE != 0
    }

    /// (running, scheduled), for diagnostics.
    pub fn look(&self) -> (bool, bool) {
        let bits = self.0.load(Ordering::Relaxed);
        (bits & RUNNING != 0, bits & SCHEDULED != 0)
    }
}
