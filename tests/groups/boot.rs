//! Starts that cannot succeed: each ends with a text that says why and with a failing status of its own.

use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use pollux::guest::{self, Input, Launch, Report};
use pollux::kernel_build;
use pollux::qemu::{Configuration, Initrd};
use pollux::status;

use crate::trial;

pub fn tests() -> Vec<Trial> {
    vec![
        trial("boot::speaks_before_anything_is_set_up", speaks_early),
        trial("boot::without_initrd", || fails(Initrd::None, "pollux.args=true")),
        trial("boot::initrd_of_noise", || fails(Initrd::in_memory(&noise(100_000))?, "pollux.args=true")),
        trial("boot::initrd_cut_off", || fails(cut_off()?, "pollux.args=true")),
        trial("boot::initrd_empty", || fails(Initrd::in_memory(&[0; 512])?, "pollux.args=true")),
        trial("boot::odd_parameters_are_no_harm", odd_parameters),
        trial("boot::parameters_without_sense", || fails(good_root()?, "pollux.args=%zz,%")),
        trial("boot::program_of_the_root_is_missing", || fails(good_root()?, "pollux.args=/no/such/program")),
        trial("boot::init_is_missing", || fails(good_root()?, "pollux.stdio=pipe init=/no/such/init")),
        trial("boot::long_command_line", long_command_line),
        trial("boot::little_memory", || little_memory(16)),
        trial("boot::orderly_on_the_least_memory", || little_memory(32)),
    ]
}

fn boot(initrd: Initrd, parameters: &str, memory_mib: u32) -> Result<Report> {
    let kernel = kernel_build::kernel()?;
    let configuration =
        Configuration { memory_mib, kernel: kernel.stripped, initrd, command_line: parameters.to_owned(), ..Configuration::default() };
    let launch = Launch {
        qemu: pollux::packages::qemu()?,
        configuration,
        elf: kernel.elf,
        timeout: Some(Duration::from_secs(240)),
        input: Input::Stream(Box::new(std::io::empty())),
        output: Box::new(std::io::sink()),
        errors: Box::new(std::io::sink()),
        foreground: false,
    };
    guest::run(launch, &mut |_| {})
}

/// The console and the panic handler need neither logger nor heap.
fn speaks_early() -> Result<()> {
    let report = boot(Initrd::None, "pollux.crash=early", 64)?;
    let text = report.message.as_deref().unwrap_or_default();
    ensure!(report.status == status::PANIC && report.log.is_empty(), "{report:?}");
    ensure!(text.contains("a panic before anything is set up") && text.contains("crash.rs:"), "{text}");
    Ok(())
}

/// Ends in order, with a failing status, and with a line in the log that is no mere note.
fn fails(initrd: Initrd, parameters: &str) -> Result<()> {
    let report = boot(initrd, parameters, 64)?;
    let expected = [status::GUEST_FAILED, status::PANIC, 126, 127];
    ensure!(expected.contains(&report.status), "{report:?}");
    let said = report.message.as_deref().unwrap_or_default().lines().count() + report.log.len();
    ensure!(said > 1, "the guest did not say why: {report:?}");
    Ok(())
}

/// Bytes that are no archive, the same ones in every run.
fn noise(length: usize) -> Vec<u8> {
    let mut state: u32 = 0x9e37_79b9;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    (0..length).map(|_| next()).collect()
}

fn root_bytes() -> Result<Vec<u8>> {
    Ok(std::fs::read(pollux::rootfs::archive(None)?)?)
}

fn good_root() -> Result<Initrd> {
    Ok(Initrd::File(pollux::rootfs::archive(None)?))
}

fn cut_off() -> Result<Initrd> {
    let archive = root_bytes()?;
    Initrd::in_memory(&archive[..archive.len() / 3])
}

fn odd_parameters() -> Result<()> {
    let parameters = "  quiet = == loglevel=99 loglevel=-1 nonsense=\"a b\" console=tty9 pollux.winsize=0x-1 pollux.args=true ,, \u{e4}";
    let report = boot(good_root()?, parameters, 64)?;
    ensure!(report.status == 0, "{report:?}");
    Ok(())
}

fn long_command_line() -> Result<()> {
    let report = boot(good_root()?, &format!("pollux.args=sh,-c,exit%20${{%231}},x,{}", "y".repeat(20_000)), 64)?;
    // 20000 modulo 256
    ensure!(report.status == 32, "{report:?}");
    Ok(())
}

/// With too little memory the kernel has to say so; otherwise it has to work.
fn little_memory(mib: u32) -> Result<()> {
    let report = boot(good_root()?, "pollux.args=true", mib)?;
    ensure!([0, status::GUEST_FAILED, status::PANIC].contains(&report.status), "{report:?}");
    ensure!(report.status == 0 || report.message.is_some() && !report.log.is_empty(), "{report:?}");
    Ok(())
}
