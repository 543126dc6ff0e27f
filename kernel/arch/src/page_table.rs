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

fn decode(entry: u64) -> Option<(Frame, PageFlags)> {
    (entry & (PRESENT | INACCESSIBLE) != 0).then(|| {
        let mut flags = PageFlags::from_bits_truncate(entry & PLAIN);
        flags.set(PageFlags::EXECUTE, entry & NO_EXECUTE == 0);
        (Frame::containing(PhysAddr(entry & ADDRESS)), flags)
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
        Frame::containing(PhysAddr(self.0.load(Ordering::Relaxed) & ADDRESS))
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
            let next = match decode(entry.load(Ordering::Relaxed)) {
                Some((next, _)) => next,
                None => {
                    let next = frames.allocate().ok_or(OutOfFrames)?;
                    entry.store(next.address().0 | INTERIOR, Ordering::Release);
                    next
                }
            };
            tables = table(next);
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
    pub fn visit(&mut self, range: Range<usize>, f: &mut dyn FnMut(usize, &mut Leaf<'_>) -> ControlFlow<()>) {
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
        let (next, _) = decode(tables[index(address, level)].load(Ordering::Acquire))?;
        tables = table(next);
    }
    Some(&tables[index(address, 1)])
}

fn visit_level(
    frame: Frame,
    level: u32,
    start: usize,
    end: usize,
    f: &mut dyn FnMut(usize, &mut Leaf<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let tables = table(frame);
    let mut address = start;
    while address < end {
        let entry = &tables[index(address, level)];
        let next = (address & !(span(level) - 1)) + span(level);
        if let Some((below, _)) = decode(entry.load(Ordering::Acquire)) {
            if level == 1 {
                f(address, &mut Leaf(entry))?;
            } else {
                visit_level(below, level - 1, address, end.min(next), f)?;
            }
        }
        address = next;
    }
    ControlFlow::Continue(())
}

fn free_level(frame: Frame, level: u32, entries: usize, frames: &mut dyn FrameSource) {
    for entry in &table(frame)[..entries] {
        if let Some((below, _)) = decode(entry.load(Ordering::Relaxed)) {
            entry.store(0, Ordering::Relaxed);
            if level > 2 {
                free_level(below, level - 1, ENTRIES, frames);
            }
            frames.free(below);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosted;
    use crate::user::{copy_in, copy_out, load_u32};

    /// Hands out frames of the hosted memory's last pages, one range for each test.
    struct Frames(Vec<Frame>, usize);
    impl Frames {
        fn new(first: u64) -> Frames {
            hosted::init_memory(64 << 20);
            Frames((first..first + 64).map(Frame::from_number).collect(), 64)
        }
        fn all_back(&self) -> bool {
            self.0.len() == self.1
        }
    }
    impl FrameSource for Frames {
        fn allocate(&mut self) -> Option<Frame> {
            let frame = self.0.pop()?;
            // SAFETY: a frame of this test alone.
            unsafe { phys_to_virt(frame.address()).write_bytes(0, PAGE_SIZE) };
            Some(frame)
        }
        fn free(&mut self, frame: Frame) {
            self.0.push(frame);
        }
    }

    const RW: PageFlags = PageFlags::USER.union(PageFlags::WRITE);

    #[test]
    fn maps_translates_and_gives_everything_back() {
        let mut frames = Frames::new(8000);
        let mut table = PageTable::new(&mut frames).unwrap();
        let pages = [0x1000, 0x40_0000, 0x7fff_ffff_e000];
        let mut data = Vec::new();
        for &page in &pages {
            let frame = frames.allocate().unwrap();
            table.map(page, frame, RW, &mut frames).unwrap();
            data.push(frame);
        }
        assert_eq!(table.map(USER_END, data[0], RW, &mut frames), Err(OutOfFrames));
        assert_eq!(table.translate(0x40_0123), Some((data[1], RW)));
        let mut seen = Vec::new();
        table.visit(0x2000..usize::MAX, &mut |page, _| {
            seen.push(page);
            ControlFlow::Continue(())
        });
        assert_eq!(seen, pages[1..]);
        table.visit(0..USER_END, &mut |_, leaf| {
            frames.free(leaf.clear().unwrap().0);
            ControlFlow::Continue(())
        });
        table.free_user_tables(&mut frames);
        assert_eq!(table.translate(0x1000), None);
        table.free(&mut frames);
        assert!(frames.all_back());
    }

    #[test]
    fn copies_stop_where_the_program_may_not_go() {
        let mut frames = Frames::new(8100);
        let mut table = PageTable::new(&mut frames).unwrap();
        let frame = frames.allocate().unwrap();
        table.map(0x1000, frame, RW, &mut frames).unwrap();
        table.activate();
        // SAFETY: local buffers.
        unsafe {
            assert_eq!(copy_out(0x1ff0, [7; 32].as_ptr(), 32).unwrap_err().done, 16);
            let mut back = [0; 32];
            let fault = copy_in(back.as_mut_ptr(), 0x1ff0, 32).unwrap_err();
            assert_eq!((fault.address, fault.done), (0x2000, 16));
            assert_eq!(back[..16], [7; 16]);
        }
        assert!(table.translate(0x1000).unwrap().1.contains(PageFlags::ACCESSED | PageFlags::DIRTY));
        assert!(table.protect(0x1000, RW | PageFlags::INACCESSIBLE));
        assert_eq!(table.translate(0x1000), Some((frame, RW | PageFlags::INACCESSIBLE)));
        assert!(load_u32(0x1000).is_err());
        assert!(load_u32(usize::MAX - 1).is_err());
        deactivate();
        table.free(&mut frames);
    }
}
