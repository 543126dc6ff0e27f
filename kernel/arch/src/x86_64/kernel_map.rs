//! The kernel's half of the address space: final tables, no page both writable and executable.
//!
//! - the kernel's image, in 4 KiB pages: text is executable, constants and the table of names are read-only, data is writable;
//! - all of physical memory, writable and not executable, in the largest pages there are; the alias of the kernel's text and
//!   constants is read-only too;
//! - the window: kernel stacks with unmapped guard pages around them, and device registers.
//!
//! All root entries that the kernel may ever use are filled here, so that every address space can copy them once.

use core::sync::atomic::{AtomicUsize, Ordering};

use super::boot::kernel_image;
use super::memory::{DIRECT_MAP, KERNEL_BASE, WINDOW, phys_to_virt};
use super::{cpu, tlb};
use crate::types::{Features, MemoryKind, MemoryRegion};
use crate::{Frame, PAGE_SIZE, PhysAddr};

const PRESENT: u64 = 1;
const WRITE: u64 = 1 << 1;
const NO_CACHE: u64 = 1 << 4 | 1 << 3;
const LARGE: u64 = 1 << 7;
const GLOBAL: u64 = 1 << 8;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
const MIB2: u64 = 2 << 20;
const GIB: u64 = 1 << 30;

/// Pages of the window that device registers may take.
const DEVICE_PAGES: usize = 256;
/// Where device registers are mapped in the window; stacks come first.
const DEVICES: usize = WINDOW + (1 << 30);
/// Where memory of screens is mapped, in pages of 2 MiB, and how many of those there are: one table's worth.
const PIXELS: usize = DEVICES + (1 << 30);
const PIXEL_PAGES: usize = 512;

unsafe extern "C" {
    static __text_start: u8;
    static __text_end: u8;
    static __rodata_start: u8;
    static __rodata_end: u8;
    static __data_start: u8;
    static __data_end: u8;
}

/// Frames for the tables, taken one after another from a piece of memory set aside at boot.
pub struct Carved {
    next: u64,
    end: u64,
}

impl Carved {
    /// Frames of the `bytes` at `start`, which nobody else uses and the boot tables map.
    pub fn new(start: u64, bytes: u64) -> Carved {
        Carved { next: start, end: start + bytes }
    }

    /// A frame full of zeros.
    pub fn take(&mut self) -> Frame {
        assert!(self.next < self.end, "the memory set aside for the kernel's page tables is too small");
        let frame = Frame::containing(PhysAddr(self.next));
        self.next += PAGE_SIZE as u64;
        // SAFETY: a frame of the carved piece, mapped by the boot tables.
        unsafe { phys_to_virt(frame.address()).write_bytes(0, PAGE_SIZE) };
        frame
    }
}

/// Bytes that [`build`] takes at most from its [`Carved`], stacks apart.
pub fn table_bytes(map: &[MemoryRegion]) -> u64 {
    // For each region one table for each GiB that it reaches into (2 MiB pages), one for each 512 GiB, and two for its ragged ends. Setting
    // this memory aside makes two regions more. Then those of the image and the window.
    let reaches = |region: &MemoryRegion, size: u64| (region.start + region.len).div_ceil(size) - region.start / size;
    let tables = |region: &MemoryRegion| reaches(region, GIB) + reaches(region, GIB * 512) + 2;
    (map.iter().filter(|region| is_memory(region)).map(tables).sum::<u64>() + 2 * 4 + 24) * PAGE_SIZE as u64
}

fn is_memory(region: &MemoryRegion) -> bool {
    !matches!(region.kind, MemoryKind::Reserved | MemoryKind::Defective) || region.start < 1 << 20
}

fn entries(frame: Frame) -> *mut u64 {
    phys_to_virt(frame.address()).cast()
}

/// The table below an entry, made if it isn't there.
fn below(table: Frame, index: usize, frames: &mut Carved) -> Frame {
    // SAFETY: a table's frame and an index below 512; only the boot processor is at work.
    unsafe {
        let entry = entries(table).add(index % 512);
        if *entry & PRESENT == 0 {
            *entry = frames.take().address().0 | PRESENT | WRITE;
        }
        Frame::containing(PhysAddr(*entry & ADDRESS))
    }
}

fn span(level: u32) -> u64 {
    (PAGE_SIZE as u64) << (9 * (level - 1))
}

fn index(address: usize, level: u32) -> usize {
    address >> (12 + 9 * (level - 1)) & 511
}

