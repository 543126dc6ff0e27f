//! Physical addresses and page frames, and the numbers that describe the address space.

use core::fmt;

/// Bytes in a page and in a frame.
pub const PAGE_SIZE: usize = 4096;

/// The most processors that per-CPU data has room for.
pub const MAX_CPUS: usize = 64;

/// One past the last address that a user program may use. The last page below the non-canonical hole stays free, as in
/// Linux, so that no `syscall` instruction can end at the edge of the hole.
pub const USER_END: usize = 0x7fff_ffff_f000;

/// An address in physical memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct PhysAddr(pub u64);

impl fmt::Debug for PhysAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "phys {:#x}", self.0)
    }
}

/// A page-sized, page-aligned piece of physical memory, named by its number (address / [`PAGE_SIZE`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Frame(u64);

impl Frame {
    /// The frame with this number. Numbers above 2⁴⁰ don't exist on x86_64 and are cut off.
    pub const fn from_number(number: u64) -> Frame {
        Frame(number & ((1 << 40) - 1))
    }

    /// The frame in which `address` lies.
    pub const fn containing(address: PhysAddr) -> Frame {
        Frame::from_number(address.0 / PAGE_SIZE as u64)
    }

    /// Its number: the address of its first byte divided by [`PAGE_SIZE`].
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The address of its first byte.
    pub const fn address(self) -> PhysAddr {
        PhysAddr(self.0 * PAGE_SIZE as u64)
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frame {:#x}", self.0)
    }
}
