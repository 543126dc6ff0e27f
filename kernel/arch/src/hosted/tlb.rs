//! The loaded page table of each thread; nothing is cached, so there is nothing to invalidate.

use std::cell::Cell;

use crate::Frame;

thread_local! {
    static LOADED: Cell<Option<Frame>> = const { Cell::new(None) };
}

pub(crate) fn load(root: Frame) {
    LOADED.set(Some(root));
}

pub(crate) fn load_kernel() {
    LOADED.set(None);
}

pub(crate) fn loaded() -> Option<Frame> {
    LOADED.get()
}

pub(crate) fn invalidate(_address: usize) {}

/// The host's kernel half is the host process itself.
pub(crate) fn copy_kernel_half(_root: Frame) {}
