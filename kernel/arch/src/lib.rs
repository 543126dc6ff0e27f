//! The only room that knows the processor.
//!
//! There are two trees with one public face. `x86_64/` is the machine; `hosted/` is the same face on top of a normal
//! process, so that each room above compiles, runs and is tested as an ordinary host program. What both trees share
//! (page-table walking, the shape of a user context, the names of traps) lives beside this file, and the lists of
//! `pub use` below are what keeps the trees alike: a name that one of them lacks doesn't compile.

#![cfg_attr(target_os = "none", no_std)]

extern crate alloc;

mod address;
#[cfg(any(target_os = "none", test))]
mod calibration;
mod context;
#[cfg(any(target_os = "none", test))]
mod descriptors;
mod fpu_area;
mod guards;
#[cfg(any(test, target_os = "none"))]
mod memory_map;
#[cfg(any(test, target_os = "none"))]
mod multiboot;
#[cfg(target_os = "none")]
mod once;
mod page_table;
mod per_cpu;
#[cfg(any(test, target_os = "none"))]
mod power_tables;
mod symbols;
mod types;
#[cfg(any(target_os = "none", test))]
mod wall_clock;
#[cfg(any(target_os = "none", test))]
mod wiring;

#[cfg(not(target_os = "none"))]
pub mod hosted;
#[cfg(not(target_os = "none"))]
use hosted as machine;

#[cfg(target_os = "none")]
mod x86_64;
#[cfg(target_os = "none")]
use x86_64 as machine;

pub use address::{Frame, MAX_CPUS, PAGE_SIZE, PhysAddr, USER_END};
pub use machine::memory::{phys_to_virt, virt_to_phys};

/// Makes a function the kernel's beginning: `arch` calls it on the boot processor, with interrupts off, when memory is mapped. The macro is
/// for the type:
/// `arch` finds the function by name, and the linker would take one of any type.
///
/// ```
/// fn start(boot: &'static arch::boot::BootInfo) -> ! {
///     panic!("{} regions of memory", boot.memory.len())
/// }
/// arch::entry_point!(start);
/// ```
/// A function that wants something else, or that returns, is none:
/// ```compile_fail,E0308
/// fn start(regions: &'static [u64]) -> ! {
///     panic!("{} regions of memory", regions.len())
/// }
/// arch::entry_point!(start);
/// ```
#[macro_export]
macro_rules! entry_point {
    ($main:path) => {
        // `arch` declares this name with this type; there is one such function in the kernel.
        #[unsafe(no_mangle)]
        fn kernel_main(boot: &'static $crate::boot::BootInfo) -> ! {
            const MAIN: fn(&'static $crate::boot::BootInfo) -> ! = $main;
            MAIN(boot)
        }
    };
}

/// What the boot loader told us.
pub mod boot {
    pub use crate::types::{BootInfo, Framebuffer, MemoryKind, MemoryRegion};
}

/// Masking, waiting for and handling interrupts.
pub mod interrupts {
    pub use crate::guards::{Hold, hold};
    pub use crate::machine::interrupts::{counts, disable, enable, enable_and_halt, enabled, line, set_handler, set_timer_handler};
    pub use crate::machine::latency::longest as longest_off;
    #[cfg(target_os = "none")]
    pub use crate::machine::traps::set_exception_hook;
    pub use crate::types::{InterruptCounts, Irq, IrqLine, LongestOff};
}

/// The processors: which one this is, what it can do, and a place for what each has of its own.
pub mod cpu {
    pub use crate::machine::cpu::{brand, count, feature_names, features, hardware_capabilities, id, pause, signature, vendor};
    pub use crate::per_cpu::PerCpu;
    pub use crate::types::{Features, Signature};
}

/// Time: a monotone clock, one timer per CPU, and the wall clock at boot.
pub mod clock {
    pub use crate::machine::clock::{boot_wall_time, now, set_deadline, ticks_since_entry, tsc_frequency};
}

/// Page tables.
pub mod paging {
    #[cfg(target_os = "none")]
    pub use crate::machine::{guard_pages, visit_kernel_mappings};
    pub use crate::page_table::{Leaf, PageTable, deactivate};
    pub use crate::types::{FrameSource, OutOfFrames, PageFlags};
}

/// User mode: its registers, entering it, and copying to and from its memory.
pub mod user {
    pub use crate::context::{BadFpuState, FPU_FRAME_MAX, Registers, UserContext};
    pub use crate::machine::copy::{
        compare_exchange_u32, copy_in, copy_out, fill, load_u8, load_u32, load_u64, store_u8, store_u32, store_u64,
    };
    #[cfg(target_os = "none")]
    pub use crate::machine::user::at_first_entry;
    pub use crate::machine::user::run;
    pub use crate::types::{Access, CopyFault, Trap};
}

/// Ends of the machine's life.
pub mod power {
    pub use crate::machine::power::{exit, halt_machine, off, reboot};
    pub use crate::types::ExitCode;
}

/// The debug console, on which the kernel's log goes out.
pub mod console {
    pub use crate::machine::console::write;
}

/// Memory of devices, for the glue that wires one.
#[cfg(target_os = "none")]
pub mod device {
    pub use crate::machine::{map_device as map, map_pixels};
}

/// I/O ports, for the glue that wires a device.
pub mod port {
    pub use crate::machine::port::{Port, PortValue};
}

/// The processor's own source of random bits.
pub mod random {
    pub use crate::machine::random::hardware;
}

/// Giving up a computation in the middle, for tests that must panic.
#[cfg(target_os = "none")]
pub mod escape {
    pub use crate::machine::escape::Point;
}

/// Walking the chain of stack frames, and the names of the functions.
pub mod backtrace {
    pub use crate::machine::backtrace::walk;
    pub use crate::symbols::{Place, place};

    /// The table of names, for who writes it.
    pub mod symbols {
        pub use crate::symbols::{BLOCK, LONGEST, Symbols};
    }
}
