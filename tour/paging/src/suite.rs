//! One set of tests that every mapper passes, on the processor and on its model. A test that fails panics.

use arch::paging::FrameSource;
use arch::{Frame, PAGE_SIZE, PhysAddr, phys_to_virt};

use crate::address::{index, span};
use crate::example::{cells, show_new};
use crate::{Entry, Flags, MapError, Mapper, Mmu, Page, PageSize, UnmapError};

/// What the tests work with.
pub struct Bench<'a> {
    /// The mapper to be tested, for the active address space.
    pub mapper: &'a mut dyn Mapper,
    /// How the mapped pages are touched.
    pub mmu: &'a dyn Mmu,
    /// Frames for tables and pages, all of them in the first GiB of memory.
    pub frames: &'a mut dyn FrameSource,
    /// The beginning of 512 GiB in which nothing is mapped.
    pub free: usize,
}

/// No frames at all.
pub struct NoFrames;

impl FrameSource for NoFrames {
    fn allocate(&mut self) -> Option<Frame> {
        None
    }

    fn free(&mut self, _frame: Frame) {}
}

/// The first word of a frame, as the map of physical memory shows it.
fn word(frame: Frame) -> u64 {
    // SAFETY: a frame of the test's own.
    unsafe { phys_to_virt(frame.address()).cast::<u64>().read_volatile() }
}

/// Everything that a mapper must be able to do, whichever sizes it has.
pub fn all(bench: &mut Bench<'_>) {
    small_pages(bench);
    flags(bench);
    errors(bench);
    level_4(bench);
    new_on_a_screen(bench);
}

/// What mappers of all sizes can do beyond that.
pub fn all_sizes(bench: &mut Bench<'_>) {
    huge_pages(bench);
    errors_of_huge_pages(bench);
    tables_come_and_go(bench);
}

impl Bench<'_> {
    fn frame(&mut self) -> Frame {
        self.frames.allocate().expect("a frame")
    }

    fn map(&mut self, page: Page, frame: Frame, flags: Flags) {
        self.mapper.map(page, frame, flags, self.frames).expect("the page is free, and there are frames");
    }

    fn unmap(&mut self, page: Page) -> Frame {
        let (frame, _) = self.mapper.unmap(page).expect("a mapped page");
        self.mapper.free_empty_tables(page.address, self.frames);
        frame
    }
}

/// Pages map where they are told to, translate, and can be moved to another frame.
pub fn small_pages(bench: &mut Bench<'_>) {
    let frames = [bench.frame(), bench.frame()];
    // Neighbours, and pages that share no table below the root.
    let pages = [0, PAGE_SIZE, 511 * PAGE_SIZE, span(2), span(3), span(4) - PAGE_SIZE].map(|offset| Page::small(bench.free + offset));
    for (number, page) in pages.into_iter().enumerate() {
        let frame = frames[number % 2];
        assert_eq!(bench.mapper.translate(page.address), None);
        bench.map(page, frame, Flags::DATA);
        let found = bench.mapper.translate(page.address + 0x5ce).expect("mapped");
        assert_eq!((found.physical, found.page), (PhysAddr(frame.address().0 + 0x5ce), page));
        bench.mmu.store(page.address, 0x1000 + number as u64);
        assert_eq!(word(frame), 0x1000 + number as u64);
    }
    // Pages on one frame show the same.
    assert_eq!([0, 2, 4].map(|number| bench.mmu.load(pages[number].address)), [0x1004; 3]);
    // Another frame in a page that was in use: the old translation must be gone.
    for (page, old) in pages.into_iter().zip([0, 1, 0, 1, 0, 1]) {
        assert_eq!(bench.unmap(page), frames[old]);
        assert_eq!(bench.mapper.translate(page.address), None);
        bench.map(page, frames[1 - old], Flags::DATA);
        assert_eq!(bench.mmu.load(page.address), word(frames[1 - old]));
    }
    for page in pages {
        bench.unmap(page);
    }
    frames.into_iter().for_each(|frame| bench.frames.free(frame));
}

/// Flags are kept as given, can be changed, and no page has rights that it wasn't given.
pub fn flags(bench: &mut Bench<'_>) {
    let frame = bench.frame();
    let page = Page::small(bench.free + 5 * PAGE_SIZE);
    let kept = Flags::PRESENT | Flags::WRITABLE | Flags::USER | Flags::NO_CACHE | Flags::GLOBAL | Flags::NO_EXECUTE;
    for given in [Flags::PRESENT, Flags::DATA, kept, kept - Flags::WRITABLE, kept - Flags::NO_EXECUTE] {
        bench.map(page, frame, given);
        let found = bench.mapper.translate(page.address).expect("mapped");
        assert_eq!((found.flags, found.effective), (given, given));
        assert_eq!(bench.mapper.set_flags(page, Flags::DATA), Ok(()));
        assert_eq!(bench.mapper.translate(page.address).expect("mapped").flags, Flags::DATA);
        bench.mmu.store(page.address, 1);
        // Whoever wrote set the processor's own bits, if it is a processor.
        let flags = bench.mapper.translate(page.address).expect("mapped").flags;
        assert_eq!(flags - Flags::ACCESSED - Flags::DIRTY, Flags::DATA);
        bench.unmap(page);
    }
    bench.frames.free(frame);
}

