//! The groups of integration tests.

mod app;
mod boot;
mod chapters;
mod gdb;
mod heap;
mod image;
mod instructions;
mod keyboard;
mod ktest;
mod limits;
mod programs;
mod pty;
mod run;
mod runner;
mod screen;
mod screen_keys;
mod shell;
mod tour;
mod user;

use anyhow::Result;
use libtest_mimic::{Arguments, Trial};

/// All tests of all groups.
pub fn all(arguments: &Arguments) -> Result<Vec<Trial>> {
    if let Some(probe) = runner::only_probe() {
        return Ok(probe);
    }
    let user = user::tests(user::wants_families(arguments))?;
    let groups = [
        ktest::tests()?,
        runner::tests(),
        run::tests(),
        boot::tests(),
        heap::tests(),
        image::tests(),
        shell::tests()?,
        user,
        limits::tests(),
        pty::tests(),
        screen::tests(),
        screen_keys::tests(),
        keyboard::tests(),
        gdb::tests(),
        app::tests(),
        programs::tests()?,
        chapters::tests(),
    ];
    let mut trials: Vec<Trial> = groups.into_iter().flatten().collect();
    let names = trials.iter().map(|trial| trial.name().to_owned()).collect();
    trials.extend(tour::tests(names));
    Ok(trials)
}
