//! The test runner itself: whatever way a test goes wrong, it must be seen. The kernel has probes for that, tests that go wrong in one way each
//! and aren't listed; the rest is done to QEMU.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use pollux::{kernel_build, status};
use tests::command;

use super::ktest::{self, Boot};
use crate::trial;

/// Makes this program have one test only: the probe that the variable names.
const PROBE: &str = "POLLUX_TESTS_PROBE";

pub fn tests() -> Vec<Trial> {
    vec![
        trial("runner::passing_test_passes", || Boot::new()?.run("probe_passes")),
        trial("runner::failed_assert_fails", || fails("probe_failing_assert", &["status 121", "a probe's assert", "probes.rs:"])),
        trial("runner::panic_fails", || fails("probe_panic", &["status 121", "a probe's panic", "probes.rs:"])),
        trial("runner::page_fault_is_described", || {
            let said =
                ["write to an unmapped page at 0xdeadbeaf000", "cr2 00000deadbeaf000", "error code 0x2", "rip ffffffff8", "probes.rs:"];
            fails("probe_page_fault", &said)
        }),
        trial("runner::expected_panic_passes", || Boot::new()?.run("probe_expected_panic")),
        trial("runner::panic_with_another_text_fails", || fails("probe_other_panic", &["status 121", "a probe's panic"])),
        trial("runner::missing_panic_fails", || fails("probe_missing_panic", &["status 120"])),
        trial("runner::hang_fails", hang),
        trial("runner::triple_fault_fails", || fails("probe_triple_fault", &["status 122", "reset"])),
        trial("runner::wrong_exit_code_fails", || fails("probe_wrong_exit_code", &["status 122", "QEMU ended with status 85"])),
        trial("runner::missing_verdict_fails", || fails("probe_no_verdict", &["status 0"])),
        trial("runner::verdict_against_the_exit_code_fails", || fails("probe_contradiction", &["status 120"])),
        trial("runner::verdict_of_another_test_fails", || fails("probe_names_another", &["status 0"])),
        trial("runner::unknown_test_fails", || fails("no_such_test", &["status 120", "no kernel test named no_such_test"])),
        trial("runner::failing_test_fails_the_run", || exit_code("probe_failing_assert", Some(101), "FAILED")),
        trial("runner::passing_test_passes_the_run", || exit_code("probe_passes", Some(0), "1 passed")),
        trial("runner::panics_share_one_boot", panics_share_one_boot),
        trial("runner::failures_within_a_shared_boot_are_seen", failures_within_a_shared_boot),
        trial("runner::shared_boot_that_ends_early_fails", shared_boot_that_ends_early),
        trial("runner::missing_qemu_is_named", missing_qemu),
        trial("runner::qemu_that_complains_fails", || {
            broken_qemu("echo no such machine >&2; exit 1", "no such machine", status::CANNOT_RUN)
        }),
        trial("runner::qemu_that_is_killed_fails", || broken_qemu("kill -9 $$", "QEMU was killed", status::GUEST_DIED)),
        trial("runner::qemu_that_ends_at_once_fails", || broken_qemu("exit 0", "reset", status::GUEST_DIED)),
        trial("runner::qemu_that_reports_success_fails", || broken_qemu("exit 33", "", 0)),
        trial("runner::qemu_that_is_no_program_fails", no_program),
        trial("runner::kernel_that_cannot_be_loaded_fails", no_kernel),
        trial("runner::kernel_without_tests_is_refused", kernel_without_tests),
        trial("runner::name_listed_twice_is_refused", name_listed_twice),
    ]
}

/// The one test of a run that an environment variable asks for.
pub fn only_probe() -> Option<Vec<Trial>> {
    let name = std::env::var(PROBE).ok()?;
    Some(vec![trial(name.clone(), move || Boot::new()?.run(&name))])
}

/// The error that a run of this test ends with.
fn error_of(boot: &Boot, name: &str) -> Result<String> {
    match boot.run(name) {
        Ok(()) => anyhow::bail!("{name} passed, and must not"),
        Err(error) => Ok(format!("{error:#}")),
    }
}

/// The test fails, and these words say how.
fn fails(name: &str, words: &[&str]) -> Result<()> {
    let error = error_of(&Boot::new()?, name)?;
    for word in words {
        ensure!(error.contains(word), "{word:?} is missing: {error}");
    }
    Ok(())
}

fn hang() -> Result<()> {
    // Enough for the test to begin on most machines; where it isn't, the boot hangs as well as the test would.
    let boot = Boot { limit: Duration::from_secs(5), ..Boot::new()? };
    let error = error_of(&boot, "probe_hang")?;
    ensure!(error.contains("status 124") && error.contains("not done after 5 s: stopped"), "{error}");
    Ok(())
}

