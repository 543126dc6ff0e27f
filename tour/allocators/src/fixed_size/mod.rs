//! The fixed-size block allocator: a few sizes, and a list of free blocks for each.
//!
//! A request is rounded up to a class, and the class's first free block is taken: no search, whatever the heap looks like. Blocks on a list hold the
//! place of the next in their first bytes. When a list is empty, a *fallback* (the linked-list allocator) gives a block, and what is larger than the
//! largest class goes there too. The price is waste: a request of 130 bytes gets 256, and a block stays in its class even if other sizes
//! run short.
//!
//! [`Options`] holds what can be done about that and for speed, each by itself. See there.

mod options;

pub use options::{CLASSES, CLASSES_TO_A_PAGE, FINE_CLASSES, NoPages, Options, PAGE, PageSource};

use crate::linked_list::UNIT;
use crate::provenance::{at, expose};
use crate::{Allocator, LinkedList};
use core::alloc::Layout;
use core::ptr::{NonNull, null_mut};
use options::MOST_CLASSES;

/// What lies at the begin of each block on a list.
struct Free {
    next: Option<NonNull<Free>>,
}

/// The free blocks of one class.
#[derive(Debug, Clone, Copy)]
struct List {
    first: Option<NonNull<Free>>,
    length: usize,
}

/// Lists of blocks over a fallback, or over a source of pages.
#[derive(Debug)]
pub struct FixedSize<P = NoPages> {
    options: Options,
    lists: [List; MOST_CLASSES],
    fallback: LinkedList,
    pages: P,
    used: usize,
}

// SAFETY: the blocks on the lists belong to them, wherever they go.
unsafe impl<P: Send> Send for FixedSize<P> {}

impl FixedSize {
    /// The plain allocator, without memory.
    pub const fn new() -> FixedSize {
        FixedSize::with_options(Options::PLAIN)
    }

    /// One with these extensions.
    pub const fn with_options(options: Options) -> FixedSize {
        FixedSize::with_pages(options, NoPages)
    }
}

impl Default for FixedSize {
    fn default() -> Self {
        FixedSize::new()
    }
}

impl<P> FixedSize<P> {
    /// One that gets pages to cut up, and whole runs of pages for what is larger than all classes; the linked list does nothing then.
    pub const fn with_pages(options: Options, pages: P) -> FixedSize<P> {
        assert!(options.classes.len() <= MOST_CLASSES);
        FixedSize { options, lists: [List { first: None, length: 0 }; MOST_CLASSES], fallback: LinkedList::new(), pages, used: 0 }
    }

    /// The source of pages.
    pub fn pages(&self) -> &P {
        &self.pages
    }

    /// The smallest class for a layout; `None` if it is larger than all. A block is aligned like its size, that is to the lowest bit set in it.
    fn list_index(&self, layout: Layout) -> Option<usize> {
        let fits = |class: &usize| *class >= layout.size() && lowest_bit(*class) >= layout.align();
        self.options.classes.iter().position(fits)
    }

    fn pop(&mut self, class: usize) -> Option<NonNull<Free>> {
        let list = &mut self.lists[class];
        let block = list.first?;
        // SAFETY: a block on a list is free and holds a link.
        list.first = unsafe { block.as_ref().next };
        list.length -= 1;
        Some(block)
    }

    /// # Safety
    /// A free block of this class begins at the address.
    unsafe fn push(&mut self, class: usize, address: usize) {
        let list = &mut self.lists[class];
        let block: *mut Free = at(address);
        // SAFETY: promised by the caller; every class has room for a link and is aligned for it.
        unsafe { block.write(Free { next: list.first }) };
        list.first = NonNull::new(block);
        list.length += 1;
    }

    /// Puts `count` blocks that follow each other onto a list, so that the first comes off first.
    ///
    /// # Safety
    /// `count` free blocks of this class begin at the address.
    unsafe fn push_run(&mut self, class: usize, address: usize, count: usize, stride: usize) {
        for number in (0..count).rev() {
            // SAFETY: promised by the caller.
            unsafe { self.push(class, address + number * stride) };
        }
    }
}

impl<P: PageSource> FixedSize<P> {
    /// Bytes from one block of a class to the next. The fallback deals in units, so a block of 8 bytes from there takes 16.
    fn stride(&self, class: usize) -> usize {
        let size = self.options.classes[class];
        if P::AVAILABLE { size } else { size.max(UNIT) }
    }

    /// Extension: cuts a block of the next larger class that has one into blocks of this class.
    fn split_larger(&mut self, class: usize) -> Option<NonNull<Free>> {
        let stride = self.stride(class);
        for larger in class + 1..self.options.classes.len() {
            let size = self.stride(larger);
            if size.is_multiple_of(stride)
                && size > stride
                && let Some(block) = self.pop(larger)
            {
                // SAFETY: a block from the list of the larger class, which is a whole number of ours and aligned at least as well.
                unsafe { self.push_run(class, block.as_ptr().addr(), size / stride, stride) };
                return self.pop(class);
            }
        }
        None
    }

