//! What GRUB left in memory: the multiboot2 information (Multiboot2 Specification 2.0, section 3.6).
//!
//! It is read as bytes of which none is trusted, so that information that is damaged or cut off is told from good one before anything
//! is done with it.

use core::fmt;
use core::ops::Range;

use crate::memory_map::{Map, memory_kind};
use crate::types::Framebuffer;

const END: u32 = 0;
const COMMAND_LINE: u32 = 1;
const MODULE: u32 = 3;
const MEMORY_MAP: u32 = 6;
const FRAMEBUFFER: u32 = 8;
const OLD_RSDP: u32 = 14;
const NEW_RSDP: u32 = 15;

/// Bytes in front of the first tag: the total size, and a reserved field.
pub const START: usize = 8;
/// Bytes of a tag's type and size.
const HEADER: usize = 8;
/// Bytes of an entry of the memory map; later versions may make it longer.
const MAP_ENTRY: usize = 24;

/// What the information says. Ranges of `usize` are bytes of the information itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Information {
    /// The command line, without the zero at its end.
    pub command_line: Range<usize>,
    /// Physical addresses of the first module.
    pub initrd: Option<Range<u64>>,
    /// A copy of the ACPI root pointer, the newer one if there are both.
    pub rsdp: Option<Range<usize>>,
    /// The screen, if it is one of pixels.
    pub framebuffer: Option<Framebuffer>,
}

/// Why the information can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// The tag at this offset is too short for what it is, or reaches beyond the end.
    Tag { at: usize, kind: u32, size: u32 },
    /// The information ends without the tag that ends it.
    NoEnd,
    /// No tag holds a memory map.
    NoMemoryMap,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Tag { at, kind, size } => write!(f, "the tag of type {kind} at offset {at} can't have {size} bytes"),
            Damage::NoEnd => f.write_str("its end is missing"),
            Damage::NoMemoryMap => f.write_str("it has no memory map"),
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

/// Reads the information, all of its bytes, and puts the memory map into `map`.
pub fn read(information: &[u8], map: &mut Map) -> Result<Information, Damage> {
    let mut found = Information::default();
    let mut has_map = false;
    let mut at = START;
    loop {
        let (Some(kind), Some(size)) = (u32_at(information, at), u32_at(information, at + 4)) else { return Err(Damage::NoEnd) };
        if kind == END {
            return if has_map { Ok(found) } else { Err(Damage::NoMemoryMap) };
        }
        let damage = Damage::Tag { at, kind, size };
        let end = at.checked_add(size as usize).ok_or(damage)?;
        let body = information.get(at + HEADER..end).ok_or(damage)?;
        match kind {
            COMMAND_LINE => {
                let length = body.iter().position(|&byte| byte == 0).ok_or(damage)?;
                found.command_line = at + HEADER..at + HEADER + length;
            }
            MODULE if found.initrd.is_none() => {
                let (start, end) = u32_at(body, 0).zip(u32_at(body, 4)).ok_or(damage)?;
                found.initrd = (start < end).then(|| u64::from(start)..u64::from(end));
            }
            MEMORY_MAP => {
                read_map(body, map).ok_or(damage)?;
                has_map = true;
            }
            FRAMEBUFFER => found.framebuffer = read_framebuffer(body),
            OLD_RSDP if found.rsdp.is_none() => found.rsdp = Some(at + HEADER..end),
            NEW_RSDP => found.rsdp = Some(at + HEADER..end),
            _ => {}
        }
        at = end.checked_next_multiple_of(8).ok_or(damage)?;
    }
}

/// Takes the entries of a memory map; none if its size isn't that of any number of entries.
fn read_map(body: &[u8], map: &mut Map) -> Option<()> {
    let step = u32_at(body, 0)? as usize;
    if step < MAP_ENTRY {
        return None;
    }
    // Size and version of the entries come first.
    for entry in body.get(8..)?.chunks(step) {
        map.add(u64_at(entry, 0)?, u64_at(entry, 8)?, memory_kind(u32_at(entry, 16)?));
    }
    Some(())
}

/// The screen, if it has pixels of three colours (type 1); text mode (type 2) and palettes (type 0) are none, and so is what contradicts itself.
fn read_framebuffer(body: &[u8]) -> Option<Framebuffer> {
    const DIRECT_COLOUR: u8 = 1;
    let &[bits_per_pixel, DIRECT_COLOUR, _, _, red, red_bits, green, green_bits, blue, blue_bits, ..] = body.get(20..)? else {
        return None;
    };
    let framebuffer = Framebuffer {
        address: u64_at(body, 0)?,
        pitch: u32_at(body, 8)?,
        width: u32_at(body, 12)?,
        height: u32_at(body, 16)?,
        bits_per_pixel,
        colours: [(red, red_bits), (green, green_bits), (blue, blue_bits)],
    };
    let fits = |&(lowest, bits): &(u8, u8)| bits > 0 && u16::from(lowest) + u16::from(bits) <= u16::from(bits_per_pixel);
    let line = u64::from(framebuffer.width) * u64::from(bits_per_pixel).div_ceil(8);
    let bytes = u64::from(framebuffer.pitch) * u64::from(framebuffer.height);
    let sound = matches!(bits_per_pixel, 15..=32)
        && line > 0
        && bytes > 0
        && line <= u64::from(framebuffer.pitch)
        && framebuffer.address.checked_add(bytes).is_some()
        && framebuffer.colours.iter().all(fits);
    sound.then_some(framebuffer)
}

#[cfg(test)]
mod tests;
