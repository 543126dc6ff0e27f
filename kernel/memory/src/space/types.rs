//! The words in which callers speak to an address space.

use crate::cache::PageWait;
use crate::mapped::{MappedFile, MappedName};
use alloc::sync::Arc;
use arch::Frame;
use core::ops::Range;

bitflags::bitflags! {
    /// What a program may do with memory; the bits are those of PROT_* (mmap(2)).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct Protection: u32 {
        /// PROT_READ
        const READ = 1;
        /// PROT_WRITE
        const WRITE = 2;
        /// PROT_EXEC
        const EXECUTE = 4;
    }
}

bitflags::bitflags! {
    /// How to map; the bits are those of MAP_* (mmap(2)). Without SHARED a mapping is private.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct MapFlags: u32 {
        /// Writes reach the file and everyone who maps it.
        const SHARED = 0x01;
        /// At exactly this address; what is mapped there goes.
        const FIXED = 0x10;
        /// The area grows down when a program touches the page below it.
        const GROWSDOWN = 0x100;
        /// As by mlock(2).
        const LOCKED = 0x2000;
        /// Not counted against memory.
        const NORESERVE = 0x4000;
        /// Fill the page table at once.
        const POPULATE = 0x8000;
        /// At exactly this address; EEXIST if something is mapped there.
        const FIXED_NOREPLACE = 0x10_0000;
    }
}

bitflags::bitflags! {
    /// Flags of mremap(2).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct RemapFlags: u32 {
        /// The area may get another address.
        const MAYMOVE = 1;
        /// It gets exactly this address.
        const FIXED = 2;
        /// The old range stays mapped, empty.
        const DONTUNMAP = 4;
    }
}

/// What a new mapping shows.
#[derive(Clone)]
pub enum Backing {
    /// Zeros; shared ones get a memory object of their own.
    Anonymous,
    /// A file from this position on, which must be a multiple of the page size.
    File {
        /// The file.
        file: Arc<dyn MappedFile>,
        /// Position in bytes.
        offset: u64,
    },
}

/// A call of mmap(2), its numbers as the program gave them.
#[derive(Clone)]
pub struct MapRequest {
    /// Wish, or with FIXED the place.
    pub address: usize,
    /// Bytes; rounded up to pages.
    pub len: usize,
    /// First protection.
    pub protection: Protection,
    /// The most that mprotect(2) may allow later: without WRITE for a shared mapping of a file that is open for reading only.
    pub may: Protection,
    /// How.
    pub flags: MapFlags,
    /// What.
    pub backing: Backing,
}

impl MapRequest {
    /// Fresh private memory wherever there is room.
    pub fn anonymous(len: usize, protection: Protection) -> MapRequest {
        MapRequest { address: 0, len, protection, may: Protection::all(), flags: MapFlags::empty(), backing: Backing::Anonymous }
    }
}

/// Why a fault is the program's own fault; what goes into the signal (sigaction(2), `si_code`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segv {
    /// SIGSEGV. SEGV_ACCERR if something is `mapped` there that doesn't allow the access, else SEGV_MAPERR.
    Segv {
        /// Whether an area covers the address.
        mapped: bool,
    },
    /// SIGBUS, BUS_ADRERR: beyond the end of the file, or the file couldn't be read.
    Bus,
}

/// What became of a page fault.
#[derive(Debug)]
pub enum Fault {
    /// The access can be done again.
    Resolved,
    /// The program gets a signal.
    Denied(Segv),
    /// There is no memory for the page.
    OutOfMemory,
    /// The page is on its way from a disk: await it, then do the access again.
    Deferred(PageWait),
}

/// The limits (setrlimit(2)) that an address space obeys, in bytes. `usize::MAX` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// RLIMIT_STACK
    pub stack: usize,
    /// RLIMIT_DATA
    pub data: usize,
    /// RLIMIT_AS
    pub address_space: usize,
    /// RLIMIT_MEMLOCK; none for a privileged process.
    pub locked: usize,
}

