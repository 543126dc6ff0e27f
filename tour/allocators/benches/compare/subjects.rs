//! The allocators that are compared, all with one face.
//!
//! All but the kernel's heap work in one arena and are called through `&mut`: without a lock, which is their best case. The kernel's heap is called
//! as the kernel calls it; what it does to keep interrupts off is in the figures.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};
use memory::heap::{Heap, HeapStats};
use tour_allocators::{Allocator, Buddy, Bump, CLASSES_TO_A_PAGE, FINE_CLASSES, FixedSize, LinkedList, Options, PageSource};

/// Something to replay a trace on.
pub trait Subject {
    /// A fresh one over an arena of `size` bytes, page-aligned. `None` if the arena is too small to begin with.
    ///
    /// # Safety
    /// The arena must be valid and unused as long as the subject lives.
    unsafe fn over(arena: *mut u8, size: usize) -> Option<Self>
    where
        Self: Sized;

    fn allocate(&mut self, layout: Layout) -> *mut u8;

    /// # Safety
    /// The block is live with this layout.
    unsafe fn release(&mut self, block: *mut u8, layout: Layout);

    /// # Safety
    /// The block is live with this layout.
    unsafe fn resize(&mut self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: sizes come from a trace of real requests.
        let new = self.allocate(unsafe { Layout::from_size_align_unchecked(size, layout.align()) });
        if !new.is_null() {
            // SAFETY: both blocks are at least that long; the old one is given up.
            unsafe {
                new.copy_from_nonoverlapping(block, size.min(layout.size()));
                self.release(block, layout);
            }
        }
        new
    }

    /// Bytes of frames that it holds, for the one that takes frames instead of an arena.
    fn frames(&self) -> Option<usize> {
        None
    }
}

/// The kernel's default heap.
pub struct Slab(Box<Heap>);

impl Subject for Slab {
    unsafe fn over(_: *mut u8, _: usize) -> Option<Slab> {
        Some(Slab(Box::new(Heap::new())))
    }

    #[inline]
    fn allocate(&mut self, layout: Layout) -> *mut u8 {
        // SAFETY: no trace asks for zero bytes.
        unsafe { self.0.alloc(layout) }
    }

