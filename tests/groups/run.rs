//! The `run` command: exit statuses, input and output, and programs of this machine that travel with their libraries.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use pollux::status;
use tests::command::{self, Outcome, run, run_with};

use crate::trial;

pub fn tests() -> Vec<Trial> {
    vec![
        trial("run::exit_status_is_the_programs", || statuses(&["sh", "-c", "exit 7"], 7)),
        trial("run::success_is_zero", || statuses(&["true"], 0)),
        trial("run::killed_by_signal", || statuses(&["sh", "-c", "kill -9 $$"], 137)),
        trial("run::terminated_by_signal", || statuses(&["sh", "-c", "kill -TERM $$"], 143)),
        trial("run::program_not_found", || statuses(&["no-such-program"], 127)),
        trial("run::path_not_found", || statuses(&["/nowhere/at/all"], 127)),
        trial("run::file_is_not_executable", || statuses(&["/etc/hosts"], 126)),
        trial("run::folder_is_no_program", || statuses(&["/etc"], 126)),
        trial("run::pipeline", pipeline),
        trial("run::output_and_errors_stay_apart", apart),
        trial("run::input_reaches_its_end", || echoes(b"one\ntwo\n")),
        trial("run::input_without_bytes", || echoes(b"")),
        trial("run::bytes_of_every_value_pass_unchanged", every_byte),
        trial("run::large_output_is_complete", large_output),
        trial("run::arguments_pass_unchanged", arguments),
        trial("run::environment_and_folder", environment),
        trial("run::program_of_this_machine_with_libraries", travelling_program),
        trial("run::root_from_a_folder", root_from_folder),
        trial("run::root_from_an_archive", root_from_archive),
        trial("run::timeout_is_124", timeout),
        trial("run::panic_is_121", panic),
        trial("run::triple_fault_is_122", triple_fault),
        trial("run::reader_that_leaves_ends_the_run", reader_leaves),
        trial("run::trace_shows_calls", trace),
        trial("run::both_machines_and_many_processors", machines),
        trial("run::interrupts_off_are_measured", interrupts_off),
        trial("run::date_is_this_machines", date),
        trial("run::wrong_usage_has_its_status", wrong_usage),
        trial("run::help_is_on_stdout", help),
    ]
}

fn statuses(program: &[&str], expected: i32) -> Result<()> {
    let outcome = run(program);
    ensure!(outcome.status == expected, "expected status {expected}: {outcome:?}");
    Ok(())
}

fn pipeline() -> Result<()> {
    let outcome = run(&["sh", "-c", r"for i in 1 2 3; do echo $i; done | sort -r | tr '\n' ,"]);
    ensure!(outcome == Outcome { stdout: "3,2,1,".into(), stderr: String::new(), status: 0 }, "{outcome:?}");
    Ok(())
}

fn apart() -> Result<()> {
    let outcome = run(&["sh", "-c", "echo out; echo err >&2; exit 3"]);
    ensure!(outcome == Outcome { stdout: "out\n".into(), stderr: "err\n".into(), status: 3 }, "{outcome:?}");
    Ok(())
}

/// `cat` gives back its input and ends with it.
fn echoes(input: &[u8]) -> Result<()> {
    let output = run_with(&[], &["cat"], input);
    ensure!(output.status.code() == Some(0), "{output:?}");
    ensure!(output.stdout == input, "sent {} bytes, got {}", input.len(), output.stdout.len());
    Ok(())
}

fn every_byte() -> Result<()> {
    let input: Vec<u8> = (0..40).flat_map(|_| 0..=255u8).chain([0x10, 0x10, 0x04, 0x10]).collect();
    echoes(&input)
}

fn large_output() -> Result<()> {
    let outcome = run(&["seq", "1", "40000"]);
    let expected: String = (1..=40000).map(|number| format!("{number}\n")).collect();
    ensure!(outcome.stdout == expected, "got {} bytes of {}", outcome.stdout.len(), expected.len());
    Ok(())
}

fn arguments() -> Result<()> {
    let odd = "a,b %20 \"q\" 'r' $x \\ ü\n\tend";
    let outcome = run(&["printf", "<%s>", odd, "", "--"]);
    ensure!(outcome.stdout == format!("<{odd}><><-->"), "{outcome:?}");
    Ok(())
}

fn environment() -> Result<()> {
    let options = ["--env", "GREETING=a b,c", "--env", "HOME=/tmp", "--cwd", "/usr/bin"];
    let outcome: Outcome = run_with(&options, &["sh", "-c", "echo $GREETING; echo $HOME; pwd"], b"").into();
    ensure!(outcome.stdout == "a b,c\n/tmp\n/usr/bin\n", "{outcome:?}");
    Ok(())
}

fn travelling_program() -> Result<()> {
    let outcome = run(&["/bin/ls", "--version"]);
    let here: Outcome = command::finish(std::process::Command::new("/bin/ls").arg("--version"), b"").into();
    ensure!(outcome == here, "{outcome:?}");
    Ok(())
}

