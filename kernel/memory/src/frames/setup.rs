//! Taking over the machine's memory: from the boot memory map to a filled buddy allocator.
//!
//! The array of frame descriptions covers every frame from 0 to the end of RAM, holes included: a hole costs 16 bytes a frame and saves a
//! search at every look-up. It is placed in the first usable stretch that is large enough.

use super::{Buddy, FREE, FrameInfo, INFO_COUNT, INFOS, RESERVE, TOTAL};
use arch::boot::{BootInfo, MemoryKind, MemoryRegion};
use arch::{PAGE_SIZE, PhysAddr, phys_to_virt};
use core::ops::Range;
use core::sync::atomic::Ordering::Relaxed;

/// The first megabyte stays out: firmware data, start-up code of further processors and option ROMs live there.
const LOW_MEMORY: u64 = 1 << 20;

/// Part of memory kept for the kernel: one frame in this many…
const RESERVE_PART: usize = 64;
/// …but at least and at most so many frames (256 KiB, 4 MiB).
const RESERVE_BOUNDS: (usize, usize) = (64, 1024);

/// Why memory could not be set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupError {
    /// The memory map names no usable memory.
    NoMemory,
    /// No stretch of memory can hold the array of frame descriptions.
    Fragmented,
    /// Memory was taken over before.
    Twice,
}

impl core::fmt::Display for SetupError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            SetupError::NoMemory => "the memory map names no usable memory",
            SetupError::Fragmented => "no stretch of usable memory can hold the frame table",
            SetupError::Twice => "memory was set up before",
        })
    }
}

/// Takes over all usable memory but the first megabyte, the kernel and the initrd. Called once, before anything allocates; a second call is
/// refused as [`SetupError::Twice`].
pub fn init(boot: &BootInfo) -> Result<(), SetupError> {
    if INFO_COUNT.load(Relaxed) != 0 {
        return Err(SetupError::Twice);
    }
    let initrd = boot.initrd.clone().unwrap_or(0..0);
    // SAFETY: `arch` made the boot information: what it calls usable is RAM that nothing uses but the kernel image and the initrd, and it is
    // mapped at `phys_to_virt`. It has not been taken over before.
    unsafe { take_over(boot.memory, &[0..LOW_MEMORY, boot.kernel.clone(), initrd]) }
}

/// Gives memory that was reserved at boot (the initrd, once unpacked) to the allocator. Only whole frames inside the range are taken.
///
/// # Safety
/// The range must be RAM that was not given before and that nothing uses any more.
pub unsafe fn add_range(range: Range<u64>) {
    let (start, end) = whole_frames(&range);
    let added = super::with_buddy(|buddy| buddy.add_range(start, end.min(INFO_COUNT.load(Relaxed) as u32)));
    FREE.fetch_add(added, Relaxed);
    TOTAL.fetch_add(added, Relaxed);
}

/// Prepares `bytes` of memory for host tests of this room and those above; later calls do nothing.
#[cfg(not(target_os = "none"))]
pub fn init_hosted(bytes: usize) {
    static DONE: sync::Once<()> = sync::Once::new();
    DONE.get_or_init(|| {
        let boot = arch::hosted::init_memory(bytes);
        // SAFETY: hosted memory was just allocated for this purpose and is mapped at phys_to_virt.
        if let Err(error) = unsafe { take_over(boot.memory, &[]) } {
            log::error!("hosted memory: {error}");
        }
    });
}

/// # Safety
/// As for [`init`], with `excluded` as the ranges to leave alone.
unsafe fn take_over(regions: &[MemoryRegion], excluded: &[Range<u64>]) -> Result<(), SetupError> {
    let usable = || regions.iter().filter(|region| region.kind == MemoryKind::Usable);
    let end = usable().map(|region| region.start.saturating_add(region.len)).max().unwrap_or(0);
    // A u32 holds frame numbers of up to 16 TiB; what lies beyond stays unused.
    let count = (end / PAGE_SIZE as u64).min(u64::from(u32::MAX)) as usize;
    if count == 0 {
        return Err(SetupError::NoMemory);
    }
    let table_bytes = (count * size_of::<FrameInfo>()).next_multiple_of(PAGE_SIZE) as u64;
    let mut place = None;
    for region in usable() {
        each_gap(region.start..region.start.saturating_add(region.len), excluded, &mut |gap| {
            let start = gap.start.next_multiple_of(PAGE_SIZE as u64).max(PAGE_SIZE as u64);
            if place.is_none() && start.saturating_add(table_bytes) <= gap.end {
                place = Some(start..start + table_bytes);
            }
        });
    }
    let table = place.ok_or(SetupError::Fragmented)?;
    let infos = phys_to_virt(PhysAddr(table.start)).cast::<FrameInfo>();
    // SAFETY: the range is usable RAM, page aligned, large enough for `count` entries and from here on used for nothing else. All-zero bytes
    // are valid entries (atomics with value 0). The slice lives as long as the kernel.
    let slice: &'static [FrameInfo] = unsafe {
        infos.cast::<u8>().write_bytes(0, table_bytes as usize);
        core::slice::from_raw_parts(infos, count)
    };
    let mut buddy = Buddy::new(slice);
    for region in usable() {
        each_gap(region.start..region.start.saturating_add(region.len), excluded, &mut |gap| {
            each_gap(gap, core::slice::from_ref(&table), &mut |free| {
                let (start, end) = whole_frames(&free);
                buddy.add_range(start, end.min(count as u32));
            });
        });
    }
    let free = buddy.free_frames();
    INFOS.store(infos, Relaxed);
    INFO_COUNT.store(count, Relaxed);
    FREE.store(free, Relaxed);
    TOTAL.store(free, Relaxed);
    RESERVE.store((free / RESERVE_PART).clamp(RESERVE_BOUNDS.0, RESERVE_BOUNDS.1), Relaxed);
    super::with_buddy(|empty| *empty = buddy);
    Ok(())
}

/// The numbers of the frames that lie wholly inside a range of bytes, as start and end.
pub(super) fn whole_frames(range: &Range<u64>) -> (u32, u32) {
    let page = PAGE_SIZE as u64;
    let number = |frame: u64| u32::try_from(frame).unwrap_or(u32::MAX);
    (number(range.start.div_ceil(page)), number(range.end / page))
}

/// Calls `visit` for each part of `range` that no range of `excluded` covers, in rising order.
pub(super) fn each_gap(range: Range<u64>, excluded: &[Range<u64>], visit: &mut dyn FnMut(Range<u64>)) {
    let mut at = range.start;
    while at < range.end {
        if let Some(hit) = excluded.iter().find(|e| e.contains(&at)) {
            at = hit.end.next_multiple_of(PAGE_SIZE as u64);
            continue;
        }
        let next = excluded.iter().filter(|e| e.start > at && !e.is_empty()).map(|e| e.start).min().unwrap_or(range.end).min(range.end);
        visit(at..next);
        at = next;
    }
}
