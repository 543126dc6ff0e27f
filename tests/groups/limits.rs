//! Programs that want too much: the kernel refuses with the right error, or ends the one that asks, and goes on.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use tests::command::{Outcome, run_with};

use crate::trial;

const SOURCES: &[&str] = &["user", "Cargo.toml", "Cargo.lock"];

pub fn tests() -> Vec<Trial> {
    vec![
        trial("limits::fork_bomb", || survives("forkbomb", &["3000"], &["forks again"])),
        trial("limits::memory_hog", memory_hog),
        trial("limits::descriptors", || survives("fdhog", &["4000"], &["opens files again"])),
        trial("limits::epoll_watches", || survives("watchhog", &[], &["the hog ", "watches again"])),
        trial("limits::file_system_full", || survives("filehog", &[], &["ENOSPC"])),
        trial("limits::fork_rounds_give_all_back", fork_rounds),
        trial("limits::ten_thousand_threads", ten_thousand_threads),
        trial("limits::shell_after_a_hog", shell_after_hog),
        trial("limits::random_system_calls", random_calls),
    ]
}

fn path(binary: &'static str) -> Result<String> {
    Ok(pollux::kernel_build::program("user", binary, SOURCES)?.to_string_lossy().into_owned())
}

/// The program ends by itself, with success, and says what is expected.
fn survives(binary: &'static str, words: &[&str], expected: &[&str]) -> Result<()> {
    let path = path(binary)?;
    let program: Vec<&str> = std::iter::once(path.as_str()).chain(words.iter().copied()).collect();
    let outcome: Outcome = run_with(&["--memory", "128"], &program, b"").into();
    ensure!(outcome.status == 0, "{outcome:?}");
    ensure!(expected.iter().all(|text| outcome.stdout.contains(text)), "{outcome:?}");
    Ok(())
}

/// Of two processes the one that takes all memory is killed, and the log names it.
fn memory_hog() -> Result<()> {
    let path = path("memhog")?;
    let outcome: Outcome = run_with(&["--memory", "128", "--log"], &[&path], b"").into();
    ensure!(outcome.status == 0 && outcome.stdout.contains("free again"), "{outcome:?}");
    ensure!(outcome.stderr.lines().any(|line| line.contains("Out of memory: killed process") && line.contains("(memhog)")), "{outcome:?}");
    Ok(())
}

/// What the kernel may keep for itself, in KiB: a slab here and there that isn't empty, a page table.
const KEPT_MAX: i64 = 128;

/// The numbers in a text, in their order.
fn numbers(text: &str) -> Vec<i64> {
    text.split(|letter: char| !letter.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
}

/// A thousand processes come and go, and leave no memory behind.
fn fork_rounds() -> Result<()> {
    let path = path("forkrounds")?;
    let outcome: Outcome = run_with(&["--memory", "128"], &[&path, "1000"], b"").into();
    ensure!(outcome.status == 0, "{outcome:?}");
    let [1000, before, after, _] = numbers(&outcome.stdout)[..] else { anyhow::bail!("{outcome:?}") };
    ensure!(before - after <= KEPT_MAX, "{outcome:?}");
    Ok(())
}

/// Ten thousand threads wait at once, are ended by one exit_group, and leave no memory behind.
fn ten_thousand_threads() -> Result<()> {
    let path = path("threads10k")?;
    let outcome: Outcome = run_with(&["--memory", "256"], &[&path], b"").into();
    ensure!(outcome.status == 0, "{outcome:?}");
    let last = outcome.stdout.lines().last().unwrap_or_default();
    let Some((_, figures)) = last.split_once(':') else { anyhow::bail!("{outcome:?}") };
    let [before, after] = numbers(figures)[..] else { anyhow::bail!("{outcome:?}") };
    ensure!(before - after <= KEPT_MAX, "{outcome:?}");
    Ok(())
}

/// 200,000 random calls; the seed is new in each run, and printed for a run that is to be repeated.
fn random_calls() -> Result<()> {
    let path = path("fuzz")?;
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_nanos() as u32;
    println!("fuzz: seed {seed}");
    let outcome: Outcome = run_with(&[], &[&path, "--as-root", "200000", &seed.to_string()], b"").into();
    ensure!(outcome.status == 0, "seed {seed}: {outcome:?}");
    Ok(())
}

fn shell_after_hog() -> Result<()> {
    // The inner shell keeps all that it reads; whatever becomes of it, the outer one goes on.
    let script = "sh -c 'x=$(yes | head -c 400000000)'; echo still here";
    let outcome: Outcome = run_with(&["--memory", "128"], &["sh", "-c", script], b"").into();
    ensure!(outcome.status == 0 && outcome.stdout.ends_with("still here\n"), "{outcome:?}");
    Ok(())
}
