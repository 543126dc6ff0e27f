//! What there is to see about paging on this machine, as text: for the tour's chapter.

use core::fmt::{self, Write};

use arch::PAGE_SIZE;
use arch::boot::{MemoryKind, MemoryRegion};

use crate::address::{index, map_cost};
use crate::dump::{Bytes, Letters, MemoryMap, level_4, page_tables};
use crate::processor::active_root;
use crate::{Mapper, Offset, PageSize, Processor};

/// Writes the memory map, the active level-4 table, what is mapped, what the map of physical memory costs, and some translations.
///
/// The kernel's own tables must be the active ones (`arch::paging::deactivate`).
pub fn report(memory: &[MemoryRegion], out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "The memory map:\n{}", MemoryMap(memory))?;
    // SAFETY: the kernel's own tables, which don't change after boot and are only read here.
    let mut tables = unsafe { Offset::mapper(active_root(), Processor::new()) };
    writeln!(out, "CR3 points to the level-4 table at {:#x}. Its entries:", active_root().address().0)?;
    level_4(&mut tables, out)?;
    writeln!(out, "\nWhat is mapped:")?;
    page_tables(&mut tables, out)?;
    let usable = memory.iter().filter(|region| region.kind == MemoryKind::Usable);
    let end = usable.map(|region| region.start + region.len).max().unwrap_or(0);
    writeln!(out, "\nTables for a map of all physical memory:")?;
    for bytes in [end.next_multiple_of(PAGE_SIZE as u64), 32 << 30] {
        for size in [PageSize::Size4K, PageSize::Size2M, PageSize::Size1G] {
            writeln!(out, "{} in pages of {}: {}", Bytes(bytes), Bytes(size.bytes() as u64), Bytes(map_cost(bytes, size)))?;
        }
    }
    writeln!(out, "\nWhere some addresses lead:")?;
    let on_stack = 0_u8;
    let direct_map = arch::phys_to_virt(arch::PhysAddr(0)).addr();
    for (what, address) in [
        ("the beginning of physical memory", direct_map),
        ("this function", (report as *const ()).addr()),
        ("a variable of it", (&raw const on_stack).addr()),
        ("nowhere", 0xdea_dbea_f000),
    ] {
        let [four, three, two, one] = [4, 3, 2, 1].map(|level| index(address, level));
        write!(out, "{address:016x} = {four:3} {three:3} {two:3} {one:3} + {:4} ", address % PAGE_SIZE)?;
        match tables.translate(address) {
            Some(found) => {
                let size = Bytes(found.page.size.bytes() as u64);
                writeln!(out, "-> {:#x}, {} in a page of {size}: {what}", found.physical.0, Letters(found.effective))?;
            }
            None => writeln!(out, "-> not mapped: {what}")?,
        }
    }
    Ok(())
}
