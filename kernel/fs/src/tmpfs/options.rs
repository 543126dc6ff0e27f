//! Mount options of tmpfs: "size=64m,nr_inodes=1k,mode=1777,uid=0,gid=0".

use alloc::string::String;

use abi::{Errno, Result};

/// The limits and the root's attributes of a tmpfs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TmpfsOptions {
    /// Bytes; `None`: no limit but memory.
    pub size: Option<u64>,
    /// Inodes; `None`: no limit.
    pub inodes: Option<u64>,
    /// Permission bits of the root.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

/// Bytes of memory that stand behind "50%".
fn memory_bytes() -> u64 {
    memory::frames::stats().total as u64 * memory::PAGE_SIZE as u64
}

impl TmpfsOptions {
    /// Linux's defaults: half of the memory, an inode for each of its pages, mode 1777.
    pub fn new() -> TmpfsOptions {
        let half = memory_bytes() / 2;
        TmpfsOptions { size: Some(half), inodes: Some(half / memory::PAGE_SIZE as u64), mode: 0o1777, uid: 0, gid: 0 }
    }

    /// No limits.
    pub const fn unlimited() -> TmpfsOptions {
        TmpfsOptions { size: None, inodes: None, mode: 0o1777, uid: 0, gid: 0 }
    }

    /// From the data argument of mount(2); EINVAL for what tmpfs does not know.
    pub fn parse(data: &[u8]) -> Result<TmpfsOptions> {
        let mut options = TmpfsOptions::new();
        for word in data.split(|&byte| byte == b',').filter(|word| !word.is_empty()) {
            let word = core::str::from_utf8(word).map_err(|_| Errno::EINVAL)?;
            let (key, value) = word.split_once('=').ok_or(Errno::EINVAL)?;
            match key {
                "size" => options.size = limit(parse_size(value)?),
                "nr_blocks" => options.size = limit(parse_size(value)?.checked_mul(memory::PAGE_SIZE as u64).ok_or(Errno::EINVAL)?),
                "nr_inodes" => options.inodes = limit(parse_size(value)?),
                "mode" => options.mode = u32::from_str_radix(value, 8).map_err(|_| Errno::EINVAL)? & 0o7777,
                "uid" => options.uid = value.parse().map_err(|_| Errno::EINVAL)?,
                "gid" => options.gid = value.parse().map_err(|_| Errno::EINVAL)?,
                _ => return Err(Errno::EINVAL),
            }
        }
        Ok(options)
    }

    /// As /proc/mounts shows them.
    pub(super) fn describe(&self) -> String {
        use core::fmt::Write;
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.size.map(|size| write!(text, ",size={}k", size / 1024));
        let _ = self.inodes.map(|inodes| write!(text, ",nr_inodes={inodes}"));
        if self.mode != 0o1777 {
            let _ = write!(text, ",mode={:o}", self.mode);
        }
        text
    }
}

impl Default for TmpfsOptions {
    fn default() -> TmpfsOptions {
        TmpfsOptions::new()
    }
}

/// Linux takes 0 as "no limit".
fn limit(value: u64) -> Option<u64> {
    (value != 0).then_some(value)
}

/// A number with k, m, g or % (of memory) behind it.
fn parse_size(text: &str) -> Result<u64> {
    let (digits, unit) = match text.char_indices().find(|(_, c)| !c.is_ascii_digit()) {
        Some((at, _)) => text.split_at(at),
        None => (text, ""),
    };
    let number: u64 = digits.parse().map_err(|_| Errno::EINVAL)?;
    let scaled = match unit {
        "" => Some(number),
        "k" | "K" => number.checked_mul(1 << 10),
        "m" | "M" => number.checked_mul(1 << 20),
        "g" | "G" => number.checked_mul(1 << 30),
        "%" => number.checked_mul(memory_bytes() / 100),
        _ => None,
    };
    scaled.ok_or(Errno::EINVAL)
}
