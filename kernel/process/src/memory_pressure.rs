//! When memory is out, somebody must go: the process with the most of it, and among those with about as much the youngest, which has done the
//! least yet. (A process that multiplies makes many of equal size; the one that started it all is the oldest.)
//!
//! Only a page fault ends here; a system call that finds no memory fails with ENOMEM. The faulting thread kills the victim and lets others run until the
//! victim's memory is back. While a victim is on its way out no second one is chosen.

use alloc::sync::Arc;

use abi::process::WaitStatus;
use abi::{Signal, siginfo::SignalInfo};
use sync::SpinLock;

use crate::{Process, Thread, signal, tree};

/// The process that was killed last.
static VICTIM: SpinLock<Option<Arc<Process>>> = SpinLock::new(None);

/// Kills the largest process, unless one is already dying of this. The first process is never chosen.
pub fn make_room(thread: &Arc<Thread>) {
    let dying = VICTIM.lock().clone();
    if dying.is_some_and(|victim| !victim.has_ended()) {
        return;
    }
    match largest() {
        Some((victim, pages)) => {
            log::error!(
                "Out of memory: killed process {} ({}), {} KiB of memory of its own",
                victim.pid(),
                alloc::string::String::from_utf8_lossy(&victim.name()),
                pages * (memory::PAGE_SIZE / 1024)
            );
            let old = VICTIM.lock().replace(victim.clone());
            drop(old);
            // SIGKILL of the kernel's own always finds room.
            let _ = signal::send_to_process(&victim, Signal::SIGKILL, SignalInfo::kernel(Signal::SIGKILL));
        }
        None => {
            log::error!("Out of memory and no process left to kill: ending process {}", thread.process().pid());
            signal::start_group_exit(&mut thread.process().shared.lock(), WaitStatus::killed(Signal::SIGKILL, false));
        }
    }
}

/// Forgets a process that has ended.
pub(crate) fn forget(process: &Arc<Process>) {
    let mut victim = VICTIM.lock();
    let old = if victim.as_ref().is_some_and(|victim| Arc::ptr_eq(victim, process)) { victim.take() } else { None };
    drop(victim);
    drop(old);
}

fn largest() -> Option<(Arc<Process>, usize)> {
    let mut found: Option<(Arc<Process>, usize)> = None;
    let mut from = tree::INIT + 1;
    while let Some(process) = tree::next_process(from) {
        from = process.pid() + 1;
        if process.is_exiting() {
            continue;
        }
        let Some(space) = process.space() else { continue };
        // Pages of files would not come back: others use them, or a file system keeps them.
        let usage = space.usage();
        let pages = usage.resident_pages.saturating_sub(usage.resident_file_pages) + usage.table_pages;
        let most = found.as_ref().map_or(0, |(_, most)| *most);
        let younger = found.as_ref().is_none_or(|(other, _)| process.started() >= other.started());
        if pages > most + most / 4 || younger && pages > most - most / 4 {
            found = Some((process, pages));
        }
    }
    found
}
