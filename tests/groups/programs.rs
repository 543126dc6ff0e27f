//! The native programs of the `user` package: the same binaries on the machine's Linux and on Pollux, with the same outcome.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;
use tests::cases::{self, Case, difference};
use tests::command::{self, Outcome, finish};
use tests::pseudo_terminal::Session;
use tests::reference;

use crate::trial;

const SOURCES: &[&str] = &["user", "Cargo.toml", "Cargo.lock"];

pub fn tests() -> Result<Vec<Trial>> {
    let mut trials = vec![
        trial("programs::five_models", five_models),
        trial("programs::shell_on_a_terminal::linux", || shell_session(start_on_linux("pollux-shell", &[])?)),
        trial("programs::shell_on_a_terminal::pollux", || shell_session(start_demo(&["shell"])?)),
        trial("programs::game_without_a_clock::linux", || steps(start_on_linux("snake", &["--step", "--seed", "4"])?)),
        trial("programs::game_without_a_clock::pollux", || steps(start_demo(&["game", "--step", "--seed", "4"])?)),
        trial("programs::game_by_the_clock::linux", || by_the_clock(start_on_linux("snake", &["--seed", "4"])?)),
        trial("programs::game_by_the_clock::pollux", || by_the_clock(start_demo(&["game", "--seed", "4"])?)),
        trial("programs::game_restores_the_terminal::linux", || gives_up(start_on_linux("snake", &["--step"])?)),
        trial("programs::game_restores_the_terminal::pollux", || gives_up(start_demo(&["game", "--step"])?)),
        trial("programs::demo_lists_and_runs", demo),
    ];
    for case in cases::parse(include_str!("../programs/shell.cases")).context("shell.cases")? {
        trials.push(trial(format!("programs::shell::{}", case.name), move || shell_script(&case)));
    }
    Ok(trials)
}

fn path(binary: &'static str) -> Result<String> {
    Ok(pollux::kernel_build::program("user", binary, SOURCES)?.to_string_lossy().into_owned())
}

fn start_on_linux(binary: &'static str, words: &[&str]) -> Result<Session> {
    let mut command = Command::new(path(binary)?);
    command.args(words);
    Session::start(&command, 24, 80)
}

fn start_demo(words: &[&str]) -> Result<Session> {
    let arguments: Vec<&str> = ["demo", "--timeout", "600"].iter().chain(words).copied().collect();
    Session::start(&command::pollux(&arguments), 24, 80)
}

/// All models gather the same, here and there; each tells its calls.
fn five_models() -> Result<()> {
    let path = path("five-models")?;
    let here: Outcome = finish(&mut Command::new(&path), b"").into();
    let there = command::run(&[&path]);
    for outcome in [&here, &there] {
        ensure!(outcome.status == 0, "{outcome:?}");
        let results: Vec<&str> = outcome.stdout.lines().filter_map(|line| Some(line.split_once(' ')?.1.trim_start())).collect();
        ensure!(results.len() == 7 && results.iter().all(|result| *result == results[0]), "{outcome:?}");
        for (model, call) in [
            ("blocking", "read"),
            ("nonblocking", "nanosleep"),
            ("signal", "rt_sigtimedwait"),
            ("poll", "poll"),
            ("completion", "eventfd2"),
        ] {
            let told = |line: &str| line.split_whitespace().next() == Some(model) && line.contains(" calls: ") && line.contains(call);
            ensure!(outcome.stderr.lines().any(told), "no costs of {model}: {outcome:?}");
        }
    }
    ensure!(here.stdout == there.stdout, "{here:?}\n{there:?}");
    Ok(())
}

/// The script for a shell that gets it as a word of a shell's command line.
fn quoted(script: &str) -> String {
    format!("'{}'", script.replace('\'', r"'\''"))
}

