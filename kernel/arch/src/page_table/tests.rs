//! Page tables in hosted memory, walked as the processor would.

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
fn a_visit_sees_what_lies_in_its_range_and_stops_when_told() {
    let mut frames = Frames::new(8200);
    let mut table = PageTable::new(&mut frames).unwrap();
    let data = frames.allocate().unwrap();
    let pages = [0x1000, 0x7000, 0x8000, 0x1f_f000, 0x20_0000, 0x3fff_f000, 0x4000_0000, 0x80_0000_0000, 0x7fff_ffff_e000];
    for page in pages {
        table.map(page, data, RW, &mut frames).unwrap();
    }
    for (start, end) in
        [(0, USER_END), (0x1001, 0x8000), (0x8000, 0x8001), (0x9000, 0x20_0000), (0x20_0000, 0x80_0000_0001), (0x2000, 0x7000)]
    {
        let mut seen = Vec::new();
        table.visit(start..end, &mut |page, leaf| {
            assert_eq!((leaf.frame(), leaf.flags()), (data, RW));
            seen.push(page);
            ControlFlow::Continue(())
        });
        let expected: Vec<_> = pages.into_iter().filter(|page| (start & !0xfff..end).contains(page)).collect();
        assert_eq!(seen, expected, "{start:#x}..{end:#x}");
    }
    let mut visits = 0;
    table.visit(0..USER_END, &mut |_, _| {
        visits += 1;
        if visits == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(visits, 3);
    frames.free(data);
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

/// 0x803fe7f5ce: entry 1 of level 4, 0 of level 3, 511 of level 2, 127 of level 1, and byte 0x5ce of the page at 0xc000.
#[test]
fn the_worked_example_translates() {
    let address = 0x80_3fe7_f5ce;
    assert_eq!([4, 3, 2, 1].map(|level| index(address, level)), [1, 0, 511, 127]);
    let mut frames = Frames::new(8300);
    let table = PageTable::new(&mut frames).unwrap();
    let [third, second, first] = [(); 3].map(|()| frames.allocate().unwrap());
    let put = |holder: Frame, at: usize, below: Frame| super::table(holder)[at].store(below.address().0 | INTERIOR, Ordering::Relaxed);
    put(table.root(), 1, third);
    put(third, 0, second);
    put(second, 511, first);
    let page = Frame::containing(PhysAddr(0xc000));
    super::table(first)[127].store(encode(page, PageFlags::USER), Ordering::Relaxed);
    let (frame, flags) = table.translate(address).unwrap();
    assert_eq!((frame.address().0 + address as u64 % 0x1000, flags), (0xc5ce, PageFlags::USER));
    for neighbour in [address - 0x1000, address + 0x1000, address ^ 1 << 39, address ^ 1 << 30, address ^ 1 << 21] {
        assert_eq!(table.translate(neighbour), None, "{neighbour:#x}");
    }
    super::table(first)[127].store(0, Ordering::Relaxed);
    table.free(&mut frames);
    assert!(frames.all_back());
}
