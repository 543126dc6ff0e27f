//! Starts that cannot succeed: each ends with a text that says why and with a failing status of its own.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use libtest_mimic::Trial;
use object::{Object, ObjectSection, ObjectSymbol};
use pollux::guest::{self, Input, Launch, Report};
use pollux::kernel_build;
use pollux::qemu::{Configuration, Initrd};
use pollux::status;
use tests::command::{Outcome, run_with};

use crate::trial;

pub fn tests() -> Vec<Trial> {
    vec![
        trial("boot::speaks_before_anything_is_set_up", speaks_early),
        trial("boot::without_initrd", || fails(Initrd::None, "pollux.args=true")),
        trial("boot::initrd_of_noise", || fails(Initrd::in_memory(&noise(100_000))?, "pollux.args=true")),
        trial("boot::initrd_cut_off", || fails(cut_off()?, "pollux.args=true")),
        trial("boot::initrd_empty", || fails(Initrd::in_memory(&[0; 512])?, "pollux.args=true")),
        trial("boot::odd_parameters_are_no_harm", odd_parameters),
        trial("boot::parameters_without_sense", || fails(good_root()?, "pollux.args=%zz,%")),
        trial("boot::program_of_the_root_is_missing", || fails(good_root()?, "pollux.args=/no/such/program")),
        trial("boot::init_is_missing", || fails(good_root()?, "pollux.stdio=pipe init=/no/such/init")),
        trial("boot::long_command_line", long_command_line),
        trial("boot::little_memory", || little_memory(16)),
        trial("boot::orderly_on_the_least_memory", || little_memory(32)),
        trial("boot::noapic", noapic),
        trial("boot::kernel_never_unwinds", kernel_never_unwinds),
        trial("boot::panic_names_its_functions", panic_names_its_functions),
        trial("boot::panic_names_its_task", panic_names_its_task),
        trial("boot::panic_without_names", panic_without_names),
    ]
}

fn boot(initrd: Initrd, parameters: &str, memory_mib: u32) -> Result<Report> {
    let kernel = kernel_build::kernel()?;
    boot_kernel(kernel.stripped, kernel.elf, initrd, parameters, memory_mib)
}

/// Boots this file; `elf` explains a panic.
fn boot_kernel(kernel: PathBuf, elf: PathBuf, initrd: Initrd, parameters: &str, memory_mib: u32) -> Result<Report> {
    let configuration = Configuration { memory_mib, kernel, initrd, command_line: parameters.to_owned(), ..Configuration::default() };
    let launch = Launch {
        qemu: pollux::packages::qemu()?,
        configuration,
        elf,
        timeout: Some(Duration::from_secs(240)),
        input: Input::Stream(Box::new(std::io::empty())),
        output: Box::new(std::io::sink()),
        errors: Box::new(std::io::sink()),
        foreground: false,
    };
    guest::run(launch, &mut |_| {})
}

/// The console and the panic handler need neither logger nor heap.
fn speaks_early() -> Result<()> {
    let report = boot(Initrd::None, "pollux.crash=early", 64)?;
    let text = report.message.as_deref().unwrap_or_default();
    ensure!(report.status == status::PANIC && report.log.is_empty(), "{report:?}");
    ensure!(text.contains("a panic before anything is set up") && text.contains("crash.rs:"), "{text}");
    Ok(())
}

/// Ends in order, with a failing status, and with a line in the log that is no mere note.
fn fails(initrd: Initrd, parameters: &str) -> Result<()> {
    let report = boot(initrd, parameters, 64)?;
    let expected = [status::GUEST_FAILED, status::PANIC, 126, 127];
    ensure!(expected.contains(&report.status), "{report:?}");
    let said = report.message.as_deref().unwrap_or_default().lines().count() + report.log.len();
    ensure!(said > 1, "the guest did not say why: {report:?}");
    Ok(())
}

/// Bytes that are no archive, the same ones in every run.
fn noise(length: usize) -> Vec<u8> {
    let mut state: u32 = 0x9e37_79b9;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    (0..length).map(|_| next()).collect()
}

fn root_bytes() -> Result<Vec<u8>> {
    Ok(std::fs::read(pollux::rootfs::archive(None)?)?)
}

fn good_root() -> Result<Initrd> {
    Ok(Initrd::File(pollux::rootfs::archive(None)?))
}

fn cut_off() -> Result<Initrd> {
    let archive = root_bytes()?;
    Initrd::in_memory(&archive[..archive.len() / 3])
}

fn odd_parameters() -> Result<()> {
    let parameters = "  quiet = == loglevel=99 loglevel=-1 nonsense=\"a b\" console=tty9 pollux.winsize=0x-1 pollux.args=true ,, \u{e4}";
    let report = boot(good_root()?, parameters, 64)?;
    ensure!(report.status == 0, "{report:?}");
    Ok(())
}

