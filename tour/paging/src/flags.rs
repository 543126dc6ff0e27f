//! Page table entries, bit by bit (Intel SDM volume 3, tables 4-15 to 4-20).

use core::fmt;

use arch::{Frame, PhysAddr};

/// The part of an entry that is a physical address.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

bitflags::bitflags! {
    /// Everything in an entry that is no address.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Flags: u64 {
        /// Without it the processor looks at no other bit, and every access faults.
        const PRESENT = 1 << 0;
        /// May be written; on a table: whatever lies below may be, if it says so too.
        const WRITABLE = 1 << 1;
        /// User mode may use it; on a table: whatever lies below, if it says so too.
        const USER = 1 << 2;
        /// Writes go through the cache to memory at once.
        const WRITE_THROUGH = 1 << 3;
        /// Not cached.
        const NO_CACHE = 1 << 4;
        /// Set by the processor when it uses the entry.
        const ACCESSED = 1 << 5;
        /// Set by the processor when it writes to the page.
        const DIRTY = 1 << 6;
        /// On levels 2 and 3: a page of 2 MiB or 1 GiB instead of a table.
        const HUGE = 1 << 7;
        /// Survives a change of the address space in the TLB, if CR4.PGE is set.
        const GLOBAL = 1 << 8;
        /// For the operating system.
        const AVAILABLE_LOW = 0b111 << 9;
        /// For the operating system.
        const AVAILABLE_MIDDLE = 0b111_1111 << 52;
        /// For the operating system as long as CR4.PKE is clear: otherwise a protection key.
        const AVAILABLE_HIGH = 0b1111 << 59;
        /// May not be executed, if EFER.NXE is set; on a table: nothing below may be.
        const NO_EXECUTE = 1 << 63;
    }
}

impl Flags {
    /// For a table: the leaf decides.
    pub const TABLE: Flags = Flags::PRESENT.union(Flags::WRITABLE);
    /// For data of the kernel.
    pub const DATA: Flags = Flags::PRESENT.union(Flags::WRITABLE).union(Flags::NO_EXECUTE);

    /// What is allowed if a table says `self` and what it holds says `below`: writing and user mode need the consent of all levels, and one
    /// level can forbid execution for all.
    pub fn restrict(self, below: Flags) -> Flags {
        let both = Flags::PRESENT | Flags::WRITABLE | Flags::USER;
        (below - both) | (self & below & both) | (self & Flags::NO_EXECUTE)
    }
}

/// One entry of a table on any level.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub struct Entry(pub u64);

impl Entry {
    /// An entry for `frame`.
    pub fn new(frame: Frame, flags: Flags) -> Entry {
        Entry(frame.address().0 & ADDRESS | flags.bits())
    }

    /// The frame of the page or table.
    pub fn frame(self) -> Frame {
        Frame::containing(PhysAddr(self.0 & ADDRESS))
    }

    /// All bits that are no address.
    pub fn flags(self) -> Flags {
        Flags::from_bits_truncate(self.0)
    }

    /// Whether the processor sees anything here.
    pub fn is_present(self) -> bool {
        self.flags().contains(Flags::PRESENT)
    }

    /// Whether this is a huge page and not a table. Only meaningful on levels 2 and 3: on level 1 the bit is another one (PAT).
    pub fn is_huge(self) -> bool {
        self.flags().contains(Flags::HUGE)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} {:?}", self.frame().address().0, self.flags())
    }
}

/// A whole table as the processor sees it.
#[derive(Debug)]
#[repr(C, align(4096))]
pub struct Table {
    pub entries: [Entry; 512],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_frame_and_flags_apart() {
        let frame = Frame::from_number(0xff_ffff_ffff);
        let entry = Entry::new(frame, Flags::all());
        assert_eq!((entry.0, entry.frame(), entry.flags()), (u64::MAX, frame, Flags::all()));
        assert_eq!(size_of::<Table>(), 4096);
    }

    #[test]
    fn every_level_can_restrict_and_none_can_extend() {
        let open = Flags::TABLE | Flags::USER;
        let page = Flags::PRESENT | Flags::WRITABLE | Flags::USER | Flags::DIRTY;
        assert_eq!(open.restrict(page), page);
        assert_eq!((open - Flags::WRITABLE).restrict(page), page - Flags::WRITABLE);
        assert_eq!((open - Flags::USER).restrict(page), page - Flags::USER);
        assert_eq!((open | Flags::NO_EXECUTE).restrict(page), page | Flags::NO_EXECUTE);
        assert_eq!(open.restrict(Flags::PRESENT), Flags::PRESENT);
    }
}
