//! The allocator of frames, with all the memory of this machine.

use arch::boot::MemoryKind;
use arch::{Frame, PAGE_SIZE, phys_to_virt};
use memory::frames;

use super::BOOT;
use crate::kernel_test;

/// The first word of a frame that the test holds.
fn word(frame: Frame) -> *mut u64 {
    phys_to_virt(frame.address()).cast()
}

/// Takes every frame there is. Each is free memory by the memory map, none comes twice, behind the last comes None, and all can be given back.
fn every_frame_once() {
    let info = BOOT.get().expect("set before the test");
    let before = frames::stats();
    let initrd = info.initrd.clone().expect("tests boot with one");
    // The taken frames form a list: each holds the number of the one taken before, and its own.
    let mut last = None;
    let mut taken = 0;
    while let Some(frame) = frames::allocate(0) {
        let (start, end) = (frame.address().0, frame.address().0 + PAGE_SIZE as u64);
        let usable =
            info.memory.iter().any(|region| region.kind == MemoryKind::Usable && region.start <= start && end <= region.start + region.len);
        assert!(usable, "{frame:?} isn't memory, or is reserved");
        assert!(end <= info.kernel.start || start >= info.kernel.end, "{frame:?} is a part of the kernel");
        assert!(end <= initrd.start || start >= initrd.end, "{frame:?} is a part of the initrd");
        // SAFETY: a frame of our own.
        unsafe {
            word(frame).write_volatile(last.map_or(u64::MAX, Frame::number));
            word(frame).add(1).write_volatile(frame.number());
        }
        last = Some(frame);
        taken += 1;
    }
    assert_eq!((taken, frames::stats().free), (before.free, 0));
    assert!(frames::allocate(0).is_none() && frames::allocate(3).is_none());
    // A frame that came twice would hold another list's end: fewer frames than were taken.
    let mut freed = 0;
    while let Some(frame) = last {
        // SAFETY: still ours.
        let (next, own) = unsafe { (word(frame).read_volatile(), word(frame).add(1).read_volatile()) };
        assert_eq!(own, frame.number());
        frames::free(frame, 0);
        freed += 1;
        last = (next != u64::MAX).then(|| Frame::from_number(next));
    }
    assert_eq!((freed, frames::stats()), (taken, before));
    log::info!("{taken} frames, each once");
}
kernel_test!("frames_every_one_once", every_frame_once);
