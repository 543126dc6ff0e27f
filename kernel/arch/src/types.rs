//! The small types of the public face, the same for both trees.

use core::fmt;
use core::ops::Range;

use crate::{Frame, symbols};

/// What the boot loader told us about the machine. All of it lives for ever.
#[derive(Debug)]
pub struct BootInfo {
    /// The memory map, sorted by address, without overlaps.
    pub memory: &'static [MemoryRegion],
    /// The kernel's command line.
    pub command_line: &'static str,
    /// Physical addresses of the initial root file system's archive.
    pub initrd: Option<Range<u64>>,
    /// Physical address of the ACPI root pointer.
    pub rsdp: Option<u64>,
    /// A screen of pixels that the loader has set up.
    pub framebuffer: Option<Framebuffer>,
    /// Physical addresses of the kernel image, its zeroed data and its boot-time page tables included.
    pub kernel: Range<u64>,
}

/// A screen of pixels in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framebuffer {
    /// Physical address of the upper left pixel.
    pub address: u64,
    /// In pixels.
    pub width: u32,
    pub height: u32,
    /// Bytes from one line to the next.
    pub pitch: u32,
    pub bits_per_pixel: u8,
    /// For red, green and blue: the lowest bit of the colour in a pixel, and how many bits it has.
    pub colours: [(u8, u8); 3],
}

/// A piece of the physical address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryRegion {
    /// Address of the first byte.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
    /// What is there.
    pub kind: MemoryKind,
}

/// What a piece of the physical address space holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryKind {
    /// Memory for anybody. The kernel image and the initrd lie in such memory too: see [`BootInfo`].
    Usable,
    /// Taken by the kernel at boot, for good: page tables, stacks, the command line.
    Kernel,
    /// Not to be touched.
    Reserved,
    /// ACPI tables: memory again once they have been read.
    AcpiTables,
    /// ACPI non-volatile storage: not to be touched.
    AcpiStorage,
    /// Memory with errors.
    Defective,
}

bitflags::bitflags! {
    /// Rights and properties of a mapped page. A mapped page can always be read.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct PageFlags: u64 {
        /// May be written.
        const WRITE = 1 << 1;
        /// User mode may use it.
        const USER = 1 << 2;
        /// Not cached: device registers.
        const NO_CACHE = 1 << 4;
        /// Was read, written or executed since the bit was last cleared (reported, may be cleared).
        const ACCESSED = 1 << 5;
        /// Was written since the bit was last cleared (reported, may be cleared).
        const DIRTY = 1 << 6;
        /// Keeps its frame and rights, but every access faults, the kernel's included: PROT_NONE on a filled page.
        const INACCESSIBLE = 1 << 9;
        /// The same in all address spaces.
        const GLOBAL = 1 << 8;
        /// May be executed.
        const EXECUTE = 1 << 63;
    }
}

/// Where page tables get their frames from.
pub trait FrameSource {
    /// A frame full of zeros, or none when memory is out.
    fn allocate(&mut self) -> Option<Frame>;
    /// Takes a frame back.
    fn free(&mut self, frame: Frame);
}

/// A page table was needed and there was no frame for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfFrames;

/// A line of the legacy (ISA) interrupt controllers: 0 to 15.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Irq(pub u8);

/// How a line with a handler is wired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IrqLine {
    /// The interrupt controller, by the name that Linux has for it.
    pub controller: &'static str,
    /// The controller's input, where inputs have numbers of their own.
    pub input: Option<u8>,
    /// Whether the line is active as long as it has its level, rather than at an edge.
    pub level: bool,
}

/// Interrupts of one CPU since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InterruptCounts {
    /// Of devices, by ISA line.
    pub lines: [u64; 16],
    /// Of the CPU's own timer.
    pub timer: u64,
    /// That turned out to be none when the CPU asked the controller.
    pub spurious: u64,
    /// Non-maskable ones: nothing here raises any.
    pub non_maskable: u64,
    /// Of vectors that nothing is connected to.
    pub unexpected: u64,
}

impl InterruptCounts {
    /// All of them together.
    pub fn total(&self) -> u64 {
        self.lines.iter().sum::<u64>() + self.timer + self.spurious + self.non_maskable + self.unexpected
    }
}

/// The longest stretch of one CPU with interrupts off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongestOff {
    /// How long it was.
    pub nanoseconds: u64,
    /// Where it began: an address, or below 256 the vector of an interrupt or exception.
    pub from: usize,
    /// The address at which it ended.
    pub to: usize,
    /// How many stretches there were.
    pub stretches: u64,
}

impl fmt::Display for LongestOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |f: &mut fmt::Formatter<'_>, address: usize| match symbols::place(address) {
            _ if address < 256 => write!(f, "vector {address:#x}"),
            Some(place) => write!(f, "{place}"),
            None => write!(f, "{address:#x}"),
        };
        write!(f, "{} ns, from ", self.nanoseconds)?;
        place(f, self.from)?;
        f.write_str(" to ")?;
        place(f, self.to)?;
        write!(f, ", of {} stretches", self.stretches)
    }
}

/// What a program was doing when its page fault came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Loading.
    Read,
    /// Storing.
    Write,
    /// Fetching an instruction.
    Execute,
}

/// Why user mode was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trap {
    /// A `syscall` instruction; number and arguments are in the context.
    Syscall,
    /// The program touched memory that isn't there or not allowed.
    PageFault {
        /// The address it touched.
        address: usize,
        /// How.
        access: Access,
    },
    /// An interrupt came; its handler has run already.
    Interrupt,
    /// Any other exception.
    Exception {
        /// Its number (Intel SDM volume 3, table 6-1).
        vector: u8,
        /// Its error code, 0 for those without one.
        error: u64,
    },
}

/// A copy to or from user memory met a page fault that must be resolved first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyFault {
    /// The user address that faulted, or the first that is not a user address.
    pub address: usize,
    /// Bytes copied before the fault, counted from the start: all before `done` are copied, but bytes behind it may be too.
    pub done: usize,
}

/// With which status the virtual machine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum ExitCode {
    /// An orderly end.
    Success = 0x10,
    /// An orderly end after something went wrong.
    Failure = 0x11,
    /// The kernel panicked.
    Panic = 0x12,
}

bitflags::bitflags! {
    /// What this processor can do, as far as the kernel cares.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Features: u32 {
        /// No-execute pages.
        const NX = 1 << 0;
        /// Global pages.
        const PGE = 1 << 1;
        /// Supervisor-mode execution prevention.
        const SMEP = 1 << 2;
        /// Supervisor-mode access prevention.
        const SMAP = 1 << 3;
        /// User-mode instruction prevention.
        const UMIP = 1 << 4;
        /// `rdfsbase` and its family.
        const FSGSBASE = 1 << 5;
        /// XSAVE and XCR0.
        const XSAVE = 1 << 6;
        /// AVX state, enabled in XCR0.
        const AVX = 1 << 7;
        /// 1 GiB pages.
        const HUGE_PAGES = 1 << 8;
        /// RDRAND.
        const RDRAND = 1 << 9;
        /// The TSC runs at one rate whatever the processor does.
        const INVARIANT_TSC = 1 << 10;
    }
}

/// Family, model and stepping of the processor, as `/proc/cpuinfo` shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// Family, the extended one added.
    pub family: u32,
    /// Model, the extended one included.
    pub model: u32,
    /// Stepping.
    pub stepping: u32,
}
