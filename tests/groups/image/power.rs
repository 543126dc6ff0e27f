//! The end of a machine's life: off, restart and halt, by ACPI and by what there is without it.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use pollux::{kernel_build, qemu, rootfs, status};
use tests::command::{self, Outcome, run_with};
use tests::machine::Machine;
use tests::pseudo_terminal::Session;

use super::Image;
use crate::trial;

pub fn tests() -> Vec<Trial> {
    vec![
        trial("image::poweroff_and_reboot_of_an_image", image),
        trial("image::poweroff_by_way_of_init", by_way_of_init),
        trial("image::poweroff_by_acpi_on_a_pc", || ends("q35", "poweroff -f", 0, "off by ACPI's control register")),
        trial("image::poweroff_by_acpi_on_a_microvm", || ends("microvm", "poweroff -f", 0, "off by ACPI's sleep register")),
        trial("image::reboot_by_acpi_on_a_pc", || ends("q35", "reboot -f", status::GUEST_DIED, "restart by ACPI's reset register")),
        trial("image::reboot_by_acpi_on_a_microvm", || {
            ends("microvm", "reboot -f", status::GUEST_DIED, "restart by ACPI's reset register")
        }),
        trial("image::halt_ends_a_run", || ends("q35", "halt -f", 0, "System halted")),
        trial("image::poweroff_without_acpi", || without_acpi("poweroff", qemu::LEFT_ORDERLY, "ACPI does not say how to switch off")),
        trial("image::reboot_without_acpi", || without_acpi("reboot", 0, "restart by a triple fault")),
    ]
}

/// Nothing but ACPI can switch this machine off, and its processes are asked to end first.
fn image() -> Result<()> {
    let image = Image::make("power", &[])?;
    let mut machine = Machine::from_cd(&image.0, &[])?;
    machine.wait_for("# ")?;
    machine.type_line("reboot")?;
    machine.wait_for("Requesting system reboot")?;
    // Another life.
    machine.wait_for("built-in shell")?;
    machine.wait_for("# ")?;
    machine.type_line("poweroff")?;
    machine.wait_for("Requesting system poweroff")?;
    let (status, said) = machine.wait_for_end()?;
    ensure!(status.success(), "{status} {said}");
    Ok(())
}

/// The same in a run, whose status is that of an orderly end.
fn by_way_of_init() -> Result<()> {
    let mut session = Session::start(&command::pollux(&["--append", "init=/sbin/init", "--timeout", "600"]), 24, 80)?;
    session.expect("# ")?;
    session.send("poweroff\n")?;
    session.expect("Requesting system poweroff")?;
    let status = session.wait()?;
    ensure!(status == 0, "the run ended with {status}");
    Ok(())
}

/// A run in which a program ends the machine: what was written before arrives, and nothing runs on.
fn ends(machine: &str, command: &str, expected: u8, log: &str) -> Result<()> {
    let script = format!("seq 1000; {command}; sleep 1000");
    let outcome: Outcome = run_with(&["--machine", machine, "--log"], &["sh", "-c", &script], b"").into();
    let numbers: String = (1..=1000).map(|number| format!("{number}\n")).collect();
    ensure!(outcome.status == i32::from(expected) && outcome.stdout == numbers, "{outcome:?}");
    ensure!(outcome.stderr.contains(log), "{outcome:?}");
    Ok(())
}

/// A machine without ACPI tables and without a keyboard controller. QEMU's own status is looked at.
fn without_acpi(command: &str, expected: i32, log: &str) -> Result<()> {
    const KIND: &str = "microvm,acpi=off,pic=on,pit=on,rtc=on,isa-serial=on,auto-kernel-cmdline=off";
    let (kernel, root) = (kernel_build::kernel()?.stripped, rootfs::archive(None)?);
    let (kernel, root, parameters) = (kernel.to_string_lossy(), root.to_string_lossy(), format!("pollux.args={command},-f"));
    // What the test reads is the kernel's log.
    let mut arguments = vec!["-serial", "null", "-debugcon", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-no-reboot"];
    arguments.extend(["-kernel", &kernel, "-initrd", &root, "-append", &parameters]);
    let (status, said) = Machine::start(KIND, &arguments)?.wait_for_end()?;
    ensure!(status.code() == Some(expected) && said.contains(log), "{status} {said}");
    Ok(())
}
