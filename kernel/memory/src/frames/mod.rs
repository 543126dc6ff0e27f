//! Physical frames: the one pool from which all memory comes, and its statistics.
//!
//! There are two ways in. What the kernel needs for itself (page tables, heap) comes from [`allocate`], which hands out everything down to the
//! last frame. What programs can pile up (their pages, and kernel objects made on their behalf) first asks [`admit`] or uses
//! [`allocate_admitted`], which refuse while only the *reserve* is left. So a memory hog meets ENOMEM or the out-of-memory killer while the
//! kernel can still allocate the few frames it needs to act on it.
//!
//! Single frames come from a small stock of each processor, blocks from the buddy allocator behind it.

mod buddy;
mod info;
mod setup;
mod stock;

pub(crate) use buddy::Buddy;
pub use buddy::{LARGE_ORDER, ORDERS};
pub(crate) use info::{FrameInfo, Kind, NONE};
#[cfg(not(target_os = "none"))]
pub use setup::init_hosted;
pub use setup::{SetupError, add_range, init};

use abi::{Errno, Result};
use arch::paging::FrameSource;
use arch::{Frame, PAGE_SIZE, phys_to_virt, virt_to_phys};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};
use sync::SpinLock;

/// The allocator. The lock is held for a few dozen instructions.
static BUDDY: SpinLock<Buddy> = SpinLock::new(Buddy::empty());
/// The array of frame descriptions, published once by [`init`].
static INFOS: AtomicPtr<FrameInfo> = AtomicPtr::new(core::ptr::null_mut());
/// Length of the array.
static INFO_COUNT: AtomicUsize = AtomicUsize::new(0);
/// Free frames in blocks and in stock, counted here so that [`admit`] needs no lock.
static FREE: AtomicUsize = AtomicUsize::new(0);
/// Free frames in large blocks, for [`admit`] as well.
static LARGE: AtomicUsize = AtomicUsize::new(0);
/// So many frames in large blocks are kept back for the kernel's own objects of more than one frame: 512 KiB.
const LARGE_RESERVE: usize = 128;
static TOTAL: AtomicUsize = AtomicUsize::new(0);
static RESERVE: AtomicUsize = AtomicUsize::new(0);

/// Counts of frames, all in frames of 4 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameStats {
    /// Frames that the allocator manages: RAM without the kernel image, boot modules and the frame array.
    pub total: usize,
    /// Frames that nobody has.
    pub free: usize,
    /// Free frames that are kept back for the kernel.
    pub reserve: usize,
}

/// How many frames there are and how many are free.
pub fn stats() -> FrameStats {
    FrameStats { total: TOTAL.load(Relaxed), free: FREE.load(Relaxed), reserve: RESERVE.load(Relaxed) }
}

/// How many free blocks of each order there are (/proc/buddyinfo).
pub fn blocks() -> [usize; ORDERS] {
    BUDDY.lock().blocks()
}

/// Whether something that programs can pile up may be allocated now. ENOMEM when only the kernel's reserve is left, or when what is free lies in
/// such small pieces that the kernel's larger objects would soon find no place.
pub fn admit() -> Result<()> {
    if FREE.load(Relaxed) > RESERVE.load(Relaxed) && LARGE.load(Relaxed) >= LARGE_RESERVE { Ok(()) } else { Err(Errno::ENOMEM) }
}

/// Whether `frames` more could be admitted now: for requests of a known size.
pub fn admit_many(frames: usize) -> Result<()> {
    if FREE.load(Relaxed) > RESERVE.load(Relaxed).saturating_add(frames) { Ok(()) } else { Err(Errno::ENOMEM) }
}

/// Takes a naturally aligned block of 2^`order` frames with undefined content, the reserve included.
pub fn allocate(order: usize) -> Option<Frame> {
    let number = if order == 0 { stock::take()? } else { allocate_block(order)? };
    FREE.fetch_sub(1 << order, Relaxed);
    Some(Frame::from_number(u64::from(number)))
}

/// A block of more than one frame. Frames in stock may be what is missing for it: when there is none, they all go back once.
fn allocate_block(order: usize) -> Option<u32> {
    with_buddy(|buddy| buddy.allocate(order)).or_else(|| {
        stock::give_back_all();
        with_buddy(|buddy| buddy.allocate(order))
    })
}

/// Does something with the allocator under its lock.
fn with_buddy<R>(f: impl FnOnce(&mut Buddy) -> R) -> R {
    let mut buddy = BUDDY.lock();
    let result = f(&mut buddy);
    LARGE.store(buddy.large_frames(), Relaxed);
    result
}

/// [`allocate`] on behalf of a program: leaves the reserve alone. What the heap keeps but doesn't need is given back before this fails.
pub fn allocate_admitted(order: usize) -> Result<Frame> {
    admit_many(0).or_else(|_| {
        crate::heap::trim();
        admit_many(0)
    })?;
    allocate(order).ok_or(Errno::ENOMEM)
}

/// Gives a block back. `order` must be the one it was allocated with.
pub fn free(frame: Frame, order: usize) {
    let freed = u32::try_from(frame.number())
        .is_ok_and(|number| if order == 0 { stock::put(number) } else { with_buddy(|buddy| buddy.free(number, order)) });
    if freed {
        FREE.fetch_add(1 << order, Relaxed);
    } else {
        log::error!("frame {:#x} (order {order}) was freed but not allocated", frame.number());
    }
}

/// Fills a frame with zeros.
pub(crate) fn zero(frame: Frame) {
    // SAFETY: the frame was just allocated, so nobody else refers to it, and the map of all physical memory makes its 4096 bytes writable.
    unsafe { phys_to_virt(frame.address()).write_bytes(0, PAGE_SIZE) }
}

/// The description of a frame. `None` for a number beyond RAM.
pub(crate) fn info(number: u64) -> Option<&'static FrameInfo> {
    if number >= INFO_COUNT.load(Relaxed) as u64 {
        return None;
    }
    // SAFETY: `init` published an array of INFO_COUNT initialised entries that is never freed; the index is below that count. Entries hold
    // only atomics, so shared references to them are always allowed.
    Some(unsafe { &*INFOS.load(Relaxed).add(number as usize) })
}

/// The frame that a kernel pointer into the map of all physical memory lies in.
pub(crate) fn frame_of(pointer: *const u8) -> Frame {
    Frame::containing(virt_to_phys(pointer))
}

/// Lends frames to page tables of the kernel itself; takes from the reserve if need be.
pub struct KernelFrames;

impl FrameSource for KernelFrames {
    fn allocate(&mut self) -> Option<Frame> {
        let frame = allocate(0)?;
        zero(frame);
        Some(frame)
    }

    fn free(&mut self, frame: Frame) {
        free(frame, 0);
    }
}

/// Lends frames to the page tables of an address space: leaves the reserve alone and counts what is lent.
#[derive(Default, Debug)]
pub(crate) struct TableFrames {
    /// Frames that the tables hold now.
    pub lent: usize,
}

impl FrameSource for TableFrames {
    fn allocate(&mut self) -> Option<Frame> {
        let frame = allocate_admitted(0).ok()?;
        zero(frame);
        self.lent += 1;
        Some(frame)
    }

    fn free(&mut self, frame: Frame) {
        self.lent = self.lent.saturating_sub(1);
        free(frame, 0);
    }
}

#[cfg(test)]
mod tests;
