//! The kernel heap: small objects in slabs, large ones in blocks of frames.
//!
//! A request is rounded up to a *size class*. Nearly always it is served by this processor's [`magazine`] of that class: a few instructions with
//! interrupts held off. Behind the magazines each class has a lock and its slabs; a whole magazine of objects moves at a time. Slabs that
//! become empty go back to the frame allocator, all but one a class, so a burst of allocations leaves nothing behind and a class in steady
//! use doesn't come and go. What is larger than the largest class is a block of 2^n frames.
//!
//! When memory runs out, and by [`trim`], magazines and kept slabs are given back too.
//!
//! Small requests take from the reserve if they must (see [`crate::frames`]); code that allocates on behalf of programs asks `admit` first.
//! A block of more than 32 KiB never does: what is that large has a size that a program chose, and is asked for by `try_reserve`.

mod classes;
mod magazine;
mod replacement;
mod slab;

pub use replacement::{InUse, Replacement, Slabs, replace};

use crate::PAGE_SIZE;
use crate::frames;
use arch::cpu::PerCpu;
use arch::interrupts::{Hold, hold};
use arch::{MAX_CPUS, PAGE_SIZE as FRAME, phys_to_virt};
use classes::{CLASS_COUNT, CLASSES, class_for};
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use magazine::Cache;
use slab::Class;
use sync::{Once, SpinLock};

/// A heap. The kernel has one, [`KernelHeap`]; tests make their own.
pub struct Heap {
    caches: PerCpu<Cache>,
    classes: [SpinLock<Class>; CLASS_COUNT],
    large_frames: AtomicUsize,
    replacement: Once<&'static dyn Replacement>,
}

/// How much the heap holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct HeapStats {
    /// Bytes of live objects, each counted as the size of its class or block. Free objects in magazines don't count.
    pub used_bytes: usize,
    /// Frames in slabs.
    pub slab_frames: usize,
    /// Frames in large blocks.
    pub large_frames: usize,
}

impl Heap {
    /// An empty heap.
    pub const fn new() -> Heap {
        Heap {
            caches: PerCpu::new([const { Cache::new() }; MAX_CPUS]),
            classes: [const { SpinLock::new(Class::new()) }; CLASS_COUNT],
            large_frames: AtomicUsize::new(0),
            replacement: Once::new(),
        }
    }

    /// What is in use now.
    pub fn stats(&self) -> HeapStats {
        self.replacement.get().map_or_else(|| self.slab_stats(), |other| other.stats())
    }

    fn slab_stats(&self) -> HeapStats {
        let mut stats = HeapStats { large_frames: self.large_frames.load(Relaxed), ..HeapStats::default() };
        stats.used_bytes = stats.large_frames * PAGE_SIZE;
        for (index, (class, shape)) in self.classes.iter().zip(&CLASSES).enumerate() {
            let class = class.lock();
            // With other processors at work, an object on its way between the two may be missed for a moment.
            let resting: usize = self.caches.iter().filter(|cache| cache.is_used()).map(|cache| cache.of(index).count()).sum();
            stats.used_bytes += class.objects().saturating_sub(resting) * usize::from(shape.size);
            stats.slab_frames += class.slabs() << shape.order;
        }
        stats
    }

    /// Gives back what rests in this processor's magazines, and the empty slabs that are kept in stock. Other processors are asked to empty
    /// their magazines; each does so when it next goes to the slabs.
    pub fn trim(&self) {
        match self.replacement.get() {
            Some(other) => other.trim(),
            None => self.give_back_spare(),
        }
    }

    #[cold]
    fn give_back_spare(&self) {
        self.caches.iter().for_each(Cache::ask);
        let cache = self.caches.get();
        // This one obeys at once.
        cache.was_asked();
        self.drain(cache);
        self.trim_slabs();
    }

    fn trim_slabs(&self) {
        for (class, shape) in self.classes.iter().zip(&CLASSES) {
            class.lock().trim(shape);
        }
    }

    /// Empties this processor's magazines into the slabs. Interrupts are off for one class at a time, as all together would take long.
    fn drain(&self, cache: &Cache) {
        if !cache.is_used() {
            return;
        }
        for (index, class) in self.classes.iter().enumerate() {
            let chains = cache.of(index).empty(&hold());
            for chain in chains {
                // SAFETY: the chain of a magazine of this class, which has forgotten it.
                unsafe { class.lock().put(chain, &CLASSES[index]) };
            }
        }
    }

    #[inline(always)]
    fn allocate(&self, layout: Layout) -> *mut u8 {
        let Some(index) = class_for(layout.size(), layout.align()) else { return self.allocate_large(layout) };
        let hold = hold();
        let object = self.caches.get().of(index).take(&hold);
        if object.is_null() { self.refill(index, layout, &hold) } else { object }
    }

    /// # Safety
    /// As [`GlobalAlloc::dealloc`].
    #[inline(always)]
    unsafe fn release(&self, pointer: *mut u8, layout: Layout) {
        let Some(index) = class_for(layout.size(), layout.align()) else {
            // SAFETY: the same contract.
            return unsafe { self.release_large(pointer, layout) };
        };
        let hold = hold();
        // SAFETY: same layout, same class: the object came from a slab of this class, and its owner gives it up.
        unsafe {
            if !self.caches.get().of(index).put(pointer, &hold) {
                self.make_room(index, pointer, layout, &hold);
            }
        }
    }

