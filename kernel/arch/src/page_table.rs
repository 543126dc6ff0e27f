//! Four-level page tables, as the x86_64 processor reads them (Intel SDM volume 3, 4.5).
//!
//! The tables are ordinary frames reached through [`phys_to_virt`], so both trees share this file: the machine hands
//! the root to CR3, the hosted tree walks it in software for user copies. User leaves are always 4 KiB pages.

use core::ops::{ControlFlow, Range};
use core::sync::atomic::{AtomicU64, Ordering};

use crate::machine::tlb;
use crate::types::{FrameSource, OutOfFrames, PageFlags};
use crate::{Frame, PAGE_SIZE, PhysAddr, USER_END, phys_to_virt};

const PRESENT: u64 = 1;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// Bits that stand for themselves in an entry; EXECUTE is the one that is stored inverted.
const PLAIN: u64 = PageFlags::all().bits() & !NO_EXECUTE;
/// Marks an entry that keeps its frame and rights while the processor sees no page there.
const INACCESSIBLE: u64 = PageFlags::INACCESSIBLE.bits();
/// Interior entries allow everything: the leaf decides.
const INTERIOR: u64 = PRESENT | PageFlags::WRITE.bits() | PageFlags::USER.bits();
const ENTRIES: usize = 512;
/// Entries that are looked at together.
const GROUP: usize = 8;
/// Entries of the root that belong to user space; the others are the kernel's, the same in every table.
const USER_ENTRIES: usize = 256;
/// Pages up to which `flush` invalidates one by one: above it, reloading CR3 is cheaper.
const FLUSH_BY_PAGE: usize = 32;

type Table = [AtomicU64; ENTRIES];

fn table(frame: Frame) -> &'static Table {
    // SAFETY: every frame that gets here came from a FrameSource as a page table (or is the root) and is reachable
    // through the physical map. Entries are atomics since the processor writes accessed and dirty bits at any time;
    // a table is freed only by `free_user_tables` and `drop`, which take the tables' owner by `&mut`.
    unsafe { &*phys_to_virt(frame.address()).cast::<Table>() }
}

fn encode(frame: Frame, flags: PageFlags) -> u64 {
    let present = if flags.contains(PageFlags::INACCESSIBLE) { 0 } else { PRESENT };
    frame.address().0 | present | (flags.bits() & PLAIN) | if flags.contains(PageFlags::EXECUTE) { 0 } else { NO_EXECUTE }
}

#[inline]
fn frame_of(entry: u64) -> Frame {
    Frame::containing(PhysAddr(entry & ADDRESS))
}

fn decode(entry: u64) -> Option<(Frame, PageFlags)> {
    (entry & (PRESENT | INACCESSIBLE) != 0).then(|| {
        let mut flags = PageFlags::from_bits_truncate(entry & PLAIN);
        flags.set(PageFlags::EXECUTE, entry & NO_EXECUTE == 0);
        (frame_of(entry), flags)
    })
}

/// Bytes that one entry of a table at `level` (4 = root, 1 = leaves) covers.
const fn span(level: u32) -> usize {
    PAGE_SIZE << (9 * (level - 1))
}

const fn index(address: usize, level: u32) -> usize {
    (address / span(level)) % ENTRIES
}

/// One present leaf entry, for the callback of [`PageTable::visit`].
#[derive(Debug)]
pub struct Leaf<'a>(&'a AtomicU64);

impl Leaf<'_> {
    /// The frame mapped here; once the entry was cleared, frame 0.
    pub fn frame(&self) -> Frame {
        frame_of(self.0.load(Ordering::Relaxed))
    }

    /// Its rights, with the accessed and dirty bits as they are now; none once the entry was cleared.
    pub fn flags(&self) -> PageFlags {
        decode(self.0.load(Ordering::Relaxed)).map_or(PageFlags::empty(), |(_, flags)| flags)
    }

    /// Gives the page other rights. The caller flushes.
    pub fn set_flags(&mut self, flags: PageFlags) {
        self.0.store(encode(self.frame(), flags), Ordering::Relaxed);
    }

    /// Puts another frame here. The caller flushes.
    pub fn set(&mut self, frame: Frame, flags: PageFlags) {
        self.0.store(encode(frame, flags), Ordering::Relaxed);
    }

    /// Unmaps the page and says what was there last. The caller flushes before the frame is used again.
    pub fn clear(&mut self) -> Option<(Frame, PageFlags)> {
        decode(self.0.swap(0, Ordering::Relaxed))
    }
}