/// A root file system in a folder that is removed at the end.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Result<Folder> {
        let folder = std::env::temp_dir().join(format!("pollux-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("bin"))?;
        std::fs::copy(pollux::packages::busybox()?, folder.join("bin/busybox"))?;
        std::os::unix::fs::symlink("busybox", folder.join("bin/cat"))?;
        std::fs::write(folder.join("note"), "from the folder\n")?;
        Ok(Folder(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed lies in the folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn root_from_folder() -> Result<()> {
    let folder = Folder::new("folder")?;
    let outcome: Outcome = run_with(&["--root", &folder.0.to_string_lossy()], &["cat", "/note"], b"").into();
    ensure!(outcome.stdout == "from the folder\n" && outcome.status == 0, "{outcome:?}");
    Ok(())
}

fn root_from_archive() -> Result<()> {
    let archive = reference_archive()?;
    let outcome: Outcome = run_with(&["--root", &archive], &["/bin/cat", "/etc/hostname"], b"").into();
    ensure!(outcome.stdout == "pollux\n" && outcome.status == 0, "{outcome:?}");
    Ok(())
}

fn reference_archive() -> Result<String> {
    Ok(tests::reference::root_archive()?.to_string_lossy().into_owned())
}

fn timeout() -> Result<()> {
    // A time that is short for a sleep of 1000 s, and long enough for any machine to boot in.
    let output = command::finish(&mut command::pollux(&["run", "--timeout", "5", "--", "sleep", "1000"]), b"");
    ensure!(output.status.code() == Some(status::TIMEOUT.into()), "{output:?}");
    ensure!(String::from_utf8_lossy(&output.stderr).contains("stopped"), "{output:?}");
    Ok(())
}

fn panic() -> Result<()> {
    let outcome: Outcome = run_with(&["--append", "pollux.crash=panic"], &["true"], b"").into();
    ensure!(outcome.status == i32::from(status::PANIC) && outcome.stdout.is_empty(), "{outcome:?}");
    // The text, and functions, file and line behind the addresses.
    for expected in ["a panic on demand, 2 calls deep", "crash::inner", "crash::outer", "crash.rs:"] {
        ensure!(outcome.stderr.contains(expected), "{expected} is missing: {}", outcome.stderr);
    }
    Ok(())
}

fn triple_fault() -> Result<()> {
    let outcome: Outcome = run_with(&["--append", "pollux.crash=reset"], &["true"], b"").into();
    ensure!(outcome.status == i32::from(status::GUEST_DIED) && outcome.stderr.contains("reset"), "{outcome:?}");
    Ok(())
}

fn reader_leaves() -> Result<()> {
    let mut child = command::pollux(&["run", "--timeout", "240", "--", "yes"]);
    let mut child = child.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped()).spawn()?;
    let mut start = [0; 4];
    std::io::Read::read_exact(&mut child.stdout.take().expect("stdout is a pipe"), &mut start)?;
    let status = child.wait()?.code();
    ensure!(&start == b"y\ny\n" && status == Some(141), "{start:?} {status:?}");
    Ok(())
}

fn trace() -> Result<()> {
    let outcome: Outcome = run_with(&["--trace"], &["echo", "traced"], b"").into();
    ensure!(outcome.stdout == "traced\n" && outcome.status == 0, "{outcome:?}");
    ensure!(outcome.stderr.contains("write(1, \"traced\\n\", 7) = 7"), "{outcome:?}");
    ensure!(outcome.stderr.contains("exit_group(0)"), "{outcome:?}");
    Ok(())
}

fn machines() -> Result<()> {
    for options in [["--machine", "q35", "--smp", "1"], ["--machine", "microvm", "--smp", "2"], ["--machine", "q35", "--smp", "4"]] {
        let outcome: Outcome = run_with(&options, &["echo", "up"], b"").into();
        ensure!(outcome.stdout == "up\n" && outcome.status == 0, "{options:?}: {outcome:?}");
    }
    Ok(())
}

/// `irqoff` shows the longest time with interrupts off in /proc and, at the end, in the log.
fn interrupts_off() -> Result<()> {
    let outcome: Outcome =
        run_with(&["--append", "irqoff", "--log"], &["sh", "-c", "seq 9 | sort | tail -n 1; cat /proc/irqoff"], b"").into();
    let figure = |text: &str| -> Option<u64> { text.split(" ns, from ").next()?.rsplit(' ').next()?.parse().ok() };
    let shown = outcome.stdout.lines().find(|line| line.starts_with("cpu0 ")).and_then(figure);
    let logged = outcome.stderr.lines().find(|line| line.contains("interrupts of processor 0 were off for at most ")).and_then(figure);
    ensure!(outcome.stdout.starts_with("9\n") && shown.is_some_and(|shown| shown > 0) && logged >= shown, "{outcome:?}");
    let outcome = run(&["cat", "/proc/irqoff"]);
    ensure!(outcome.status == 1, "without the parameter it is absent: {outcome:?}");
    Ok(())
}

/// The clock that survives power-off gives the time; it counts whole seconds, and the guest starts within one.
fn date() -> Result<()> {
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map(|time| time.as_secs());
    for machine in ["q35", "microvm"] {
        let before = now()?;
        let outcome: Outcome = run_with(&["--machine", machine], &["date", "+%s"], b"").into();
        let after = now()?;
        let told: u64 = outcome.stdout.trim().parse()?;
        ensure!((before - 3..=after + 3).contains(&told), "{machine}: {told} is not between {before} and {after}");
    }
    Ok(())
}

fn wrong_usage() -> Result<()> {
    for arguments in [&["run"][..], &["run", "--smp", "none", "--", "true"], &["walk"], &["run", "--root", "/nonexistent", "--", "true"]] {
        let output = command::finish(&mut command::pollux(arguments), b"");
        ensure!(output.status.code() == Some(status::CANNOT_RUN.into()) && output.stdout.is_empty(), "{arguments:?}: {output:?}");
    }
    Ok(())
}

fn help() -> Result<()> {
    let output = command::finish(&mut command::pollux(&["run", "--help"]), b"");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success() && text.contains("--memory") && text.contains("124"), "{text}");
    Ok(())
}
