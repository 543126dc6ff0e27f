//! The object pool: a slab allocator for one type.
//!
//! A kernel makes and drops the same few types all day: tasks, processes, open files. All their blocks have one size, so a *slab* of memory holds an
//! array of them without any waste, and a list of the free ones is all there is to know. And as a block only ever serves one type, the object
//! in it can stay *built* while it is free (Bonwick, "The Slab Allocator", USENIX 1994): its buffers are allocated, its lists are empty. What is
//! built once for the slab need not be built at every use; in return, who gives an object back leaves it as the next user wants to find it.

use crate::{Allocator, Locked};
use core::alloc::Layout;
use core::mem::offset_of;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

/// Objects in a slab.
const OBJECTS: usize = 16;

/// One place of a slab. The link lies beside the object, not in it: the object stays built.
struct Slot<T> {
    object: T,
    next_free: Option<NonNull<Slot<T>>>,
}

/// An array of places, and the next array.
#[repr(C)]
struct Slab<T> {
    slots: [Slot<T>; OBJECTS],
    next: Option<NonNull<Slab<T>>>,
}

struct Inner<T, A: Allocator> {
    allocator: A,
    make: fn() -> T,
    free: Option<NonNull<Slot<T>>>,
    slabs: Option<NonNull<Slab<T>>>,
    live: usize,
}

// SAFETY: slabs belong to the pool alone; objects and allocator move with it.
unsafe impl<T: Send, A: Allocator + Send> Send for Inner<T, A> {}

/// A pool of built objects, whose slabs come from an allocator.
pub struct Pool<T, A: Allocator> {
    inner: Locked<Inner<T, A>>,
}

impl<T, A: Allocator> Pool<T, A> {
    /// An empty pool; `make` builds each object once.
    pub const fn new(allocator: A, make: fn() -> T) -> Pool<T, A> {
        Pool { inner: Locked::new(Inner { allocator, make, free: None, slabs: None, live: 0 }) }
    }

    /// An object in the state in which it was built or given back. `None` if there is no memory for another slab.
    pub fn take(&self) -> Option<Object<'_, T, A>> {
        let mut inner = self.inner.lock();
        if inner.free.is_none() {
            inner.add_slab()?;
        }
        let slot = inner.free?;
        // SAFETY: a slot on the free list belongs to the pool, and nobody else refers to it.
        inner.free = unsafe { (*slot.as_ptr()).next_free.take() };
        inner.live += 1;
        Some(Object { pool: self, slot })
    }

    /// Objects that are taken now.
    pub fn live(&self) -> usize {
        self.inner.lock().live
    }

    /// Bytes that the slabs take from the allocator.
    pub fn used(&self) -> usize {
        self.inner.lock().allocator.used()
    }
}

impl<T, A: Allocator> Inner<T, A> {
    fn add_slab(&mut self) -> Option<()> {
        let slab = NonNull::new(self.allocator.allocate(Layout::new::<Slab<T>>()).cast::<Slab<T>>())?;
        // SAFETY: the memory is as large as a slab and aligned for it. Every field is written before the slab is linked.
        unsafe {
            let slots = slab.as_ptr().cast::<u8>().add(offset_of!(Slab<T>, slots)).cast::<Slot<T>>();
            for number in (0..OBJECTS).rev() {
                let slot = slots.add(number);
                slot.write(Slot { object: (self.make)(), next_free: self.free });
                self.free = NonNull::new(slot);
            }
            (&raw mut (*slab.as_ptr()).next).write(self.slabs);
        }
        self.slabs = Some(slab);
        Some(())
    }
}

impl<T, A: Allocator> Drop for Inner<T, A> {
    fn drop(&mut self) {
        while let Some(slab) = self.slabs {
            // SAFETY: nobody has an object any more, as each borrows the pool; all objects are built. The memory came from this allocator with this
            // layout.
            unsafe {
                self.slabs = (*slab.as_ptr()).next;
                slab.as_ptr().drop_in_place();
                self.allocator.deallocate(slab.as_ptr().cast(), Layout::new::<Slab<T>>());
            }
        }
    }
}

/// An object that is taken; dropping this puts it back, without dropping the object.
pub struct Object<'p, T, A: Allocator> {
    pool: &'p Pool<T, A>,
    slot: NonNull<Slot<T>>,
}

impl<T, A: Allocator> Deref for Object<'_, T, A> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the slot was taken for this alone and its object is built.
        unsafe { &self.slot.as_ref().object }
    }
}

impl<T, A: Allocator> DerefMut for Object<'_, T, A> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and this is borrowed exclusively.
        unsafe { &mut self.slot.as_mut().object }
    }
}

impl<T, A: Allocator> Drop for Object<'_, T, A> {
    fn drop(&mut self) {
        let mut inner = self.pool.inner.lock();
        // SAFETY: the slot was this object's alone; it goes back to the list.
        unsafe { (*self.slot.as_ptr()).next_free = inner.free };
        inner.free = Some(self.slot);
        inner.live -= 1;
    }
}
