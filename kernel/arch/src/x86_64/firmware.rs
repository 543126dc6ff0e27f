//! QEMU's firmware configuration device (docs/specs/fw_cfg in QEMU), through its I/O ports.
//!
//! QEMU's own boot code cuts kernel command lines at 4 KiB (and overruns its buffer behind that), so what is longer comes as a
//! file of this device.

use super::port::Port;

/// The file with more of the command line.
const COMMAND_LINE: &[u8] = b"opt/pollux/append";
const SIGNATURE: u16 = 0;
const DIRECTORY: u16 = 0x19;
/// More files than this aren't believed.
const MOST_FILES: u32 = 1024;
/// A longer command line isn't taken.
const LONGEST: u32 = 1 << 20;

/// A file of the device.
#[derive(Clone, Copy)]
pub struct File {
    selector: u16,
    /// Its length in bytes.
    pub length: usize,
}

fn select(item: u16) {
    // SAFETY: the device's selector port; on other machines nothing is there.
    unsafe { Port::<u16>::new(0x510) }.write(item);
}

fn read_bytes<const N: usize>() -> [u8; N] {
    // SAFETY: the device's data port, which gives the selected item byte by byte; zeros behind its end.
    let data = unsafe { Port::<u8>::new(0x511) };
    core::array::from_fn(|_| data.read())
}

/// The file with more of the command line, if there is the device and it has one.
pub fn command_line() -> Option<File> {
    select(SIGNATURE);
    if read_bytes() != *b"QEMU" {
        return None;
    }
    select(DIRECTORY);
    let count = u32::from_be_bytes(read_bytes()).min(MOST_FILES);
    for _ in 0..count {
        let length = u32::from_be_bytes(read_bytes());
        let selector = u16::from_be_bytes(read_bytes());
        let _reserved: [u8; 2] = read_bytes();
        let name: [u8; 56] = read_bytes();
        if name.starts_with(COMMAND_LINE) && name[COMMAND_LINE.len()] == 0 && length <= LONGEST {
            return Some(File { selector, length: length as usize });
        }
    }
    None
}

/// Reads a file; `bytes` beyond its end become zeros.
pub fn read(file: File, bytes: &mut [u8]) {
    select(file.selector);
    for byte in bytes {
        [*byte] = read_bytes();
    }
}