/// The page tables of one address space. The kernel's half is shared by all.
///
/// Its owner must give the tables back by [`PageTable::free_user_tables`] and the root by [`PageTable::free`]: a plain
/// drop would not know where to, and leaks them.
#[derive(Debug)]
pub struct PageTable {
    root: Frame,
}

impl PageTable {
    /// A table with an empty user half. None when there is no frame.
    pub fn new(frames: &mut dyn FrameSource) -> Option<PageTable> {
        let root = frames.allocate()?;
        tlb::copy_kernel_half(root);
        Some(PageTable { root })
    }

    /// The frame of the root table.
    pub fn root(&self) -> Frame {
        self.root
    }

    /// Makes this the address space of this CPU; costs nothing when it is that already.
    pub fn activate(&self) {
        if !self.is_active() {
            tlb::load(self.root);
        }
    }

    /// Whether this CPU uses it now.
    pub fn is_active(&self) -> bool {
        tlb::loaded() == Some(self.root)
    }

    /// Maps the page at `address` to `frame`, replacing what was there. An entry that was absent needs no flush
    /// afterwards, one that was present does. An address outside user space is refused as if there were no memory for it.
    pub fn map(&mut self, address: usize, frame: Frame, flags: PageFlags, frames: &mut dyn FrameSource) -> Result<(), OutOfFrames> {
        if address >= USER_END {
            return Err(OutOfFrames);
        }
        let mut tables = table(self.root);
        for level in [4, 3, 2] {
            let entry = &tables[index(address, level)];
            let mut value = entry.load(Ordering::Relaxed);
            if value == 0 {
                value = frames.allocate().ok_or(OutOfFrames)?.address().0 | INTERIOR;
                entry.store(value, Ordering::Release);
            }
            tables = table(frame_of(value));
        }
        tables[index(address, 1)].store(encode(frame, flags), Ordering::Release);
        Ok(())
    }

    /// Unmaps the page at `address` and says what was there. The caller flushes before the frame is used again.
    pub fn unmap(&mut self, address: usize) -> Option<(Frame, PageFlags)> {
        decode(self.entry(address)?.swap(0, Ordering::Relaxed))
    }

    /// Gives the page at `address` other rights; false when there is none. The caller flushes.
    pub fn protect(&mut self, address: usize, flags: PageFlags) -> bool {
        let Some(entry) = self.entry(address) else { return false };
        match decode(entry.load(Ordering::Relaxed)) {
            Some((frame, _)) => {
                entry.store(encode(frame, flags), Ordering::Relaxed);
                true
            }
            None => false,
        }
    }

    /// The frame and rights of the page at `address`.
    pub fn translate(&self, address: usize) -> Option<(Frame, PageFlags)> {
        decode(self.entry(address)?.load(Ordering::Relaxed))
    }