/// A whole run with one test, in a process of its own.
fn exit_code(probe: &str, expected: Option<i32>, word: &str) -> Result<()> {
    let output = Command::new(std::env::current_exe()?).env(PROBE, probe).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.code() == expected && text.contains(word) && text.contains(probe), "{output:?}");
    Ok(())
}

/// All tests that share a boot are reported, each once.
fn panics_share_one_boot() -> Result<()> {
    let names = ktest::names(&std::fs::read(kernel_build::kernel_with_selftest()?.elf)?)?.together;
    ensure!(names.len() >= 12, "{names:?}");
    let report = ktest::panics()?;
    ensure!(report.status == 0, "{report:?}");
    let mut reported: Vec<&String> = report.tests.iter().map(|(name, _)| name).collect();
    let mut listed: Vec<&String> = names.iter().collect();
    reported.sort();
    listed.sort();
    ensure!(reported == listed, "listed: {listed:?}, reported: {reported:?}");
    Ok(())
}

/// One that doesn't panic, one that does as it should, one with another text, and the first again: no one is taken for another.
fn failures_within_a_shared_boot() -> Result<()> {
    let report = Boot::new()?.report("probes")?;
    let expected =
        [("probe_missing_panic", false), ("probe_expected_panic", true), ("probe_other_panic", false), ("probe_missing_panic", false)];
    let expected = expected.map(|(name, passed)| (name.to_owned(), passed));
    ensure!(report.tests == expected && report.status == status::GUEST_FAILED, "{report:?}");
    for name in ["probe_missing_panic", "probe_other_panic"] {
        ensure!(ktest::verdict(name, &report.tests).is_err(), "{name} is taken for passed");
    }
    ktest::verdict("probe_expected_panic", &report.tests)
}

/// A test without a verdict, since the machine was reset under those that share it, has failed; the ones before it have not.
fn shared_boot_that_ends_early() -> Result<()> {
    let tests = [("first".to_owned(), true)];
    ktest::verdict("first", &tests)?;
    let error = ktest::verdict("second", &tests).err().map(|error| error.to_string()).unwrap_or_default();
    ensure!(error.contains("ended before second"), "{error:?}");
    Ok(())
}

/// With no program to be found, nothing can be installed either: the command says what is missing.
fn missing_qemu() -> Result<()> {
    let output = command::finish(command::pollux(&["run", "--", "true"]).env("PATH", "/nonexistent"), b"");
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(status::CANNOT_RUN.into()) && text.contains("missing: qemu-system-x86"), "{output:?}");
    Ok(())
}

/// A program in QEMU's place, removed at the end.
struct Impostor(PathBuf);

impl Impostor {
    fn new(content: &str) -> Result<Impostor> {
        let mut name = OsString::from("pollux-impostor-");
        name.push(format!("{}-{:?}", std::process::id(), std::thread::current().id()));
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        Ok(Impostor(path))
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        // What can't be removed lies in the folder for temporary files.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn broken_qemu(script: &str, word: &str, status: u8) -> Result<()> {
    let impostor = Impostor::new(&format!("#!/bin/sh\n{script}\n"))?;
    let boot = Boot { qemu: impostor.0.clone(), ..Boot::new()? };
    let mut error = error_of(&boot, "probe_passes")?;
    // Another test may be starting a process that still holds the new file open for writing: then it can't be run yet.
    while error.contains("os error 26") {
        std::thread::yield_now();
        error = error_of(&boot, "probe_passes")?;
    }
    ensure!(error.contains(&format!("status {status}:")) && error.contains(word), "{error}");
    Ok(())
}

fn no_program() -> Result<()> {
    let boot = Boot { qemu: PathBuf::from("/dev/null"), ..Boot::new()? };
    let error = error_of(&boot, "probe_passes")?;
    ensure!(error.contains("cannot start /dev/null"), "{error}");
    Ok(())
}

/// An ordinary program in the kernel's place: QEMU finds no entry in it.
fn no_kernel() -> Result<()> {
    let boot = Boot { kernel: std::env::current_exe()?, ..Boot::new()? };
    let error = error_of(&boot, "probe_passes")?;
    ensure!(error.contains(&format!("status {}: QEMU ended with status 1", status::CANNOT_RUN)), "{error}");
    Ok(())
}

/// This program is no kernel, and noise is no program.
fn kernel_without_tests() -> Result<()> {
    let error = ktest::names(&std::fs::read(std::env::current_exe()?)?).err().map(|error| error.to_string()).unwrap_or_default();
    ensure!(error.contains("no list of tests"), "{error:?}");
    ensure!(ktest::names(b"noise").is_err(), "noise is taken for a kernel");
    Ok(())
}

fn name_listed_twice() -> Result<()> {
    let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    ktest::ensure_unique(names(&["a", "b", "ab"]).iter())?;
    let error = ktest::ensure_unique(names(&["a", "b", "a"]).iter()).err().map(|error| error.to_string()).unwrap_or_default();
    ensure!(error.contains("two kernel tests named a"), "{error:?}");
    Ok(())
}
