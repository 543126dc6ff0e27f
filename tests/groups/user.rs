//! The behaviours of the `user` package: small assertions about what a Linux program may rely on. The same static program runs
//! them on the machine's Linux and on Pollux.
//!
//! Each behaviour is a test. When many are wanted, the first one of a family (`pipes::…`) runs the whole family in one machine
//! and the others take their verdict from that run: booting once for each would be most of the time.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Arguments, Trial};
use tests::command::{Outcome, finish, run};

use crate::trial;

const SOURCES: &[&str] = &["user", "Cargo.toml", "Cargo.lock"];

/// Where a behaviour runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum System {
    Linux,
    Pollux,
}

/// Runs of whole families, each made by whoever asks first.
type Families = Mutex<HashMap<(System, String), Arc<OnceLock<Outcome>>>>;

/// Whether whole families are to be run: not when a single behaviour is asked for, as test runners with a process for each test do.
pub fn wants_families(arguments: &Arguments) -> bool {
    !arguments.exact && arguments.filter.as_deref().is_none_or(|filter| filter.trim_end_matches("::").matches("::").count() < 3)
}

fn behaviours() -> Result<PathBuf> {
    pollux::kernel_build::program("user", "behaviours", SOURCES)
}

pub fn tests(families: bool) -> Result<Vec<Trial>> {
    let program = behaviours()?;
    let list = Command::new(&program).arg("--list").output().context("cannot list the behaviours")?;
    let program = program.to_string_lossy().into_owned();
    let runs: Option<Arc<Families>> = families.then(Arc::default);
    let mut trials = Vec::new();
    for name in String::from_utf8(list.stdout)?.lines() {
        for (system, label) in [(System::Linux, "linux"), (System::Pollux, "pollux")] {
            let (program, name, runs) = (program.clone(), name.to_owned(), runs.clone());
            trials.push(trial(format!("user::{label}::{name}"), move || check(system, &program, &name, runs.as_deref())));
        }
    }
    Ok(trials)
}

fn start(system: System, program: &str, word: &str) -> Outcome {
    match system {
        System::Linux => finish(Command::new(program).arg(word), b"").into(),
        System::Pollux => run(&[program, word]),
    }
}

fn check(system: System, program: &str, name: &str, families: Option<&Families>) -> Result<()> {
    if let (Some(families), Some((family, _))) = (families, name.split_once("::")) {
        let run = families.lock().unwrap_or_else(PoisonError::into_inner).entry((system, family.to_owned())).or_default().clone();
        let outcome = run.get_or_init(|| start(system, program, &format!("{family}::")));
        match verdict(outcome, name) {
            Some(Ok(())) => return Ok(()),
            Some(Err(why)) => anyhow::bail!("{why}"),
            // The run of the family did not come so far: a run of its own tells.
            None => {}
        }
    }
    let outcome = start(system, program, name);
    ensure!(outcome.status == 0, "status {}\n{}{}", outcome.status, outcome.stdout, outcome.stderr);
    Ok(())
}

/// What a run of several behaviours says about one of them, if anything.
fn verdict(outcome: &Outcome, name: &str) -> Option<Result<(), String>> {
    match outcome.stdout.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))? {
        "ok" => Some(Ok(())),
        // What it said stands among the words of the others.
        _ => Some(Err(outcome.stderr.clone())),
    }
}
