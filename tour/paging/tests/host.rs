//! The three mappers on a model of the processor's MMU, in ordinary memory.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use arch::boot::{MemoryKind, MemoryRegion};
use arch::paging::FrameSource;
use arch::{Frame, PAGE_SIZE, PhysAddr, hosted, phys_to_virt};
use tour_paging::address::{join, span};
use tour_paging::suite::{self, Bench};
use tour_paging::{Entry, Flags, Mapper, Mmu, Model, Offset, Page, Recursive, SLOTS, Temporary, dump, example};

/// Entries of the root that the tests use for themselves.
const RECURSIVE: usize = 509;
const DOOR: usize = 508;
const WINDOW: usize = join([507, 3, 4, 0], 0);
/// Where the suite may map.
const FREE: usize = join([3, 0, 0, 0], 0);

/// Frames of the hosted memory, a range for each test.
struct Frames(Vec<Frame>);

/// Frames of each range. All tests together stay below 64 MiB.
const COUNT: usize = 640;

impl FrameSource for Frames {
    fn allocate(&mut self) -> Option<Frame> {
        let frame = self.0.pop()?;
        // SAFETY: a frame of this test alone.
        unsafe { phys_to_virt(frame.address()).write_bytes(0, PAGE_SIZE) };
        Some(frame)
    }

    fn free(&mut self, frame: Frame) {
        assert!(!self.0.contains(&frame), "{frame:?} was freed twice");
        self.0.push(frame);
    }
}

/// An address space with nothing in it, and a processor that uses it.
fn space() -> (Frames, Frame, Model) {
    static NEXT: AtomicU64 = AtomicU64::new(64);
    hosted::init_memory(64 << 20);
    let first = NEXT.fetch_add(COUNT as u64, Ordering::Relaxed);
    let mut frames = Frames((first..first + COUNT as u64).map(Frame::from_number).collect());
    let root = frames.allocate().expect("a frame");
    // SAFETY: a root of this test; its tables and pages come from frames of this test.
    let mmu = unsafe { Model::new(root) };
    (frames, root, mmu)
}

fn pass(mapper: &mut dyn Mapper, mmu: &Model, frames: &mut Frames) {
    let before = frames.0.len();
    let mut bench = Bench { mapper, mmu, frames, free: FREE };
    suite::all(&mut bench);
    suite::all_sizes(&mut bench);
    assert_eq!(frames.0.len(), before, "frames that didn't come back");
}

#[test]
fn the_offset_mapper_passes_the_suite() {
    let (mut frames, root, mmu) = space();
    // SAFETY: tables of this test.
    let mut mapper = unsafe { Offset::mapper(root, &mmu) };
    pass(&mut mapper, &mmu, &mut frames);
}

#[test]
fn the_recursive_mapper_passes_the_suite() {
    let (mut frames, root, mmu) = space();
    // SAFETY: tables of this test.
    let mut offset = unsafe { Offset::mapper(root, &mmu) };
    for recursive in [RECURSIVE, 1, 511] {
        Recursive::<&Model>::install(&mut offset, recursive);
        // SAFETY: as above; the entry was just made.
        let mut mapper = unsafe { Recursive::mapper(root, recursive, &mmu) };
        pass(&mut mapper, &mmu, &mut frames);
        offset.set_entry(join([recursive, 0, 0, 0], 0), 4, Entry(0));
        mmu.activate(root);
    }
}

#[test]
fn the_temporary_mapper_passes_the_suite() {
    let (mut frames, root, mmu) = space();
    let before = frames.0.len();
    // SAFETY: tables of this test.
    let mut offset = unsafe { Offset::mapper(root, &mmu) };
    Temporary::<&Model>::install(&mut offset, WINDOW, &mut frames).expect("frames");
    // SAFETY: as above; the window was just made.
    let mut mapper = unsafe { Temporary::mapper(root, WINDOW, &mmu) };
    pass(&mut mapper, &mmu, &mut frames);
    Temporary::<&Model>::remove(&mut offset, WINDOW, &mut frames);
    assert_eq!(frames.0.len(), before);
}

