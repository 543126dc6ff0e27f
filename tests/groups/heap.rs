//! Heaps by choice: the kernel boots on each, and works on it or says why it can't.

use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use pollux::guest::{self, Input, Kept, Launch, Report};
use pollux::kernel_build::{self, Kernel};
use pollux::protocol::{Event, percent_encode};
use pollux::qemu::{Configuration, Initrd};
use pollux::status;

use crate::trial;

/// Boot, pipes, files, jobs: each part uses the heap in another way.
const WORK: &str = "
    mkdir -p /tmp/d && cd /tmp/d
    for i in 1 2 3 4 5 6 7 8; do seq 1 300 | sort -r | head -n 3 | tail -n 1 > f$i; done
    cat f* | uniq -c
    (sleep 0.1; echo late) & (sleep 0.1; echo late) & wait
    tar cf - f* | tar tf - | wc -l
    find / -xdev | grep -c /tmp/d/f
    rm -r /tmp/d; echo end";
const RESULT: &str = "      8 97\nlate\nlate\n8\n8\nend\n";

/// More processes than a heap that reuses nothing has room for.
const TOO_MUCH_WORK: &str = "i=0; while [ $i -lt 20000 ]; do true | cat; i=$((i+1)); done; echo end";

pub fn tests() -> Vec<Trial> {
    let mut trials = vec![
        trial("heap::bump_ends_out_of_memory", bump_ends),
        trial("heap::dummy_ends_at_the_first_allocation", dummy_ends),
        trial("heap::unknown_name_is_reported", unknown_name),
        trial("heap::requests_can_be_recorded", recorded),
    ];
    for heap in ["slab", "linked-list", "fixed-size", "buddy", "bump"] {
        let name = heap.replace('-', "_");
        trials.push(trial(format!("heap::{name}_works"), move || works(heap)));
        trials.push(trial(format!("heap::{name}_serves_the_collections"), move || kernel_test(heap, "heap_serves_the_collections")));
        trials.push(trial(format!("heap::{name}_many_boxes_long_lived"), move || kernel_test(heap, "heap_many_boxes_long_lived")));
    }
    trials
}

/// What a run gave.
#[derive(Debug)]
struct Run {
    report: Report,
    output: String,
    /// The whole log, of which the report keeps the end only.
    log: Vec<String>,
}

impl Run {
    fn said(&self, text: &str) -> bool {
        self.log.iter().any(|line| line.contains(text))
    }

    /// All for a failure's text but the log's middle.
    fn summary(&self) -> String {
        format!("{:?} {:?}\n{}", self.output, self.report, self.log.iter().take(20).cloned().collect::<Vec<_>>().join("\n"))
    }
}

/// Runs a script on a kernel with these parameters.
fn run(parameters: &str, script: &str) -> Result<Run> {
    boot(kernel_build::kernel()?, format!("{parameters} pollux.stdio=pipe pollux.args=sh,-c,{}", percent_encode(script.as_bytes())))
}

/// Boots a kernel with this command line.
fn boot(kernel: Kernel, command_line: String) -> Result<Run> {
    let configuration = Configuration {
        memory_mib: 128,
        kernel: kernel.stripped,
        initrd: Initrd::File(pollux::rootfs::archive(None)?),
        command_line,
        ..Configuration::default()
    };
    let output = Kept::default();
    let launch = Launch {
        qemu: pollux::packages::qemu()?,
        configuration,
        elf: kernel.elf,
        timeout: Some(Duration::from_secs(240)),
        input: Input::Stream(Box::new(std::io::empty())),
        output: Box::new(output.clone()),
        errors: Box::new(std::io::sink()),
        foreground: false,
    };
    let mut log = Vec::new();
    let report = guest::run(launch, &mut |event| {
        if let Event::Log(line) = event {
            log.push(line.clone());
        }
    })?;
    Ok(Run { report, output: output.text(), log })
}

fn works(heap: &str) -> Result<()> {
    let run = run(&format!("heap={heap}"), WORK)?;
    ensure!(run.report.status == 0 && run.output == RESULT, "{}", run.summary());
    ensure!(heap == "slab" || run.said(&format!("the kernel's heap is {heap}")), "another heap was used: {}", run.summary());
    Ok(())
}

/// A test within the kernel passes on this heap.
fn kernel_test(heap: &str, name: &str) -> Result<()> {
    let run = boot(kernel_build::kernel_with_selftest()?, format!("heap={heap} ktest={name} pollux.stdio=pipe"))?;
    ensure!(run.report.status == 0 && run.report.tests == [(name.to_owned(), true)], "{}", run.summary());
    Ok(())
}

/// The log names the cause, and the machine ends with a failure: of the program that could not fork, or of the kernel.
fn bump_ends() -> Result<()> {
    let run = run("heap=bump", TOO_MUCH_WORK)?;
    ensure!(run.said("the kernel's heap is exhausted"), "{}", run.summary());
    ensure!(![0, status::TIMEOUT].contains(&run.report.status) && !run.output.contains("end"), "{}", run.summary());
    Ok(())
}

fn dummy_ends() -> Result<()> {
    let run = run("heap=dummy", "echo never")?;
    let message = run.report.message.as_deref().unwrap_or_default();
    ensure!(run.report.status == status::PANIC, "{}", run.summary());
    ensure!(message.contains("memory allocation of") && message.contains("bytes failed"), "{message}");
    Ok(())
}

fn unknown_name() -> Result<()> {
    let run = run("heap=pile", "echo works")?;
    ensure!(run.report.status == 0 && run.output == "works\n" && run.said("there is no heap named pile"), "{}", run.summary());
    Ok(())
}

fn recorded() -> Result<()> {
    let run = run("heap.trace", "echo works")?;
    ensure!(run.report.status == 0 && run.output == "works\n", "{}", run.summary());
    for kind in ["heap a ", "heap f ", "heap r "] {
        ensure!(run.log.iter().any(|line| line.starts_with(kind)), "no line {kind:?}: {}", run.summary());
    }
    Ok(())
}
