//! The public face of `arch` on top of a normal process: for tests, Miri, loom and fuzzing of the rooms above.
//!
//! Each host thread is a processor of its own with its own number, interrupt flag, loaded page table, timer and user-mode
//! script, so that tests running in parallel don't see each other. Physical memory is one allocation for the whole process.

pub(crate) mod backtrace;
pub(crate) mod boot;
pub(crate) mod clock;
pub(crate) mod console;
pub(crate) mod copy;
pub(crate) mod cpu;
pub(crate) mod fpu;
pub(crate) mod interrupts;
pub(crate) mod latency;
pub(crate) mod memory;
pub(crate) mod port;
pub(crate) mod power;
pub(crate) mod random;
#[cfg(test)]
mod tests;
pub(crate) mod tlb;
pub(crate) mod user;

pub use boot::init_memory;
pub use clock::advance_clock;
pub use console::take_console;
pub use interrupts::raise;
pub use user::script;
