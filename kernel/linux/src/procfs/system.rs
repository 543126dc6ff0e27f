//! Files about the whole system: stat, uptime, loadavg, version, interrupts and lists of what the kernel knows.

use core::fmt::{self, Write};

use abi::time::NANOS_PER_SECOND;
use arch::interrupts::{self, InterruptCounts, Irq, IrqLine};
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
    let counts = || (0..arch::cpu::count()).map(interrupts::counts);
    write!(text, "intr {}", counts().map(|counts| counts.total()).sum::<u64>())?;
    for line in 0..ISA_LINES {
        write!(text, " {}", counts().map(|counts| counts.lines[line]).sum::<u64>())?;
    }
    text.write_str("\n")?;
    let statistics = executor::statistics();
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

/// The longest time that each processor had its interrupts off; only with `irqoff` among the kernel's parameters.
pub(super) fn interrupts_off(text: &mut Text<'_>) -> fmt::Result {
    for index in 0..arch::cpu::count() {
        if let Some(longest) = interrupts::longest_off(index) {
            writeln!(text, "cpu{index} {longest}")?;
        }
    }
    Ok(())
}

/// How many lines devices have.
const ISA_LINES: usize = 16;
/// Whose lines they are on every PC, by Linux's names.
const DEVICES: [(u8, &str); 6] = [(0, "timer"), (1, "i8042"), (3, "ttyS1"), (4, "ttyS0"), (8, "rtc0"), (12, "i8042")];

/// A row: what stands before the counts, the counts of all processors, what stands behind them.
fn row(text: &mut Text<'_>, name: fmt::Arguments<'_>, count: impl Fn(InterruptCounts) -> u64) -> fmt::Result {
    text.write_fmt(name)?;
    (0..arch::cpu::count()).try_for_each(|index| write!(text, "{:10} ", count(interrupts::counts(index))))
}

pub(super) fn interrupt_counts(text: &mut Text<'_>) -> fmt::Result {
    text.write_str("           ")?;
    (0..arch::cpu::count()).try_for_each(|index| write!(text, "CPU{index:<8}"))?;
    text.write_str("\n")?;
    for number in 0..ISA_LINES as u8 {
        let Some(IrqLine { controller, input, level }) = interrupts::line(Irq(number)) else { continue };
        row(text, format_args!("{number:3}: "), |counts| counts.lines[usize::from(number)])?;
        write!(text, " {controller:>8}")?;
        match input {
            Some(input) => write!(text, " {input:3}-{:<8}", if level { "fasteoi" } else { "edge" })?,
            None => text.write_str("    ")?,
        }
        let name = DEVICES.iter().find(|device| device.0 == number).map_or("", |device| device.1);
        writeln!(text, "  {name}")?;
    }
    row(text, format_args!("NMI: "), |counts| counts.non_maskable)?;
    text.write_str("  Non-maskable interrupts\n")?;
    row(text, format_args!("LOC: "), |counts| counts.timer)?;
    text.write_str("  Local timer interrupts\n")?;
    row(text, format_args!("SPU: "), |counts| counts.spurious)?;
    text.write_str("  Spurious interrupts\n")?;
    let unexpected: u64 = (0..arch::cpu::count()).map(|index| interrupts::counts(index).unexpected).sum();
    writeln!(text, "ERR: {unexpected:10}")
}
