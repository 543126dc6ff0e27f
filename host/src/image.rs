//! `pollux image`: one hybrid image with GRUB, the kernel and the root file system, which BIOS and UEFI firmware both start, from a CD, a
//! disk or a USB stick.
//!
//! GRUB's own `grub-mkrescue` puts it together: an ISO 9660 file system with two El Torito boot entries, which a disk's partition table in
//! the space before it makes a disk as well.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};

use crate::progress::Progress;
use crate::tree::Tree;
use crate::{kernel_build, packages, paths, rootfs};

/// What GRUB needs to start a kernel from such a medium, to look for it in any partition table that there may be, and to say what
/// went wrong. The early configuration of `grub-mkrescue` names all of the partition tables.
const MODULES: &str = "multiboot2 normal all_video iso9660 fat search boot test cpuid echo sleep halt hashsum gcry_sha256 serial terminfo \
    part_acorn part_amiga part_apple part_bsd part_dfly part_dvh part_gpt part_msdos part_plan part_sun part_sunpc";
/// GRUB's fonts, translations and pictures, 15 MB of them, which nobody would see.
const LEFT_OUT: [&str; 3] = ["--fonts=", "--locales=", "--themes="];

/// Kernel parameters of an image whose root has an init, and of one without: then the kernel is init and runs a shell. Errors are shown on
/// the serial line, notes aren't.
const WITH_INIT: &str = "init=/sbin/init TERM=linux console=tty0 console=ttyS0 quiet";
const WITHOUT_INIT: &str = "pollux.args=sh,-l pollux.env=HOME%3D/root,TERM%3Dlinux console=tty0 console=ttyS0 quiet";

/// Writes an image that starts the system of `root` (default: busybox). `append` are more kernel parameters.
pub fn write(output: &Path, root: Option<&Path>, append: Option<&str>) -> Result<()> {
    let kernel = kernel_build::kernel()?;
    let archive = fs::read(rootfs::archive(root)?)?;
    let has_init = Tree::from_archive(&archive)?.get(Path::new("sbin/init")).is_some();
    let parameters = format!("{} {}", if has_init { WITH_INIT } else { WITHOUT_INIT }, append.unwrap_or_default());
    let image = {
        let _progress = Progress::start("making the image");
        build(&kernel.stripped, &archive, &parameters)?
    };
    kernel_build::replace(output, &image)
}

/// The bytes of an image that starts `kernel` with this root and these parameters.
pub fn build(kernel: &Path, root: &[u8], parameters: &str) -> Result<Vec<u8>> {
    let mkrescue = packages::grub()?;
    let configuration = configuration(&words(parameters)?);
    let folder = Folder::new()?;
    let files = folder.0.join("files");
    let (boot, grub) = (files.join("boot"), files.join("boot/grub"));
    fs::create_dir_all(&grub)?;
    let copied = boot.join("kernel");
    fs::copy(kernel, &copied).with_context(|| format!("cannot copy {}", kernel.display()))?;
    fs::write(boot.join("root"), root)?;
    fs::write(grub.join("grub.cfg"), configuration)?;
    let sums = output("sha256sum", Command::new("sha256sum").args(["kernel", "root"]).current_dir(&boot))?;
    fs::write(boot.join("sums"), sums)?;
    let image = folder.0.join("image");
    let modules = format!("--install-modules={MODULES}");
    output("grub-mkrescue", Command::new(mkrescue).args(LEFT_OUT).arg(modules).arg("-o").arg(&image).arg(&files))?;
    fs::read(&image).context("grub-mkrescue made no image")
}

/// What the command says on its standard output.
fn output(name: &str, command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("cannot run {name}"))?;
    if !output.status.success() {
        bail!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}

/// The configuration of GRUB, in its own language, which is much like a shell's.
///
/// Files that were damaged are told and not started, and a machine that nobody watches is not left at a prompt. Where there is no firmware
/// that would show GRUB's text on the serial line, GRUB does so itself. The kernel takes a screen of pixels where there is one, but on
/// a BIOS there is text mode, which is quicker.
fn configuration(words: &[String]) -> String {
    let quoted: String = words.iter().map(|word| format!(" '{word}'")).collect();
    format!(
        "\
set timeout=0
if [ \"$grub_platform\" = pc ]; then
    if serial --unit=0 --speed=115200; then terminal_output console serial; fi
else
    insmod all_video
fi
if cpuid -l; then
    if hashsum --hash sha256 --check /boot/sums --prefix /boot; then
        if multiboot2 /boot/kernel{quoted}; then
            if module2 /boot/root; then
                if [ \"$grub_platform\" = pc ]; then set gfxpayload=text; fi
                boot
            fi
        fi
    fi
    echo 'Pollux cannot be started from this medium: it is damaged.'
else
    echo 'Pollux cannot be started on this machine: its processor has no 64-bit mode.'
fi
sleep 5
halt
"
    )
}

/// The words of a kernel command line, without the quotes around blanks: GRUB puts them around words that need them. Other quotes and
/// backslashes it would change, so they are refused.
fn words(line: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            '\'' | '\\' => bail!("the parameter {c} cannot pass through the boot loader"),
            c if c.is_control() => bail!("a control character cannot pass through the boot loader"),
            ' ' if !quoted => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            c => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    Ok(words)
}

/// A folder for what an image is made from, which is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder> {
        // Unique among processes and among the threads of this one.
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let name = format!("image-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let folder = paths::cache().join(name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Folder(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be removed lies in a folder whose content can always be thrown away.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_split_as_the_kernel_splits_them() {
        assert_eq!(words("  a b=c  d=\"e f\" \"g h\" -- i").unwrap(), ["a", "b=c", "d=e f", "g h", "--", "i"]);
        assert_eq!(words("").unwrap(), [""; 0]);
        for refused in ["a'b", "a\\b", "a\nb"] {
            assert!(words(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn each_word_is_quoted_for_the_boot_loader() {
        let text = configuration(&["a=$b".into(), "c d".into()]);
        assert!(text.contains("multiboot2 /boot/kernel 'a=$b' 'c d';"), "{text}");
    }
}
