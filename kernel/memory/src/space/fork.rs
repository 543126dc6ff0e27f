//! fork(2): a second space with the same content.
//!
//! Private pages are shared and write-protected on both sides; whoever writes first gets a copy. Pages that a page cache holds are not entered
//! into the child's table at all: its first touch finds them in the cache, sixteen at a time, and most children call execve before that.

use super::area::{AreaFlags, entry_flags};
use super::{AddressSpace, Inner, STEP};
use crate::PAGE_SIZE;
use crate::cache::Registration;
use crate::frames;
use crate::page::Page;
use abi::{Errno, Result};
use alloc::sync::{Arc, Weak};
use arch::paging::PageFlags;
use core::ops::ControlFlow;

impl AddressSpace {
    /// A copy of this space for a child process. ENOMEM.
    pub fn fork(&self) -> Result<Arc<AddressSpace>> {
        let child = AddressSpace::new()?;
        let mut at = 0;
        while let Some(next) = self.fork_step(&child.me, child.id, &mut child.inner.lock(), at)? {
            at = next;
        }
        Ok(child)
    }

    /// Copies one area, or the next piece of it, from address `at` on. Returns where to go on, `None` at the end.
    fn fork_step(&self, child_weak: &Weak<AddressSpace>, child_id: u64, child: &mut Inner, at: usize) -> Result<Option<usize>> {
        frames::admit()?;
        let mut parent = self.inner.lock();
        if at == 0 {
            child.limits = parent.limits;
            (child.brk_start, child.brk) = (parent.brk_start, parent.brk);
        }
        let Some(area) = parent.areas.find_from(at) else {
            child.peak_virtual = child.areas.sums().total;
            return Ok(None);
        };
        if area.flags.contains(AreaFlags::DONT_FORK) {
            return Ok(Some(area.end));
        }
        let mut copy = area.clone();
        if at > copy.start {
            copy = copy.split_off(at);
        }
        let empty = copy.is_shared() || copy.flags.contains(AreaFlags::WIPE_ON_FORK);
        let reached = if empty { copy.end } else { parent.share_pages(child, copy.start, copy.end)? };
        copy.end = reached;
        // A child inherits no locks (mlock(2)).
        copy.flags.remove(AreaFlags::LOCKED);
        if let Some(mapping) = &mut copy.mapping {
            mapping.file = Registration::new(mapping.file.file().clone(), child_id, child_weak);
        }
        child.areas.insert(copy);
        Ok(Some(reached))
    }
}

impl Inner {
    /// Enters up to [`STEP`] private pages of `start..end` into the child's table as well. Returns the address up to which that is done.
    fn share_pages(&mut self, child: &mut Inner, start: usize, end: usize) -> Result<usize> {
        let (mut count, mut reached, mut failed) = (0, end, false);
        let mut narrowed: Option<(usize, usize)> = None;
        let protection = self.areas.find(start).map(|area| area.protection).unwrap_or_default();
        let flags = entry_flags(protection, false);
        self.table.visit(start..end, &mut |address, leaf| {
            if count == STEP {
                reached = address;
                return ControlFlow::Break(());
            }
            let Some(Some(page)) = Page::with_entry(leaf.frame(), |page| (!page.is_cached()).then(|| page.clone())) else {
                return ControlFlow::Continue(());
            };
            if leaf.flags().contains(PageFlags::WRITE) {
                leaf.set_flags(flags | PageFlags::ACCESSED | PageFlags::DIRTY);
                narrowed = Some((narrowed.map_or(address, |(first, _)| first), address + PAGE_SIZE));
            }
            let frame = page.into_entry();
            if child.table.map(address, frame, flags, &mut child.tables).is_err() {
                // SAFETY: mapping failed, so no entry owns the reference.
                drop(unsafe { Page::from_entry(frame) });
                failed = true;
                return ControlFlow::Break(());
            }
            child.count_in(false);
            count += 1;
            ControlFlow::Continue(())
        });
        if let Some((first, last)) = narrowed {
            self.flush(first..last);
        }
        if failed { Err(Errno::ENOMEM) } else { Ok(reached) }
    }
}