/// Maps one page of the given level (1: 4 KiB, 2: 2 MiB, 3: 1 GiB).
fn map_page(root: Frame, address: usize, physical: u64, flags: u64, level: u32, frames: &mut Carved) {
    let mut table = root;
    for upper in (level + 1..=4).rev() {
        table = below(table, index(address, upper), frames);
    }
    let size = if level > 1 { LARGE } else { 0 };
    // SAFETY: as in `below`.
    unsafe { *entries(table).add(index(address, level)) = physical | flags | PRESENT | GLOBAL | size };
}

fn range(start: *const u8, end: *const u8) -> core::ops::Range<u64> {
    (start.addr() - KERNEL_BASE) as u64..(end.addr() - KERNEL_BASE) as u64
}

/// Builds the tables and gives their root.
pub fn build(map: &[MemoryRegion], frames: &mut Carved) -> Frame {
    let root = frames.take();
    tlb::set_kernel_root(root);
    let text = range(&raw const __text_start, &raw const __text_end);
    let rodata = range(&raw const __rodata_start, &raw const __rodata_end);
    let data = range(&raw const __data_start, &raw const __data_end);
    let names = data.end..kernel_image().end;
    for (part, flags) in [(&text, 0), (&rodata, NO_EXECUTE), (&data, WRITE | NO_EXECUTE), (&names, NO_EXECUTE)] {
        for physical in part.clone().step_by(PAGE_SIZE) {
            map_page(root, KERNEL_BASE + physical as usize, physical, flags, 1, frames);
        }
    }
    let read_only = text.start..rodata.end;
    for region in map.iter().filter(|region| is_memory(region)) {
        direct_map(
            root,
            region.start & !(PAGE_SIZE as u64 - 1),
            (region.start + region.len).next_multiple_of(PAGE_SIZE as u64),
            &read_only,
            frames,
        );
    }
    // The window: stacks are mapped by `map_stack`, device registers by `map_device`, whose tables are made now.
    for page in 0..DEVICE_PAGES.div_ceil(512) {
        let address = DEVICES + page * 512 * PAGE_SIZE;
        let third = below(root, index(address, 4), frames);
        let second = below(third, index(address, 3), frames);
        below(second, index(address, 2), frames);
    }
    let third = below(root, index(PIXELS, 4), frames);
    below(third, index(PIXELS, 3), frames);
    root
}

/// Maps physical memory from `start` to `end`, in the largest pages whose frames all have the same rights. Pages of 2 MiB may
/// reach beyond the region's end: what lies there has no cacheable alias elsewhere, and is not executable.
fn direct_map(root: Frame, start: u64, end: u64, read_only: &core::ops::Range<u64>, frames: &mut Carved) {
    let huge = cpu::features().contains(Features::HUGE_PAGES);
    let image = kernel_image();
    let apart = |at: u64, size: u64| at >= image.end || at + size <= image.start;
    let mut at = start;
    while at < end {
        let level = if huge && at.is_multiple_of(GIB) && at + GIB <= end && apart(at, GIB) {
            3
        } else if at.is_multiple_of(MIB2) && at + MIB2 <= end && apart(at, MIB2) {
            2
        } else {
            1
        };
        let flags = if read_only.contains(&at) { NO_EXECUTE } else { WRITE | NO_EXECUTE };
        map_page(root, DIRECT_MAP + at as usize, at, flags, level, frames);
        at += span(level);
    }
}

/// Bytes of the guard pages below and above each stack.
const GUARD: usize = PAGE_SIZE;
/// Where the next stack goes in the window.
static NEXT_STACK: AtomicUsize = AtomicUsize::new(WINDOW);

/// Maps a stack of `bytes` with unmapped pages around it and gives its upper end.
pub fn map_stack(root: Frame, bytes: usize, frames: &mut Carved) -> usize {
    let bottom = NEXT_STACK.fetch_add(GUARD + bytes, Ordering::Relaxed) + GUARD;
    for offset in (0..bytes).step_by(PAGE_SIZE) {
        let frame = frames.take();
        map_page(root, bottom + offset, frame.address().0, WRITE | NO_EXECUTE, 1, frames);
    }
    bottom + bytes
}

/// Whether the address lies in a guard page of a stack: in the window's part for stacks, and not mapped.
pub fn is_guard(address: usize) -> bool {
    (WINDOW..NEXT_STACK.load(Ordering::Relaxed) + GUARD).contains(&address) && !is_mapped(address)
}