#[test]
fn a_window_has_510_slots_for_its_users() {
    let (mut frames, root, mmu) = space();
    // SAFETY: tables of this test.
    let mut offset = unsafe { Offset::mapper(root, &mmu) };
    Temporary::<&Model>::install(&mut offset, WINDOW, &mut frames).expect("frames");
    // SAFETY: as above.
    let mut mapper = unsafe { Temporary::mapper(root, WINDOW, &mmu) };
    let shown: Vec<Frame> = (0..3).map(|_| frames.allocate().expect("a frame")).collect();
    let mut slots = Vec::new();
    while let Some(slot) = mapper.reach().open(shown[slots.len() % 3]) {
        assert!((WINDOW + 2 * PAGE_SIZE..WINDOW + span(2)).contains(&slot.address));
        mmu.store(slot.address + 8 * (slots.len() / 3), slots.len() as u64);
        slots.push(slot);
    }
    assert_eq!(slots.len(), SLOTS);
    // Each frame is the same in all its slots, and a walk still has its own.
    assert_eq!(mmu.load(slots[4].address + 8), 4);
    assert_eq!(mmu.load(slots[301].address + 8), 4);
    assert_eq!(mapper.translate(slots[5].address).map(|found| found.physical), Some(shown[2].address()));
    // A slot that was given back shows another frame.
    let address = slots[300].address;
    mapper.reach().close(slots.swap_remove(300));
    let again = mapper.reach().open(shown[1]).expect("one slot is free");
    assert_eq!((again.address, mmu.load(again.address + 8)), (address, 4));
}

#[test]
fn other_address_spaces_are_reached() {
    let (mut frames, root, mmu) = space();
    let other = frames.allocate().expect("a frame");
    // SAFETY: tables of this test.
    let (mut own, mut theirs) = unsafe { (Offset::mapper(root, &mmu), Offset::mapper(other, &mmu)) };
    Recursive::<&Model>::install(&mut own, RECURSIVE);
    Recursive::<&Model>::install(&mut theirs, RECURSIVE);
    own.set_entry(join([DOOR, 0, 0, 0], 0), 4, Entry::new(other, Flags::DATA));
    Temporary::<&Model>::install(&mut own, WINDOW, &mut frames).expect("frames");
    // SAFETY: tables of this test; entries and window were just made.
    let (mut door, mut window) = unsafe { (Recursive::door(other, DOOR, RECURSIVE, &mmu), Temporary::mapper(other, WINDOW, &mmu)) };
    let mappers: [&mut dyn Mapper; 3] = [&mut theirs, &mut door, &mut window];
    for (number, mapper) in mappers.into_iter().enumerate() {
        let page = Page::small(FREE + number * span(3));
        let frame = frames.allocate().expect("a frame");
        mapper.map(page, frame, Flags::DATA, &mut frames).expect("a free page");
        assert_eq!(mapper.translate(page.address).map(|found| found.physical), Some(frame.address()));
        assert_eq!(own.translate(page.address), None);
        // The owner of that space finds the page.
        mmu.activate(other);
        mmu.store(page.address, 77 + number as u64);
        mmu.activate(root);
        // SAFETY: a frame of this test.
        assert_eq!(unsafe { phys_to_virt(frame.address()).cast::<u64>().read() }, 77 + number as u64);
    }
}

/// 0x803fe7f5ce goes through entries 1, 0, 511 and 127 to the page at 0xc000.
#[test]
fn the_worked_example() {
    let (mut frames, root, mmu) = space();
    let [third, second, first] = [(); 3].map(|()| frames.allocate().expect("a frame"));
    let table = |frame| Entry::new(frame, Flags::TABLE);
    let page = Frame::containing(PhysAddr(0xc000));
    let put = |frame: Frame, index: usize, entry: Entry| {
        // SAFETY: tables of this test.
        unsafe { phys_to_virt(frame.address()).cast::<Entry>().add(index).write(entry) };
    };
    put(root, 1, table(third));
    put(third, 0, table(second));
    put(second, 511, table(first));
    put(first, 127, Entry::new(page, Flags::PRESENT));
    let address = 0x80_3fe7_f5ce;
    assert_eq!(join([1, 0, 511, 127], 0x5ce), address);
    // SAFETY: as above.
    let mut mapper = unsafe { Offset::mapper(root, &mmu) };
    let steps: Vec<_> = example::steps(&mut mapper, address).map(|step| (step.level, step.index, step.entry.frame())).collect();
    assert_eq!(steps, [(4, 1, third), (3, 0, second), (2, 511, first), (1, 127, page)]);
    let found = mapper.translate(address).expect("mapped");
    assert_eq!(found.physical, PhysAddr(0xc5ce));
    assert_eq!((found.flags, found.effective), (Flags::PRESENT, Flags::PRESENT));
    // SAFETY: the page at 0xc000 is below the ranges of the tests, and no other test touches it.
    unsafe { phys_to_virt(PhysAddr(0xc5c8)).cast::<u64>().write(0x1234) };
    assert_eq!(mmu.load(0x80_3fe7_f5c8), 0x1234);
}

