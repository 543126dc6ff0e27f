//! What the boot loader left in memory: QEMU's PVH start info (multiboot2's is read in `multiboot`).

use core::cell::UnsafeCell;
use core::ops::Range;

use super::backtrace;
use super::memory::{KERNEL_BASE, phys_to_virt};
use crate::types::{MemoryKind, MemoryRegion};
use crate::{PAGE_SIZE, PhysAddr};

/// The most pieces of memory that the map may have.
pub const REGIONS: usize = 128;

unsafe extern "C" {
    static __kernel_start: u8;
}

/// Physical addresses of the kernel's image, its zeroed data and its table of names included.
pub fn kernel_image() -> Range<u64> {
    let start = (&raw const __kernel_start).addr();
    let end = (backtrace::names().as_ptr_range().end.addr() - KERNEL_BASE).next_multiple_of(PAGE_SIZE);
    start as u64..end as u64
}

/// The memory map while it is being built, in the loader's or in address order.
pub struct Map {
    regions: [MemoryRegion; REGIONS],
    len: usize,
}

/// The one map, in static memory since it stays for ever.
struct Place(UnsafeCell<Map>);
// SAFETY: `take` is called once, by the boot processor before there is any other.
unsafe impl Sync for Place {}
static PLACE: Place =
    Place(UnsafeCell::new(Map { regions: [MemoryRegion { start: 0, len: 0, kind: MemoryKind::Reserved }; REGIONS], len: 0 }));

impl Map {
    /// The empty map.
    ///
    /// # Safety
    /// To be called once.
    pub unsafe fn take() -> &'static mut Map {
        // SAFETY: the caller's promise makes this the only reference.
        unsafe { &mut *PLACE.0.get() }
    }

    /// Adds a region. A map with more regions than there is room for loses the last ones: memory that isn't used.
    pub fn add(&mut self, start: u64, len: u64, kind: MemoryKind) {
        if len == 0 || start.checked_add(len).is_none() {
            return;
        }
        if let Some(slot) = self.regions.get_mut(self.len) {
            *slot = MemoryRegion { start, len, kind };
            self.len += 1;
        }
    }

    /// Sorts by address and cuts usable regions down to whole pages that no other region claims.
    pub fn tidy(&mut self) {
        let regions = &mut self.regions[..self.len];
        regions.sort_unstable_by_key(|region| (region.start, region.kind != MemoryKind::Usable));
        for at in 0..regions.len() {
            let next = regions.get(at + 1).map_or(u64::MAX, |next| next.start);
            let region = &mut regions[at];
            let mut end = (region.start + region.len).min(next);
            if region.kind == MemoryKind::Usable {
                region.start = region.start.next_multiple_of(PAGE_SIZE as u64);
                end &= !(PAGE_SIZE as u64 - 1);
            }
            region.len = end.saturating_sub(region.start);
        }
    }

    /// The regions.
    pub fn regions(&self) -> &[MemoryRegion] {
        &self.regions[..self.len]
    }

    /// Takes `bytes` (a multiple of the page size) of usable memory below `limit` that overlaps none of `taken`, and marks
    /// them as the kernel's. Of the lowest place above 1 MiB that fits.
    pub fn carve(&mut self, bytes: u64, limit: u64, taken: &[Range<u64>]) -> Option<u64> {
        let fits = |region: &MemoryRegion, start: u64| {
            start >= region.start
                && start + bytes <= (region.start + region.len).min(limit)
                && !taken.iter().any(|range| range.start < start + bytes && start < range.end)
        };
        let (at, start) =
            self.regions().iter().enumerate().filter(|(_, region)| region.kind == MemoryKind::Usable).find_map(|(at, region)| {
                let ends = taken.iter().map(|range| range.end.next_multiple_of(PAGE_SIZE as u64));
                let candidates = [region.start.max(1 << 20)].into_iter().chain(ends);
                candidates.filter(|&start| start >= 1 << 20 && fits(region, start)).min().map(|start| (at, start))
            })?;
        let region = self.regions[at];
        let behind = region.start + region.len - (start + bytes);
        self.regions[at].len = start - region.start;
        self.add(start, bytes, MemoryKind::Kernel);
        self.add(start + bytes, behind, MemoryKind::Usable);
        self.tidy();
        Some(start)
    }
}

