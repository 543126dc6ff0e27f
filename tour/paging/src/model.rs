//! A model of the processor's MMU for host programs: it walks tables that lie in `arch`'s hosted memory, and caches what it finds.
//!
//! The cache is as treacherous as the real one: it never forgets by itself. A mapper that leaves out an `invlpg` reads old tables here.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use arch::{Frame, PAGE_SIZE, PhysAddr, phys_to_virt};

use crate::address::{index, is_canonical, span};
use crate::{Entry, Flags, Mmu};

/// One processor with an active root and a translation cache.
#[derive(Debug)]
pub struct Model {
    root: Cell<Frame>,
    /// By page: the physical address of its first byte and the effective flags.
    cache: RefCell<BTreeMap<usize, (u64, Flags)>>,
}

impl Model {
    /// A processor whose active root is `root`.
    ///
    /// # Safety
    /// All tables below the root, and all pages that are touched, must lie in the hosted memory, and belong to the caller.
    pub unsafe fn new(root: Frame) -> Model {
        Model { root: Cell::new(root), cache: RefCell::default() }
    }

    /// Loads another root, which empties the cache: `mov cr3`. The promise of [`Model::new`] holds for this root too.
    pub fn activate(&self, root: Frame) {
        self.root.set(root);
        self.cache.borrow_mut().clear();
    }

    fn word(physical: u64) -> &'static AtomicU64 {
        assert!(physical.is_multiple_of(8), "an unaligned word at {physical:#x}");
        // SAFETY: the promise of `new`: an aligned word of hosted memory. Several threads may share it, hence an atomic.
        unsafe { &*phys_to_virt(PhysAddr(physical)).cast::<AtomicU64>() }
    }

    /// What the tables say; None is a page fault.
    fn walk(&self, address: usize) -> Option<(u64, Flags)> {
        let mut table = self.root.get().address().0;
        let mut above = Flags::TABLE | Flags::USER;
        for level in (1..=4).rev() {
            let entry = Entry(Model::word(table + 8 * index(address, level) as u64).load(Ordering::Acquire));
            if !entry.is_present() {
                return None;
            }
            above = above.restrict(entry.flags());
            if level == 1 || level < 4 && entry.is_huge() {
                let size = span(level);
                let start = entry.frame().address().0 & !(size as u64 - 1);
                return Some((start + ((address % size) & !(PAGE_SIZE - 1)) as u64, above));
            }
            table = entry.frame().address().0;
        }
        None
    }

    fn translate(&self, address: usize, write: bool) -> u64 {
        assert!(is_canonical(address), "general protection fault: {address:#x} is no address");
        let page = address & !(PAGE_SIZE - 1);
        let cached = self.cache.borrow().get(&page).copied();
        let Some((start, flags)) = cached.or_else(|| self.walk(address)) else { panic!("page fault: nothing at {address:#x}") };
        assert!(!write || flags.contains(Flags::WRITABLE), "page fault: {address:#x} is read-only");
        self.cache.borrow_mut().insert(page, (start, flags));
        start + (address - page) as u64
    }
}

impl Mmu for Model {
    fn load(&self, address: usize) -> u64 {
        Model::word(self.translate(address, false)).load(Ordering::Acquire)
    }

    fn store(&self, address: usize, value: u64) {
        Model::word(self.translate(address, true)).store(value, Ordering::Release);
    }

    fn invalidate(&self, address: usize) {
        self.cache.borrow_mut().remove(&(address & !(PAGE_SIZE - 1)));
    }
}
