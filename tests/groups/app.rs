//! Workloads of unmodified Debian programs with the text that Linux prints for them. The text does not depend on the machine.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use tests::command::{Outcome, run_with};

use crate::trial;

const BUSYBOX: (&str, &str) = (include_str!("../apps/01-busybox.sh"), include_str!("../apps/01-busybox.txt"));

pub fn tests() -> Vec<Trial> {
    vec![trial("app::01-busybox", || compare(BUSYBOX))]
}

fn compare((script, expected): (&str, &str)) -> Result<()> {
    // The expected text holds what the script says on stderr, in its place.
    let outcome: Outcome = run_with(&[], &["sh", "-c", &format!("exec 2>&1\n{script}")], b"").into();
    ensure!(outcome.stdout == expected, "expected\n{expected}\nfound\n{}\nstderr\n{}", outcome.stdout, outcome.stderr);
    Ok(())
}
