//! madvise(2) and msync(2).

use super::area::{Area, AreaFlags};
use super::areas::MAX_AREAS;
use super::types::{Advice, Fault, Protection};
use super::{AddressSpace, STEP, is_aligned, page_align};
use crate::PAGE_SIZE;
use abi::{Errno, Result};
use arch::user::Access;
use core::ops::Range;

impl AddressSpace {
    /// madvise(2). EINVAL (unaligned, or advice that doesn't fit the area), ENOMEM (a hole in the range; the rest is advised all the same),
    /// EACCES (MADV_REMOVE without the right to write), EFAULT and ENOMEM of MADV_POPULATE.
    pub fn advise(&self, address: usize, len: usize, advice: Advice) -> Result<()> {
        let range = checked_range(address, len).ok_or(Errno::EINVAL)?;
        if let Advice::Populate(write) = advice {
            return self.populate_for(range, if write { Access::Write } else { Access::Read });
        }
        let (mut at, mut hole) = (range.start, false);
        while at < range.end {
            let area = match self.inner.lock().areas.find_from(at).filter(|area| area.start < range.end) {
                Some(area) => area.clone(),
                None => {
                    hole = true;
                    break;
                }
            };
            hole |= area.start > at;
            let part = area.start.max(at)..area.end.min(range.end);
            at = part.end;
            self.advise_area(&area, part, advice)?;
        }
        if hole { Err(Errno::ENOMEM) } else { Ok(()) }
    }

    /// Advice on a range inside one area.
    fn advise_area(&self, area: &Area, part: Range<usize>, advice: Advice) -> Result<()> {
        match advice {
            Advice::Hint | Advice::Populate(_) => Ok(()),
            // Pages of memory files are there; those of disks are read when touched.
            Advice::WillNeed => Ok(()),
            Advice::DontNeed { locked } if locked || !area.flags.contains(AreaFlags::LOCKED) => {
                self.drop_pages(part);
                Ok(())
            }
            Advice::Free if area.mapping.is_none() => {
                self.drop_pages(part);
                Ok(())
            }
            Advice::Remove => self.remove_from_file(area, part),
            Advice::DontFork(on) => self.set_flag(part, AreaFlags::DONT_FORK, on),
            Advice::DontDump(on) => self.set_flag(part, AreaFlags::DONT_DUMP, on),
            Advice::WipeOnFork(on) if !on || (area.mapping.is_none() && !area.is_shared()) => {
                self.set_flag(part, AreaFlags::WIPE_ON_FORK, on)
            }
            Advice::DontNeed { .. } | Advice::Free | Advice::WipeOnFork(_) => Err(Errno::EINVAL),
        }
    }

    /// Takes the pages of `range` out of the table; the next touch finds zeros, or the file.
    fn drop_pages(&self, range: Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            at = self.inner.lock().zap(at..range.end, STEP, |_| true);
        }
    }

    fn remove_from_file(&self, area: &Area, part: Range<usize>) -> Result<()> {
        let Some(mapping) = area.mapping.as_ref().filter(|_| !area.flags.contains(AreaFlags::LOCKED)) else { return Err(Errno::EINVAL) };
        if !area.is_shared() || !area.may.contains(Protection::WRITE) {
            return Err(Errno::EACCES);
        }
        let start = area.index_of(part.start) * PAGE_SIZE as u64;
        mapping.file.file().cache().punch(start..start + part.len() as u64);
        Ok(())
    }

    fn set_flag(&self, part: Range<usize>, flag: AreaFlags, on: bool) -> Result<()> {
        let mut inner = self.inner.lock();
        if inner.areas.len() + inner.areas.cuts(&part) > MAX_AREAS {
            return Err(Errno::ENOMEM);
        }
        inner.areas.change(part, |area| {
            area.flags.set(flag, on);
            Ok(())
        })
    }

    /// MADV_POPULATE_READ and MADV_POPULATE_WRITE: like touching every page, with errors instead of signals.
    fn populate_for(&self, range: Range<usize>, access: Access) -> Result<()> {
        for page in range.step_by(PAGE_SIZE) {
            let fault = {
                let mut inner = self.inner.lock();
                let area = inner.areas.find(page).ok_or(Errno::ENOMEM)?;
                if !super::area::allows(area.protection, access) {
                    return Err(Errno::EINVAL);
                }
                match inner.table.translate(page) {
                    Some((_, flags)) if access == Access::Read || flags.contains(arch::paging::PageFlags::WRITE) => Fault::Resolved,
                    _ => inner.fault(page, access),
                }
            };
            match fault {
                Fault::Resolved => {}
                Fault::Denied(_) => return Err(Errno::EFAULT),
                Fault::OutOfMemory => return Err(Errno::ENOMEM),
                Fault::Deferred(_) => return Err(Errno::EAGAIN),
            }
        }
        Ok(())
    }

    /// msync(2) without its flags' own checks: ENOMEM for a hole in the range, EBUSY if `invalidate` meets locked memory, EINVAL (unaligned).
    ///
    /// A shared mapping *is* the file's page cache, so there is nothing to copy; a file system on a disk writes its cache back in fsync.
    pub fn sync(&self, address: usize, len: usize, invalidate: bool) -> Result<()> {
        if !is_aligned(address) {
            return Err(Errno::EINVAL);
        }
        let end = page_align(len).and_then(|len| address.checked_add(len)).ok_or(Errno::ENOMEM)?;
        let inner = self.inner.lock();
        let (mut at, mut hole) = (address, false);
        while at < end {
            let Some(area) = inner.areas.find_from(at).filter(|area| area.start < end) else {
                hole = true;
                break;
            };
            hole |= area.start > at;
            if invalidate && area.flags.contains(AreaFlags::LOCKED) {
                return Err(Errno::EBUSY);
            }
            at = area.end;
        }
        if hole { Err(Errno::ENOMEM) } else { Ok(()) }
    }
}

/// The pages of a range for madvise, which may be empty. `None`: unaligned, or the end overflows.
fn checked_range(address: usize, len: usize) -> Option<Range<usize>> {
    let end = page_align(len).and_then(|len| address.checked_add(len))?;
    is_aligned(address).then_some(address..end)
}