/// What can't be done is said, and changes nothing.
pub fn errors(bench: &mut Bench<'_>) {
    let frame = bench.frame();
    // An address that nobody has tables for, and no frames for them.
    let nowhere = Page::small(0xdea_dbea_f000);
    assert_eq!(bench.mapper.map(nowhere, frame, Flags::DATA, &mut NoFrames), Err(MapError::NoFrame));
    assert_eq!(bench.mapper.translate(nowhere.address), None);
    let page = Page::small(bench.free + 7 * PAGE_SIZE);
    bench.map(page, frame, Flags::PRESENT);
    let other = bench.frame();
    assert_eq!(bench.mapper.map(page, other, Flags::DATA, bench.frames), Err(MapError::AlreadyMapped));
    assert_eq!(bench.mapper.translate(page.address).map(|found| found.physical), Some(frame.address()));
    let next = Page::small(page.address + PAGE_SIZE);
    assert_eq!(bench.mapper.unmap(next), Err(UnmapError::NotMapped));
    assert_eq!(bench.mapper.set_flags(next, Flags::DATA), Err(UnmapError::NotMapped));
    for address in [1 << 47, 0xffff_7fff_ffff_f000, bench.free + 8] {
        let page = Page::small(address);
        assert_eq!(bench.mapper.map(page, frame, Flags::DATA, bench.frames), Err(MapError::Misaligned));
        assert_eq!(bench.mapper.unmap(page), Err(UnmapError::NotMapped));
    }
    assert_eq!(bench.mapper.translate(1 << 47), None);
    bench.unmap(page);
    bench.frames.free(frame);
    bench.frames.free(other);
}

/// The level-4 table is seen as it is.
pub fn level_4(bench: &mut Bench<'_>) {
    let at = index(bench.free, 4);
    let frame = bench.frame();
    bench.map(Page::small(bench.free), frame, Flags::DATA);
    let root = bench.mapper.root();
    for number in (0..10).chain([at]) {
        // SAFETY: the root of the address space under test, seen through the map of physical memory.
        let raw = unsafe { phys_to_virt(root.address()).cast::<Entry>().add(number).read_volatile() };
        assert_eq!(bench.mapper.level_4(number), raw, "entry {number}");
    }
    assert!(bench.mapper.level_4(at).is_present());
    bench.unmap(Page::small(bench.free));
    bench.frames.free(frame);
}

/// "New!" appears in the cells of a screen: here a frame that stands for one.
pub fn new_on_a_screen(bench: &mut Bench<'_>) {
    let screen = bench.frame();
    let page = Page::small(bench.free);
    show_new(bench.mapper, bench.mmu, page, screen, bench.frames).expect("a free page");
    assert_eq!(word(screen), cells(*b"New!", 0xf1));
    assert_eq!(word(screen).to_le_bytes(), *b"N\xf1e\xf1w\xf1!\xf1");
    bench.unmap(page);
    bench.frames.free(screen);
}

/// Pages of 2 MiB and 1 GiB show the frames that lie in them, and translate at any offset.
pub fn huge_pages(bench: &mut Bench<'_>) {
    let frame = bench.frame();
    let small = Page::small(bench.free);
    bench.map(small, frame, Flags::DATA);
    for page in [Page::large(bench.free + 3 * span(2)), Page::giant(bench.free + 5 * span(3))] {
        let size = page.size.bytes();
        let physical = frame.address().0 as usize;
        let start = Frame::containing(PhysAddr((physical - physical % size) as u64));
        bench.map(page, start, Flags::DATA);
        let inside = page.address + physical % size;
        let found = bench.mapper.translate(inside + 8).expect("mapped");
        assert_eq!((found.physical.0 as usize, found.page), (physical + 8, page));
        assert_eq!(found.flags - Flags::ACCESSED - Flags::DIRTY, Flags::DATA | Flags::HUGE);
        bench.mmu.store(small.address, size as u64);
        assert_eq!(bench.mmu.load(inside), size as u64);
        bench.mmu.store(inside, 17);
        assert_eq!((bench.mmu.load(small.address), word(frame)), (17, 17));
        // The last word of the page is translated as well.
        assert_eq!(bench.mapper.translate(page.address + size - 8).expect("mapped").page, page);
        assert_eq!(bench.mapper.translate(page.address + size), None);
        assert_eq!(bench.mapper.set_flags(page, Flags::PRESENT | Flags::NO_EXECUTE), Ok(()));
        let found = bench.mapper.translate(inside).expect("mapped");
        assert_eq!((found.page, found.flags.contains(Flags::WRITABLE)), (page, false));
        assert_eq!(bench.mmu.load(inside), 17);
        assert_eq!(bench.unmap(page), start);
        assert_eq!(bench.mapper.translate(inside), None);
    }
    bench.unmap(small);
    bench.frames.free(frame);
}

