//! Runs everything that waits: tasks, their wakers, the queues of each processor, time slices and timers.
//!
//! A **task** is one heap block: header, future and, later, its result. It lives on the processor that spawned it. A **waker** is a
//! counted pointer to that block, and waking is one atomic step on the task's state, plus a push to the processor's inbox if the task
//! wasn't queued. That is all, so an interrupt handler may do it: it never allocates, locks or frees (a task whose last waker dies there
//! is left on a stack for the executor).
//!
//! The **run loop** takes the whole inbox at once and polls it in order of arrival: what wakes meanwhile, the polled task itself
//! included, comes after that batch, so nobody starves. The kernel isn't preempted; user threads are asked to make room by
//! [`should_yield`].
//!
//! | file | what |
//! |---|---|
//! | `state`, `task`, `waker`, `join` | a task: its states, its memory, its references |
//! | `stack`, `run` | inbox and reap stack; the run loop of a processor |
//! | `slice`, `budget`, `report` | sharing the processor: time slices, big jobs, polls that take too long |
//! | `timer/` | the wheel, `Sleep`, `Timeout`, `Timer` |
//! | `cpu`, `diagnostics` | one executor for each processor; what it shows of itself |
#![cfg_attr(target_os = "none", no_std)]

extern crate alloc;

pub mod budget;
mod cpu;
mod diagnostics;
mod join;
#[cfg(all(test, loom))]
mod loom_tests;
mod report;
mod run;
mod slice;
mod stack;
mod state;
mod task;
pub mod timer;
mod waker;
mod yield_now;

pub use cpu::{on_kick, set_kick};
pub use diagnostics::{Statistics, TaskInfo, TaskState, current_task, statistics, tasks};
pub use join::{Cancelled, JoinHandle};
pub use report::note_user_time;
pub use run::{run_forever, run_until_idle};
pub use slice::{has_ready, should_yield};
pub use task::{OutOfMemory, TaskId, spawn};
pub use yield_now::{YieldNow, yield_now};
