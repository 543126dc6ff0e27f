//! Tables of command lines. A table is a text file; `== name` starts a case and the lines after it are its shell script.
//! A line `~ PATTERN => REPLACEMENT : REASON` before the script says that matches of PATTERN legitimately differ between two
//! systems, and why; both outputs are rewritten by it, line by line, before they are compared. `<> reason` says that nothing
//! but the exit status is compared.

use anyhow::{Context, Result, bail};
use regex::Regex;

use crate::command::Outcome;

/// One command line (or a few) and how its output is compared.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub script: String,
    filters: Vec<(Regex, String)>,
    status_only: bool,
}

/// The cases of a table.
pub fn parse(table: &str) -> Result<Vec<Case>> {
    let mut cases: Vec<Case> = Vec::new();
    for (number, line) in table.lines().enumerate() {
        let place = || format!("line {}", number + 1);
        if let Some(name) = line.strip_prefix("== ") {
            let name = name.trim().to_owned();
            if cases.iter().any(|case| case.name == name) {
                bail!("{}: the name {name} is taken", place());
            }
            cases.push(Case { name, script: String::new(), filters: Vec::new(), status_only: false });
            continue;
        }
        // Text before the first case is a comment.
        let Some(case) = cases.last_mut() else { continue };
        if case.script.is_empty() && line.starts_with("~ ") {
            case.filters.push(parse_filter(line).with_context(place)?);
        } else if case.script.is_empty() && line.starts_with("<> ") {
            case.status_only = true;
        } else {
            case.script.push_str(line);
            case.script.push('\n');
        }
    }
    cases.iter_mut().for_each(|case| case.script.truncate(case.script.trim_end().len()));
    match cases.iter().find(|case| case.script.is_empty()) {
        Some(empty) => bail!("the case {} has no script", empty.name),
        None => Ok(cases),
    }
}

fn parse_filter(line: &str) -> Result<(Regex, String)> {
    let (pattern, rest) = line[2..].split_once(" => ").context("a filter needs ` => `")?;
    // Without a replacement, matches are left out.
    let (replacement, reason) = match rest.strip_prefix(": ") {
        Some(reason) => ("", reason),
        None => rest.split_once(" : ").context("a filter needs a reason after ` : `")?,
    };
    if reason.trim().is_empty() {
        bail!("a filter needs a reason");
    }
    Ok((Regex::new(pattern)?, replacement.to_owned()))
}

impl Case {
    /// What of an outcome has to be the same everywhere.
    pub fn normalise(&self, outcome: &Outcome) -> Outcome {
        if self.status_only {
            return Outcome { stdout: String::new(), stderr: String::new(), status: outcome.status };
        }
        Outcome { stdout: self.filter(&outcome.stdout), stderr: self.filter(&outcome.stderr), status: outcome.status }
    }

    fn filter(&self, text: &str) -> String {
        let rewrite = |line: &str| {
            self.filters
                .iter()
                .fold(line.to_owned(), |line, (pattern, replacement)| pattern.replace_all(&line, replacement.as_str()).into_owned())
        };
        text.split_inclusive('\n').map(rewrite).collect()
    }
}

/// A readable account of how two outcomes differ; `None` when they do not.
pub fn difference(expected: &Outcome, found: &Outcome) -> Option<String> {
    if expected == found {
        return None;
    }
    let mut account = String::new();
    for (name, expected, found) in [("stdout", &expected.stdout, &found.stdout), ("stderr", &expected.stderr, &found.stderr)] {
        if expected != found {
            account.push_str(&format!("{name} differs\n--- Linux\n{expected}\n+++ Pollux\n{found}\n"));
        }
    }
    if expected.status != found.status {
        account.push_str(&format!(
            "the status is {} on Linux, {} on Pollux; stderr of Pollux: {}\n",
            expected.status, found.status, found.stderr
        ));
    }
    Some(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str =
        "About this table.\n== one\n~ [0-9]+ => N : pids are given by the system\necho 1\necho 2\n\n== two\n<> uptime\nuptime\n";

    fn outcome(stdout: &str) -> Outcome {
        Outcome { stdout: stdout.into(), stderr: String::new(), status: 0 }
    }

    #[test]
    fn tables_are_read() {
        let cases = parse(TABLE).unwrap();
        assert_eq!(cases.iter().map(|case| case.name.as_str()).collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(cases[0].script, "echo 1\necho 2");
    }

    #[test]
    fn filters_are_applied() {
        let cases = parse(TABLE).unwrap();
        assert_eq!(cases[0].normalise(&outcome("pid 12 of 3\n")).stdout, "pid N of N\n");
        assert_eq!(cases[1].normalise(&outcome("anything")).stdout, "");
    }

    #[test]
    fn mistakes_are_told() {
        assert!(parse("== a\n").is_err());
        assert!(parse("== a\nx\n== a\ny\n").is_err());
        assert!(parse("== a\n~ x => y\nz\n").is_err());
        assert!(parse("== a\n~ x => : left out\nz\n").is_ok());
    }

    #[test]
    fn differences_are_told() {
        assert_eq!(difference(&outcome("a"), &outcome("a")), None);
        assert!(difference(&outcome("a"), &outcome("b")).unwrap().contains("stdout differs"));
    }
}
