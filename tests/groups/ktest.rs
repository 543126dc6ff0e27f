//! Tests within the kernel. Their names stand in sections of the kernel's file. Most run in a machine of their own, chosen by the kernel
//! parameter `ktest=`; those that must panic and leave the machine in order share one boot, whose report each of them looks itself up in. The
//! beginning of a name may ask for another parameter: see `parameter`. The machines of those named `reset_…` have to end by a triple fault.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;
use object::{Object, ObjectSection};
use pollux::guest::{self, Input, Launch, Report};
use pollux::kernel_build;
use pollux::qemu::{Configuration, Initrd, Machine};
use pollux::status;

use crate::trial;

/// NUL-terminated names of tests, one after the other.
const ALONE: &str = ".ktest.names";
/// The same, of the tests that share a boot.
const TOGETHER: &str = ".ktest.panics";
const LIMIT: Duration = Duration::from_secs(240);

pub fn tests() -> Result<Vec<Trial>> {
    let names = names(&std::fs::read(kernel_build::kernel_with_selftest()?.elf)?)?;
    let alone = names.alone.into_iter().map(|name| trial(format!("ktest::{name}"), move || run(&name)));
    let together = names.together.into_iter().map(|name| {
        trial(format!("ktest::{name}"), move || {
            let report = panics()?;
            verdict(&name, &report.tests).with_context(|| describe(report))
        })
    });
    Ok(alone.chain(together).collect())
}

/// The names of all in-kernel tests.
#[derive(Debug)]
pub struct Names {
    pub alone: Vec<String>,
    pub together: Vec<String>,
}

/// Reads the names from the kernel's file. A kernel without tests is none of ours, and a name that stands there twice would hide a test.
pub fn names(elf: &[u8]) -> Result<Names> {
    let file = object::File::parse(elf).context("the kernel's file can't be read")?;
    let section = |name: &str| -> Result<Vec<String>> {
        let section = file.section_by_name(name).with_context(|| format!("the kernel's file has no list of tests ({name})"))?;
        split(section.data()?)
    };
    let names = Names { alone: section(ALONE)?, together: section(TOGETHER)? };
    ensure_unique(names.alone.iter().chain(&names.together))?;
    Ok(names)
}

fn split(list: &[u8]) -> Result<Vec<String>> {
    let names = list.split(|&byte| byte == 0).filter(|name| !name.is_empty());
    names.map(|name| String::from_utf8(name.to_vec()).context("a test's name is no text")).collect()
}

/// What the machine of some tests is told besides.
fn parameter(name: &str) -> &'static str {
    match name.split('_').next() {
        Some("pic") => "noapic",
        Some("irqoff") => "irqoff",
        _ => "",
    }
}

pub fn ensure_unique<'a>(names: impl Iterator<Item = &'a String>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        ensure!(seen.insert(name), "there are two kernel tests named {name}");
    }
    Ok(())
}

/// How a machine for a test is made.
pub struct Boot {
    pub qemu: PathBuf,
    /// What is booted.
    pub kernel: PathBuf,
    pub limit: Duration,
}

impl Boot {
    pub fn new() -> Result<Boot> {
        Ok(Boot { qemu: pollux::packages::qemu()?, kernel: kernel_build::kernel_with_selftest()?.stripped, limit: LIMIT })
    }

    /// Boots a machine that runs the test, or group of tests, of this name.
    pub fn report(&self, name: &str) -> Result<Report> {
        let configuration = Configuration {
            machine: Machine::Q35,
            memory_mib: 128,
            kernel: self.kernel.clone(),
            initrd: Initrd::File(pollux::rootfs::archive(None)?),
            command_line: format!("ktest={name} pollux.stdio=pipe {}", parameter(name)),
            ..Configuration::default()
        };
        let launch = Launch {
            qemu: self.qemu.clone(),
            configuration,
            elf: kernel_build::kernel_with_selftest()?.elf,
            timeout: Some(self.limit),
            input: Input::Stream(Box::new(std::io::empty())),
            output: Box::new(std::io::sink()),
            errors: Box::new(std::io::sink()),
            foreground: false,
        };
        guest::run(launch, &mut |_| {})
    }

    /// Runs one test in a machine of its own.
    pub fn run(&self, name: &str) -> Result<()> {
        let report = self.report(name)?;
        if name.starts_with("reset_") {
            let reset = report.message.as_ref().is_some_and(|message| message.contains("reset"));
            ensure!(report.status == status::GUEST_DIED && reset && report.tests.is_empty(), "{report:?}");
            return Ok(());
        }
        if report.status == 0 && report.tests == [(name.to_owned(), true)] {
            return Ok(());
        }
        bail!("{}", describe(&report))
    }
}

fn run(name: &str) -> Result<()> {
    Boot::new()?.run(name)
}

/// The report of the one boot that runs all tests that share one.
pub fn panics() -> Result<&'static Report> {
    static REPORT: LazyLock<Result<Report, String>> =
        LazyLock::new(|| Boot::new().and_then(|boot| boot.report("panics")).map_err(|error| format!("{error:#}")));
    REPORT.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
}

/// What the verdicts of a shared boot say of one test: it must be there once, and have passed.
pub fn verdict(name: &str, tests: &[(String, bool)]) -> Result<()> {
    let verdicts: Vec<bool> = tests.iter().filter(|(test, _)| test == name).map(|&(_, passed)| passed).collect();
    match verdicts[..] {
        [true] => Ok(()),
        [] => bail!("the machine ended before {name} had"),
        _ => bail!("{name} failed"),
    }
}

fn describe(report: &Report) -> String {
    format!("status {}: {}\n{}", report.status, report.message.as_deref().unwrap_or_default(), report.log.join("\n"))
}
