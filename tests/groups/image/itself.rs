//! An image in a machine by itself, without a host that speaks with it: what its user sees and types on the serial console.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use tests::machine::Machine;

use super::Image;
use crate::trial;

pub fn tests() -> Vec<Trial> {
    vec![
        trial("image::by_itself_it_gives_a_shell", by_itself),
        trial("image::on_the_screen_there_are_shells", on_the_screen),
        trial("image::without_a_screen", without_a_screen),
        trial("image::without_an_init_it_gives_a_shell_too", without_init),
        trial("image::memory_map_is_handed_over", memory_map),
        trial("image::errors_are_on_the_serial_console", errors),
        trial("image::panics_are_on_the_serial_console", panics),
    ]
}

fn by_itself() -> Result<()> {
    let image = Image::make("itself", &["--append", "pollux.note=\"two words\" -- more"])?;
    let mut machine = Machine::from_cd(&image.0, &[])?;
    machine.wait_for("# ")?;
    // Digits that the echo of what is typed doesn't hold.
    machine.type_line("tty; echo $((6 * 111)); cat /proc/1/comm /proc/cmdline")?;
    let said = machine.wait_for("more")?;
    ensure!(said.contains("/dev/ttyS0") && said.contains("666") && said.contains("\ninit\r\n"), "{said}");
    ensure!(said.contains("init=/sbin/init") && said.contains("\"pollux.note=two words\" -- more"), "{said}");
    // It has job control, and after its end there is a new one.
    machine.wait_for("# ")?;
    machine.type_line("sleep 1000 & jobs; exit")?;
    machine.wait_for("Running")?;
    machine.wait_for("built-in shell")?;
    Ok(())
}

/// How a shell on the serial console counts the virtual terminals that are the standard input of some process.
const ON_SCREEN: &str = "ls -l /proc/[0-9]*/fd/0 2>/dev/null | grep -o 'tty[1-4]$' | sort -u | wc -l";

fn on_the_screen() -> Result<()> {
    let image = Image::make("screen", &[])?;
    let mut machine = Machine::from_cd(&image.0, &[])?;
    machine.wait_for("# ")?;
    machine.type_line(&format!("until [ $({ON_SCREEN}) = 4 ]; do sleep 0.1; done; echo $((6 * 111))"))?;
    machine.wait_for("666").map(drop)
}

fn without_a_screen() -> Result<()> {
    let image = Image::make("no-screen", &[])?;
    let mut machine = Machine::from_cd(&image.0, &["-vga", "none"])?;
    machine.wait_for("# ")?;
    // Until the script for the screen has come to its end.
    machine.type_line(&format!("while pidof -x screen; do sleep 0.1; done; {ON_SCREEN}; echo $((6 * 111))"))?;
    let said = machine.wait_for("666")?;
    ensure!(said.contains("\r\n0\r\n") && !said.contains("tty1:"), "{said}");
    Ok(())
}

fn without_init() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("pollux-image-root-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("bin"))?;
    std::fs::copy(pollux::packages::busybox()?, folder.join("bin/sh"))?;
    let image = Image::make("no-init", &["--root", &folder.to_string_lossy()]);
    std::fs::remove_dir_all(&folder)?;
    let image = image?;
    let mut machine = Machine::from_cd(&image.0, &[])?;
    machine.wait_for("# ")?;
    machine.type_line("echo $$ $((6 * 111))")?;
    machine.wait_for("2 666")?;
    // The end of the shell is the end of the system.
    machine.type_line("exit")?;
    let (status, said) = machine.wait_for_end()?;
    ensure!(status.success(), "{status} {said}");
    Ok(())
}

/// The usable memory of a machine with 256 MiB is nearly that, as the log on the serial console says.
fn memory_map() -> Result<()> {
    let image = Image::make("map", &["--append", "loglevel=8"])?;
    let said = Machine::from_cd(&image.0, &[])?.wait_for("info: root: ")?;
    let hexadecimal = |word: &str| word.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let lines = said.lines().filter_map(|line| line.split_once("debug: memory "));
    let usable = lines.filter_map(|(_, region)| match region.split_whitespace().collect::<Vec<_>>()[..] {
        [start, "+", length, "Usable" | "Kernel"] => Some((hexadecimal(start)?, hexadecimal(length)?)),
        _ => None,
    });
    let regions: Vec<(u64, u64)> = usable.collect();
    let sum: u64 = regions.iter().map(|(_, length)| length).sum();
    ensure!((250 << 20..=256 << 20).contains(&sum), "{sum:#x} bytes: {said}");
    ensure!(regions.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "not in order: {said}");
    Ok(())
}

/// What keeps the system from starting can be read; then the machine is off.
fn errors() -> Result<()> {
    let image = Image::make("error", &["--append", "init=/no/such/program"])?;
    let (status, said) = Machine::from_cd(&image.0, &[])?.wait_for_end()?;
    ensure!(status.success() && said.contains("error: can't run /no/such/program: "), "{status} {said}");
    ensure!(!said.contains("info: "), "{said}");
    Ok(())
}

/// After a panic the machine stays on, so that its text can be read.
fn panics() -> Result<()> {
    let image = Image::make("panic", &["--append", "pollux.crash=panic"])?;
    let mut machine = Machine::from_cd(&image.0, &[])?;
    machine.wait_for("a panic on demand, 2 calls deep")?;
    machine.wait_for("  at 0xffffffff8")?;
    Ok(())
}