/// A page can't be within another.
pub fn errors_of_huge_pages(bench: &mut Bench<'_>) {
    let start = Frame::from_number(0);
    let frame = bench.frame();
    for huge in [Page::large(bench.free), Page::giant(bench.free)] {
        bench.map(huge, start, Flags::DATA);
        let inside = Page::small(huge.address + 3 * PAGE_SIZE);
        assert_eq!(bench.mapper.map(inside, frame, Flags::DATA, bench.frames), Err(MapError::ParentIsHuge));
        assert_eq!(bench.mapper.unmap(inside), Err(UnmapError::ParentIsHuge));
        assert_eq!(bench.mapper.set_flags(inside, Flags::DATA), Err(UnmapError::ParentIsHuge));
        assert_eq!(bench.mapper.map(huge, start, Flags::DATA, bench.frames), Err(MapError::AlreadyMapped));
        bench.unmap(huge);
        // The other way round: the huge page's place is taken by a table.
        bench.map(inside, frame, Flags::DATA);
        assert_eq!(bench.mapper.map(huge, start, Flags::DATA, bench.frames), Err(MapError::AlreadyMapped));
        assert_eq!(bench.mapper.unmap(huge), Err(UnmapError::NotMapped));
        bench.unmap(inside);
        // Frames that don't begin a page of this size, and addresses that don't either.
        assert_eq!(bench.mapper.map(huge, Frame::from_number(1), Flags::DATA, bench.frames), Err(MapError::Misaligned));
        let crooked = Page { address: huge.address + PAGE_SIZE, size: huge.size };
        assert_eq!(bench.mapper.map(crooked, start, Flags::DATA, bench.frames), Err(MapError::Misaligned));
    }
    bench.frames.free(frame);
}

/// Frames that are counted.
struct Counted<'a> {
    frames: &'a mut dyn FrameSource,
    /// Frames that may still be had.
    left: usize,
    out: usize,
    /// Kept by the test, so that a freed table isn't handed out again at once.
    last_freed: Option<Frame>,
}

impl FrameSource for Counted<'_> {
    fn allocate(&mut self) -> Option<Frame> {
        self.left = self.left.checked_sub(1)?;
        self.out += 1;
        self.frames.allocate()
    }

    fn free(&mut self, frame: Frame) {
        self.out -= 1;
        if let Some(old) = self.last_freed.replace(frame) {
            self.frames.free(old);
        }
    }
}

/// Tables are made when they are needed and given back when they are empty; new ones in their place are other frames, seen at once.
pub fn tables_come_and_go(bench: &mut Bench<'_>) {
    let data = bench.frame();
    for page in [Page::small(bench.free), Page::large(bench.free), Page::giant(bench.free)] {
        let needed = 4 - page.size.level() as usize;
        let frame = if page.size == PageSize::Size4K { data } else { Frame::from_number(0) };
        let mut counted = Counted { frames: bench.frames, left: 0, out: 0, last_freed: None };
        for left in 0..needed {
            counted.left = left;
            assert_eq!(bench.mapper.map(page, frame, Flags::DATA, &mut counted), Err(MapError::NoFrame));
            assert_eq!(counted.out, 0, "tables of a mapping that failed");
        }
        counted.left = usize::MAX;
        for _ in 0..3 {
            assert_eq!(bench.mapper.map(page, frame, Flags::DATA, &mut counted), Ok(()));
            assert_eq!(counted.out, needed);
            // The neighbour needs no new table, and keeps the ones that there are.
            let neighbour = Page { address: page.address + page.size.bytes(), ..page };
            assert_eq!(bench.mapper.map(neighbour, frame, Flags::DATA, &mut counted), Ok(()));
            bench.mapper.unmap(page).expect("mapped");
            bench.mapper.free_empty_tables(page.address, &mut counted);
            assert_eq!(counted.out, needed);
            let physical = bench.mapper.translate(neighbour.address).map(|found| found.physical);
            assert_eq!(physical, Some(frame.address()));
            bench.mmu.load(neighbour.address);
            bench.mapper.unmap(neighbour).expect("mapped");
            bench.mapper.free_empty_tables(page.address, &mut counted);
            assert_eq!(counted.out, 0, "tables that are empty");
        }
        if let Some(last) = counted.last_freed {
            bench.frames.free(last);
        }
    }
    bench.frames.free(data);
}