/// The model is worth something: it faults, it doesn't forget, and a table restricts what is below it.
#[test]
fn the_model_is_a_strict_processor() {
    let (mut frames, root, mmu) = space();
    // SAFETY: tables of this test.
    let mut mapper = unsafe { Offset::mapper(root, &mmu) };
    let page = Page::small(FREE);
    let faults = |f: &dyn Fn() -> u64| catch_unwind(AssertUnwindSafe(f)).is_err();
    assert!(faults(&|| mmu.load(FREE)));
    let (one, two) = (frames.allocate().expect("a frame"), frames.allocate().expect("a frame"));
    mapper.map(page, one, Flags::DATA, &mut frames).expect("free");
    mmu.store(FREE, 1);
    // Changed behind the cache's back: the old frame is still seen until the page is invalidated.
    mapper.set_entry(FREE, 1, Entry::new(two, Flags::DATA));
    assert_eq!(mmu.load(FREE), 1);
    mmu.invalidate(FREE);
    assert_eq!(mmu.load(FREE), 0);
    for level in 2..=4 {
        let entry = mapper.entry(FREE, level).expect("a table");
        mapper.set_entry(FREE, level, Entry(entry.0 & !Flags::WRITABLE.bits()));
        mmu.invalidate(FREE);
        assert!(
            faults(&|| {
                mmu.store(FREE, 2);
                0
            }),
            "level {level} forbids writing"
        );
        assert!(!mapper.translate(FREE).expect("mapped").effective.contains(Flags::WRITABLE));
        mapper.set_entry(FREE, level, entry);
        mmu.invalidate(FREE);
        mmu.store(FREE, 3);
    }
    assert!(faults(&|| mmu.load(1 << 47)));
}

#[test]
fn dumps_merge_what_is_alike() {
    let (mut frames, root, mmu) = space();
    // SAFETY: tables of this test.
    let mut mapper = unsafe { Offset::mapper(root, &mmu) };
    let mut map = |page, frame, flags| mapper.map(page, Frame::from_number(frame), flags, &mut frames).expect("free");
    for page in 0..3 {
        map(Page::small(0x40_0000 + page * PAGE_SIZE), 7 + page as u64, Flags::PRESENT | Flags::USER | Flags::ACCESSED);
    }
    map(Page::small(0x40_3000), 2, Flags::PRESENT | Flags::USER);
    map(Page::small(0x40_4000), 3, Flags::DATA | Flags::USER | Flags::DIRTY);
    map(Page::large(0xffff_ffff_ffe0_0000), 0, Flags::DATA | Flags::GLOBAL | Flags::NO_CACHE);
    Recursive::<&Model>::install(&mut mapper, RECURSIVE);
    let mut text = String::new();
    dump::page_tables(&mut mapper, &mut text).expect("a string takes all");
    let expected = "\
0000000000400000-0000000000403fff r-xu---   16 KiB =    4 x 4 KiB in scattered frames
0000000000404000-0000000000404fff rw-u---    4 KiB =    1 x 4 KiB at 0x3000
ffffffffffe00000-ffffffffffffffff rw---ng    2 MiB =    1 x 2 MiB at 0x0
";
    assert_eq!(text, expected);
    text.clear();
    dump::level_4(&mut mapper, &mut text).expect("a string takes all");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("  0: rwxu--- table at 0x"), "{text}");
    assert!(lines[1].starts_with(&format!("509: rw----- table at {:#x}", root.address().0)), "{text}");
}

#[test]
fn memory_maps_are_readable() {
    let region = |start, len, kind| MemoryRegion { start, len, kind };
    let map = [
        region(0, 0x9_fc00, MemoryKind::Usable),
        region(0x9_fc00, 0x400, MemoryKind::Reserved),
        region(0x10_0000, 0x10_0000, MemoryKind::Usable),
        region(0x20_0000, 0x20_0000, MemoryKind::Usable),
    ];
    let expected = "\
000000000000-00000009fbff  639 KiB Usable
00000009fc00-00000009ffff    1 KiB Reserved
000000100000-0000003fffff    3 MiB Usable
";
    assert_eq!(dump::MemoryMap(&map).to_string(), expected);
}
