//! /proc/PID/maps: the areas of an address space.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use abi::Result;
use fs::DeviceNumber;
use memory::{AreaInfo, AreaKind, Protection};

use super::Subject;
use crate::procfs::text::Text;

/// Where the name of an area stands, after one more blank.
const NAME_COLUMN: usize = 72;

/// Empty for a process without address space. EACCES for somebody else's.
pub(super) fn maps(subject: Subject, text: &mut Vec<u8>) -> Result<()> {
    let Some(space) = subject.check_access()?.space() else { return Ok(()) };
    let mut result = Ok(());
    space.areas(&mut |area| {
        if result.is_ok() {
            result = Text::fill(text, |text| line(text, area));
        }
    })?;
    result
}

pub(in crate::procfs) fn line(text: &mut Text<'_>, area: &AreaInfo) -> fmt::Result {
    let start = text.len();
    let letter = |flag: Protection, letter: char| if area.protection.contains(flag) { letter } else { '-' };
    let (device, inode, name) = match &area.kind {
        AreaKind::Anonymous => (0, 0, &b""[..]),
        AreaKind::Heap => (0, 0, &b"[heap]"[..]),
        AreaKind::Stack => (0, 0, &b"[stack]"[..]),
        AreaKind::File(file) => (file.device, file.inode, file.path.as_bytes()),
    };
    let offset = if matches!(area.kind, AreaKind::File(_)) { area.offset } else { 0 };
    let device = DeviceNumber::from_word(device as u32);
    write!(
        text,
        "{:08x}-{:08x} {}{}{}{} {offset:08x} {:02x}:{:02x} {inode} ",
        area.range.start,
        area.range.end,
        letter(Protection::READ, 'r'),
        letter(Protection::WRITE, 'w'),
        letter(Protection::EXECUTE, 'x'),
        if area.shared { 's' } else { 'p' },
        device.major(),
        device.minor(),
    )?;
    if !name.is_empty() {
        text.pad(start, NAME_COLUMN)?;
        text.escaped(name, b"\n")?;
    }
    text.write_str("\n")
}
