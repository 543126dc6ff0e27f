//! The order in which the kernel comes to life.

use arch::boot::BootInfo;
use arch::power::{self, ExitCode};
use kernel::parameters::Parameters;
use log::{LevelFilter, info};
use memory::heap::KernelHeap;

use crate::{ktest, logger};

#[global_allocator]
static HEAP: KernelHeap = KernelHeap;

/// The first code above `arch`: interrupts are off, this processor is set up, nothing may allocate yet.
#[unsafe(no_mangle)]
fn kernel_main(info: &'static BootInfo) -> ! {
    logger::initialise(LevelFilter::Info);
    if let Err(error) = memory::frames::init(info) {
        panic!("{error}");
    }
    let parameters = Parameters::parse(info.command_line);
    logger::set_level(parameters.log_level);
    greet(info);
    // From the first timer on, the executor wants to hear from it.
    arch::interrupts::set_timer_handler(executor::timer::on_interrupt);
    arch::interrupts::enable();
    if let Some(name) = &parameters.kernel_test {
        ktest::run(name);
    }
    start(info, &parameters)
}

/// What the machine is, in two lines.
fn greet(info: &BootInfo) {
    let frames = memory::frames::stats();
    info!("Pollux {} on {}", env!("CARGO_PKG_VERSION"), arch::cpu::brand());
    let mib = |frames: usize| frames * arch::PAGE_SIZE / (1 << 20);
    info!("{} MiB of memory, {} MiB free, clock at {} MHz", mib(frames.total), mib(frames.free), arch::clock::tsc_frequency() / 1_000_000);
    log::debug!("command line: {}", info.command_line);
    for region in info.memory {
        log::debug!("memory {:#012x} + {:#012x} {:?}", region.start, region.len, region.kind);
    }
}

/// Starts the system on top of the executor.
fn start(info: &'static BootInfo, parameters: &Parameters) -> ! {
    let _ = (info, parameters);
    power::exit(ExitCode::Failure)
}
