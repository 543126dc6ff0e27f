//! gdb looks at a running kernel.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use pollux::guest::{self, Input, Kept, Launch, Report};
use pollux::run::{self, MachineOptions, Prepared};
use pollux::{packages, status};
use tests::command::{Outcome, finish, pollux};

use crate::trial;

pub fn tests() -> Vec<Trial> {
    vec![
        trial("gdb::stops_at_kernel_main", kernel_main),
        trial("gdb::walks_tasks_and_page_tables", tasks_and_tables),
        trial("gdb::watches_a_page_table_entry", watch_entry),
        trial("gdb::command_line_prints_what_to_type", instructions),
    ]
}

/// Runs `program` on a machine that waits for gdb, and gdb with these commands. Gives what gdb said, and what became of the guest.
fn debug(program: &[&str], commands: &[&str]) -> Result<(String, String, Report)> {
    let gdb = packages::gdb()?;
    let options = MachineOptions { gdb: Some(0), ..MachineOptions::default() };
    let program: Vec<String> = program.iter().map(|&word| word.to_owned()).collect();
    let Prepared { qemu, configuration, elf } = run::prepare(&options, &program, false)?;
    let file = configuration.gdb.as_ref().map(|debugger| debugger.commands.clone()).context("no debugger was prepared")?;
    let output = Kept::default();
    let launch = Launch {
        qemu,
        configuration,
        elf,
        timeout: Some(Duration::from_secs(240)),
        input: Input::Nothing,
        output: Box::new(output.clone()),
        errors: Box::new(std::io::sink()),
        foreground: false,
    };
    let guest = std::thread::spawn(move || guest::run(launch, &mut |_| {}));
    let mut command = Command::new(gdb);
    command.args(["-nx", "-batch", "-x"]).arg(&file);
    for line in commands {
        command.args(["-ex", line]);
    }
    let said: Outcome = finish(&mut command, b"").into();
    let report = guest.join().ok().context("the thread of the guest has panicked")??;
    std::fs::remove_file(&file)?;
    Ok((said.stdout + &said.stderr, output.text(), report))
}

fn kernel_main() -> Result<()> {
    // A symbol of the linker's, then a Rust path and a variable. Behind the last command the machine runs to its end, which is gdb's too.
    let commands = [
        "break kernel_main",
        "continue",
        "backtrace",
        "delete",
        "break kernel::parameters::Parameters::parse",
        "continue",
        "backtrace",
        "print line",
        "delete",
        "continue",
    ];
    let (said, shown, report) = debug(&["echo", "went on"], &commands)?;
    for expected in [
        "Breakpoint 1, ",
        "kernel_main (",
        "continue_on_final_stack",
        "Breakpoint 2, ",
        "kernel/main/src/boot.rs:",
        "pollux.args=echo,went%20on",
    ] {
        ensure!(said.contains(expected), "{expected:?} is missing: {said}");
    }
    ensure!(report.status == 0 && shown == "went on\n", "{report:?} {shown}");
    Ok(())
}

fn tasks_and_tables() -> Result<()> {
    let commands = [
        "break linux::calls::sleep::clock_nanosleep",
        "continue",
        "backtrace",
        "pollux-tasks",
        "pollux-user",
        // The program's code, the kernel's, and nobody's.
        "pollux-pte $user.rip",
        "pollux-pte $pc",
        "pollux-pte 0x7f0000000000",
        "delete",
        "continue",
    ];
    let (said, _, report) = debug(&["sleep", "0.01"], &commands)?;
    // The way of the call: from the executor through the thread's future to the handler.
    for expected in ["linux::table::dispatch", "process::run::thread_loop", "executor::run::run_forever"] {
        ensure!(said.contains(expected), "{expected:?} is missing: {said}");
    }
    let tasks: Vec<&str> = said.lines().filter(|line| line.contains(" polls  \"")).collect();
    ensure!(tasks.iter().any(|line| line.contains("\"load average\"")), "{said}");
    ensure!(tasks.iter().filter(|line| line.starts_with('*')).count() == 1, "{said}");
    ensure!(said.contains(&format!("{} tasks on processor 0", tasks.len())), "{said}");
    // clock_nanosleep(2) is number 230.
    ensure!(said.contains("orig_rax: 230"), "{said}");
    let walks: Vec<&str> = said.lines().filter(|line| line.contains(" is physical ") || line.contains(" is not mapped")).collect();
    ensure!(walks.len() == 3, "{walks:?} {said}");
    ensure!(walks[0].starts_with("0x") && walks[0].contains(" is physical 0x"), "{walks:?}");
    ensure!(walks[1].starts_with("0xffffffff8") && walks[1].contains(" is physical 0x"), "{walks:?}");
    ensure!(walks[2] == "0x7f0000000000 is not mapped", "{walks:?}");
    let user = said.lines().filter(|line| line.starts_with("level 1") && line.contains(" user ") && line.contains(" accessed"));
    ensure!(user.count() >= 1, "{said}");
    ensure!(report.status == 0, "{report:?}");
    Ok(())
}

/// The entry of a page of the program is watched from its first system call on; the unmapping at its end changes it.
fn watch_entry() -> Result<()> {
    let commands = [
        "break linux::calls::sleep::clock_nanosleep",
        "continue",
        "delete",
        "pollux-user",
        "pollux-watch-pte $user.rsp",
        "continue",
        "backtrace",
        "delete",
        "continue",
    ];
    let (said, _, report) = debug(&["sleep", "0.01"], &commands)?;
    ensure!(said.contains("Hardware watchpoint 2: *(unsigned long *)"), "{said}");
    ensure!(said.contains("Old value = ") && said.contains("New value = "), "{said}");
    // Who did it.
    ensure!(said.contains("memory::space::"), "{said}");
    ensure!(report.status == 0, "{report:?}");
    Ok(())
}

/// `run --gdb=0` says what to type, and waits; here nobody types it.
fn instructions() -> Result<()> {
    let outcome: Outcome = finish(&mut pollux(&["run", "--gdb=0", "--timeout", "3", "--", "true"]), b"").into();
    ensure!(outcome.status == i32::from(status::TIMEOUT) && outcome.stdout.is_empty(), "{outcome:?}");
    let line = outcome.stderr.lines().find(|line| line.contains("waits for gdb")).unwrap_or_default().to_owned();
    let file = line.split("gdb -x ").nth(1).with_context(|| format!("{outcome:?}"))?;
    ensure!(std::fs::read_to_string(file)?.contains("target remote 127.0.0.1:"), "{line}");
    std::fs::remove_file(file)?;
    Ok(())
}
