//! Alt-SysRq: what the kernel itself says and does at the keyboard (Documentation/admin-guide/sysrq.rst in Linux), for a system that
//! answers nothing else any more. The answers go to the log.

use executor::TaskState;

/// Does what the key stands for.
pub(super) fn handle(key: char) {
    match key {
        'b' => {
            log::warn!("sysrq: Resetting");
            arch::power::reboot();
        }
        'm' => show_memory(),
        't' => show_tasks(),
        _ => log::info!("sysrq: HELP : reboot(b) show-memory-usage(m) show-task-states(t)"),
    }
}

fn show_memory() {
    let frames = memory::frames::stats();
    let kib = |frames: usize| frames * arch::PAGE_SIZE / 1024;
    log::info!("sysrq: Show Memory: {} KiB, {} KiB free", kib(frames.total), kib(frames.free));
}

/// A thread of a program is a task too. The list is locked while it is shown, so it must not spawn, and logging doesn't.
fn show_tasks() {
    log::info!("sysrq: Show State");
    executor::tasks(&mut |task| {
        let state = match task.state {
            TaskState::Ready => "ready",
            TaskState::Running => "running",
            TaskState::Waiting => "waiting",
        };
        log::info!("task {:#x} {}: {state}, {} polls, {} bytes", task.id.0, task.name, task.polls, task.size);
    });
}