    /// An object when the loaded magazine is empty: from the other one, or from the slabs with a magazine's fill of others.
    #[cold]
    #[inline(never)]
    fn refill(&self, index: usize, layout: Layout, hold: &Hold) -> *mut u8 {
        if let Some(other) = self.replacement.get() {
            // SAFETY: the caller of `alloc` keeps the contract, which is the same.
            return unsafe { other.alloc(layout) };
        }
        let cache = self.caches.get();
        self.serve_request(cache);
        let magazines = cache.of(index);
        magazines.prepare(index, hold);
        if !magazines.reload(hold) {
            let (chain, count) = self.classes[index].lock().take(index, &CLASSES[index], magazine::capacity(index));
            if count == 0 {
                return self.take_one(index);
            }
            magazines.load(chain, count, hold);
        }
        magazines.take(hold)
    }

    /// Takes an object back when the loaded magazine is full.
    ///
    /// # Safety
    /// As [`GlobalAlloc::dealloc`], and `index` is the class for the layout.
    #[cold]
    #[inline(never)]
    unsafe fn make_room(&self, index: usize, pointer: *mut u8, layout: Layout, hold: &Hold) {
        if let Some(other) = self.replacement.get() {
            // SAFETY: the same contract; the replacement gave the object out, as it did all since boot.
            return unsafe { other.dealloc(pointer, layout) };
        }
        let cache = self.caches.get();
        self.serve_request(cache);
        let magazines = cache.of(index);
        magazines.prepare(index, hold);
        // SAFETY: promised by the caller; what the magazines give out is a chain of objects of this class that they have forgotten.
        unsafe {
            if !magazines.put(pointer, hold) {
                let chain = magazines.begin_another(hold);
                self.classes[index].lock().put(chain, &CLASSES[index]);
                magazines.put(pointer, hold);
            }
        }
    }

    /// Notes that these magazines are in use, and empties them if another processor has asked for that.
    fn serve_request(&self, cache: &Cache) {
        cache.note_use();
        if cache.was_asked() {
            self.drain(cache);
        }
    }

    /// One object straight from the slabs; everything that rests in magazines and stock is given back for it if need be.
    fn take_one(&self, index: usize) -> *mut u8 {
        let take = || self.classes[index].lock().take(index, &CLASSES[index], 1).0;
        let object = take();
        if !object.is_null() {
            return object;
        }
        self.give_back_spare();
        take()
    }

    /// # Safety
    /// The object is of this class, and its owner gives it up.
    unsafe fn put_one(&self, index: usize, object: *mut u8) {
        // SAFETY: given up by its owner, at least 16 bytes long and aligned: it becomes a chain of one.
        unsafe {
            object.cast::<*mut u8>().write(null_mut());
            self.classes[index].lock().put(object, &CLASSES[index]);
        }
    }

    #[inline(never)]
    fn allocate_large(&self, layout: Layout) -> *mut u8 {
        let order = order_for(layout);
        if order > frames::LARGE_ORDER && (order >= frames::ORDERS || frames::admit_many(1 << order).is_err()) {
            return null_mut();
        }
        match self.replacement.get() {
            // SAFETY: the caller of `alloc` keeps the contract, which is the same.
            Some(other) => unsafe { other.alloc(layout) },
            None => self.allocate_frames(layout),
        }
    }

    fn allocate_frames(&self, layout: Layout) -> *mut u8 {
        let order = order_for(layout);
        let frame = frames::allocate(order).or_else(|| {
            self.give_back_spare();
            frames::allocate(order)
        });
        match frame {
            Some(frame) => {
                self.large_frames.fetch_add(1 << order, Relaxed);
                phys_to_virt(frame.address())
            }
            None => null_mut(),
        }
    }

    /// # Safety
    /// As [`GlobalAlloc::dealloc`].
    #[inline(never)]
    unsafe fn release_large(&self, pointer: *mut u8, layout: Layout) {
        match self.replacement.get() {
            // SAFETY: the same contract; the replacement gave the block out, as it did all since boot.
            Some(other) => unsafe { other.dealloc(pointer, layout) },
            None => self.release_frames(pointer, layout),
        }
    }

    fn release_frames(&self, pointer: *mut u8, layout: Layout) {
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
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.allocate(layout)
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the same contract.
        unsafe { self.release(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if let Some(other) = self.replacement.get() {
            // SAFETY: the same contract; the replacement gave the block out, as it did all since boot.
            return unsafe { other.realloc(pointer, layout, new_size) };
        }
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

static KERNEL_HEAP: Heap = Heap::new();

/// What the kernel's heap holds.
pub fn stats() -> HeapStats {
    KERNEL_HEAP.stats()
}

/// Gives back what the kernel's heap holds but doesn't need: see [`Heap::trim`].
pub fn trim() {
    KERNEL_HEAP.trim();
}

// SAFETY: every call goes to one `Heap`, which keeps the contract.
unsafe impl GlobalAlloc for KernelHeap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        KERNEL_HEAP.allocate(layout)
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the same contract.
        unsafe { KERNEL_HEAP.release(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the same contract.
        unsafe { KERNEL_HEAP.realloc(pointer, layout, new_size) }
    }
}

#[cfg(test)]
mod tests;
