//! The real kernel's page tables behind the same face.
//!
//! [`PageTable`] is made for one purpose: the user half of a process, in pages of 4 KiB, with a walk that is as short as it can be. What it
//! doesn't have is refused here.

use core::sync::atomic::{AtomicU64, Ordering};

use arch::paging::{FrameSource, PageFlags, PageTable};
use arch::{Frame, PAGE_SIZE, PhysAddr, USER_END, phys_to_virt};

use crate::mapper::frame_fits;
use crate::{Entry, Flags, MapError, Mapper, Page, PageSize, Translation, UnmapError};

/// A borrowed table of the kernel.
#[derive(Debug)]
pub struct Kernel<'a>(pub &'a mut PageTable);

/// Bits that mean the same in both.
const COMMON: Flags =
    Flags::WRITABLE.union(Flags::USER).union(Flags::NO_CACHE).union(Flags::ACCESSED).union(Flags::DIRTY).union(Flags::GLOBAL);

fn to_kernel(flags: Flags) -> PageFlags {
    let mut kernel = PageFlags::from_bits_truncate((flags & COMMON).bits());
    kernel.set(PageFlags::EXECUTE, !flags.contains(Flags::NO_EXECUTE));
    kernel
}

fn from_kernel(kernel: PageFlags) -> Flags {
    let mut flags = Flags::from_bits_truncate(kernel.bits()) & COMMON | Flags::PRESENT;
    flags.set(Flags::NO_EXECUTE, !kernel.contains(PageFlags::EXECUTE));
    flags
}

impl Kernel<'_> {
    /// A page of the user half, in the one size that there is.
    fn owns(page: Page) -> bool {
        page.size == PageSize::Size4K && page.address < USER_END
    }

    fn present(&self, address: usize) -> Option<(Frame, PageFlags)> {
        self.0.translate(address).filter(|(_, flags)| !flags.contains(PageFlags::INACCESSIBLE))
    }
}

impl Mapper for Kernel<'_> {
    fn map(&mut self, page: Page, frame: Frame, flags: Flags, frames: &mut dyn FrameSource) -> Result<(), MapError> {
        if !page.is_valid() || !frame_fits(frame, page.size) {
            return Err(MapError::Misaligned);
        }
        if !Kernel::owns(page) {
            return Err(MapError::Unsupported);
        }
        if self.0.translate(page.address).is_some() {
            return Err(MapError::AlreadyMapped);
        }
        self.0.map(page.address, frame, to_kernel(flags), frames).map_err(|_| MapError::NoFrame)
    }

    fn unmap(&mut self, page: Page) -> Result<(Frame, Flags), UnmapError> {
        if !page.is_valid() || !Kernel::owns(page) || self.present(page.address).is_none() {
            return Err(UnmapError::NotMapped);
        }
        let (frame, flags) = self.0.unmap(page.address).ok_or(UnmapError::NotMapped)?;
        self.0.flush(page.address..page.address + PAGE_SIZE);
        Ok((frame, from_kernel(flags)))
    }

    fn set_flags(&mut self, page: Page, flags: Flags) -> Result<(), UnmapError> {
        if !page.is_valid() || !Kernel::owns(page) || !self.0.protect(page.address, to_kernel(flags)) {
            return Err(UnmapError::NotMapped);
        }
        self.0.flush(page.address..page.address + PAGE_SIZE);
        Ok(())
    }

    fn translate(&mut self, address: usize) -> Option<Translation> {
        let (frame, flags) = self.present(address)?;
        let offset = address % PAGE_SIZE;
        let flags = from_kernel(flags);
        // Its tables never restrict: the leaf decides.
        let physical = PhysAddr(frame.address().0 + offset as u64);
        Some(Translation { physical, page: Page::small(address - offset), flags, effective: flags })
    }

    /// Keeps them: the kernel gives all tables back together, when the address space ends.
    fn free_empty_tables(&mut self, _address: usize, _frames: &mut dyn FrameSource) {}

    fn root(&self) -> Frame {
        self.0.root()
    }

    fn level_4(&mut self, index: usize) -> Entry {
        // SAFETY: the root of a table that is alive, seen through the map of physical memory.
        let entry = unsafe { &*phys_to_virt(self.0.root().address()).cast::<AtomicU64>().add(index % 512) };
        Entry(entry.load(Ordering::Acquire))
    }
}