    #[inline]
    unsafe fn release(&mut self, block: *mut u8, layout: Layout) {
        // SAFETY: the same contract.
        unsafe { self.0.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn resize(&mut self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the same contract.
        unsafe { self.0.realloc(block, layout, size) }
    }

    fn frames(&self) -> Option<usize> {
        let HeapStats { slab_frames, large_frames, .. } = self.0.stats();
        Some((slab_frames + large_frames) * memory::PAGE_SIZE)
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        self.0.trim();
        assert_eq!(self.0.stats(), HeapStats::default(), "everything came back");
    }
}

/// One of the teaching allocators.
pub struct Teaching<A>(A);

/// How a teaching allocator is made.
pub trait Make: Allocator + Sized {
    const NEW: fn() -> Self;
}

impl Make for Bump {
    const NEW: fn() -> Bump = Bump::with_rewind;
}

impl Make for LinkedList {
    const NEW: fn() -> LinkedList = LinkedList::new;
}

impl Make for FixedSize {
    const NEW: fn() -> FixedSize = FixedSize::new;
}

impl Make for Buddy {
    const NEW: fn() -> Buddy = Buddy::new;
}

impl<A: Make> Subject for Teaching<A> {
    unsafe fn over(arena: *mut u8, size: usize) -> Option<Teaching<A>> {
        let mut allocator = A::NEW();
        // SAFETY: the same contract.
        unsafe { allocator.add_region(arena, size) };
        Some(Teaching(allocator))
    }

    #[inline]
    fn allocate(&mut self, layout: Layout) -> *mut u8 {
        self.0.allocate(layout)
    }

    #[inline]
    unsafe fn release(&mut self, block: *mut u8, layout: Layout) {
        // SAFETY: the same contract.
        unsafe { self.0.deallocate(block, layout) }
    }
}

/// The fixed-size blocks with one or more extensions, chosen by a number.
pub struct Extended<const WHICH: usize>(FixedSize);

/// The extensions by number: each by itself, then all.
pub const EXTENSIONS: [Options; 5] = [
    Options { prefill: 16, ..Options::PLAIN },
    Options { classes: FINE_CLASSES, ..Options::PLAIN },
    Options { longest_list: 64, ..Options::PLAIN },
    Options { split: true, ..Options::PLAIN },
    Options { classes: FINE_CLASSES, prefill: 16, longest_list: 64, split: true },
];

impl<const WHICH: usize> Subject for Extended<WHICH> {
    unsafe fn over(arena: *mut u8, size: usize) -> Option<Self> {
        let mut allocator = FixedSize::with_options(EXTENSIONS[WHICH]);
        // SAFETY: the same contract.
        unsafe { allocator.add_region(arena, size) };
        Some(Extended(allocator))
    }

    #[inline]
    fn allocate(&mut self, layout: Layout) -> *mut u8 {
        self.0.allocate(layout)
    }

    #[inline]
    unsafe fn release(&mut self, block: *mut u8, layout: Layout) {
        // SAFETY: the same contract.
        unsafe { self.0.deallocate(block, layout) }
    }
}

/// Whole pages from a buddy allocator.
pub struct BuddyPages(Buddy);

fn pages_layout(pages: usize) -> Option<Layout> {
    Layout::from_size_align(pages.checked_mul(memory::PAGE_SIZE)?, memory::PAGE_SIZE).ok()
}

// SAFETY: the buddy allocator gives blocks of this size and alignment, which are nobody else's.
unsafe impl PageSource for BuddyPages {
    fn allocate(&mut self, pages: usize) -> *mut u8 {
        pages_layout(pages).map_or(null_mut(), |layout| self.0.allocate(layout))
    }

    unsafe fn release(&mut self, start: *mut u8, pages: usize) {
        if let Some(layout) = pages_layout(pages) {
            // SAFETY: the same contract.
            unsafe { self.0.deallocate(start, layout) };
        }
    }
}

/// The fixed-size blocks up to a page, over a source of pages in place of the linked list.
pub struct Paged(FixedSize<BuddyPages>);

impl Subject for Paged {
    unsafe fn over(arena: *mut u8, size: usize) -> Option<Paged> {
        let mut buddy = Buddy::new();
        // SAFETY: the same contract.
        unsafe { buddy.add_region(arena, size) };
        let options = Options { classes: CLASSES_TO_A_PAGE, ..Options::PLAIN };
        Some(Paged(FixedSize::with_pages(options, BuddyPages(buddy))))
    }

    #[inline]
    fn allocate(&mut self, layout: Layout) -> *mut u8 {
        self.0.allocate(layout)
    }

    #[inline]
    unsafe fn release(&mut self, block: *mut u8, layout: Layout) {
        // SAFETY: the same contract.
        unsafe { self.0.deallocate(block, layout) }
    }
}

fn or_null<E>(block: Result<NonNull<u8>, E>) -> *mut u8 {
    block.map_or(null_mut(), NonNull::as_ptr)
}

pub struct Talc(talc::base::Talc<talc::source::Manual, talc::DefaultBinning>);

impl Subject for Talc {
    unsafe fn over(arena: *mut u8, size: usize) -> Option<Talc> {
        let mut talc = talc::base::Talc::new(talc::source::Manual);
        // SAFETY: the same contract.
        unsafe { talc.claim(arena, size) }.map(|_| Talc(talc))
    }

    #[inline]
    fn allocate(&mut self, layout: Layout) -> *mut u8 {
        // SAFETY: no trace asks for zero bytes.
        unsafe { self.0.allocate(layout) }.map_or(null_mut(), NonNull::as_ptr)
    }

    #[inline]
    unsafe fn release(&mut self, block: *mut u8, layout: Layout) {
        // SAFETY: the same contract.
        unsafe { self.0.deallocate(block, layout) }
    }

    #[inline]
    unsafe fn resize(&mut self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the same contract; a block that can't be changed in place is moved.
        unsafe {
            if self.0.try_realloc_in_place(block, layout, size) {
                return block;
            }
            let new = self.allocate(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                new.copy_from_nonoverlapping(block, size.min(layout.size()));
                self.release(block, layout);
            }
            new
        }
    }
}

pub struct Rlsf(rlsf::Tlsf<'static, u32, u32, 28, 32>);

impl Subject for Rlsf {
    unsafe fn over(arena: *mut u8, size: usize) -> Option<Rlsf> {
        let mut tlsf = rlsf::Tlsf::new();
        let arena = NonNull::slice_from_raw_parts(NonNull::new(arena)?, size);
        // SAFETY: the same contract.
        unsafe { tlsf.insert_free_block_ptr(arena) }.map(|_| Rlsf(tlsf))
    }

    #[inline]
    fn allocate(&mut self, layout: Layout) -> *mut u8 {
        self.0.allocate(layout).map_or(null_mut(), NonNull::as_ptr)
    }

    #[inline]
    unsafe fn release(&mut self, block: *mut u8, layout: Layout) {
        // SAFETY: the same contract; a live block isn't null.
        unsafe { self.0.deallocate(NonNull::new_unchecked(block), layout.align()) }
    }

    #[inline]
    unsafe fn resize(&mut self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe {
            let layout = Layout::from_size_align_unchecked(size, layout.align());
            self.0.reallocate(NonNull::new_unchecked(block), layout).map_or(null_mut(), NonNull::as_ptr)
        }
    }
}

pub struct LinkedListCrate(linked_list_allocator::Heap);

impl Subject for LinkedListCrate {
    unsafe fn over(arena: *mut u8, size: usize) -> Option<LinkedListCrate> {
        // SAFETY: the same contract.
        Some(LinkedListCrate(unsafe { linked_list_allocator::Heap::new(arena, size) }))
    }

    #[inline]
    fn allocate(&mut self, layout: Layout) -> *mut u8 {
        or_null(self.0.allocate_first_fit(layout))
    }

    #[inline]
    unsafe fn release(&mut self, block: *mut u8, layout: Layout) {
        // SAFETY: the same contract; a live block isn't null.
        unsafe { self.0.deallocate(NonNull::new_unchecked(block), layout) }
    }
}

pub struct BuddyCrate(buddy_system_allocator::Heap<32>);

impl Subject for BuddyCrate {
    unsafe fn over(arena: *mut u8, size: usize) -> Option<BuddyCrate> {
        let mut heap = buddy_system_allocator::Heap::new();
        // SAFETY: the same contract.
        unsafe { heap.init(arena.expose_provenance(), size) };
        Some(BuddyCrate(heap))
    }

    #[inline]
    fn allocate(&mut self, layout: Layout) -> *mut u8 {
        or_null(self.0.alloc(layout))
    }

    #[inline]
    unsafe fn release(&mut self, block: *mut u8, layout: Layout) {
        // SAFETY: the same contract; a live block isn't null.
        unsafe { self.0.dealloc(NonNull::new_unchecked(block), layout) }
    }
}
