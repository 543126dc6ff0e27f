//! One executor for each processor, and how one wakes another.

use crate::run::Executor;
use sync::Once;

#[cfg(target_os = "none")]
static EXECUTORS: arch::cpu::PerCpu<Executor> = arch::cpu::PerCpu::new([const { Executor::new() }; arch::MAX_CPUS]);

/// This processor's executor.
#[cfg(target_os = "none")]
#[inline(always)]
pub(crate) fn this_cpu() -> &'static Executor {
    EXECUTORS.get()
}

/// Calls `f` with the executor of each processor.
#[cfg(target_os = "none")]
pub(crate) fn for_each(f: &mut dyn FnMut(&'static Executor)) {
    EXECUTORS.iter().for_each(f);
}

/// On the host a thread is a processor, but threads come and go (one for each test), with clocks of their own. So each gets a fresh
/// executor, which is never freed, as wakers in other threads may point to it.
#[cfg(all(not(target_os = "none"), not(loom)))]
pub(crate) fn this_cpu() -> &'static Executor {
    /// Keeps the executors of ended threads reachable, for leak checkers.
    static ALL: std::sync::Mutex<alloc::vec::Vec<&'static Executor>> = std::sync::Mutex::new(alloc::vec::Vec::new());
    std::thread_local! {
        static MINE: &'static Executor = {
            arch::interrupts::set_timer_handler(crate::timer::on_interrupt);
            let mine: &'static Executor = alloc::boxed::Box::leak(alloc::boxed::Box::new(Executor::new()));
            ALL.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(mine);
            mine
        };
    }
    MINE.with(|mine| *mine)
}

/// Loom's statics live for one execution of a model.
#[cfg(loom)]
pub(crate) fn this_cpu() -> &'static Executor {
    loom::lazy_static! {
        static ref EXECUTOR: Executor = Executor::new();
    }
    let executor: &Executor = &EXECUTOR;
    executor
}

/// On the host a thread sees itself only.
#[cfg(not(target_os = "none"))]
pub(crate) fn for_each(f: &mut dyn FnMut(&'static Executor)) {
    f(this_cpu());
}

#[cfg(not(loom))]
static KICK: Once<fn(usize)> = Once::new();
#[cfg(loom)]
loom::lazy_static! {
    static ref KICK: Once<fn(usize)> = Once::new();
}

/// Tells how to interrupt another processor (an IPI whose handler is [`on_kick`]), given its number. It is called, in any context, when a
/// task is woken whose processor had nothing new in its inbox, as that may be halted or in user mode. Until this is set, a wake reaches
/// another processor when that next looks.
pub fn set_kick(kick: fn(usize)) {
    if KICK.set(kick).is_err() {
        log::warn!("executor: the way to interrupt processors was set twice");
    }
}

/// What the handler of that interrupt does on the processor that was kicked: lets the user thread that it may have interrupted look for
/// others.
pub fn on_kick() {
    this_cpu().slice.attract();
}

/// Interrupts processor `cpu`, so that it looks into its inbox.
#[cold]
pub(crate) fn kick(cpu: usize) {
    if let Some(kick) = KICK.get() {
        kick(cpu);
    }
}
