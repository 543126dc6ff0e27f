//! Boot images: what is in one, starting from it in every way, and what becomes of one that is damaged.

mod damage;
mod itself;
mod layout;
mod power;
mod sizes;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use pollux::firmware::{Boot, Media, Medium};
use pollux::guest::{self, Input, Launch, Report};
use pollux::qemu::{Configuration, Machine as Kind};
use pollux::{image, kernel_build, status};
use tests::command::{self, run_with};
use tests::pseudo_terminal::Session;

use crate::trial;

pub fn tests() -> Vec<Trial> {
    let mut tests = vec![
        trial("image::bios_starts_from_a_cd", || starts("bios", "cd")),
        trial("image::bios_starts_from_a_disk", || starts("bios", "disk")),
        trial("image::bios_starts_from_a_usb_stick", || starts("bios", "usb")),
        trial("image::uefi_starts_from_a_cd", || starts("uefi", "cd")),
        trial("image::uefi_starts_from_a_usb_stick", || starts("uefi", "usb")),
        trial("image::uefi_starts_from_a_disk_and_gives_a_screen", screen),
        trial("image::on_a_terminal_there_is_a_shell", on_a_terminal),
        trial("image::kernel_is_loaded_as_its_file_says", kernel_tests),
        trial("image::wrong_usage_is_refused", wrong_usage),
    ];
    tests.extend(itself::tests());
    tests.extend(damage::tests());
    tests.extend(layout::tests());
    tests.extend(power::tests());
    tests.extend(sizes::tests());
    tests
}

/// An image in a file that is removed at the end.
struct Image(PathBuf);

impl Image {
    /// Made by the command, with its options.
    fn make(name: &str, options: &[&str]) -> Result<Image> {
        let image = Image(std::env::temp_dir().join(format!("pollux-{name}-{}.iso", std::process::id())));
        let path = image.0.to_string_lossy().into_owned();
        let output = command::finish(&mut command::pollux(&[&["image", "--output", &path], options].concat()), b"");
        ensure!(output.status.success() && output.stdout.is_empty(), "{output:?}");
        Ok(image)
    }

    fn bytes(&self) -> Result<Vec<u8>> {
        Ok(std::fs::read(&self.0)?)
    }

    /// The same with other content.
    fn change(&self, change: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        let mut bytes = self.bytes()?;
        change(&mut bytes)?;
        Ok(std::fs::write(&self.0, bytes)?)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // What cannot be removed lies in the folder for temporary files.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Arguments, input, both outputs and the status pass unchanged, whatever firmware and boot loader have said before.
fn starts(firmware: &str, media: &str) -> Result<()> {
    let options = ["--boot", firmware, "--media", media];
    let output = run_with(&options, &["sh", "-c", "echo \"$1\"; cat; echo err >&2; exit 9", "x", "a 'b' \\ \"c\""], b"in\0\x10put");
    ensure!(output.status.code() == Some(9), "{output:?}");
    ensure!(output.stdout == b"a 'b' \\ \"c\"\nin\0\x10put" && output.stderr.ends_with(b"err\n"), "{output:?}");
    let complaints = String::from_utf8_lossy(&output.stderr).lines().filter(|line| *line != "err" && !line.starts_with("pollux: ")).count();
    ensure!(complaints == 0, "{output:?}");
    Ok(())
}

/// UEFI has no text mode: the kernel is given a screen of pixels. Clocks and serial ports are where they are with a BIOS.
fn screen() -> Result<()> {
    let options = ["--boot", "uefi", "--media", "disk", "--log", "--append", "loglevel=8"];
    let output = run_with(&options, &["echo", "up"], b"");
    ensure!(output.status.success() && output.stdout == b"up\n", "{output:?}");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(log.contains("screen: 1024 x 768 pixels of 32 bits at 0x"), "{log}");
    for complaint in ["no interval timer", "no working battery-backed clock", "no serial port"] {
        ensure!(!log.contains(complaint), "{log}");
    }
    Ok(())
}

/// The console works both ways, and what firmware and boot loader said on it before is no harm.
fn on_a_terminal() -> Result<()> {
    let mut session = Session::start(&command::pollux(&["--boot", "bios", "--timeout", "600"]), 24, 80)?;
    session.expect("# ")?;
    session.send("tty; echo $((6 * 111))\n")?;
    session.expect_any(&["/dev/ttyS0", "/dev/console"])?;
    session.expect("666")?;
    session.send("exit 5\n")?;
    let status = session.wait()?;
    ensure!(status == 5 && session.is_cooked()?, "the shell ended with {status}");
    Ok(())
}

/// The boot loader puts each part of the kernel where it belongs and clears what is not in the file.
fn kernel_tests() -> Result<()> {
    let kernel = kernel_build::kernel_with_selftest()?.stripped;
    for name in ["memory_unwritten_data_is_zero", "memory_no_page_is_writable_and_executable", "memory_stacks_have_guard_pages"] {
        let medium = Medium::new(Boot::Bios, Media::Disk, || image::build(&kernel, &[], &format!("ktest={name}")))?;
        let report = boot(Configuration { machine: Kind::Q35, medium, ..Configuration::default() })?;
        ensure!(report.status == 0 && report.tests == [(name.to_owned(), true)], "{report:?}");
    }
    Ok(())
}

fn wrong_usage() -> Result<()> {
    let wrong: [&[&str]; 4] = [
        &["image", "--root", "/nonexistent"],
        &["image", "--output", "/nonexistent/file"],
        &["image", "--append", "a'b"],
        &["run", "--boot", "floppy", "--", "true"],
    ];
    for arguments in wrong {
        let output = command::finish(&mut command::pollux(arguments), b"");
        ensure!(output.status.code() == Some(status::CANNOT_RUN.into()) && output.stdout.is_empty(), "{arguments:?}: {output:?}");
        ensure!(!output.stderr.is_empty(), "{arguments:?}");
    }
    Ok(())
}

/// Where the kernel's file begins in an image.
fn kernel_in(image: &[u8]) -> Result<usize> {
    let kernel = std::fs::read(kernel_build::kernel()?.stripped)?;
    // Files begin at sectors of 2048 bytes.
    let found = image.chunks(2048).position(|sector| kernel.starts_with(sector)).context("the kernel isn't in the image")?;
    Ok(found * 2048)
}

fn boot(configuration: Configuration) -> Result<Report> {
    let launch = Launch {
        qemu: pollux::packages::qemu()?,
        configuration,
        elf: kernel_build::kernel()?.elf,
        timeout: Some(Duration::from_secs(240)),
        input: Input::Stream(Box::new(std::io::empty())),
        output: Box::new(std::io::sink()),
        errors: Box::new(std::io::sink()),
        foreground: false,
    };
    guest::run(launch, &mut |_| {})
}