    fn entry(&self, address: usize) -> Option<&'static AtomicU64> {
        leaf(self.root, address)
    }

    /// Shows each present page of `range` to `f`, in ascending order; subtrees that aren't there are skipped at once.
    /// The callback may change or clear entries, and ends the walk by `Break`; the caller flushes.
    pub fn visit(&mut self, range: Range<usize>, f: &mut (impl FnMut(usize, &mut Leaf<'_>) -> ControlFlow<()> + ?Sized)) {
        let end = range.end.min(USER_END);
        let start = range.start & !(PAGE_SIZE - 1);
        if start < end {
            let _stopped_early = visit_level(self.root, 4, start, end, f);
        }
    }

    /// Drops what this CPU's TLB holds of `range`, if the table is loaded here: page by page for short ranges, else all
    /// of it.
    pub fn flush(&self, range: Range<usize>) {
        if !self.is_active() {
            return;
        }
        let start = range.start & !(PAGE_SIZE - 1);
        let pages = range.end.saturating_sub(start).div_ceil(PAGE_SIZE);
        if pages > FLUSH_BY_PAGE {
            tlb::load(self.root);
        } else {
            for page in 0..pages {
                tlb::invalidate(start + page * PAGE_SIZE);
            }
        }
    }

    /// Gives back all interior tables of the user half. The leaves must have been cleared; the table must not be in use
    /// by another CPU. If it is loaded on this one, its cached interior entries are dropped.
    pub fn free_user_tables(&mut self, frames: &mut dyn FrameSource) {
        free_level(self.root, 4, USER_ENTRIES, frames);
        if self.is_active() {
            tlb::load(self.root);
        }
    }

    /// Gives back the root and what is left below it. If this CPU still uses it, the kernel's own table is loaded first.
    pub fn free(mut self, frames: &mut dyn FrameSource) {
        if self.is_active() {
            tlb::load_kernel();
        }
        self.free_user_tables(frames);
        frames.free(self.root);
    }
}

/// Leaves whatever user space is loaded on this CPU: from here on only the kernel's own half is there.
pub fn deactivate() {
    tlb::load_kernel();
}

/// The leaf entry for a user address below this root, if its tables exist.
pub(crate) fn leaf(root: Frame, address: usize) -> Option<&'static AtomicU64> {
    if address >= USER_END {
        return None;
    }
    let mut tables = table(root);
    for level in [4, 3, 2] {
        let entry = tables[index(address, level)].load(Ordering::Acquire);
        if entry == 0 {
            return None;
        }
        tables = table(frame_of(entry));
    }
    Some(&tables[index(address, 1)])
}

/// The first entry from `at` on, below `end`, that isn't empty. Tables are mostly empty, so eight are looked at together.
#[inline]
fn next_used(table: &Table, mut at: usize, end: usize) -> Option<usize> {
    while at < end {
        if at.is_multiple_of(GROUP)
            && at + GROUP <= end
            && let Some(group) = table.get(at..at + GROUP)
            && group.iter().fold(0, |all, entry| all | entry.load(Ordering::Relaxed)) == 0
        {
            at += GROUP;
        } else if table[at % ENTRIES].load(Ordering::Acquire) != 0 {
            return Some(at);
        } else {
            at += 1;
        }
    }
    None
}

/// Visits the leaves from `start` up to `end`, which lie below one table of this level.
fn visit_level<F>(frame: Frame, level: u32, start: usize, end: usize, f: &mut F) -> ControlFlow<()>
where
    F: FnMut(usize, &mut Leaf<'_>) -> ControlFlow<()> + ?Sized,
{
    let table = table(frame);
    let base = start & !(span(level + 1) - 1);
    let behind = index(end - 1, level) + 1;
    let mut at = index(start, level);
    while let Some(used) = next_used(table, at, behind) {
        let address = base + used * span(level);
        let entry = &table[used % ENTRIES];
        if level == 1 {
            f(address, &mut Leaf(entry))?;
        } else {
            let below = frame_of(entry.load(Ordering::Relaxed));
            visit_level(below, level - 1, address.max(start), end.min(address + span(level)), f)?;
        }
        at = used + 1;
    }
    ControlFlow::Continue(())
}

fn free_level(frame: Frame, level: u32, entries: usize, frames: &mut dyn FrameSource) {
    let table = table(frame);
    let mut at = 0;
    while let Some(used) = next_used(table, at, entries) {
        let below = frame_of(table[used % ENTRIES].swap(0, Ordering::Relaxed));
        if level > 2 {
            free_level(below, level - 1, ENTRIES, frames);
        }
        frames.free(below);
        at = used + 1;
    }
}

#[cfg(test)]
mod tests;
