//! `pollux tour`: lists the chapters of the tour, or boots the kernel to run one. Its narration is what the first serial port says.

use std::io::{stderr, stdin, stdout};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::guest::{self, Input, Launch};
use crate::qemu::{Configuration, Machine, Screen};
use crate::terminal::message;
use crate::{kernel_build, packages};

/// Prints the list of chapters.
pub fn list() {
    for chapter in tour::CHAPTERS {
        println!("{:>2}  {:<28}  {}", chapter.number, chapter.title, chapter.idea);
    }
    println!("\n`pollux tour N` boots chapter N; docs/tour.md explains them.");
}

/// The machine that runs a chapter. One that is held waits for its input when it is done, so that its screen can be looked at.
pub fn configuration(number: u32, held: bool) -> Result<Configuration> {
    let last = tour::CHAPTERS.len();
    let chapter = tour::find(number).with_context(|| format!("the tour has no chapter {number}: they are 1 to {last}"))?;
    Ok(Configuration {
        machine: Machine::Q35,
        kernel: kernel_build::kernel_with_selftest()?.stripped,
        command_line: format!("tour={number}{}", if held { ",hold" } else { "" }),
        screen: if chapter.needs_screen { Screen::Hidden } else { Screen::None },
        ..Configuration::default()
    })
}

/// Runs a chapter to its end: status 0 if all that it claims is true. With a window, until the end of the standard input.
pub fn run(number: u32, window: bool, timeout: Option<Duration>) -> Result<u8> {
    let mut configuration = configuration(number, window)?;
    if window {
        configuration.screen = Screen::Window;
    }
    let launch = Launch {
        qemu: packages::qemu()?,
        configuration,
        elf: kernel_build::kernel_with_selftest()?.elf,
        timeout,
        input: Input::Stream(if window { Box::new(stdin()) } else { Box::new(std::io::empty()) }),
        output: Box::new(stdout()),
        errors: Box::new(stderr()),
        foreground: true,
    };
    let report = guest::run(launch, &mut |_| {})?;
    if let Some(text) = &report.message {
        report.log.iter().for_each(|line| message(line));
        text.lines().for_each(|line| message(&format!("pollux: {line}")));
    }
    Ok(report.status)
}
