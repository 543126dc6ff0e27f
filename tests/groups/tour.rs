//! The tour's page promises a line for each row of the feature list, with the place in the code and the test that shows it: the rows have
//! to be there, and the files and tests that they name have to exist.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;

use crate::trial;

/// The rows of the feature list: the letter, how many there are, and what follows the number.
const ROWS: [(char, u32, &str); 18] = [
    ('A', 11, ""),
    ('B', 18, ""),
    ('C', 12, ""),
    ('D', 17, ""),
    ('E', 9, ""),
    ('F', 8, ""),
    ('G', 13, ""),
    ('H', 8, ""),
    ('I', 15, ""),
    ('J', 10, ""),
    ('K', 7, ""),
    ('L', 12, ""),
    ('M', 10, ""),
    ('N', 20, ""),
    ('O', 11, ""),
    ('P', 13, ""),
    ('R', 13, ""),
    ('S', 4, "t"),
];

/// What the last cell of a row says when no test shows it.
const WITHOUT_TEST: [&str; 2] = ["explained", "left for later"];

pub fn tests(names: Vec<String>) -> Vec<Trial> {
    vec![
        trial("tour::its_tests_exist", move || check_tests(&names)),
        trial("tour::its_files_exist", check_files),
        trial("tour::it_has_every_row", check_rows),
    ]
}

fn page() -> Result<String> {
    std::fs::read_to_string(pollux::paths::workspace().join("docs/tour.md")).context("no docs/tour.md")
}

/// The rows of the table by their names, with their other cells.
fn rows(page: &str) -> Vec<(&str, Vec<&str>)> {
    let lines = page.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    let cells = lines.map(|line| line.split('|').map(str::trim).collect::<Vec<&str>>());
    cells.filter(|cells| cells.len() == 4 && is_row(cells[0])).map(|cells| (cells[0], cells[1..].to_vec())).collect()
}

fn is_row(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_uppercase()) && name[1..].starts_with(|letter: char| letter.is_ascii_digit())
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn check_rows() -> Result<()> {
    let page = page()?;
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    for (name, cells) in rows(&page) {
        *found.entry(name.to_owned()).or_default() += 1;
        let shown = quoted(cells[2]).any(is_name) || WITHOUT_TEST.iter().any(|word| cells[2].contains(word));
        ensure!(shown, "row {name} names no test, and doesn't say why: {}", cells[2]);
    }
    for (letter, count, suffix) in ROWS {
        for number in 1..=count {
            let name = format!("{letter}{number}{suffix}");
            let lines = found.remove(&name).unwrap_or(0);
            ensure!(lines == 1, "row {name} has {lines} lines");
        }
    }
    ensure!(found.is_empty(), "rows that are not in the feature list: {found:?}");
    Ok(())
}

fn check_files() -> Result<()> {
    let workspace = pollux::paths::workspace();
    let page = page()?;
    // In code blocks a backtick is no quotation mark.
    let prose = page.split("```").step_by(2);
    let named = prose.flat_map(quoted).filter(|word| is_path(word));
    let missing: Vec<&str> = named.filter(|path| !workspace.join(path).exists()).collect();
    ensure!(missing.is_empty(), "the tour names files that do not exist: {missing:?}");
    Ok(())
}

/// Whether a quoted word is the path of a file or folder of the source tree.
fn is_path(word: &str) -> bool {
    let ours = ["kernel/", "host/", "tour/", "tests/", "user/", "bench/", "docs/", ".ci/"].iter().any(|folder| word.starts_with(folder));
    (ours || word.ends_with(".md") || word.ends_with(".toml")) && !word.contains(' ') && !word.starts_with(".cargo/")
}

fn check_tests(names: &[String]) -> Result<()> {
    let workspace = pollux::paths::workspace();
    let mut sources = String::new();
    for folder in ["kernel", "host", "tour"] {
        read_sources(&workspace.join(folder), &mut sources)?;
    }
    let page = page()?;
    let cells = rows(&page).into_iter().map(|(_, cells)| cells[2]);
    let paragraphs = page.split("\n\n").filter(|paragraph| paragraph.starts_with("**Tests.**"));
    let words: Vec<&str> = cells.chain(paragraphs).flat_map(quoted).filter(|word| is_name(word)).collect();
    ensure!(words.len() > 100, "the tour names {} tests only", words.len());
    let missing: Vec<&str> = words.into_iter().filter(|word| !exists(word, names, &sources)).collect();
    ensure!(missing.is_empty(), "the tour names tests that do not exist: {missing:?}");
    Ok(())
}

/// Whether a quoted word can be the name of a test; others are commands and the like.
fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':' | '-'))
}

/// An integration test (or a group of them) that has this name, or a host test that is a function of this name.
fn exists(word: &str, names: &[String], sources: &str) -> bool {
    match word.split_once("::") {
        Some(_) => names.iter().any(|name| name == word || name.starts_with(&format!("{}::", word.trim_end_matches("::")))),
        None => sources.contains(&format!("fn {word}(")),
    }
}

fn read_sources(folder: &Path, sources: &mut String) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            read_sources(&path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}
