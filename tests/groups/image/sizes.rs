//! Machines with little memory and with much.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use tests::command::{self, run_with};

use crate::trial;

pub fn tests() -> Vec<Trial> {
    vec![trial("image::bios_on_64_mib", small), trial("image::bios_on_16_gib", large)]
}

fn small() -> Result<()> {
    let output = run_with(&["--boot", "bios", "--memory", "64"], &["sh", "-c", "seq 1000 | sort -n | tail -n 1"], b"");
    ensure!(output.status.success() && output.stdout == b"1000\n", "{output:?}");
    Ok(())
}

/// All of the memory can be used, and the emulator takes little of it while nobody does.
fn large() -> Result<()> {
    const GIB: u64 = 1 << 20; // in KiB
    let script = "sed -n 's/^MemFree: *//p' /proc/meminfo; cat";
    let mut command = command::pollux(&["run", "--timeout", "240", "--boot", "bios", "--memory", "16384", "--", "sh", "-c", script]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (mut input, output) = (child.stdin.take().context("no input")?, child.stdout.take().context("no output")?);
    let mut output = BufReader::new(output);
    let mut line = String::new();
    output.read_line(&mut line)?;
    // The guest waits for its input: it has booted and runs.
    let used = emulator(child.id()).context("the emulator can't be found").and_then(largest_size);
    input.write_all(b"the end")?;
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest)?;
    let status = child.wait()?;
    let free: u64 = line.trim_end_matches(" kB\n").parse().with_context(|| format!("MemFree is {line:?}"))?;
    ensure!(status.success() && rest == "the end" && free > 15 * GIB + GIB / 2, "{status}, {free} KiB are free");
    let used = used?;
    ensure!(used < GIB, "the emulator took {used} KiB");
    Ok(())
}

/// The process that this one has started.
fn emulator(parent: u32) -> Option<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).ok()?;
    tasks.flatten().find_map(|task| std::fs::read_to_string(task.path().join("children")).ok()?.split_whitespace().next()?.parse().ok())
}

/// The most memory that the process has had, in KiB.
fn largest_size(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let size = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(size.trim().trim_end_matches(" kB").parse()?)
}
