//! Starting as a PC does: firmware finds a boot loader on a medium, and that loads the kernel.

use std::ffi::OsString;
use std::fs;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result};

use crate::packages;
use crate::qemu::memory_file;

/// How the machine comes to its kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Boot {
    /// QEMU puts the kernel into memory
    #[default]
    Kernel,
    /// A PC BIOS (SeaBIOS) starts GRUB from a medium
    Bios,
    /// UEFI firmware (OVMF) starts GRUB from a medium
    Uefi,
}

/// What the image is for the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Media {
    #[default]
    Cd,
    Disk,
    Usb,
}

/// A medium to boot from. Its image exists only in memory, so that nothing is left behind and writing to it changes nothing.
#[derive(Debug)]
pub struct Medium {
    media: Media,
    image: File,
    /// UEFI firmware: its code, and a fresh copy of its variables, in which a run leaves traces that can make the next one hang.
    uefi: Option<(OsString, File)>,
}

impl Medium {
    /// A medium that holds `image`. None if no firmware is to read it.
    pub fn new(boot: Boot, media: Media, image: impl FnOnce() -> Result<Vec<u8>>) -> Result<Option<Medium>> {
        let uefi = match boot {
            Boot::Kernel => return Ok(None),
            Boot::Bios => None,
            Boot::Uefi => {
                let (code, variables) = packages::uefi_firmware()?;
                let fresh = fs::read(&variables).with_context(|| format!("cannot read {}", variables.display()))?;
                Some((code.into(), memory_file(&fresh)?))
            }
        };
        Ok(Some(Medium { media, image: memory_file(&image()?)?, uefi }))
    }

    /// QEMU's arguments, and the files that it inherits for them.
    pub fn attach(&self) -> Result<(Vec<OsString>, Vec<OwnedFd>)> {
        let mut arguments = Vec::new();
        let mut files = Vec::new();
        let mut inherit = |file: &File| -> Result<i32> {
            let file = OwnedFd::from(file.try_clone()?);
            let number = file.as_raw_fd();
            files.push(file);
            Ok(number)
        };
        if let Some((code, variables)) = &self.uefi {
            let variables = inherit(variables)?;
            arguments.extend(drive("if=pflash,unit=0,format=raw,readonly=on", Path::new(code)));
            arguments.extend(drive("if=pflash,unit=1,format=raw", &inherited(variables)));
        }
        let image = inherited(inherit(&self.image)?);
        let (access, devices): (_, &[&str]) = match self.media {
            Media::Cd => ("media=cdrom,readonly=on", &["ide-cd,drive=medium,bootindex=0"]),
            Media::Disk => ("media=disk", &["ide-hd,drive=medium,bootindex=0"]),
            Media::Usb => ("media=disk", &["qemu-xhci", "usb-storage,drive=medium,bootindex=0,removable=on"]),
        };
        arguments.extend(drive(&format!("if=none,id=medium,format=raw,{access}"), &image));
        arguments.extend(devices.iter().flat_map(|device| ["-device", device]).map(OsString::from));
        Ok((arguments, files))
    }
}

/// The path by which QEMU opens a file that it inherits under this number.
fn inherited(number: i32) -> std::path::PathBuf {
    format!("/proc/self/fd/{number}").into()
}

/// A drive of QEMU's. In its list of options a comma inside of a value is written twice.
fn drive(options: &str, file: &Path) -> [OsString; 2] {
    ["-drive".into(), format!("{options},file={}", file.to_string_lossy().replace(',', ",,")).into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_needs_no_medium() {
        assert!(Medium::new(Boot::Kernel, Media::Cd, || panic!("not asked for")).unwrap().is_none());
    }

    #[test]
    fn each_medium_is_a_device_that_is_booted_from() {
        for (media, device) in [(Media::Cd, "ide-cd"), (Media::Disk, "ide-hd"), (Media::Usb, "usb-storage")] {
            let medium = Medium::new(Boot::Bios, media, || Ok(vec![1, 2, 3])).unwrap().unwrap();
            let (arguments, files) = medium.attach().unwrap();
            let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
            assert!(words.iter().any(|word| word.starts_with(device) && word.contains("bootindex=0")), "{words:?}");
            assert_eq!(files.len(), 1);
            assert_eq!(fs::read(inherited(files[0].as_raw_fd())).unwrap(), [1, 2, 3]);
        }
    }
}
