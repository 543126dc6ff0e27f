//! Command lines of busybox: output and exit status have to be those that the same program has on Linux, in the same root.

use anyhow::{Context, Result, bail};
use libtest_mimic::Trial;
use tests::cases::{self, Case, difference};
use tests::{command, reference};

use crate::trial;

/// The tables, in the order of their names.
const TABLES: [(&str, &str); 8] = [
    ("archives", include_str!("../busybox/archives.cases")),
    ("editing", include_str!("../busybox/editing.cases")),
    ("files", include_str!("../busybox/files.cases")),
    ("find", include_str!("../busybox/find.cases")),
    ("jobs", include_str!("../busybox/jobs.cases")),
    ("scripts", include_str!("../busybox/scripts.cases")),
    ("system", include_str!("../busybox/system.cases")),
    ("text", include_str!("../busybox/text.cases")),
];

pub fn tests() -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    for (table, text) in TABLES {
        for case in cases::parse(text).context(table)? {
            trials.push(trial(format!("shell::{table}::{}", case.name), move || compare(&case)));
        }
    }
    Ok(trials)
}

fn compare(case: &Case) -> Result<()> {
    let expected = reference::run(&reference::root_archive()?, &case.script)?;
    let found = command::run_with(&["--cwd", "/tmp"], &["sh", "-c", &case.script], b"").into();
    match difference(&case.normalise(&expected), &case.normalise(&found)) {
        None => Ok(()),
        Some(account) => bail!("{account}"),
    }
}
