//! `Page`: one counted reference to one frame of data.
//!
//! It is what an `Arc<[u8; 4096]>` would be, four bytes large and without a heap block: the count lives in the frame's description. A page
//! that is mapped in a page table, held by a page cache or being copied from is one reference each; the last one to go frees the frame. An
//! address space may write to a private page in place only when it holds the one reference ([`Page::is_exclusive`]); else it copies.

use crate::PAGE_SIZE;
use crate::frames::{self, FrameInfo, Kind};
use abi::{Errno, Result};
use arch::{Frame, phys_to_virt};
use core::num::NonZeroU32;
use core::sync::atomic::{Ordering, fence};

/// A reference to a frame of data. Cloning counts up, dropping counts down.
pub struct Page(NonZeroU32);

impl Page {
    /// A new page full of zeros. ENOMEM when only the kernel's reserve is left.
    pub fn zeroed() -> Result<Page> {
        let page = Page::for_overwrite()?;
        frames::zero(page.frame());
        Ok(page)
    }

    /// A new page whose content is whatever was there, perhaps another program's secrets: for callers that overwrite all of it, or that keep
    /// count of what they wrote and show nothing else (pipes). ENOMEM as [`Page::zeroed`].
    pub fn for_overwrite() -> Result<Page> {
        let frame = frames::allocate_admitted(0)?;
        let number = u32::try_from(frame.number()).ok().and_then(NonZeroU32::new);
        match (number, frames::info(frame.number())) {
            (Some(number), Some(info)) => {
                info.count.store(1, Ordering::Relaxed);
                info.set_kind(Kind::Anonymous);
                Ok(Page(number))
            }
            _ => Err(Errno::ENOMEM),
        }
    }

    /// A new page with the same content.
    pub fn copy(&self) -> Result<Page> {
        let copy = Page::for_overwrite()?;
        // SAFETY: two different frames, each mapped for its whole 4096 bytes; the new one belongs to nobody else.
        unsafe { phys_to_virt(copy.frame().address()).copy_from_nonoverlapping(self.pointer(), PAGE_SIZE) };
        Ok(copy)
    }

    /// The frame, for page tables and devices. It stays allocated as long as the page is referenced.
    pub fn frame(&self) -> Frame {
        Frame::from_number(u64::from(self.0.get()))
    }

    /// How many references there are now.
    pub fn refs(&self) -> usize {
        self.info().map_or(1, |info| info.count.load(Ordering::Relaxed) as usize)
    }

    /// Whether this is the only reference and no page cache knows the page, so that its owner may write to it.
    pub fn is_exclusive(&self) -> bool {
        self.info().is_some_and(|info| info.count.load(Ordering::Acquire) == 1 && info.kind() == Kind::Anonymous)
    }

    /// Whether the page belongs, or belonged, to a page cache.
    pub(crate) fn is_cached(&self) -> bool {
        self.info().is_some_and(|info| info.kind() == Kind::Cached)
    }

    /// Marks the page as one of a page cache.
    pub(crate) fn mark_cached(&self) {
        if let Some(info) = self.info() {
            info.set_kind(Kind::Cached);
        }
    }

    /// Copies bytes out of the page, starting at `offset`; as many as fit. Returns how many.
    pub fn read(&self, offset: usize, bytes: &mut [u8]) -> usize {
        let count = bytes.len().min(PAGE_SIZE.saturating_sub(offset));
        if count > 0 {
            // SAFETY: `offset + count <= PAGE_SIZE`, so the source lies in this frame. A program may write to it meanwhile, which gives
            // one or the other byte, as for any shared memory; the destination is ours alone.
            unsafe { bytes.as_mut_ptr().copy_from_nonoverlapping(self.pointer().add(offset), count) };
        }
        count
    }

    /// Copies bytes into the page, starting at `offset`; as many as fit. Returns how many.
    pub fn write(&self, offset: usize, bytes: &[u8]) -> usize {
        let count = bytes.len().min(PAGE_SIZE.saturating_sub(offset));
        if count > 0 {
            // SAFETY: as in `read`, with the frame as destination. No Rust reference to a frame's bytes exists anywhere.
            unsafe { self.pointer().add(offset).copy_from_nonoverlapping(bytes.as_ptr(), count) };
        }
        count
    }

    /// Sets `len` bytes from `offset` on (or up to the end of the page) to `byte`.
    pub fn fill(&self, offset: usize, len: usize, byte: u8) {
        let count = len.min(PAGE_SIZE.saturating_sub(offset));
        if count > 0 {
            // SAFETY: as in `write`.
            unsafe { self.pointer().add(offset).write_bytes(byte, count) };
        }
    }

    /// Where the kernel sees the page. Valid for `PAGE_SIZE` bytes while a reference is held.
    pub(crate) fn pointer(&self) -> *mut u8 {
        phys_to_virt(self.frame().address())
    }

    /// Turns the reference into one that a page-table entry stands for.
    pub(crate) fn into_entry(self) -> Frame {
        let frame = self.frame();
        core::mem::forget(self);
        frame
    }

    /// Takes the reference of a page-table entry back.
    ///
    /// # Safety
    /// The frame must come from [`Page::into_entry`], and the entry must be gone (or be replaced by the caller) so that the reference isn't
    /// used twice.
    pub(crate) unsafe fn from_entry(frame: Frame) -> Option<Page> {
        u32::try_from(frame.number()).ok().and_then(NonZeroU32::new).map(Page)
    }

    /// Looks at the page behind a page-table entry without taking its reference.
    pub(crate) fn with_entry<R>(frame: Frame, look: impl FnOnce(&Page) -> R) -> Option<R> {
        let number = u32::try_from(frame.number()).ok().and_then(NonZeroU32::new)?;
        let page = core::mem::ManuallyDrop::new(Page(number));
        Some(look(&page))
    }

    fn info(&self) -> Option<&'static FrameInfo> {
        frames::info(u64::from(self.0.get()))
    }
}

impl Clone for Page {
    fn clone(&self) -> Page {
        if let Some(info) = self.info() {
            info.count.fetch_add(1, Ordering::Relaxed);
        }
        Page(self.0)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let Some(info) = self.info() else { return };
        // Release, and Acquire before the frame is reused: whoever gets it next sees all writes of earlier owners as finished.
        if info.count.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::Acquire);
            frames::free(self.frame(), 0);
        }
    }
}

impl core::fmt::Debug for Page {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Page({:#x}, {} refs)", self.0, self.refs())
    }
}
