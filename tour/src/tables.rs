//! Chapter 9: the live page tables and the memory map, read and printed.
//!
//! Page tables hold physical addresses, and code can only use virtual ones. The real kernel maps all of physical memory at one offset, so a
//! table is reached by an addition. The other ways to reach one, by a recursive entry and through a temporary window, are in `tour/paging`; here
//! three walkers that differ in nothing else read the same tables and give the same answers.

use alloc::string::String;

use arch::boot::MemoryKind;
use arch::paging::PageTable;
use arch::{PhysAddr, phys_to_virt};
use memory::frames::KernelFrames;
use tour_paging::processor::active_root;
use tour_paging::{Mapper, Offset, Processor, Recursive, Temporary, address};

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
    three_ways();
    whole_report();
}

/// Free entries of the root's upper half: for the recursive one, and for the window.
const RECURSIVE: usize = 509;
const WINDOW: usize = address::join([507, 0, 0, 0], 0);

/// The physical address that a mapper of `tour/paging` finds for a virtual one.
fn found_by(mapper: &mut dyn Mapper, virtual_address: usize) -> Option<u64> {
    mapper.translate(virtual_address).map(|found| found.physical.0)
}

fn three_ways() {
    let space = PageTable::new(&mut KernelFrames).expect("a frame for the root");
    space.activate();
    // SAFETY: it is only given addresses of page tables, of a root that is this chapter's own.
    let processor = || unsafe { Processor::new() };
    // SAFETY: the root made above, which nobody else changes.
    let mut offset = unsafe { Offset::mapper(space.root(), processor()) };
    Recursive::<Processor>::install(&mut offset, RECURSIVE);
    Temporary::<Processor>::install(&mut offset, WINDOW, &mut KernelFrames).expect("frames for the window");
    let code = (run as *const ()).addr();
    let expected = found_by(&mut offset, code);
    // SAFETY: the entry was just made, and this root is the active one.
    let recursive = found_by(&mut unsafe { Recursive::mapper(active_root(), RECURSIVE, processor()) }, code);
    // SAFETY: the window was just made, and this root is the active one.
    let temporary = found_by(&mut unsafe { Temporary::mapper(active_root(), WINDOW, processor()) }, code);
    claim!(expected.is_some() && expected == recursive && expected == temporary, "by offset, recursion and window: the same translation");
    Temporary::<Processor>::remove(&mut offset, WINDOW, &mut KernelFrames);
    arch::paging::deactivate();
    space.free(&mut KernelFrames);
}

fn whole_report() {
    let mut text = String::new();
    tour_paging::report(boot_info().memory, &mut text).expect("writing to a string can't fail");
    text.lines().for_each(|line| say!("{line}"));
    let cost = address::map_cost(32 << 30, tour_paging::PageSize::Size2M);
    claim!(cost == 132 << 10, "to map 32 GiB in 2 MiB pages costs {} KiB of tables", cost >> 10);
}

fn memory_map() {
    let mut end = 0;
    let mut usable = 0;
    for region in boot_info().memory {
        assert!(region.start >= end, "regions are sorted and apart");
        end = region.start + region.len;
        usable += if region.kind == MemoryKind::Usable { region.len } else { 0 };
    }
    let total = memory::frames::stats().total as u64 * arch::PAGE_SIZE as u64;
    claim!(usable > 0 && total <= usable, "{} MiB are usable, and the frame allocator manages {} MiB of them", usable >> 20, total >> 20);
}

fn root_table() {
    // SAFETY: the live root table, only read.
    let root = unsafe { map::entries(map::root()) };
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