/// What a loader told, still in the loader's memory.
pub struct Loader {
    /// The command line: address and length.
    pub command_line: Range<u64>,
    pub initrd: Option<Range<u64>>,
    pub rsdp: Option<u64>,
    /// The loader's own structures, which must be left alone until they are copied.
    pub structures: Range<u64>,
}

/// Reads a value of the loader's memory.
///
/// # Safety
/// The address must lie in the first GiB, which is what the boot tables map, and hold a `T` for which any bytes are valid.
pub unsafe fn read<T: Copy>(address: u64) -> T {
    // SAFETY: the caller's promise.
    unsafe { phys_to_virt(PhysAddr(address)).cast::<T>().read_unaligned() }
}

/// Length of the C string at a physical address.
fn string_length(address: u64) -> u64 {
    let mut length = 0;
    // SAFETY: the loader ends its strings with a zero byte, within the first GiB.
    while unsafe { read::<u8>(address + length) } != 0 {
        length += 1;
    }
    length
}

/// Xen's `struct hvm_start_info`, version 1.
#[repr(C)]
#[derive(Clone, Copy)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    modules: u32,
    module_list: u64,
    command_line: u64,
    rsdp: u64,
    memory_map: u64,
    memory_map_entries: u32,
    reserved: u32,
}
const START_INFO_MAGIC: u32 = 0x336e_c578;

/// `struct hvm_modlist_entry`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Module {
    address: u64,
    size: u64,
    command_line: u64,
    reserved: u64,
}

/// `struct hvm_memmap_table_entry`.
#[repr(C)]
#[derive(Clone, Copy)]
struct MapEntry {
    address: u64,
    size: u64,
    kind: u32,
    reserved: u32,
}

/// The kinds of memory, as ACPI and so all loaders number them.
pub fn memory_kind(number: u32) -> MemoryKind {
    match number {
        1 => MemoryKind::Usable,
        3 => MemoryKind::AcpiTables,
        4 => MemoryKind::AcpiStorage,
        5 => MemoryKind::Defective,
        _ => MemoryKind::Reserved,
    }
}

/// Reads QEMU's start info. None if the magic number isn't there.
pub fn read_pvh(address: u64, map: &mut Map) -> Option<Loader> {
    // SAFETY: the PVH entry passes the address of this structure, below 1 GiB as everything it points to but the initrd.
    let info: StartInfo = unsafe { read(address) };
    if info.magic != START_INFO_MAGIC {
        return None;
    }
    let mut structures = address..address + size_of::<StartInfo>() as u64;
    if info.version >= 1 && info.memory_map != 0 {
        for at in 0..u64::from(info.memory_map_entries) {
            // SAFETY: the list has that many entries.
            let entry: MapEntry = unsafe { read(info.memory_map + at * size_of::<MapEntry>() as u64) };
            map.add(entry.address, entry.size, memory_kind(entry.kind));
        }
    }
    let mut initrd = None;
    if info.modules > 0 {
        // SAFETY: the list has at least one entry.
        let module: Module = unsafe { read(info.module_list) };
        initrd = (module.size > 0).then(|| module.address..module.address.saturating_add(module.size));
    }
    let length = if info.command_line == 0 { 0 } else { string_length(info.command_line) };
    let command_line = info.command_line..info.command_line + length;
    if length > 0 {
        structures = structures.start.min(command_line.start)..structures.end.max(command_line.end);
    }
    Some(Loader { command_line, initrd, rsdp: (info.rsdp != 0).then_some(info.rsdp), structures })
}
