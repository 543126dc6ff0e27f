//! Chapter 9: the live page tables and the memory map, read and printed.
//!
//! Page tables hold physical addresses, and code can only use virtual ones. The real kernel maps all of physical memory at one offset, so a
//! table is reached by an addition. The other ways (recursive mapping, temporary mapping) are compared in the tour's own paging crate.

use arch::boot::MemoryKind;
use arch::{PhysAddr, phys_to_virt};

use crate::machine::{boot_info, map};
use crate::paging::{HUGE, NO_EXECUTE, PRESENT, WRITABLE};
use crate::{claim, say};

const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// Walks the live tables; the physical address, the page's size and its own entry.
fn translate(address: u64) -> Option<(u64, u64, u64)> {
    let mut table = map::root();
    for level in (1..=4).rev() {
        // SAFETY: live tables, only read, and nobody changes them meanwhile.
        let entry = unsafe { map::entries(table) }[map::index(address, level)];
        if entry & PRESENT == 0 {
            return None;
        }
        let size = 4096 << (9 * (level - 1));
        if level == 1 || matches!(level, 2 | 3) && entry & HUGE != 0 {
            return Some(((entry & ADDRESS & !(size - 1)) + (address & (size - 1)), size, entry));
        }
        table = entry & ADDRESS;
    }
    None
}

pub fn run() {
    memory_map();
    root_table();
    translations();
    totals();
}

fn memory_map() {
    say!("Memory map, as the boot loader gave it:");
    let mut end = 0;
    let mut usable = 0;
    for region in boot_info().memory {
        say!("  {:#014x} to {:#014x}  {:?}", region.start, region.start + region.len, region.kind);
        assert!(region.start >= end, "regions are sorted and apart");
        end = region.start + region.len;
        usable += if region.kind == MemoryKind::Usable { region.len } else { 0 };
    }
    let total = memory::frames::stats().total as u64 * arch::PAGE_SIZE as u64;
    claim!(usable > 0 && total <= usable, "{} MiB are usable, and the frame allocator manages {} MiB of them", usable >> 20, total >> 20);
}

fn root_table() {
    say!("Entries of the level 4 table:");
    // SAFETY: the live root table, only read.
    let root = unsafe { map::entries(map::root()) };
    for (at, entry) in root.iter().enumerate().filter(|(_, entry)| **entry & PRESENT != 0) {
        say!("  {at:3}: table at {:#x}, flags {:#x}", entry & ADDRESS, entry & !ADDRESS);
    }
    claim!(root[..256].iter().all(|&entry| entry == 0), "the lower half is empty: there is no process yet");
    claim!(root[511] & PRESENT != 0 && root[256] & PRESENT != 0, "entry 256 maps all memory, entry 511 the kernel");
}

fn translations() {
    let direct = phys_to_virt(PhysAddr(0)).addr() as u64;
    claim!(translate(direct).is_some_and(|(physical, ..)| physical == 0), "{direct:#x} is physical address 0");
    let local = 0_u8;
    let (code, data) = (run as fn() as usize as u64, (&raw const local).addr() as u64);
    for (what, address, writable, executable) in [("code", code, false, true), ("stack", data, true, false)] {
        let Some((physical, size, entry)) = translate(address) else { panic!("the {what} isn't mapped") };
        let rights = (entry & WRITABLE != 0, entry & NO_EXECUTE == 0);
        claim!(rights == (writable, executable), "{what} at {address:#x} is physical {physical:#x}, in a page of {size} bytes");
    }
    claim!(translate(0xdead_beaf).is_none(), "0xdeadbeaf is mapped nowhere");
    // SAFETY: a byte of this function, through its alias in the map of all memory; only read.
    let alias = unsafe { phys_to_virt(PhysAddr(translate(code).map_or(0, |(physical, ..)| physical))).read_volatile() };
    // SAFETY: the same byte in its usual place.
    let byte = unsafe { (code as *const u8).read_volatile() };
    claim!(alias == byte, "the first byte of the code, {byte:#x}, is the same through both addresses");
}

fn totals() {
    let mut pages = [(4096_u64, 0_u64), (2 << 20, 0), (1 << 30, 0)];
    arch::paging::visit_kernel_mappings(&mut |_, size, _, _| {
        pages.iter_mut().filter(|(each, _)| *each == size).for_each(|(_, count)| *count += 1);
    });
    for (size, count) in pages {
        say!("  {count} pages of {} KiB", size >> 10);
    }
    // With 2 MiB pages, one page of tables maps 1 GiB.
    let gib = 32;
    let bytes = (gib + 1) * 4096;
    claim!(bytes == 132 << 10, "to map {gib} GiB in 2 MiB pages costs {} KiB of tables", bytes >> 10);
}