impl Default for Limits {
    /// What Linux gives the first process: 8 MiB of stack, 8 MiB locked.
    fn default() -> Limits {
        Limits { stack: 8 << 20, data: usize::MAX, address_space: usize::MAX, locked: 8 << 20 }
    }
}

/// How much of everything an address space has, in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Usage {
    /// Mapped addresses (VmSize), and the most there ever were (VmPeak).
    pub virtual_pages: usize,
    /// See `virtual_pages`.
    pub peak_virtual_pages: usize,
    /// Pages in the page table (VmRSS), and the most there ever were (VmHWM).
    pub resident_pages: usize,
    /// See `resident_pages`.
    pub peak_resident_pages: usize,
    /// Of the resident pages, those of page caches: files and shared memory (RssFile + RssShmem).
    pub resident_file_pages: usize,
    /// Executable areas (VmExe + VmLib).
    pub text_pages: usize,
    /// Private writable areas but the stack (VmData).
    pub data_pages: usize,
    /// Stack areas (VmStk).
    pub stack_pages: usize,
    /// Locked areas (VmLck).
    pub locked_pages: usize,
    /// Frames of the page table itself (VmPTE).
    pub table_pages: usize,
    /// Number of areas.
    pub areas: usize,
}

/// A page that an address space has in its table, for /proc/PID/pagemap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResidentPage {
    pub frame: Frame,
    /// It belongs to a page cache: a file's, or that of shared anonymous memory.
    pub cached: bool,
    /// Nobody else has it mapped.
    pub exclusive: bool,
}

/// What an area is, for its last column in /proc/PID/maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AreaKind {
    /// Nothing to say.
    Anonymous,
    /// `[heap]`
    Heap,
    /// `[stack]`
    Stack,
    /// A file.
    File(MappedName),
}

/// One line of /proc/PID/maps.
#[derive(Clone, Debug)]
pub struct AreaInfo {
    /// Its addresses.
    pub range: Range<usize>,
    /// What the program may do.
    pub protection: Protection,
    /// Whether writes are shared.
    pub shared: bool,
    /// Position in the file, in bytes.
    pub offset: u64,
    /// Whether it is locked.
    pub locked: bool,
    /// What it is.
    pub kind: AreaKind,
}

/// What madvise(2) may be told. The numbers are Linux's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// MADV_NORMAL, RANDOM, SEQUENTIAL, COLD, PAGEOUT: hints that this kernel has no use for.
    Hint,
    /// MADV_WILLNEED: read the pages ahead.
    WillNeed,
    /// MADV_DONTNEED, DONTNEED_LOCKED: drop the pages now.
    DontNeed {
        /// Also where memory is locked.
        locked: bool,
    },
    /// MADV_FREE: the pages may be dropped; they are, at once.
    Free,
    /// MADV_REMOVE: punch a hole into the file.
    Remove,
    /// MADV_DONTFORK (true) and MADV_DOFORK.
    DontFork(bool),
    /// MADV_DONTDUMP (true) and MADV_DODUMP.
    DontDump(bool),
    /// MADV_WIPEONFORK (true) and MADV_KEEPONFORK.
    WipeOnFork(bool),
    /// MADV_POPULATE_READ and MADV_POPULATE_WRITE (true).
    Populate(bool),
}

impl Advice {
    /// The advice with this number. `None` for unknown ones, and for those of features that this kernel doesn't have (huge pages, same-page
    /// merging, hardware poison), as a Linux built without them: EINVAL.
    pub fn from_number(number: i32) -> Option<Advice> {
        Some(match number {
            0..=2 | 20 | 21 => Advice::Hint,
            3 => Advice::WillNeed,
            4 => Advice::DontNeed { locked: false },
            8 => Advice::Free,
            9 => Advice::Remove,
            10 => Advice::DontFork(true),
            11 => Advice::DontFork(false),
            16 => Advice::DontDump(true),
            17 => Advice::DontDump(false),
            18 => Advice::WipeOnFork(true),
            19 => Advice::WipeOnFork(false),
            22 => Advice::Populate(false),
            23 => Advice::Populate(true),
            24 => Advice::DontNeed { locked: true },
            _ => return None,
        })
    }
}
