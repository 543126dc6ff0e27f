//! The tour promises a test for each of its rows: the tests that it names have to exist.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;

use crate::trial;

/// Beginnings of the names of integration tests.
const GROUPS: [&str; 11] =
    ["ktest::", "runner::", "run::", "boot::", "pty::", "shell::", "user::", "limits::", "app::", "programs::", "screen::"];

pub fn test(names: Vec<String>) -> Trial {
    trial("tour::its_tests_exist", move || check(&names))
}

fn check(names: &[String]) -> Result<()> {
    let workspace = pollux::paths::workspace();
    let tour = std::fs::read_to_string(workspace.join("docs/tour.md")).context("no docs/tour.md")?;
    let mut sources = String::new();
    read_sources(&workspace.join("kernel"), &mut sources)?;
    read_sources(&workspace.join("tour"), &mut sources)?;
    let rows = tour.lines().filter(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
    // Every second piece between backticks is a quoted word.
    let words = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let missing: Vec<&str> = words.filter(|word| is_name(word) && !exists(word, names, &sources)).collect();
    ensure!(missing.is_empty(), "the tour names tests that do not exist: {missing:?}");
    Ok(())
}

/// Whether a quoted word can be the name of a test; others are commands and the like.
fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':' || letter == '-')
}

fn exists(word: &str, names: &[String], sources: &str) -> bool {
    if GROUPS.iter().any(|group| word.starts_with(group)) {
        return names.iter().any(|name| name == word || name.starts_with(&format!("{}::", word.trim_end_matches("::"))));
    }
    sources.contains(&format!("fn {}(", word.rsplit("::").next().unwrap_or(word)))
}

fn read_sources(folder: &Path, sources: &mut String) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read_sources(&path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}
