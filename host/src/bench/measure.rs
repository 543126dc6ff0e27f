//! The ways of measuring: a program in the guest that prints its result, the wall time of the whole command, and the processor
//! time that the emulator takes.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Value;
use crate::guest::{self, Input, Kept, Launch, Report};
use crate::kernel_build;
use crate::run::{self, MachineOptions, Prepared};

/// What the time stamp counter counts.
#[derive(Clone, Copy, PartialEq)]
pub enum Counting {
    Time,
    Instructions,
}

/// A guest that was run for its result.
pub struct Measured {
    pub report: Report,
    pub stdout: String,
}

/// Nothing that is measured takes nearly as long.
const LIMIT: Duration = Duration::from_secs(600);
const BENCH_SOURCES: &[&str] = &["bench", "user", "Cargo.toml", "Cargo.lock"];

/// Runs a program in the guest, without input; it has to succeed.
pub fn guest(arguments: &[&str], counting: Counting) -> Result<Measured> {
    let options = MachineOptions { icount: counting == Counting::Instructions, ..MachineOptions::default() };
    let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
    let Prepared { qemu, configuration, elf } = run::prepare(&options, &arguments, false)?;
    let (output, errors) = (Kept::default(), Kept::default());
    let launch = Launch {
        qemu,
        configuration,
        elf,
        timeout: Some(LIMIT),
        input: Input::Stream(Box::new(std::io::empty())),
        output: Box::new(output.clone()),
        errors: Box::new(errors.clone()),
        foreground: false,
    };
    let report = guest::run(launch, &mut |_| {})?;
    ensure!(report.status == 0, "status {}: {} {}", report.status, report.message.as_deref().unwrap_or_default(), errors.text());
    Ok(Measured { report, stdout: output.text() })
}

/// The value of the line `NAME VALUE UNIT` that a program of the package `bench` prints.
pub fn program(binary: &'static str, words: &[&str], name: &str, counting: Counting) -> Result<Value> {
    let path = kernel_build::program("bench", binary, BENCH_SOURCES)?;
    let path = path.to_string_lossy();
    let arguments: Vec<&str> = std::iter::once(&*path).chain(words.iter().copied()).collect();
    let stdout = guest(&arguments, counting)?.stdout;
    let value = stdout.lines().filter_map(|line| line.strip_prefix(name)?.split_whitespace().next()).next();
    value.with_context(|| format!("no line {name}"))?.parse().context("the value is no number")
}

/// The wall time of `pollux run OPTIONS -- true`, in seconds: the median of some runs, all with everything built.
pub fn start_to_exit(options: &[&str], runs: usize) -> Result<Value> {
    guest(&["true"], Counting::Time)?;
    let mut times = Vec::new();
    for _ in 0..runs {
        let start = Instant::now();
        let status = command(&[&["run"], options, &["--", "true"]].concat())?.stdin(Stdio::null()).status()?;
        times.push(start.elapsed().as_secs_f64());
        ensure!(status.success(), "it ended with {status}");
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// All memory of the machine that is not free while a login shell runs and nothing else, in KiB. The kernel, the root file
/// system and what the firmware keeps are in it.
pub fn memory_at_prompt() -> Result<Value> {
    // Read by the shell itself: another process would be counted.
    let script = "while read name value unit; do [ $name = MemFree: ] && echo $value; done < /proc/meminfo; true";
    let stdout = guest(&["sh", "-l", "-c", script], Counting::Time)?.stdout;
    let free: Value = stdout.trim().parse().with_context(|| format!("MemFree is {stdout:?}"))?;
    Ok(Value::from(MachineOptions::default().memory) * 1024.0 - free)
}

/// The share of one processor that the emulator takes while a shell waits for input, in per cent.
pub fn idle_load() -> Result<Value> {
    const WATCHED: Duration = Duration::from_secs(10);
    let mut child = command(&["run", "--", "sh"])?.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    // The end of its input ends the shell, and with it the machine.
    let input = child.stdin.take();
    let load = watch(&child, WATCHED);
    drop(input);
    child.wait()?;
    load
}

fn watch(child: &Child, time: Duration) -> Result<Value> {
    // By then the shell has long been at its prompt.
    std::thread::sleep(Duration::from_secs(3));
    let qemu = child_of(child.id()).context("the machine does not run")?;
    let before = processor_ticks(qemu)?;
    std::thread::sleep(time);
    let ticks = processor_ticks(qemu)? - before;
    let ticks_per_second = rustix::param::clock_ticks_per_second() as Value;
    Ok(ticks / ticks_per_second / time.as_secs_f64() * 100.0)
}

fn command(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments);
    Ok(command)
}

/// The fields of /proc/PID/stat behind the name, see proc(5); the first one is the state.
fn stat(process: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(PathBuf::from(format!("/proc/{process}/stat"))).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

fn child_of(parent: u32) -> Option<u32> {
    let processes = std::fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut processes = processes.filter(|&process: &u32| stat(process).is_some_and(|fields| fields.get(1) == Some(&parent.to_string())));
    processes.next()
}

/// The processor time of a process, in clock ticks, with that of all its threads.
fn processor_ticks(process: u32) -> Result<Value> {
    let fields = stat(process).context("the machine has ended")?;
    let field = |index: usize| fields.get(index).and_then(|field| field.parse::<Value>().ok()).context("unknown form of /proc/PID/stat");
    Ok(field(11)? + field(12)?)
}
