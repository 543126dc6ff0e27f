//! Address spaces: what a program sees at each address.
//!
//! An [`AddressSpace`] is a sorted set of areas and a page table. The areas say what *may* be there; the table holds what *is* there, filled page
//! by page in [`AddressSpace::fault`]. Each entry of the table owns one reference to a [`Page`](crate::Page), so a page shared by fork, by a
//! page cache and by ten programs is simply a page with many references, and copy-on-write is the question whether there is only one.
//!
//! **The lock** is a spin lock with interrupts off, so no holder may work long: unmapping, forking and clearing go in steps of
//! [`STEP`] pages, each of which leaves areas and table consistent, with the lock released in between. Lock order: address space → page cache →
//! frames. No file system lock is ever taken inside, which is why [`MappedFile`](crate::MappedFile) asks for lock-free answers.
//!
//! **The TLB**: an entry that was absent needs no flush. An entry that changes or goes is flushed on this CPU, if the space is active here,
//! before its frame is freed. [`Inner::flush`] is the one place to tell other CPUs.
//!
//! **Placement** is Linux's: mappings go top down from below the stack's largest extent. It is deterministic, without random offsets, so that a
//! run can be repeated to the instruction; programs here are isolated by the virtual machine around the kernel.

mod advise;
mod area;
mod areas;
mod brk;
mod fault;
mod fork;
mod locking;
mod map;
mod protect;
mod remap;
mod remote;
mod report;
mod stack;
mod types;
mod zap;

pub use types::{
    Advice, AreaInfo, AreaKind, Backing, Fault, Limits, MapFlags, MapRequest, Protection, RemapFlags, ResidentPage, Segv, Usage,
};

use crate::PAGE_SIZE;
use crate::frames::{self, TableFrames};
use abi::{Errno, Result};
use alloc::sync::{Arc, Weak};
use arch::cpu::PerCpu;
use arch::paging::PageTable;
use areas::AreaMap;
use core::mem::ManuallyDrop;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};
use sync::SpinLock;

/// Pages that one step of a long job handles while the lock is held.
const STEP: usize = 256;

/// What the user addresses of one or more threads mean.
pub struct AddressSpace {
    id: u64,
    /// This space, for the lists of page caches.
    me: Weak<AddressSpace>,
    inner: SpinLock<Inner>,
}

struct Inner {
    areas: AreaMap,
    table: ManuallyDrop<PageTable>,
    /// Frames of the table.
    tables: TableFrames,
    /// Pages in the table, and those of them that belong to page caches.
    resident: usize,
    resident_file: usize,
    peak_resident: usize,
    peak_virtual: usize,
    brk_start: usize,
    brk: usize,
    limits: Limits,
    /// mlockall(MCL_FUTURE)
    lock_future: bool,
}

/// The space that is active on each CPU. It keeps the space alive: one that a CPU has loaded is never freed.
static CURRENT: PerCpu<SpinLock<Option<Arc<AddressSpace>>>> = PerCpu::new([const { SpinLock::new(None) }; arch::MAX_CPUS]);

impl AddressSpace {
    /// An empty space. ENOMEM.
    pub fn new() -> Result<Arc<AddressSpace>> {
        frames::admit()?;
        let mut tables = TableFrames::default();
        let table = PageTable::new(&mut tables).ok_or(Errno::ENOMEM)?;
        Ok(AddressSpace::with(Inner {
            areas: AreaMap::new(),
            table: ManuallyDrop::new(table),
            tables,
            resident: 0,
            resident_file: 0,
            peak_resident: 0,
            peak_virtual: 0,
            brk_start: 0,
            brk: 0,
            limits: Limits::default(),
            lock_future: false,
        }))
    }

    fn with(inner: Inner) -> Arc<AddressSpace> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Arc::new_cyclic(|me| AddressSpace { id, me: me.clone(), inner: SpinLock::new(inner) })
    }

    /// A number that no other space has or will have.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Makes this the space of the running CPU. Costs a comparison when it is already.
    pub fn activate(self: &Arc<Self>) {
        let mut current = CURRENT.get().lock();
        if current.as_ref().is_some_and(|space| Arc::ptr_eq(space, self)) {
            return;
        }
        let old = current.replace(self.clone());
        self.inner.lock().table.activate();
        drop(current);
        drop(old);
    }

    /// Leaves user addresses without meaning on this CPU: for a thread that ended, so that its space can be freed before another one runs.
    pub fn deactivate() {
        let old = CURRENT.get().lock().take();
        if old.is_some() {
            arch::paging::deactivate();
        }
        drop(old);
    }

    /// The space that is active on this CPU.
    pub fn current() -> Option<Arc<AddressSpace>> {
        CURRENT.get().lock().clone()
    }

    /// Sets the limits that later calls obey.
    pub fn set_limits(&self, limits: Limits) {
        self.inner.lock().limits = limits;
    }

    /// Unmaps everything (execve(2), exit(2)).
    pub fn clear(&self) {
        while !self.clear_some(STEP) {}
    }

    /// Unmaps about `pages` pages; true when nothing is left. For callers that want to yield in between.
    pub fn clear_some(&self, pages: usize) -> bool {
        let mut dropped = alloc::vec::Vec::new();
        let mut inner = self.inner.lock();
        let Some(first) = inner.areas.find_from(0).map(|area| area.start) else { return true };
        inner.unmap_step(first..arch::USER_END, pages.max(1), &mut dropped);
        let done = inner.areas.len() == 0;
        if done {
            let Inner { table, tables, .. } = &mut *inner;
            table.free_user_tables(tables);
        }
        drop(inner);
        drop(dropped);
        done
    }
}

impl Inner {
    /// Where the search for room begins: below the largest stack that the limit allows (at least 128 MiB, at most 5/6 of all), as on Linux.
    fn mmap_top(&self) -> usize {
        let gap = self.limits.stack.saturating_add(areas::STACK_GAP).clamp(128 << 20, arch::USER_END / 6 * 5);
        (arch::USER_END - gap) & !(PAGE_SIZE - 1)
    }

    /// Drops what TLBs hold of `range`. The one place where other CPUs that run this space would be told.
    fn flush(&self, range: Range<usize>) {
        self.table.flush(range);
    }

    /// Counts a page that was put where there was none.
    fn count_in(&mut self, cached: bool) {
        self.resident += 1;
        self.resident_file += usize::from(cached);
        self.peak_resident = self.peak_resident.max(self.resident);
    }

    /// Counts a page that was taken out.
    fn count_out(&mut self, cached: bool) {
        self.resident = self.resident.saturating_sub(1);
        self.resident_file = self.resident_file.saturating_sub(usize::from(cached));
    }

    fn note_peak(&mut self) {
        self.peak_virtual = self.peak_virtual.max(self.areas.sums().total);
    }
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        self.clear();
        let mut inner = self.inner.lock();
        let Inner { table, tables, .. } = &mut *inner;
        // SAFETY: this is the end of the only owner; the table is not used again after it is taken.
        let table = unsafe { ManuallyDrop::take(table) };
        table.free(tables);
    }
}

impl core::fmt::Debug for AddressSpace {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "AddressSpace({})", self.id)
    }
}

/// `len` rounded up to whole pages. `None` if that overflows.
fn page_align(len: usize) -> Option<usize> {
    len.checked_next_multiple_of(PAGE_SIZE)
}

fn is_aligned(address: usize) -> bool {
    address.is_multiple_of(PAGE_SIZE)
}

#[cfg(test)]
mod tests;
