//! The kernel heap: small objects in slabs, large ones in blocks of frames.
//!
//! A request is rounded up to a *size class*; each class has its own lock and its own slabs. Slabs that become empty go back to the frame
//! allocator, all but one a class, so a burst of allocations leaves nothing behind and a class in steady use doesn't come and go. What is
//! larger than the largest class is a block of 2^n frames.
//!
//! Small requests take from the reserve if they must (see [`crate::frames`]); code that allocates on behalf of programs asks `admit` first.
//! A block of more than 32 KiB never does: what is that large has a size that a program chose, and is asked for by `try_reserve`.

mod classes;
mod slab;

use crate::PAGE_SIZE;
use crate::frames;
use arch::{PAGE_SIZE as FRAME, phys_to_virt};
use classes::{CLASS_COUNT, CLASSES, class_for};
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use slab::Class;
use sync::SpinLock;

/// A heap. The kernel has one, [`KernelHeap`]; tests make their own.
pub struct Heap {
    classes: [SpinLock<Class>; CLASS_COUNT],
    large_frames: AtomicUsize,
}

/// How much the heap holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct HeapStats {
    /// Bytes of live objects, each counted as the size of its class or block.
    pub used_bytes: usize,
    /// Frames in slabs.
    pub slab_frames: usize,
    /// Frames in large blocks.
    pub large_frames: usize,
}

impl Heap {
    /// An empty heap.
    pub const fn new() -> Heap {
        Heap { classes: [const { SpinLock::new(Class::new()) }; CLASS_COUNT], large_frames: AtomicUsize::new(0) }
    }

    /// What is in use now.
    pub fn stats(&self) -> HeapStats {
        let mut stats = HeapStats { large_frames: self.large_frames.load(Relaxed), ..HeapStats::default() };
        stats.used_bytes = stats.large_frames * PAGE_SIZE;
        for (class, shape) in self.classes.iter().zip(&CLASSES) {
            let class = class.lock();
            stats.used_bytes += class.objects() * usize::from(shape.size);
            stats.slab_frames += class.slabs() << shape.order;
        }
        stats
    }

    /// Gives the empty slabs that are kept in stock back as well.
    pub fn trim(&self) {
        for (class, shape) in self.classes.iter().zip(&CLASSES) {
            class.lock().trim(shape);
        }
    }

    fn allocate(&self, layout: Layout) -> *mut u8 {
        if let Some(index) = class_for(layout.size(), layout.align()) {
            return self.classes[index].lock().allocate(index, &CLASSES[index]);
        }
        let order = order_for(layout);
        if order > frames::LARGE_ORDER && (order >= frames::ORDERS || frames::admit_many(1 << order).is_err()) {
            return null_mut();
        }
        match frames::allocate(order) {
            Some(frame) => {
                self.large_frames.fetch_add(1 << order, Relaxed);
                phys_to_virt(frame.address())
            }
            None => null_mut(),
        }
    }

    /// # Safety
    /// As [`GlobalAlloc::dealloc`].
    unsafe fn release(&self, pointer: *mut u8, layout: Layout) {
        if let Some(index) = class_for(layout.size(), layout.align()) {
            // SAFETY: same layout, same class: the object came from a slab of this class, and its owner gives it up.
            unsafe { self.classes[index].lock().release(pointer, &CLASSES[index]) };
            return;
        }
        let order = order_for(layout);
        self.large_frames.fetch_sub(1 << order, Relaxed);
        frames::free(frames::frame_of(pointer), order);
    }
}

impl Default for Heap {
    fn default() -> Self {
        Heap::new()
    }
}

/// The order of the block for a large request. Blocks are aligned to their size, so it covers the alignment too.
fn order_for(layout: Layout) -> usize {
    layout.size().max(layout.align()).max(FRAME).div_ceil(FRAME).next_power_of_two().trailing_zeros() as usize
}

// SAFETY: `allocate` returns blocks of at least the size and alignment of the layout (a class is chosen whose size is a multiple of the alignment
// and whose slabs are page aligned; large blocks are aligned to their power-of-two size), disjoint from all live ones, or null. Nothing unwinds.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.allocate(layout)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the same contract.
        unsafe { self.release(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `new_size`, rounded up to the alignment, doesn't overflow.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        let same = match (class_for(layout.size(), layout.align()), class_for(new_size, layout.align())) {
            (Some(old), Some(new)) => old == new,
            (None, None) => order_for(layout) == order_for(new_layout),
            _ => false,
        };
        if same {
            return pointer;
        }
        let new = self.allocate(new_layout);
        if !new.is_null() {
            // SAFETY: both blocks are at least as long as the shorter size and don't overlap; the old one is given up afterwards.
            unsafe {
                new.copy_from_nonoverlapping(pointer, layout.size().min(new_size));
                self.release(pointer, layout);
            }
        }
        new
    }
}

/// The heap behind `Box`, `Vec` and `Arc` in the kernel: the binary says `#[global_allocator] static HEAP: KernelHeap = KernelHeap;`.
pub struct KernelHeap;

static HEAP: Heap = Heap::new();

/// What the kernel's heap holds.
pub fn stats() -> HeapStats {
    HEAP.stats()
}

/// Gives empty slabs of the kernel's heap back to the frame allocator.
pub fn trim() {
    HEAP.trim();
}

// SAFETY: every call goes to one `Heap`, which keeps the contract.
unsafe impl GlobalAlloc for KernelHeap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HEAP.allocate(layout)
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the same contract.
        unsafe { HEAP.release(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the same contract.
        unsafe { HEAP.realloc(pointer, layout, new_size) }
    }
}

#[cfg(test)]
mod tests;