    /// Gets new blocks for a class.
    fn fill(&mut self, class: usize) -> Option<NonNull<Free>> {
        let stride = self.stride(class);
        let align = lowest_bit(self.options.classes[class]);
        if P::AVAILABLE {
            let page = self.pages.allocate(1);
            if page.is_null() {
                return None;
            }
            // SAFETY: a whole page, ours from now on.
            unsafe { self.push_run(class, expose(page), PAGE / stride, stride) };
            return self.pop(class);
        }
        for count in [self.options.prefill.max(1), 1] {
            let layout = Layout::from_size_align(stride.checked_mul(count)?, align).ok()?;
            let run = self.fallback.allocate(layout);
            if !run.is_null() {
                // SAFETY: as long as `count` blocks, ours from now on.
                unsafe { self.push_run(class, run.addr(), count, stride) };
                return self.pop(class);
            }
        }
        None
    }

    /// Gives all blocks on the lists back to the fallback, which joins them. Does nothing over a source of pages.
    pub fn drain(&mut self) {
        for class in 0..self.options.classes.len() {
            while self.give_back(class) {}
        }
    }

    /// Gives one block of a class back to the fallback; false if there is none.
    fn give_back(&mut self, class: usize) -> bool {
        if P::AVAILABLE {
            return false;
        }
        let Ok(layout) = Layout::from_size_align(self.stride(class), UNIT) else { return false };
        let Some(block) = self.pop(class) else { return false };
        // SAFETY: a free block that came from the fallback, by itself or as a part of a larger one, in whole units.
        unsafe { self.fallback.deallocate(block.as_ptr().cast(), layout) };
        true
    }

    fn allocate_large(&mut self, layout: Layout) -> *mut u8 {
        if !P::AVAILABLE {
            return self.fallback.allocate(layout);
        }
        if layout.align() > PAGE {
            return null_mut();
        }
        self.pages.allocate(page_count(layout))
    }
}

/// The largest power of two that divides a size.
const fn lowest_bit(size: usize) -> usize {
    1 << size.trailing_zeros()
}

/// The pages for a large layout; one for zero bytes, which come here if their alignment is large.
const fn page_count(layout: Layout) -> usize {
    if layout.size() == 0 { 1 } else { layout.size().div_ceil(PAGE) }
}

/// The bytes that a large layout takes.
fn large_size<P: PageSource>(layout: Layout) -> usize {
    layout.size().max(1).next_multiple_of(if P::AVAILABLE { PAGE } else { UNIT })
}

// SAFETY: blocks on a list are disjoint parts of what the fallback or the page source gave out, as large and as aligned as their class; they leave
// the list when they are given out.
unsafe impl<P: PageSource> Allocator for FixedSize<P> {
    unsafe fn add_region(&mut self, start: *mut u8, size: usize) {
        // SAFETY: the same contract.
        unsafe { self.fallback.add_region(start, size) };
        if self.options.prefill > 1 {
            for class in 0..self.options.classes.len() {
                if self.lists[class].first.is_none()
                    && let Some(block) = self.fill(class)
                {
                    // SAFETY: the block that `fill` took off the list for us.
                    unsafe { self.push(class, block.as_ptr().addr()) };
                }
            }
        }
    }

    fn allocate(&mut self, layout: Layout) -> *mut u8 {
        if let Some(class) = self.list_index(layout) {
            let mut block = self.pop(class);
            if block.is_none() && self.options.split {
                block = self.split_larger(class);
            }
            if block.is_none() {
                block = self.fill(class);
            }
            if block.is_none() {
                // What other classes hoard may be what is missing.
                self.drain();
                block = self.fill(class);
            }
            self.used += if block.is_some() { self.stride(class) } else { 0 };
            return block.map_or(null_mut(), |block| block.as_ptr().cast());
        }
        let mut block = self.allocate_large(layout);
        if block.is_null() {
            self.drain();
            block = self.allocate_large(layout);
        }
        self.used += if block.is_null() { 0 } else { large_size::<P>(layout) };
        block
    }

    unsafe fn deallocate(&mut self, block: *mut u8, layout: Layout) {
        match self.list_index(layout) {
            Some(class) => {
                self.used -= self.stride(class);
                // SAFETY: a block of this class, as the layout is the same.
                unsafe { self.push(class, block.addr()) };
                if self.lists[class].length > self.options.longest_list {
                    self.give_back(class);
                }
            }
            None => {
                self.used -= large_size::<P>(layout);
                // SAFETY: the same contract: the block came from there, with the same layout.
                unsafe {
                    if P::AVAILABLE {
                        self.pages.release(block, page_count(layout));
                    } else {
                        self.fallback.deallocate(block, layout);
                    }
                }
            }
        }
    }

    fn used(&self) -> usize {
        self.used
    }
}
