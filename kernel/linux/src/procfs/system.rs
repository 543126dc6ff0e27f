//! Files about the whole system: stat, uptime, loadavg, version, interrupts and lists of what the kernel knows.

use core::fmt::{self, Write};

use abi::time::NANOS_PER_SECOND;
use process::times::{NANOS_PER_TICK, Usage};

use super::text::Text;
use crate::calls::system::{RELEASE, VERSION};
use crate::load_average;

/// Time that processes have used since boot, those that ended included: what was not waited for yet is in the zombies, the rest in the
/// parents' sums.
fn busy() -> (u64, u64) {
    let (mut user, mut system) = (0, 0);
    let mut add = |usage: &Usage| {
        user += usage.user();
        system += usage.system();
    };
    let mut pid = 0;
    while let Some(process) = process::next_process(pid) {
        add(&process.usage());
        add(&process.children_usage());
        pid = process.pid() + 1;
    }
    (user, system)
}

/// Nanoseconds since boot of all processors together, and how many of them were idle.
fn processor_time() -> (u64, u64, u64, u64) {
    let uptime = arch::clock::now();
    let (user, system) = busy();
    let total = uptime.saturating_mul(arch::cpu::count() as u64);
    (uptime, user, system, total.saturating_sub(user).saturating_sub(system))
}

/// "12.34": seconds and hundredths.
fn hundredths(nanos: u64) -> (u64, u64) {
    (nanos / NANOS_PER_SECOND, nanos % NANOS_PER_SECOND / 10_000_000)
}

pub(super) fn uptime(text: &mut Text<'_>) -> fmt::Result {
    let (uptime, _, _, idle) = processor_time();
    let ((seconds, part), (idle_seconds, idle_part)) = (hundredths(uptime), hundredths(idle));
    writeln!(text, "{seconds}.{part:02} {idle_seconds}.{idle_part:02}")
}

pub(super) fn loadavg(text: &mut Text<'_>) -> fmt::Result {
    for load in load_average::fixed_point() {
        let (whole, part) = load_average::hundredths(load);
        write!(text, "{whole}.{part:02} ")?;
    }
    let (_, threads) = process::tree::counts();
    writeln!(text, "{}/{threads} {}", running(), process::tree::last_number())
}

/// Threads that run or could: the one that asks is among them.
fn running() -> usize {
    let mut count = 0;
    executor::tasks(&mut |task| count += usize::from(matches!(task.state, executor::TaskState::Ready | executor::TaskState::Running)));
    count
}

pub(super) fn stat(text: &mut Text<'_>) -> fmt::Result {
    let (_, user, system, idle) = processor_time();
    let ticks = |nanos: u64| nanos / NANOS_PER_TICK;
    writeln!(text, "cpu  {} 0 {} {} 0 0 0 0 0 0", ticks(user), ticks(system), ticks(idle))?;
    let processors = arch::cpu::count() as u64;
    for index in 0..processors {
        let share = |nanos: u64| ticks(nanos / processors.max(1));
        writeln!(text, "cpu{index} {} 0 {} {} 0 0 0 0 0 0", share(user), share(system), share(idle))?;
    }
    let statistics = executor::statistics();
    let interrupts = statistics.timer_interrupts + terminal::serial::interrupts(0) + terminal::serial::interrupts(1);
    writeln!(text, "intr {interrupts}")?;
    writeln!(text, "ctxt {}", statistics.polls)?;
    writeln!(text, "btime {}", fs::wall_clock::boot_time() / NANOS_PER_SECOND)?;
    writeln!(text, "processes {}", process::tree::last_number())?;
    writeln!(text, "procs_running {}", running())?;
    writeln!(text, "procs_blocked 0")
}

pub(super) fn version(text: &mut Text<'_>) -> fmt::Result {
    writeln!(text, "Linux version {RELEASE} (rustc) {VERSION}")
}

pub(super) fn filesystems(text: &mut Text<'_>) -> fmt::Result {
    for name in ["tmpfs", "devtmpfs", "devpts", "proc", "ramfs"] {
        writeln!(text, "nodev\t{name}")?;
    }
    Ok(())
}

pub(super) fn devices(text: &mut Text<'_>) -> fmt::Result {
    text.write_str("Character devices:\n")?;
    for (major, name) in [(1, "mem"), (4, "ttyS"), (5, "/dev/tty"), (5, "/dev/console"), (5, "/dev/ptmx"), (136, "pts")] {
        writeln!(text, "{major:3} {name}")?;
    }
    text.write_str("\nBlock devices:\n")
}

pub(super) fn swaps(text: &mut Text<'_>) -> fmt::Result {
    text.write_str("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
}

pub(super) fn interrupts(text: &mut Text<'_>) -> fmt::Result {
    let processors = arch::cpu::count();
    text.write_str("     ")?;
    for index in 0..processors {
        write!(text, "       CPU{index:<1}")?;
    }
    text.write_str("\n")?;
    for (line, count, name) in [(3, terminal::serial::interrupts(1), "ttyS1"), (4, terminal::serial::interrupts(0), "ttyS0")] {
        writeln!(text, "{line:4}: {count:10}   IO-APIC   {line}-edge      {name}")?;
    }
    writeln!(text, " LOC: {:10}   Local timer interrupts", executor::statistics().timer_interrupts)
}
