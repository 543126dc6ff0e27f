//! The programs that Pollux needs from the system: QEMU, and the statically linked busybox that fills the default root; for boot images
//! only, GRUB with what it needs, and firmware for UEFI; for some tests, gdb.
//! When they are missing, root on Debian gets them through apt; everybody else gets one line that says what to type.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::libraries;
use crate::progress::{self, Progress};

/// A program and the Debian package that brings it.
#[derive(Clone, Copy)]
struct Needed {
    package: &'static str,
    find: fn() -> Option<PathBuf>,
}

const QEMU: Needed = Needed { package: "qemu-system-x86", find: find_qemu };
const BUSYBOX: Needed = Needed { package: "busybox-static", find: find_busybox };
const GDB: Needed = Needed { package: "gdb", find: find_gdb };

const GRUB: Needed = Needed { package: "grub-common", find: || search_path("grub-mkrescue") };
const GRUB_BIOS: Needed = Needed { package: "grub-pc-bin", find: || existing("/usr/lib/grub/i386-pc") };
const GRUB_UEFI: Needed = Needed { package: "grub-efi-amd64-bin", find: || existing("/usr/lib/grub/x86_64-efi") };
const XORRISO: Needed = Needed { package: "xorriso", find: || search_path("xorriso") };
const MTOOLS: Needed = Needed { package: "mtools", find: || search_path("mformat") };
const OVMF: Needed = Needed { package: "ovmf", find: || uefi_pair().map(|(code, _)| code) };

/// UEFI firmware where distributions keep it: code, and initial variables.
const UEFI: [(&str, &str); 3] = [
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
];

/// The QEMU to run, installed if need be.
pub fn qemu() -> Result<PathBuf> {
    QEMU.ensure(&[QEMU, BUSYBOX])
}

/// The static busybox of the default root file system, installed if need be.
pub fn busybox() -> Result<PathBuf> {
    BUSYBOX.ensure(&[QEMU, BUSYBOX])
}

/// The program that makes boot images, with all that it needs, installed if need be.
pub fn grub() -> Result<PathBuf> {
    let all = [GRUB, GRUB_BIOS, GRUB_UEFI, XORRISO, MTOOLS];
    for needed in all {
        needed.ensure(&all)?;
    }
    GRUB.ensure(&all)
}

/// The code and the initial variables of UEFI firmware, installed if need be.
pub fn uefi_firmware() -> Result<(PathBuf, PathBuf)> {
    OVMF.ensure(&[OVMF])?;
    uefi_pair().context("the UEFI firmware has vanished")
}

fn uefi_pair() -> Option<(PathBuf, PathBuf)> {
    UEFI.iter().find_map(|(code, variables)| existing(code).zip(existing(variables)))
}

fn existing(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(path);
    path.exists().then_some(path)
}

/// The debugger, installed if need be.
pub fn gdb() -> Result<PathBuf> {
    GDB.ensure(&[GDB])
}

fn find_gdb() -> Option<PathBuf> {
    search_path("gdb")
}

fn find_qemu() -> Option<PathBuf> {
    search_path("qemu-system-x86_64")
}

/// A busybox that needs an interpreter would not start in a root that holds nothing else, so only a static one counts.
fn find_busybox() -> Option<PathBuf> {
    [Some(PathBuf::from("/bin/busybox")), search_path("busybox"), search_path("busybox-static")]
        .into_iter()
        .flatten()
        .find(|path| libraries::is_static(path))
}

/// Looks a program up as a shell does.
pub fn search_path(name: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let runs = |path: &PathBuf| path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(runs)
}

impl Needed {
    /// Where it is. If it is missing, all of `together` that are missing get installed at once: whoever lacks one mostly lacks the
    /// others, and apt is slow to start.
    fn ensure(&self, together: &[Needed]) -> Result<PathBuf> {
        if let Some(path) = (self.find)() {
            return Ok(path);
        }
        let missing: Vec<&str> = together.iter().filter(|needed| (needed.find)().is_none()).map(|needed| needed.package).collect();
        install(&missing)?;
        match (self.find)() {
            Some(path) => Ok(path),
            None => bail!("the package {} is installed but its program is not found", self.package),
        }
    }
}

fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    let debian = Path::new("/etc/debian_version").exists() && search_path("apt-get").is_some();
    if !debian {
        bail!("missing: {names} (Debian's names); install these packages with your system's package manager");
    }
    if !rustix::process::geteuid().is_root() {
        bail!("missing: {names}; type: sudo apt-get install {names}");
    }
    let progress = Progress::start(&format!("installing {names}"));
    progress::run(&progress, apt().arg("update"))?;
    progress::run(&progress, apt().args(["install", "--yes", "--no-install-recommends"]).args(packages))
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_programs_as_a_shell_does() {
        assert!(search_path("sh").is_some());
        assert_eq!(search_path("no-such-program-anywhere"), None);
    }
}
