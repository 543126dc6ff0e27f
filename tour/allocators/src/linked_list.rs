//! The linked-list allocator: free memory remembers itself.
//!
//! A free block isn't needed by anybody, so the allocator writes its size and the address of the next free block into its first bytes. However many
//! blocks there are, the allocator itself is one pointer.
//!
//! The list is kept *by rising address*. That makes freeing a walk, but then a block's neighbours in the list are the free blocks next to it in
//! memory, and if they touch, they become one. Without merging, memory would crumble until no large request could be met although most of it is
//! free. An allocation takes the first block that is large enough. What the alignment leaves before it and what the size leaves behind it stay
//! free blocks: all sizes and addresses are multiples of a [`UNIT`], in which a list node fits, so no rest is too small to be one.

use crate::Allocator;
use crate::align::{align_down, align_up};
use crate::provenance::{at, expose};
use core::alloc::Layout;
use core::ptr::{NonNull, null_mut};

/// What lies at the begin of each free block.
struct Node {
    /// Bytes of the block, this node included.
    size: usize,
    next: Option<NonNull<Node>>,
}

/// All blocks begin at a multiple of this, and have a multiple of it as their size.
pub(crate) const UNIT: usize = 16;
const _: () = assert!(size_of::<Node>() <= UNIT && align_of::<Node>() <= UNIT);

/// A list of free blocks.
#[derive(Debug)]
pub struct LinkedList {
    first: Option<NonNull<Node>>,
    total: usize,
    free: usize,
}

// SAFETY: the blocks in the list belong to it, wherever it goes.
unsafe impl Send for LinkedList {}

impl LinkedList {
    /// An allocator without memory.
    pub const fn new() -> LinkedList {
        LinkedList { first: None, total: 0, free: 0 }
    }

    /// The size and alignment that a block for this layout has.
    pub(crate) fn size_align(layout: Layout) -> Option<(usize, usize)> {
        let size = layout.size().max(1).checked_next_multiple_of(UNIT)?;
        Some((size, layout.align().max(UNIT)))
    }

    /// Free blocks and the largest one among them, in bytes: how much the memory has crumbled.
    pub fn fragments(&self) -> (usize, usize) {
        let (mut count, mut largest, mut at) = (0, 0, self.first);
        while let Some(node) = at {
            // SAFETY: what is in the list is a free block with a node in it.
            let node = unsafe { node.as_ref() };
            count += 1;
            largest = largest.max(node.size);
            at = node.next;
        }
        (count, largest)
    }

    /// Puts the free block `begin..begin + size` where it belongs in the list and joins it with the neighbours that it touches.
    ///
    /// # Safety
    /// The block is memory of this allocator that nobody uses; both numbers are multiples of [`UNIT`], and the size isn't 0.
    unsafe fn insert(&mut self, begin: usize, size: usize) {
        self.free += size;
        let mut before: Option<NonNull<Node>> = None;
        let mut behind = self.first;
        while let Some(node) = behind.filter(|node| node.as_ptr().addr() < begin) {
            before = behind;
            // SAFETY: what is in the list is a free block with a node in it.
            behind = unsafe { node.as_ref().next };
        }
        let mut size = size;
        if let Some(node) = behind.filter(|node| node.as_ptr().addr() == begin + size) {
            // SAFETY: as above. The node is swallowed: its block goes on as the end of the new one.
            let node = unsafe { node.as_ref() };
            size += node.size;
            behind = node.next;
        }
        if let Some(mut node) = before {
            // SAFETY: as above, and nothing else refers to this node.
            let node = unsafe { node.as_mut() };
            if core::ptr::from_ref(node).addr() + node.size == begin {
                node.size += size;
                node.next = behind;
                return;
            }
        }
        let new: *mut Node = at(begin);
        // SAFETY: the block is ours, at least a UNIT long and aligned to it.
        unsafe { new.write(Node { size, next: behind }) };
        self.link(before, NonNull::new(new));
    }

    /// Lets the node before, or the list itself, go on with `next`.
    fn link(&mut self, before: Option<NonNull<Node>>, next: Option<NonNull<Node>>) {
        match before {
            // SAFETY: a node of the list, to which nothing else refers now.
            Some(mut node) => unsafe { node.as_mut().next = next },
            None => self.first = next,
        }
    }

    /// Cuts `begin..begin + size` out of the free block `node`: the parts before and behind stay free.
    ///
    /// # Safety
    /// The range lies inside the block and consists of whole units; `before` precedes `node` in the list.
    unsafe fn cut_out(&mut self, before: Option<NonNull<Node>>, node: NonNull<Node>, begin: usize, size: usize) {
        let start = node.as_ptr().addr();
        // SAFETY: a node of the list.
        let (end, mut next) = unsafe { (start + node.as_ref().size, node.as_ref().next) };
        if begin + size < end {
            let rest: *mut Node = at(begin + size);
            // SAFETY: the rest is a part of the free block, whole units long.
            unsafe { rest.write(Node { size: end - begin - size, next }) };
            next = NonNull::new(rest);
        }
        if start < begin {
            // SAFETY: the front part keeps the node, which nothing else refers to.
            unsafe { node.as_ptr().write(Node { size: begin - start, next }) };
        } else {
            self.link(before, next);
        }
        self.free -= size;
    }
}

impl Default for LinkedList {
    fn default() -> Self {
        LinkedList::new()
    }
}

// SAFETY: a block is cut out of a free one at an aligned place and is no free block until it comes back.
unsafe impl Allocator for LinkedList {
    unsafe fn add_region(&mut self, start: *mut u8, size: usize) {
        let address = expose(start);
        let begin = align_up(address, UNIT);
        let end = align_down(address + size, UNIT);
        if begin < end {
            self.total += end - begin;
            // SAFETY: whole units of memory that the caller has given us.
            unsafe { self.insert(begin, end - begin) };
        }
    }

    fn allocate(&mut self, layout: Layout) -> *mut u8 {
        let Some((size, align)) = LinkedList::size_align(layout) else { return null_mut() };
        let (mut before, mut found) = (None, self.first);
        while let Some(node) = found {
            let start = node.as_ptr().addr();
            // SAFETY: a node of the list.
            let (end, next) = unsafe { (start + node.as_ref().size, node.as_ref().next) };
            let begin = align_up(start, align);
            if begin.checked_add(size).is_some_and(|needed| needed <= end) {
                // SAFETY: the range lies inside the block, and start, alignment and size are multiples of UNIT.
                unsafe { self.cut_out(before, node, begin, size) };
                return at(begin);
            }
            (before, found) = (found, next);
        }
        null_mut()
    }

    unsafe fn deallocate(&mut self, block: *mut u8, layout: Layout) {
        if let Some((size, _)) = LinkedList::size_align(layout) {
            // SAFETY: a block of ours, of this size, that its owner gives up.
            unsafe { self.insert(block.addr(), size) };
        }
    }

    fn used(&self) -> usize {
        self.total - self.free
    }
}
