//! The groups of integration tests.

mod app;
mod boot;
mod ktest;
mod pty;
mod run;
mod shell;
mod user;

use anyhow::Result;
use libtest_mimic::Trial;

/// All tests of all groups.
pub fn all() -> Result<Vec<Trial>> {
    let groups = [ktest::tests()?, run::tests(), boot::tests(), shell::tests()?, user::tests()?, pty::tests(), app::tests()];
    Ok(groups.into_iter().flatten().collect())
}
