//! The order in which the kernel comes to life.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use alloc::string::String;
use alloc::vec::Vec;
use arch::boot::{BootInfo, MemoryKind, MemoryRegion};
use arch::power::{self, ExitCode};
use arch::{PhysAddr, phys_to_virt};
use kernel::parameters::{Crash, Parameters};
use linux::start::{Options, Program};
use log::{LevelFilter, info};
use memory::heap::KernelHeap;

use crate::{crash, heaps, ktest, logger, screen, serial, serial_log};

#[global_allocator]
static HEAP: KernelHeap = KernelHeap;

arch::entry_point!(main);

/// The first code above `arch`: interrupts are off, this processor is set up, nothing may allocate yet.
fn main(info: &'static BootInfo) -> ! {
    crash::crash_early(info.command_line);
    logger::initialise(LevelFilter::Info);
    screen::detect(info);
    if let Err(error) = memory::frames::init(info) {
        panic!("{error}");
    }
    // Before the first allocation, which reading the other parameters is.
    heaps::choose(info.command_line);
    let parameters = Parameters::parse(info.command_line);
    logger::set_level(parameters.log_level);
    serial_log::initialise(&parameters);
    screen::keep_last_words(parameters.panic);
    greet(info);
    // From the first timer on, the executor wants to hear from it.
    arch::interrupts::set_timer_handler(executor::timer::on_interrupt);
    arch::interrupts::enable();
    if let Some(how) = parameters.crash {
        crash::crash(how);
    }
    if let Some(name) = &parameters.kernel_test {
        ktest::run(name, info);
    }
    if let Some(chapter) = &parameters.tour {
        run_chapter(chapter, info);
    }
    start(info, parameters)
}

/// What the machine is, in two lines.
fn greet(info: &BootInfo) {
    let frames = memory::frames::stats();
    info!("Pollux {} on {}", env!("CARGO_PKG_VERSION"), arch::cpu::brand());
    let mib = |frames: usize| frames * arch::PAGE_SIZE / (1 << 20);
    info!("{} MiB of memory, {} MiB free, clock at {} MHz", mib(frames.total), mib(frames.free), arch::clock::tsc_frequency() / 1_000_000);
    log::debug!("command line: {}", info.command_line);
    if let Some(screen) = &info.framebuffer {
        log::debug!("screen: {} x {} pixels of {} bits at {:#x}", screen.width, screen.height, screen.bits_per_pixel, screen.address);
    }
    for region in info.memory {
        log::debug!("memory {:#012x} + {:#012x} {:?}", region.start, region.len, region.kind);
    }
}

/// Runs a chapter of the tour, and ends the machine.
fn run_chapter(chapter: &str, info: &'static BootInfo) -> ! {
    if cfg!(feature = "selftest") && tour::run(chapter, info) {
        power::exit(ExitCode::Success)
    }
    log::error!("there is no chapter {chapter} in this kernel");
    power::exit(ExitCode::Failure)
}

/// Starts the system on top of the executor, and runs it for ever.
fn start(info: &'static BootInfo, parameters: Parameters) -> ! {
    linux::procfs::set_command_line(info.command_line);
    fs::random::stir(&arch::clock::boot_wall_time().to_le_bytes());
    fs::devices::register_memory_devices();
    crate::keyboard::start(parameters.keymap.as_deref(), parameters.keyboard_direct);
    let stdio = match parameters.stdio {
        kernel::parameters::Stdio::Terminal => terminal::Stdio::Terminal,
        kernel::parameters::Stdio::Pipe => terminal::Stdio::Channels,
    };
    serial::start(stdio, &parameters);
    if parameters.crash == Some(Crash::PanicDrawing) {
        crash::panic_drawing();
    }
    // The host holds its input back until here: a byte that comes before the receivers are on would be lost.
    arch::console::write(b"\x01ready\n");
    arch::user::at_first_entry(before_first_program);
    terminal::serial::send_mark(&parameters.mark);
    let options = Options {
        initrd: info.initrd.clone().and_then(|range| archive(info, range)),
        stdio,
        trace: parameters.trace,
        init: parameters.init.map(|path| {
            let words = core::iter::once(path).chain(parameters.init_arguments);
            Program { arguments: words.map(String::into_bytes).collect(), environment: bytes(parameters.init_environment), directory: None }
        }),
        program: Program { arguments: parameters.arguments, environment: parameters.environment, directory: parameters.directory },
    };
    if let Err(error) = linux::start::start(options) {
        panic!("the system can't be started: {error}");
    }
    executor::run_forever(arch::interrupts::enable_and_halt)
}

fn bytes(texts: Vec<String>) -> Vec<Vec<u8>> {
    texts.into_iter().map(String::into_bytes).collect()
}

/// Where the archive lies, until its memory is given away.
static ARCHIVE: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Called when the first program is about to run: notes how long that took, and gives the archive's memory to everybody.
fn before_first_program() {
    logger::end_boot();
    let ticks = arch::clock::ticks_since_entry();
    arch::console::write(alloc::format!("\x01figure first-user-instruction {ticks}\n").as_bytes());
    let [start, end] = [&ARCHIVE[0], &ARCHIVE[1]].map(|address| address.swap(0, Ordering::Relaxed));
    if start < end {
        // SAFETY: `memory` left this range out, and the archive in it is only read while the root is filled, which is done before
        // the first program is loaded from there.
        unsafe { memory::frames::add_range(start..end) };
    }
}

/// The archive that the boot loader put into memory. None if what it said isn't memory.
fn archive(info: &BootInfo, range: Range<u64>) -> Option<&'static [u8]> {
    let within = |region: &MemoryRegion| region.start <= range.start && range.end <= region.start + region.len;
    if !info.memory.iter().any(|region| region.kind == MemoryKind::Usable && within(region)) {
        log::error!("the initrd at {:#x} to {:#x} doesn't lie in memory", range.start, range.end);
        return None;
    }
    ARCHIVE[0].store(range.start, Ordering::Relaxed);
    ARCHIVE[1].store(range.end, Ordering::Relaxed);
    // SAFETY: memory that the boot loader filled with the archive and `memory` left out, mapped as all memory is.
    Some(unsafe { core::slice::from_raw_parts(phys_to_virt(PhysAddr(range.start)), (range.end - range.start) as usize) })
}
