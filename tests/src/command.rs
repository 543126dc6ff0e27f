//! Runs the `pollux` command as a user would, in a process of its own, and collects what it says.
//!
//! The test program itself is that command when an environment variable says so. Thus the tests never run an old build of it,
//! and need no second one.

use std::io::Write;
use std::process::{Command, ExitCode, Output, Stdio};

/// Makes this program behave as `pollux`.
const AS_COMMAND: &str = "POLLUX_TESTS_AS_COMMAND";
/// Seconds after which a run is given up. Generous: the machine may be slow and busy, and a hang is rare.
const LIMIT: &str = "240";

/// To be called first in `main`: when this process was started to be the command, runs it and returns its status.
pub fn be_the_command() -> Option<ExitCode> {
    std::env::var_os(AS_COMMAND).map(|_| pollux::cli::main(std::env::args_os()))
}

/// What a program left: its two outputs and its exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub stdout: String,
    pub stderr: String,
    pub status: i32,
}

/// `pollux` with these arguments, to be started.
pub fn pollux(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap_or_else(|_| "pollux".into()));
    command.args(arguments).env(AS_COMMAND, "1");
    command
}

/// `pollux run` with options, a program and input.
pub fn run_with(options: &[&str], program: &[&str], input: &[u8]) -> Output {
    let mut arguments = vec!["run", "--timeout", LIMIT];
    arguments.extend(options);
    arguments.push("--");
    arguments.extend(program);
    finish(&mut pollux(&arguments), input)
}

/// `pollux run -- program`, without input, its outputs as text.
pub fn run(program: &[&str]) -> Outcome {
    run_with(&[], program, b"").into()
}

/// Runs a command to its end with the given input.
pub fn finish(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    std::thread::scope(|scope| {
        // A program need not read its input: then the pipe breaks, and that is no failure.
        scope.spawn(move || {
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().expect("the command ends")
    })
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Outcome {
        use std::os::unix::process::ExitStatusExt;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let status = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0));
        Outcome { stdout: text(output.stdout), stderr: text(output.stderr), status }
    }
}
