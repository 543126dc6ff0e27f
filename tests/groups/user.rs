//! The behaviours of the `user` package: small assertions about what a Linux program may rely on. The same static program runs
//! them on the machine's Linux and on Pollux.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use tests::command::{Outcome, finish, run};

use crate::trial;

const SOURCES: &[&str] = &["user", "Cargo.toml", "Cargo.lock"];

fn behaviours() -> Result<PathBuf> {
    pollux::kernel_build::program("user", "behaviours", SOURCES)
}

pub fn tests() -> Result<Vec<Trial>> {
    let program = behaviours()?;
    let list = Command::new(&program).arg("--list").output().context("cannot list the behaviours")?;
    let path = program.to_string_lossy().into_owned();
    let mut trials = Vec::new();
    for name in String::from_utf8(list.stdout)?.lines().map(str::to_owned) {
        let (path, same_path, same_name) = (path.clone(), path.clone(), name.clone());
        trials.push(trial(format!("user::linux::{name}"), move || check(finish(Command::new(&path).arg(&name), b"").into())));
        trials.push(trial(format!("user::pollux::{same_name}"), move || check(run(&[&same_path, &same_name]))));
    }
    Ok(trials)
}

fn check(outcome: Outcome) -> Result<()> {
    ensure!(outcome.status == 0, "status {}\n{}{}", outcome.status, outcome.stdout, outcome.stderr);
    Ok(())
}