fn long_command_line() -> Result<()> {
    let report = boot(good_root()?, &format!("pollux.args=sh,-c,exit%20${{%231}},x,{}", "y".repeat(20_000)), 64)?;
    // 20000 modulo 256
    ensure!(report.status == 32, "{report:?}");
    Ok(())
}

/// With too little memory the kernel has to say so; otherwise it has to work.
fn little_memory(mib: u32) -> Result<()> {
    let report = boot(good_root()?, "pollux.args=true", mib)?;
    ensure!([0, status::GUEST_FAILED, status::PANIC].contains(&report.status), "{report:?}");
    ensure!(report.status == 0 || report.message.is_some() && !report.log.is_empty(), "{report:?}");
    Ok(())
}

/// What the kernel itself says of a panic, nothing explained on this side.
fn panic_text(kernel: PathBuf, crash: &str) -> Result<String> {
    let report = boot_kernel(kernel, "/nonexistent".into(), Initrd::None, &format!("pollux.crash={crash}"), 64)?;
    ensure!(report.status == status::PANIC, "{report:?}");
    Ok(report.message.unwrap_or_default())
}

/// Message, file and line, and the known chain of calls by name, innermost first.
fn panic_names_its_functions() -> Result<()> {
    let text = panic_text(kernel_build::kernel()?.stripped, "panic")?;
    let mut rest = text.as_str();
    for expected in ["a panic on demand, 2 calls deep", "crash.rs:", "::crash::inner+0x", "::crash::outer+0x", " kernel_main+0x"] {
        let Some((_, behind)) = rest.split_once(expected) else { bail!("{expected} is missing, or not in its place: {text}") };
        rest = behind;
    }
    Ok(())
}

/// A panic in a task says in which, and nothing of tasks is said elsewhere.
fn panic_names_its_task() -> Result<()> {
    let kernel = kernel_build::kernel()?.stripped;
    let text = panic_text(kernel.clone(), "task")?;
    ensure!(text.lines().any(|line| line == "  task doomed") && text.contains("::crash::inner+0x"), "{text}");
    ensure!(text.contains(" executor::"), "the executor polled it: {text}");
    ensure!(!panic_text(kernel, "panic")?.contains("  task "), "no task panicked");
    Ok(())
}

/// The kernel as plain cargo leaves it prints addresses alone.
fn panic_without_names() -> Result<()> {
    let text = panic_text(kernel_build::kernel()?.elf, "panic")?;
    let addresses: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("  at 0x")).collect();
    ensure!(addresses.len() >= 4 && text.contains("crash.rs:"), "{text}");
    ensure!(addresses.iter().all(|address| u64::from_str_radix(address, 16).is_ok()), "{text}");
    Ok(())
}

/// With the old interrupt controllers and the interval timer all works: pipelines, sleeps, input and output by interrupt.
fn noapic() -> Result<()> {
    let script = "cat; seq 3 | sort -r | tr '\\n' ,; sleep 0.3; sleep 0.01; timeout 1 sleep 1000; \
                  grep -c ' apic' /proc/cpuinfo; cat /proc/interrupts >&2";
    for machine in ["q35", "microvm"] {
        let input = "typed\n".repeat(1000);
        let options = ["--machine", machine, "--append", "noapic"];
        let outcome: Outcome = run_with(&options, &["sh", "-c", script], input.as_bytes()).into();
        ensure!(outcome.stdout == format!("{input}3,2,1,0\n"), "{machine}: {outcome:?}");
        let count = |name: &str| -> Option<u64> {
            let line = outcome.stderr.lines().find(|line| line.ends_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        for name in ["XT-PIC      timer", "XT-PIC      ttyS0", "XT-PIC      ttyS1"] {
            ensure!(count(name).is_some_and(|count| count > 0), "{machine}, {name}: {outcome:?}");
        }
        ensure!(count("Local timer interrupts") == Some(0), "{machine}: {outcome:?}");
        ensure!(!outcome.stderr.contains("IO-APIC"), "{machine}: {outcome:?}");
    }
    Ok(())
}

/// A panic ends the kernel: neither tables for unwinding nor a function that would do it are in its file.
fn kernel_never_unwinds() -> Result<()> {
    let bytes = std::fs::read(kernel_build::kernel()?.elf)?;
    let file = object::File::parse(&*bytes)?;
    for section in file.sections() {
        let name = section.name()?;
        ensure!(!name.contains("eh_frame") && !name.contains("gcc_except_table"), "{name}");
    }
    let mut names = 0;
    for symbol in file.symbols() {
        let name = symbol.name()?;
        ensure!(!name.starts_with("_Unwind_") && !name.contains("rust_eh_personality"), "{name}");
        names += 1;
    }
    ensure!(names > 100, "the kernel has lost its symbols");
    Ok(())
}
