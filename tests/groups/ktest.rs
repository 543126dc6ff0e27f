//! Tests within the kernel. Their names stand in a section of the kernel's file, and each one runs in a machine of its own,
//! chosen by the kernel parameter `ktest=`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use libtest_mimic::Trial;
use object::{Object, ObjectSection};
use pollux::guest::{self, Input, Launch};
use pollux::kernel_build;
use pollux::qemu::{Configuration, Initrd, Machine};

use crate::trial;

/// NUL-terminated names of tests, one after the other.
const SECTION: &str = ".ktest.names";
const LIMIT: Duration = Duration::from_secs(240);

pub fn tests() -> Result<Vec<Trial>> {
    let kernel = kernel_build::kernel()?;
    let names = names(&kernel.elf)?;
    Ok(names.into_iter().map(|name| trial(format!("ktest::{name}"), move || run(&name))).collect())
}

fn names(elf: &Path) -> Result<Vec<String>> {
    let bytes = std::fs::read(elf)?;
    let file = object::File::parse(&*bytes)?;
    let Some(section) = file.section_by_name(SECTION) else { return Ok(Vec::new()) };
    let names = section.data()?.split(|&byte| byte == 0).filter(|name| !name.is_empty());
    names.map(|name| String::from_utf8(name.to_vec()).context("a test's name is no text")).collect()
}

fn run(name: &str) -> Result<()> {
    let kernel = kernel_build::kernel()?;
    let configuration = Configuration {
        machine: Machine::Q35,
        memory_mib: 128,
        kernel: kernel.stripped,
        initrd: Initrd::File(pollux::rootfs::archive(None)?),
        command_line: format!("ktest={name} pollux.stdio=pipe"),
        ..Configuration::default()
    };
    let launch = Launch {
        qemu: pollux::packages::qemu()?,
        configuration,
        elf: kernel.elf,
        timeout: Some(LIMIT),
        input: Input::Stream(Box::new(std::io::empty())),
        output: Box::new(std::io::sink()),
        errors: Box::new(std::io::sink()),
        foreground: false,
    };
    let report = guest::run(launch, &mut |_| {})?;
    if report.status == 0 && report.tests == [(name.to_owned(), true)] {
        return Ok(());
    }
    bail!("status {}: {}\n{}", report.status, report.message.unwrap_or_default(), report.log.join("\n"))
}