/// The lowest addresses of all guard pages.
pub fn guard_pages(f: &mut dyn FnMut(usize)) {
    for page in (WINDOW..NEXT_STACK.load(Ordering::Relaxed) + GUARD).step_by(PAGE_SIZE).filter(|&page| is_guard(page)) {
        f(page);
    }
}

fn is_mapped(address: usize) -> bool {
    let mut table = tlb::kernel_root();
    for level in (1..=4).rev() {
        // SAFETY: tables of the kernel's half are never freed.
        let entry = unsafe { *entries(table).add(index(address, level)) };
        if entry & PRESENT == 0 {
            return false;
        }
        if entry & LARGE != 0 {
            return true;
        }
        table = Frame::containing(PhysAddr(entry & ADDRESS));
    }
    true
}

/// Maps a device's registers, uncached, and gives where. None when the window for devices is full.
pub fn map_device(physical: u64, bytes: usize) -> Option<*mut u8> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let offset = physical as usize % PAGE_SIZE;
    let pages = (offset + bytes).div_ceil(PAGE_SIZE);
    let first = NEXT.fetch_add(pages, Ordering::Relaxed);
    if first + pages > DEVICE_PAGES {
        return None;
    }
    let start = DEVICES + first * PAGE_SIZE;
    let mut none = Carved::new(0, 0);
    for page in 0..pages {
        let at = (physical & ADDRESS) + (page * PAGE_SIZE) as u64;
        map_page(tlb::kernel_root(), start + page * PAGE_SIZE, at, WRITE | NO_EXECUTE | NO_CACHE, 1, &mut none);
    }
    Some(core::ptr::with_exposed_provenance_mut(start + offset))
}

/// Maps the memory of a screen, uncached, and gives where. None when the window for that is full, or if the loader told an address that
/// no memory has.
pub fn map_pixels(physical: u64, bytes: u64) -> Option<*mut u8> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let end = physical.checked_add(bytes).filter(|&end| end < ADDRESS)?;
    let start = physical & !(MIB2 - 1);
    let pages = usize::try_from((end - start).div_ceil(MIB2)).ok().filter(|&pages| pages <= PIXEL_PAGES)?;
    let first = NEXT.fetch_add(pages, Ordering::Relaxed);
    if first + pages > PIXEL_PAGES {
        return None;
    }
    let mut none = Carved::new(0, 0);
    for page in 0..pages {
        let (to, at) = (PIXELS + (first + page) * MIB2 as usize, start + page as u64 * MIB2);
        map_page(tlb::kernel_root(), to, at, WRITE | NO_EXECUTE | NO_CACHE, 2, &mut none);
    }
    Some(core::ptr::with_exposed_provenance_mut(PIXELS + first * MIB2 as usize + (physical - start) as usize))
}

/// Where `bytes` of physical memory at `physical` can be read: in the direct map, or else mapped for the purpose.
pub fn readable(physical: u64, bytes: usize) -> Option<*const u8> {
    let direct = phys_to_virt(PhysAddr(physical));
    let (first, last) = (direct.addr(), direct.addr() + bytes.max(1) - 1);
    let pages = (first & !(PAGE_SIZE - 1)..=last).step_by(PAGE_SIZE);
    if pages.into_iter().all(is_mapped) { Some(direct) } else { map_device(physical, bytes).map(<*mut u8>::cast_const) }
}

/// Calls `f(address, size, writable, executable)` for every page mapped in the kernel's own table, user half included.
pub fn visit(f: &mut dyn FnMut(usize, u64, bool, bool)) {
    visit_table(tlb::kernel_root(), 4, 0, true, true, f);
}

fn visit_table(table: Frame, level: u32, base: usize, write: bool, execute: bool, f: &mut dyn FnMut(usize, u64, bool, bool)) {
    for at in 0..512 {
        // SAFETY: tables of the kernel's half are never freed.
        let entry = unsafe { *entries(table).add(at) };
        if entry & PRESENT == 0 {
            continue;
        }
        let mut address = base + at * span(level) as usize;
        if level == 4 && at >= 256 {
            address |= 0xffff << 48;
        }
        let (write, execute) = (write && entry & WRITE != 0, execute && entry & NO_EXECUTE == 0);
        if level == 1 || entry & LARGE != 0 {
            f(address, span(level), write, execute);
        } else {
            visit_table(Frame::containing(PhysAddr(entry & ADDRESS)), level - 1, address, write, execute, f);
        }
    }
}
