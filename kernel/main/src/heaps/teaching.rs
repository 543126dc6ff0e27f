//! A teaching allocator as the kernel's heap: behind a lock that holds interrupts off, over blocks of frames.

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use arch::{PAGE_SIZE, phys_to_virt};
use memory::frames;
use memory::heap::{HeapStats, Replacement};
use sync::SpinLock;
use tour_allocators::Allocator;

/// Order of the blocks by which a heap grows: 256 KiB.
const STEP: usize = 6;
/// Order of the share of a heap that doesn't grow: 8 MiB.
const SHARE: usize = frames::ORDERS - 1;

/// An allocator and the frames that it has.
pub struct TeachingHeap<A> {
    allocator: SpinLock<A>,
    frames: AtomicUsize,
    grows: bool,
    /// Whether it was reported that there is no more.
    reported: AtomicBool,
}

impl<A: Allocator + Send> TeachingHeap<A> {
    /// A heap that takes frames when it needs them, and keeps them.
    pub const fn growing(allocator: A) -> TeachingHeap<A> {
        TeachingHeap { allocator: SpinLock::new(allocator), frames: AtomicUsize::new(0), grows: true, reported: AtomicBool::new(false) }
    }

    /// A heap that works with what `take_share` gives it.
    pub const fn with_share(allocator: A) -> TeachingHeap<A> {
        TeachingHeap { allocator: SpinLock::new(allocator), frames: AtomicUsize::new(0), grows: false, reported: AtomicBool::new(false) }
    }

    /// Takes 8 MiB, or the largest block of frames that there is.
    pub fn take_share(&self) {
        let mut allocator = self.allocator.lock();
        // `any` ends at the first that succeeds.
        (0..=SHARE).rev().any(|order| self.add_block(&mut allocator, order));
    }

    /// Gives the allocator a block of 2^`order` frames; false if there is none.
    fn add_block(&self, allocator: &mut A, order: usize) -> bool {
        let Some(frame) = frames::allocate(order) else { return false };
        self.frames.fetch_add(1 << order, Relaxed);
        // SAFETY: the frames were allocated for this heap, which never gives them back, and all of memory is mapped there.
        unsafe { allocator.add_region(phys_to_virt(frame.address()), PAGE_SIZE << order) };
        true
    }

    /// Gives the allocator a block in which this layout finds its place for certain.
    fn grow(&self, allocator: &mut A, layout: Layout) -> bool {
        // The upper half of a block has no header in it, and is aligned to its size.
        let Some(half) = layout.size().max(layout.align()).max(PAGE_SIZE).checked_next_power_of_two() else { return false };
        let least = (half / PAGE_SIZE).trailing_zeros() as usize + 1;
        [STEP.max(least), least].into_iter().any(|order| order < frames::ORDERS && self.add_block(allocator, order))
    }

    /// Says once that a request found no memory: programs only see ENOMEM.
    #[cold]
    fn report(&self, layout: Layout) {
        if !self.reported.swap(true, Relaxed) {
            let (used, all) = (self.stats().used_bytes / 1024, self.frames.load(Relaxed) * PAGE_SIZE / 1024);
            log::error!("the kernel's heap is exhausted: no {} bytes in {all} KiB, of which {used} KiB are given out", layout.size());
        }
    }
}

// SAFETY: the allocator keeps the contract; the lock lets one caller in at a time, with interrupts off. `realloc` is the trait's own.
unsafe impl<A: Allocator + Send> GlobalAlloc for TeachingHeap<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut allocator = self.allocator.lock();
        let block = allocator.allocate(layout);
        let block = if block.is_null() && self.grows && self.grow(&mut allocator, layout) { allocator.allocate(layout) } else { block };
        drop(allocator);
        if block.is_null() {
            self.report(layout);
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the same contract.
        unsafe { self.allocator.lock().deallocate(block, layout) }
    }
}

impl<A: Allocator + Send> Replacement for TeachingHeap<A> {
    fn stats(&self) -> HeapStats {
        HeapStats { used_bytes: self.allocator.lock().used(), slab_frames: 0, large_frames: self.frames.load(Relaxed) }
    }
}
