//! Images, roots and boot information that are damaged, and a machine that is too old: each time it is said what is wrong, and the
//! machine doesn't hang.

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use object::{Object, ObjectSegment};
use pollux::firmware::{Boot, Media, Medium};
use pollux::guest::Report;
use pollux::qemu::{Configuration, Machine as Kind};
use pollux::{image, kernel_build, status};
use tests::machine::Machine;

use super::{Image, boot, kernel_in};
use crate::trial;

pub fn tests() -> Vec<Trial> {
    vec![
        trial("image::damaged_kernel_is_told", damaged_kernel),
        trial("image::cut_off_image_is_told", cut_off),
        trial("image::processor_without_64_bits_is_told", old_processor),
        trial("image::without_a_root", || fails(&[], "no initrd: there is nothing to run")),
        trial("image::root_of_noise", || fails(&[0x5a; 10_000], "the initrd is damaged")),
        trial("image::wrong_boot_loader_is_told", wrong_loader),
        trial("image::damaged_boot_information_is_told", damaged_information),
    ]
}

/// The boot loader says so on the serial port, and the machine doesn't stay at a prompt.
fn told_as_damaged(image: &Image) -> Result<()> {
    let (status, said) = Machine::from_cd(&image.0, &[])?.wait_for_end()?;
    ensure!(status.success() && said.contains("it is damaged") && !said.contains("BusyBox"), "{status} {said}");
    Ok(())
}

fn damaged_kernel() -> Result<()> {
    let image = Image::make("damaged", &[])?;
    image.change(|bytes| {
        let kernel = kernel_in(bytes)?;
        bytes[kernel + 0x20000] ^= 0x10;
        Ok(())
    })?;
    told_as_damaged(&image)
}

fn cut_off() -> Result<()> {
    let image = Image::make("cut-off", &[])?;
    image.change(|bytes| {
        let kernel = kernel_in(bytes)?;
        bytes.truncate(kernel + 0x20000);
        Ok(())
    })?;
    told_as_damaged(&image)
}

fn old_processor() -> Result<()> {
    let image = Image::make("old", &[])?;
    let (status, said) = Machine::from_cd(&image.0, &["-cpu", "qemu32"])?.wait_for_end()?;
    ensure!(status.success() && said.contains("its processor has no 64-bit mode"), "{status} {said}");
    Ok(())
}

/// With this root the kernel can't go on, and says why.
fn fails(root: &[u8], why: &str) -> Result<()> {
    let kernel = kernel_build::kernel()?.stripped;
    let medium = Medium::new(Boot::Bios, Media::Cd, || image::build(&kernel, root, "pollux.args=true"))?;
    let report = boot(Configuration { machine: Kind::Q35, medium, ..Configuration::default() })?;
    ensure!(report.status == status::GUEST_FAILED, "{report:?}");
    ensure!(report.log.iter().any(|line| line.contains(why)), "{report:?}");
    Ok(())
}

/// Boots a kernel whose PVH entry is an instruction in the code at its multiboot2 entry: the one at the offset that `choose` gives.
fn boot_with_entry(choose: impl FnOnce(&[u8]) -> Option<usize>) -> Result<Report> {
    let kernel = kernel_build::kernel()?;
    let mut bytes = std::fs::read(&kernel.stripped)?;
    let file = object::read::elf::ElfFile64::<object::Endianness>::parse(&*bytes)?;
    let entry = file.entry();
    let code = file.segments().find_map(|segment| segment.data_range(entry, 64).ok()?).context("no code at the entry")?;
    let target = entry + choose(code).context("the code at the entry isn't as expected")? as u64;
    // The address follows the name in the note.
    let note = bytes.windows(4).position(|window| window == b"Xen\0").context("no PVH note")? + 4;
    bytes[note..note + 4].copy_from_slice(&u32::try_from(target)?.to_le_bytes());
    let path = std::env::temp_dir().join(format!("pollux-entry-{target:x}-{}", std::process::id()));
    std::fs::write(&path, bytes)?;
    let report = boot(Configuration { kernel: path.clone(), ..Configuration::default() });
    std::fs::remove_file(&path)?;
    report
}

fn panics_with(report: &Report, text: &str) -> Result<()> {
    let said = report.message.as_deref().unwrap_or_default();
    ensure!(report.status == status::PANIC && said.contains(text), "{report:?}");
    Ok(())
}

/// QEMU's loader enters where GRUB would, without GRUB's magic number.
fn wrong_loader() -> Result<()> {
    panics_with(&boot_with_entry(|_| Some(0))?, "the boot loader is not one for multiboot2")
}

/// Behind the check of the magic number: what QEMU left in memory is no multiboot2 information.
fn damaged_information() -> Result<()> {
    /// `movl $1, %esi`, which stands for multiboot2.
    const MULTIBOOT2: &[u8] = &[0xbe, 1, 0, 0, 0];
    let report = boot_with_entry(|code| code.windows(MULTIBOOT2.len()).position(|window| window == MULTIBOOT2))?;
    panics_with(&report, "the boot loader's information at 0x")?;
    panics_with(&report, "is damaged")
}
