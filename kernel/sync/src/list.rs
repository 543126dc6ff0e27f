//! The intrusive doubly linked list under every queue of waiters, the timer wheel and the list of tasks.
//!
//! Its nodes live in the things that are linked, usually pinned futures: linking and unlinking are a few stores, allocate nothing and
//! work in an interrupt handler. The list is circular, so it is one pointer large (a timer wheel has hundreds), and the tail is the
//! head's predecessor.
//!
//! All operations that take a node are `unsafe`: the list cannot know that a node stays where it is. The few callers argue it.

use core::{cell::Cell, marker::PhantomPinned, ptr::NonNull};

/// The two pointers of a node. Not `Unpin`: what contains them must not move while linked.
pub struct Links<T> {
    next: Cell<Option<NonNull<T>>>,
    prev: Cell<Option<NonNull<T>>>,
    _pinned: PhantomPinned,
}

// SAFETY: the pointers are touched only through a `List`, whose owner (a lock) orders all accesses, whatever thread they come from.
unsafe impl<T: Send> Send for Links<T> {}

impl<T> Links<T> {
    /// Links of a node that is in no list.
    pub const fn new() -> Self {
        Links { next: Cell::new(None), prev: Cell::new(None), _pinned: PhantomPinned }
    }

    /// Whether the node is in a list. Meaningful only under the lock of that list.
    pub fn is_linked(&self) -> bool {
        self.next.get().is_some()
    }
}

impl<T> Default for Links<T> {
    fn default() -> Self {
        Links::new()
    }
}

/// A thing that can be in one [`List`] at a time.
///
/// # Safety
/// `links` must return the same field of `self` at each call, and nobody but a `List` may change it. All that others change in the node
/// while it is linked must be in cells or atomics: the list makes shared references to its nodes.
pub unsafe trait Linked: Sized {
    fn links(&self) -> &Links<Self>;
}

/// First in, first out. Dropping a list leaves its nodes alone.
pub struct List<T: Linked> {
    head: Option<NonNull<T>>,
}

// SAFETY: a list is pointers to nodes, which whoever owns the list may touch from any thread when the nodes may be.
unsafe impl<T: Linked + Send> Send for List<T> {}

impl<T: Linked> List<T> {
    pub const fn new() -> Self {
        List { head: None }
    }

    pub fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// The first node.
    pub fn front(&self) -> Option<NonNull<T>> {
        self.head
    }

    /// The node after `node`, unless that is the last one.
    ///
    /// # Safety
    /// `node` is in this list.
    pub unsafe fn next(&self, node: NonNull<T>) -> Option<NonNull<T>> {
        // SAFETY: nodes of the list are alive (promise of `push_back`).
        let next = unsafe { node.as_ref() }.links().next.get();
        next.filter(|next| Some(*next) != self.head)
    }

    /// Appends `node`.
    ///
    /// # Safety
    /// `node` is in no list, stays alive and in its place until it is popped or removed, and no mutable reference to it is made until then.
    /// All calls on this list and its nodes' links are ordered (by a lock or by belonging to one processor).
    pub unsafe fn push_back(&mut self, node: NonNull<T>) {
        // SAFETY: the caller promises that `node` is alive.
        let links = unsafe { node.as_ref() }.links();
        match self.head {
            None => {
                links.next.set(Some(node));
                links.prev.set(Some(node));
                self.head = Some(node);
            }
            Some(head) => {
                // SAFETY: nodes of the list are alive; the list is circular, so each has both neighbours.
                let head_links = unsafe { head.as_ref() }.links();
                let tail = head_links.prev.get().unwrap_or(head);
                // SAFETY: as above.
                unsafe { tail.as_ref() }.links().next.set(Some(node));
                links.prev.set(Some(tail));
                links.next.set(Some(head));
                head_links.prev.set(Some(node));
            }
        }
    }

    /// Takes the first node out.
    pub fn pop_front(&mut self) -> Option<NonNull<T>> {
        let node = self.head?;
        // SAFETY: the head is in this list.
        unsafe { self.remove(node) };
        Some(node)
    }

    /// Takes `node` out.
    ///
    /// # Safety
    /// `node` is in this list.
    pub unsafe fn remove(&mut self, node: NonNull<T>) {
        // SAFETY: nodes of the list are alive (promise of `push_back`).
        let links = unsafe { node.as_ref() }.links();
        let (Some(next), Some(prev)) = (links.next.take(), links.prev.take()) else { return };
        if next == node {
            self.head = None;
            return;
        }
        // SAFETY: neighbours in the list are alive.
        unsafe { prev.as_ref() }.links().next.set(Some(next));
        // SAFETY: as above.
        unsafe { next.as_ref() }.links().prev.set(Some(prev));
        if self.head == Some(node) {
            self.head = Some(next);
        }
    }
}

impl<T: Linked> Default for List<T> {
    fn default() -> Self {
        List::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{boxed::Box, collections::VecDeque, vec::Vec};

    struct Node {
        links: Links<Node>,
        value: usize,
    }

    // SAFETY: `links` is always the same field, and the value doesn't change.
    unsafe impl Linked for Node {
        fn links(&self) -> &Links<Node> {
            &self.links
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push,
        Pop,
        Remove(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![3 => Just(Step::Push), 1 => Just(Step::Pop), 2 => any::<usize>().prop_map(Step::Remove)]
    }

    /// The node behind a pointer of the test, which frees its nodes only after unlinking them.
    fn at<'a>(node: NonNull<Node>) -> &'a Node {
        // SAFETY: nodes are leaked boxes, freed by `free` when the test has forgotten them.
        unsafe { node.as_ref() }
    }

    fn free(node: NonNull<Node>) {
        // SAFETY: made by `Box::leak`, unlinked, and not used after this.
        unsafe { drop(Box::from_raw(node.as_ptr())) }
    }

    fn values(list: &List<Node>) -> Vec<usize> {
        // SAFETY: each node is in the list.
        core::iter::successors(list.front(), |node| unsafe { list.next(*node) }).map(|node| at(node).value).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 256 }, failure_persistence: None, ..ProptestConfig::default() })]

        /// The list against a `VecDeque`.
        #[test]
        fn behaves_like_a_deque(steps in proptest::collection::vec(step(), 0..64)) {
            let mut list = List::<Node>::new();
            let mut model = VecDeque::<NonNull<Node>>::new();
            for (value, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push => {
                        let node = NonNull::from(Box::leak(Box::new(Node { links: Links::new(), value })));
                        // SAFETY: the node is new and stays until it is freed, unlinked.
                        unsafe { list.push_back(node) };
                        model.push_back(node);
                    }
                    Step::Pop => {
                        let node = list.pop_front();
                        prop_assert_eq!(node, model.pop_front());
                        node.into_iter().for_each(free);
                    }
                    Step::Remove(index) if !model.is_empty() => {
                        let node = model.remove(index % model.len()).unwrap();
                        // SAFETY: the model says that it is in the list.
                        unsafe { list.remove(node) };
                        prop_assert!(!at(node).links.is_linked());
                        free(node);
                    }
                    Step::Remove(_) => {}
                }
                prop_assert_eq!(values(&list), model.iter().map(|node| at(*node).value).collect::<Vec<_>>());
                prop_assert_eq!(list.is_empty(), model.is_empty());
            }
            model.into_iter().for_each(free);
        }
    }
}
