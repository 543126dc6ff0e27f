//! What the boot loader left in memory: QEMU's PVH start info, or GRUB's multiboot2 information (whose bytes `multiboot` reads).
//!
//! Loaders put what they say below 4 GiB, which is what the boot tables map. Every address is checked all the same: wrong ones are told, and
//! not followed.

use core::cell::UnsafeCell;
use core::ops::Range;

use super::backtrace;
use super::entry::MAPPED;
use super::memory::{KERNEL_BASE, phys_to_virt};
use crate::memory_map::{Map, memory_kind};
use crate::multiboot::{self, Damage};
use crate::types::Framebuffer;
use crate::{PAGE_SIZE, PhysAddr};

unsafe extern "C" {
    static __kernel_start: u8;
}

/// Physical addresses of the kernel's image, its zeroed data and its table of names included.
pub fn kernel_image() -> Range<u64> {
    let start = (&raw const __kernel_start).addr();
    let end = (backtrace::names().as_ptr_range().end.addr() - KERNEL_BASE).next_multiple_of(PAGE_SIZE);
    start as u64..end as u64
}

/// The one map, in static memory since it stays for ever.
struct Place(UnsafeCell<Map>);
// SAFETY: `take_map` is called once, by the boot processor before there is any other.
unsafe impl Sync for Place {}
static PLACE: Place = Place(UnsafeCell::new(Map::new()));

/// The empty map.
///
/// # Safety
/// To be called once.
pub unsafe fn take_map() -> &'static mut Map {
    // SAFETY: the caller's promise makes this the only reference.
    unsafe { &mut *PLACE.0.get() }
}

/// What a loader told, still in the loader's memory.
pub struct Loader {
    /// The command line: address and length.
    pub command_line: Range<u64>,
    pub initrd: Option<Range<u64>>,
    pub rsdp: Option<u64>,
    pub framebuffer: Option<Framebuffer>,
    /// The loader's own structures, which must be left alone until they are copied.
    pub structures: Range<u64>,
}

/// The loader's bytes from `address` on. None unless the boot tables map all of them.
pub fn bytes(address: u64, length: u64) -> Option<&'static [u8]> {
    let end = address.checked_add(length).filter(|&end| end <= MAPPED)?;
    let length = usize::try_from(end - address).ok()?;
    // SAFETY: mapped; nothing writes there before the final tables are loaded, and nobody keeps the slice for longer.
    Some(unsafe { core::slice::from_raw_parts(phys_to_virt(PhysAddr(address)), length) })
}

/// A value of the loader's memory, of a type for which any bytes are valid. None where nothing is mapped.
///
/// # Safety
/// Any bytes must be a valid `T`.
unsafe fn read<T: Copy>(address: u64) -> Option<T> {
    let bytes = bytes(address, size_of::<T>() as u64)?;
    // SAFETY: as many bytes as a `T` has, and any are valid by the caller's promise.
    Some(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// Longer texts and tables than this aren't believed.
const LONGEST: u64 = 1 << 20;

/// Length of the C string at a physical address; 0 if it has no end.
fn string_length(address: u64) -> u64 {
    let text = bytes(address, LONGEST.min(MAPPED.saturating_sub(address))).unwrap_or(&[]);
    text.iter().position(|&byte| byte == 0).unwrap_or(0) as u64
}

/// Reads the multiboot2 information at `address`.
pub fn read_multiboot2(address: u64, map: &mut Map) -> Result<Loader, Damage> {
    // SAFETY: any bytes are a number.
    let total = unsafe { read::<u32>(address) }.unwrap_or(0);
    let information = bytes(address, LONGEST.min(total.into())).unwrap_or(&[]);
    let found = multiboot::read(information, map)?;
    let place = |range: Range<usize>| address + range.start as u64..address + range.end as u64;
    Ok(Loader {
        command_line: place(found.command_line),
        initrd: found.initrd,
        rsdp: found.rsdp.map(|range| place(range).start),
        framebuffer: found.framebuffer,
        structures: address..address + information.len() as u64,
    })
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

/// Reads QEMU's start info. None if it isn't there, or points to where nothing is mapped.
pub fn read_pvh(address: u64, map: &mut Map) -> Option<Loader> {
    // SAFETY: the structure is all numbers.
    let info: StartInfo = unsafe { read(address) }?;
    if info.magic != START_INFO_MAGIC {
        return None;
    }
    let mut structures = address..address + size_of::<StartInfo>() as u64;
    if info.version >= 1 && info.memory_map != 0 {
        let most = LONGEST / size_of::<MapEntry>() as u64;
        for at in 0..most.min(info.memory_map_entries.into()) {
            // SAFETY: an entry is all numbers.
            let entry: MapEntry = unsafe { read(info.memory_map.checked_add(at * size_of::<MapEntry>() as u64)?) }?;
            map.add(entry.address, entry.size, memory_kind(entry.kind));
        }
    }
    let mut initrd = None;
    if info.modules > 0 {
        // SAFETY: a module is all numbers.
        let module: Module = unsafe { read(info.module_list) }?;
        initrd = (module.size > 0).then(|| module.address..module.address.saturating_add(module.size));
    }
    let length = if info.command_line == 0 { 0 } else { string_length(info.command_line) };
    let command_line = info.command_line..info.command_line.saturating_add(length);
    if length > 0 {
        structures = structures.start.min(command_line.start)..structures.end.max(command_line.end);
    }
    Some(Loader { command_line, initrd, rsdp: (info.rsdp != 0).then_some(info.rsdp), framebuffer: None, structures })
}
