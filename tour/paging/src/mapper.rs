//! The one face of everything that maps pages.

use arch::paging::FrameSource;
use arch::{Frame, PAGE_SIZE, PhysAddr};

use crate::{Entry, Flags, address};

/// The sizes of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageSize {
    /// An entry of level 1.
    Size4K,
    /// An entry of level 2.
    Size2M,
    /// An entry of level 3. Not every processor has them (`Features::HUGE_PAGES`).
    Size1G,
}

impl PageSize {
    /// The level of the tables in whose entries such pages stand.
    pub const fn level(self) -> u32 {
        match self {
            PageSize::Size4K => 1,
            PageSize::Size2M => 2,
            PageSize::Size1G => 3,
        }
    }

    pub const fn bytes(self) -> usize {
        address::span(self.level())
    }

    /// The size of pages in tables of this level, 1 to 3.
    pub(crate) fn of_level(level: u32) -> PageSize {
        match level {
            1 => PageSize::Size4K,
            2 => PageSize::Size2M,
            _ => PageSize::Size1G,
        }
    }
}

/// A virtual page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Address of its first byte.
    pub address: usize,
    pub size: PageSize,
}

impl Page {
    /// The page of 4 KiB at `address`.
    pub const fn small(address: usize) -> Page {
        Page { address, size: PageSize::Size4K }
    }

    /// The page of 2 MiB at `address`.
    pub const fn large(address: usize) -> Page {
        Page { address, size: PageSize::Size2M }
    }

    /// The page of 1 GiB at `address`.
    pub const fn giant(address: usize) -> Page {
        Page { address, size: PageSize::Size1G }
    }

    /// Whether its address exists and is a multiple of its size.
    pub fn is_valid(self) -> bool {
        address::is_canonical(self.address) && self.address.is_multiple_of(self.size.bytes())
    }
}

/// Why a page wasn't mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapError {
    /// Something is mapped there: this page, or smaller ones inside it.
    AlreadyMapped,
    /// The page lies within a larger one that is mapped.
    ParentIsHuge,
    /// A table was needed and there was no frame for it. Nothing is mapped, and what tables were made for it are gone again.
    NoFrame,
    /// Page or frame isn't a multiple of the page's size, or the address isn't canonical.
    Misaligned,
    /// This mapper has no pages of this size, or not at this address.
    Unsupported,
}

/// Why there was nothing to unmap or to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnmapError {
    /// No page is there, or smaller ones are.
    NotMapped,
    /// The page lies within a larger one that is mapped.
    ParentIsHuge,
}

/// What an address leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Translation {
    /// The physical address behind it.
    pub physical: PhysAddr,
    /// The page in which it lies.
    pub page: Page,
    /// What the page's own entry says.
    pub flags: Flags,
    /// What it amounts to with the tables above it, each of which can restrict it.
    pub effective: Flags,
}

/// Changes and reads the page tables of one address space.
pub trait Mapper {
    /// Maps `page` to the memory from `frame` on. Tables that are missing are made from `frames`, which gives them full of zeros. PRESENT and, for
    /// huge pages, HUGE are added to `flags`.
    fn map(&mut self, page: Page, frame: Frame, flags: Flags, frames: &mut dyn FrameSource) -> Result<(), MapError>;

    /// Unmaps a page, drops the cached translation, and says where it led. Tables stay, even when they are empty.
    fn unmap(&mut self, page: Page) -> Result<(Frame, Flags), UnmapError>;

    /// Replaces the flags of a mapped page and drops the cached translation.
    fn set_flags(&mut self, page: Page, flags: Flags) -> Result<(), UnmapError>;

    /// Where `address` leads. None when nothing is mapped there or it isn't canonical.
    fn translate(&mut self, address: usize) -> Option<Translation>;

    /// Gives back those tables on the way to `address` that are empty, if this mapper gives tables back one by one.
    fn free_empty_tables(&mut self, address: usize, frames: &mut dyn FrameSource);

    /// The frame of the level-4 table.
    fn root(&self) -> Frame;

    /// An entry of the level-4 table, read in this mapper's way.
    fn level_4(&mut self, index: usize) -> Entry;
}

/// Whether `frame` can be the beginning of a page of that size.
pub(crate) fn frame_fits(frame: Frame, size: PageSize) -> bool {
    frame.number().is_multiple_of((size.bytes() / PAGE_SIZE) as u64)
}
