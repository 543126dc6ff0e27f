//! Files about memory: meminfo, buddyinfo, vmstat.

use core::fmt::{self, Write};

use memory::PAGE_SIZE;

use super::text::Text;

/// KiB of a page.
const PAGE_KIB: usize = PAGE_SIZE / 1024;

/// TMPFS_MAGIC.
const TMPFS: u64 = 0x0102_1994;

/// Pages that files in memory hold: all file systems of that kind which the caller can see.
fn file_pages() -> usize {
    let Some(Ok(context)) = process::with_current(|thread| thread.fs()) else { return 0 };
    let mut top = context.root().mount().clone();
    while let Some(below) = top.attached_at() {
        top = below.mount().clone();
    }
    let mut seen = alloc::vec::Vec::new();
    let mut pages = 0;
    for mount in fs::mount::list(&top) {
        let statistics = mount.fs().statistics();
        if statistics.kind == TMPFS && !seen.contains(&statistics.identity) {
            seen.push(statistics.identity);
            pages += statistics.blocks.saturating_sub(statistics.blocks_free) as usize;
        }
    }
    pages
}

/// Pages that processes have mapped: in all, of files, and of page tables.
fn mapped_pages() -> (usize, usize, usize) {
    let (mut resident, mut of_files, mut tables) = (0, 0, 0);
    let mut pid = 0;
    while let Some(process) = process::next_process(pid) {
        if let Some(space) = process.space() {
            let usage = space.usage();
            resident += usage.resident_pages;
            of_files += usage.resident_file_pages;
            tables += usage.table_pages;
        }
        pid = process.pid() + 1;
    }
    (resident, of_files, tables)
}

pub(super) fn meminfo(text: &mut Text<'_>) -> fmt::Result {
    let frames = memory::frames::stats();
    let heap = memory::heap::stats();
    let files = file_pages().min(frames.total.saturating_sub(frames.free));
    let (resident, of_files, tables) = mapped_pages();
    let heap_frames = heap.slab_frames + heap.large_frames;
    let available = frames.free.saturating_sub(frames.reserve);
    let lines = [
        ("MemTotal", frames.total),
        ("MemFree", frames.free),
        ("MemAvailable", available),
        ("Buffers", 0),
        ("Cached", files),
        ("SwapCached", 0),
        ("Active", 0),
        ("Inactive", files),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Dirty", 0),
        ("Writeback", 0),
        ("AnonPages", resident.saturating_sub(of_files)),
        ("Mapped", of_files),
        ("Shmem", files),
        ("KReclaimable", 0),
        ("Slab", heap_frames),
        ("SReclaimable", 0),
        ("SUnreclaim", heap_frames),
        ("KernelStack", 0),
        ("PageTables", tables),
    ];
    for (name, pages) in lines {
        meminfo_line(text, name, pages.saturating_mul(PAGE_KIB))?;
    }
    Ok(())
}

/// "MemTotal:        1234567 kB": a name and its colon take sixteen columns with their padding, the number eight more at least.
pub(super) fn meminfo_line(text: &mut Text<'_>, name: &str, kib: usize) -> fmt::Result {
    let start = text.len();
    write!(text, "{name}:")?;
    text.pad(start, 15)?;
    writeln!(text, "{kib:8} kB")
}

pub(super) fn buddyinfo(text: &mut Text<'_>) -> fmt::Result {
    text.write_str("Node 0, zone   Normal ")?;
    for count in memory::frames::blocks() {
        write!(text, "{count:6} ")?;
    }
    text.write_str("\n")
}

pub(super) fn vmstat(text: &mut Text<'_>) -> fmt::Result {
    let (mut minor, mut major) = (0, 0);
    let mut pid = 0;
    while let Some(process) = process::next_process(pid) {
        for usage in [process.usage(), process.children_usage()] {
            minor += usage.minor_faults;
            major += usage.major_faults;
        }
        pid = process.pid() + 1;
    }
    writeln!(text, "nr_free_pages {}\nnr_slab_unreclaimable {}", memory::frames::stats().free, memory::heap::stats().slab_frames)?;
    writeln!(text, "pgfault {}\npgmajfault {major}", minor + major)
}