/// What busybox sh prints on Linux is what pollux-shell prints, on Linux and on Pollux.
fn shell_script(case: &Case) -> Result<()> {
    let shell = path("pollux-shell")?;
    let archive = reference::root_archive()?;
    let expected = case.normalise(&reference::run(&archive, &case.script)?);
    let with_shell = pollux::program::prepare(&shell, &archive, false)?.archive.context("the shell is a program of this machine")?;
    let root = std::env::temp_dir().join(format!("pollux-shell-{}-{}.cpio", std::process::id(), case.name));
    pollux::kernel_build::replace(&root, &with_shell)?;
    let here = reference::run(&root, &format!("exec {shell} -c {}", quoted(&case.script)));
    std::fs::remove_file(&root)?;
    let there = command::run_with(&["--cwd", "/tmp"], &[&shell, "-c", &case.script], b"").into();
    for (system, found) in [("Linux", here?), ("Pollux", there)] {
        // How a shell words its complaints is its own affair.
        let found = Outcome { stderr: expected.stderr.clone(), ..case.normalise(&found) };
        if let Some(account) = difference(&expected, &found) {
            bail!("on {system}: {account}");
        }
    }
    Ok(())
}

const CTRL_C: &str = "\x03";

/// A prompt, jobs beside it, and ^C for what runs in front.
fn shell_session(mut session: Session) -> Result<()> {
    session.expect("$ ")?;
    session.send("echo 'two\nlines' | tr a-z A-Z\n")?;
    session.expect("TWO\nLINES\n$ ")?;
    session.send("sleep 100 & jobs\n")?;
    session.expect("[1]+  Running")?;
    session.expect("$ ")?;
    // A built-in command that waits, and a program.
    for waiting in ["sleep 100", "sh -c 'echo started; exec cat'"] {
        session.send(&format!("echo go; {waiting}\n"))?;
        session.expect(if waiting.contains("cat") { "started\n" } else { "go\n" })?;
        session.press_until(CTRL_C, "$ ")?;
        session.send("echo status $?\n")?;
        session.expect("status 130\n")?;
    }
    session.send("kill %1; wait %1; echo killed $?\n")?;
    session.expect("killed 143\n")?;
    session.send("sleep 0.1 & wait; sleep 0.1 &\n")?;
    session.expect("$ ")?;
    session.send("sleep 0.3\n")?;
    session.expect("Done")?;
    session.send("exit 7\n")?;
    ensure!(session.wait()? == 7, "the exit status is lost");
    Ok(())
}

/// With seed 4 the food lies straight ahead, and then at the other end of the same row.
fn steps(mut session: Session) -> Result<()> {
    session.expect("turn 0 score 0")?;
    session.send(&"l".repeat(10))?;
    session.expect("turn 10 score 1")?;
    // Up, with an arrow key; all the way to the left; down.
    session.send(&format!("\x1b[A{}", "h".repeat(22)))?;
    session.expect("turn 33 score 1")?;
    session.send("j")?;
    session.expect("turn 34 score 2")?;
    session.send(&"j".repeat(6))?;
    session.expect("game over: score 2 after 40 turns")?;
    ensure!(session.wait()? == 0 && session.is_cooked()?, "the terminal's mode did not come back");
    Ok(())
}

/// Nobody touches a key: the snake eats what lies ahead, and meets the wall.
fn by_the_clock(mut session: Session) -> Result<()> {
    session.expect("game over: score 1 after 12 turns")?;
    ensure!(session.wait()? == 0 && session.is_cooked()?, "the terminal's mode did not come back");
    Ok(())
}

fn gives_up(mut session: Session) -> Result<()> {
    session.expect("turn 0 score 0")?;
    ensure!(!session.is_cooked()?, "the game does not see single keys");
    session.send(CTRL_C)?;
    session.expect("bye: score 0 after 0 turns")?;
    ensure!(session.wait()? == 0 && session.is_cooked()?, "the terminal's mode did not come back");
    Ok(())
}

fn demo() -> Result<()> {
    let list: Outcome = finish(&mut command::pollux(&["demo"]), b"").into();
    ensure!(list.status == 0 && ["shell", "game", "five-models"].iter().all(|name| list.stdout.contains(name)), "{list:?}");
    let one: Outcome = finish(&mut command::pollux(&["demo", "--timeout", "240", "five-models", "--lines", "5", "epoll"]), b"").into();
    ensure!(one.status == 0 && one.stdout.starts_with("epoll        15 lines"), "{one:?}");
    let script: Outcome = finish(&mut command::pollux(&["demo", "--timeout", "240", "shell", "-c", "echo $((1"]), b"").into();
    ensure!(script.status == 2, "the status of the program is lost: {script:?}");
    let unknown: Outcome = finish(&mut command::pollux(&["demo", "chess"]), b"").into();
    ensure!(unknown.status == i32::from(pollux::status::CANNOT_RUN), "{unknown:?}");
    Ok(())
}
