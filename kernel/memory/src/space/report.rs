//! What an address space tells about itself: /proc/PID/maps, statm and pagemap, mincore(2), keys of shared futexes.

use super::area::AreaFlags;
use super::map::user_range;
use super::types::{AreaInfo, AreaKind, ResidentPage, Usage};
use super::{AddressSpace, STEP};
use crate::mapped::MappedFile;
use crate::{PAGE_SIZE, Page};
use abi::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::{ControlFlow, Range};

impl AddressSpace {
    /// How much of everything there is now.
    pub fn usage(&self) -> Usage {
        let inner = self.inner.lock();
        let sums = inner.areas.sums();
        Usage {
            virtual_pages: sums.total,
            peak_virtual_pages: inner.peak_virtual.max(sums.total),
            resident_pages: inner.resident,
            peak_resident_pages: inner.peak_resident,
            resident_file_pages: inner.resident_file,
            text_pages: sums.text,
            data_pages: sums.data,
            stack_pages: sums.stack,
            locked_pages: sums.locked,
            table_pages: inner.tables.lent,
            areas: inner.areas.len(),
        }
    }

    /// Shows all areas in rising order. ENOMEM if there is no room for the list.
    ///
    /// The list is made first and names are looked up afterwards, with the space unlocked: a file's name takes file system locks.
    pub fn areas(&self, show: &mut dyn FnMut(&AreaInfo)) -> Result<()> {
        let mut list: Vec<(AreaInfo, Option<Arc<dyn MappedFile>>)> = Vec::new();
        loop {
            let wanted = self.inner.lock().areas.len();
            list.try_reserve(wanted).map_err(|_| Errno::ENOMEM)?;
            let inner = self.inner.lock();
            if inner.areas.len() > list.capacity() {
                continue;
            }
            let heap = inner.brk_start..inner.brk;
            list.extend(inner.areas.iter().map(|area| {
                let kind = if area.flags.contains(AreaFlags::GROWS_DOWN) && area.end == arch::USER_END {
                    AreaKind::Stack
                } else if area.mapping.is_none() && area.start < heap.end && area.end > heap.start {
                    AreaKind::Heap
                } else {
                    AreaKind::Anonymous
                };
                let info = AreaInfo {
                    range: area.start..area.end,
                    protection: area.protection,
                    shared: area.is_shared(),
                    offset: area.index_of(area.start) * PAGE_SIZE as u64,
                    locked: area.flags.contains(AreaFlags::LOCKED),
                    kind,
                };
                (info, area.mapping.as_ref().map(|mapping| mapping.file.file().clone()))
            }));
            break;
        }
        for (mut info, file) in list {
            if let Some(file) = file {
                info.kind = AreaKind::File(file.describe());
            }
            show(&info);
        }
        Ok(())
    }

    /// Shows the pages that are there in `range`, of which only the first [`STEP`] pages are looked at, in rising order. The space is locked
    /// meanwhile.
    pub fn resident_pages(&self, range: Range<usize>, show: &mut dyn FnMut(usize, &ResidentPage)) {
        let end = range.end.min(range.start.saturating_add(STEP * PAGE_SIZE));
        self.inner.lock().table.visit(range.start..end, &mut |address, leaf| {
            let frame = leaf.frame();
            let page = Page::with_entry(frame, |page| {
                // A page cache holds a reference as well.
                let cached = page.is_cached();
                ResidentPage { frame, cached, exclusive: page.refs() <= 1 + usize::from(cached) }
            });
            if let Some(page) = page {
                show(address, &page);
            }
            ControlFlow::Continue(())
        });
    }

    /// mincore(2) for one stretch: a byte for each page from `address` on, 1 if touching it would need no disk. EINVAL (unaligned), ENOMEM (a
    /// hole).
    pub fn mincore(&self, address: usize, pages: &mut [u8]) -> Result<()> {
        if !super::is_aligned(address) {
            return Err(Errno::EINVAL);
        }
        let bytes = pages.len().checked_mul(PAGE_SIZE).ok_or(Errno::ENOMEM)?;
        let range = user_range(address, bytes).ok_or(Errno::ENOMEM)?;
        let inner = self.inner.lock();
        if !inner.areas.covers(&range) {
            return Err(Errno::ENOMEM);
        }
        for (number, byte) in pages.iter_mut().enumerate() {
            let at = range.start + number * PAGE_SIZE;
            let cached = || {
                let area = inner.areas.find(at)?;
                area.mapping.as_ref()?.file.file().cache().get(area.index_of(at))
            };
            *byte = u8::from(inner.table.translate(at).is_some() || cached().is_some());
        }
        Ok(())
    }

    /// What makes an address in shared memory the same in all processes: the number of the page cache and the byte position in it. `None` for
    /// private memory and for holes. Futexes and the like are keyed by it.
    pub fn shared_key(&self, address: usize) -> Option<(u64, u64)> {
        let inner = self.inner.lock();
        let area = inner.areas.find(address).filter(|area| area.is_shared())?;
        let cache = area.mapping.as_ref()?.file.file().cache().id();
        Some((cache, area.index_of(address) * PAGE_SIZE as u64 + (address % PAGE_SIZE) as u64))
    }
}
