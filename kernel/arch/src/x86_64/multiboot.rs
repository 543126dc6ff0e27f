//! What GRUB left in memory: the multiboot2 information (Multiboot2 Specification, section 3.6).

use super::boot::{Loader, Map, memory_kind, read};

const COMMAND_LINE: u32 = 1;
const MODULE: u32 = 3;
const MEMORY_MAP: u32 = 6;
const OLD_RSDP: u32 = 14;
const NEW_RSDP: u32 = 15;
const END: u32 = 0;

/// Bytes of a tag's type and size fields.
const HEADER: u64 = 8;

/// Reads the information at `address`.
pub fn read_multiboot2(address: u64, map: &mut Map) -> Loader {
    // SAFETY: the loader puts its information below 1 GiB, with a total size first and then tags of a type and a size.
    let total = u64::from(unsafe { read::<u32>(address) });
    let mut loader = Loader { command_line: 0..0, initrd: None, rsdp: None, structures: address..address + total };
    let mut at = address + HEADER;
    while at + HEADER <= address + total {
        // SAFETY: within the total size.
        let (kind, size) = unsafe { (read::<u32>(at), u64::from(read::<u32>(at + 4))) };
        if kind == END || size < HEADER {
            break;
        }
        let body = at + HEADER;
        match kind {
            COMMAND_LINE => loader.command_line = body..(at + size).saturating_sub(1).max(body),
            MODULE if loader.initrd.is_none() => {
                // SAFETY: a module's tag begins with its first and last address.
                let (start, end) = unsafe { (read::<u32>(body), read::<u32>(body + 4)) };
                loader.initrd = (start < end).then(|| u64::from(start)..u64::from(end));
            }
            MEMORY_MAP => {
                // SAFETY: the tag begins with the size of its entries.
                let step = u64::from(unsafe { read::<u32>(body) }).max(24);
                let mut entry = body + 8;
                while entry + step <= at + size {
                    // SAFETY: an entry within the tag.
                    let (start, len, kind) = unsafe { (read::<u64>(entry), read::<u64>(entry + 8), read::<u32>(entry + 16)) };
                    map.add(start, len, memory_kind(kind));
                    entry += step;
                }
            }
            OLD_RSDP if loader.rsdp.is_none() => loader.rsdp = Some(body),
            NEW_RSDP => loader.rsdp = Some(body),
            _ => {}
        }
        at += size.next_multiple_of(8);
    }
    loader
}
