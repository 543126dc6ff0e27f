//! Values that point into themselves, and why futures are pinned.
//!
//! A future that borrows its own variable across an `await` points into itself. Moving it would leave the pointer behind. There are three
//! ways out: repair the pointer at each move (C++ does), store an offset instead (the compiler can't know which pointers to change), or
//! forbid the move. Rust forbids it, by a type: whoever has a `Pin<&mut T>` can't get at the `&mut T` that a move needs, unless `T` says by
//! [`Unpin`] that it doesn't mind.

use alloc::boxed::Box;
use core::cell::Cell;
use core::marker::PhantomPinned;
use core::pin::Pin;

/// A value with a pointer to one of its own fields.
///
/// Pinned, it can't be exchanged with another, which would leave both pointers behind:
/// ```compile_fail,E0596
/// use tour::futures::pinning::SelfReferential;
/// let mut first = SelfReferential::boxed(1);
/// let mut second = SelfReferential::boxed(2);
/// std::mem::swap(&mut *first, &mut *second);
/// ```
/// nor replaced:
/// ```compile_fail,E0596
/// use tour::futures::pinning::SelfReferential;
/// let mut pinned = SelfReferential::boxed(1);
/// let taken = std::mem::replace(&mut *pinned, SelfReferential::unset(2));
/// ```
/// nor treated as a value that may be moved:
/// ```compile_fail,E0277
/// use std::pin::Pin;
/// use tour::futures::pinning::SelfReferential;
/// let mut value = SelfReferential::unset(1);
/// let pinned = Pin::new(&mut value);
/// ```
#[derive(Debug)]
pub struct SelfReferential {
    /// A cell, because two ways lead to it: the field and the pointer.
    value: Cell<u32>,
    /// Points to `value`.
    pointer: *const Cell<u32>,
    /// How often the value was changed.
    changes: u32,
    /// Not `Unpin`: this value minds being moved once it is pinned.
    _pinned: PhantomPinned,
}

impl SelfReferential {
    /// A value whose pointer isn't set yet: it may be moved.
    pub fn unset(value: u32) -> SelfReferential {
        SelfReferential { value: Cell::new(value), pointer: core::ptr::null(), changes: 0, _pinned: PhantomPinned }
    }

    /// Pinned on the heap, with its pointer set.
    pub fn boxed(value: u32) -> Pin<Box<SelfReferential>> {
        let mut pinned = Box::pin(SelfReferential::unset(value));
        pinned.as_mut().point_at_itself();
        pinned
    }

    /// Sets the pointer. Also for values that are pinned on the stack (`core::pin::pin!`).
    pub fn point_at_itself(self: Pin<&mut Self>) {
        // SAFETY: the value isn't moved out of the reference; a field is written in place.
        let this = unsafe { self.get_unchecked_mut() };
        this.pointer = &raw const this.value;
    }

    /// A field that isn't pinned itself, through the pinned reference: what `pin_project` writes for such fields.
    fn changes_mut(self: Pin<&mut Self>) -> &mut u32 {
        // SAFETY: the whole isn't moved, and nothing depends on where this number is.
        unsafe { &mut self.get_unchecked_mut().changes }
    }

    /// Changes the value.
    pub fn set(mut self: Pin<&mut Self>, value: u32) {
        self.value.set(value);
        *self.as_mut().changes_mut() += 1;
    }

    /// How often it was changed.
    pub fn changes(&self) -> u32 {
        self.changes
    }

    /// The value, read through the pointer. None if it isn't set.
    pub fn through_pointer(self: Pin<&Self>) -> Option<u32> {
        // SAFETY: null, or set by `point_at_itself` on a pinned value, which hasn't moved since.
        unsafe { self.pointer.as_ref() }.map(Cell::get)
    }

    /// Whether the pointer leads to this very value.
    pub fn is_sound(&self) -> bool {
        core::ptr::eq(self.pointer, &raw const self.value)
    }
}
