//! The boot processor's way from the first Rust instruction to the kernel's main function.

use core::arch::naked_asm;
use core::ops::Range;

use super::boot::{self, Loader, Map};
use super::kernel_map::{self, Carved};
use super::memory::phys_to_virt;
use super::segments::InterruptStack;
use super::{block, clock, copy, cpu, entry, firmware, fpu, idt, interrupts, latency, multiboot, segments, tlb, user};
use crate::once::Once;
use crate::types::BootInfo;
use crate::{PAGE_SIZE, PhysAddr};

/// Bytes of each CPU's one kernel stack.
const STACK: usize = 64 << 10;
/// Bytes of each interrupt stack: a panic report must fit.
const INTERRUPT_STACK: usize = 16 << 10;
const STACK_BYTES: usize = STACK + segments::INTERRUPT_STACKS * INTERRUPT_STACK;
/// What the boot tables map.
const MAPPED: u64 = 1 << 30;

static INFO: Once<BootInfo> = Once::new();

unsafe extern "C" {
    static boot_stack: u8;
}
unsafe extern "Rust" {
    /// The binary's own beginning, with interrupts off, on the boot processor's final stack.
    safe fn kernel_main(info: &'static BootInfo) -> !;
}

/// Called by the entry code with the address of the loader's information and which loader it was.
pub extern "C" fn start(information: u64, loader: u32) -> ! {
    clock::mark_entry();
    // SAFETY: once, on the boot processor, before anything else; the interrupt stacks are provisional, so that even a
    // double fault in what follows is reported: they lie in the middle of the boot stack, whose lower half is hardly used.
    unsafe {
        let block = block::install(0);
        segments::load(block);
        // Loading segments cleared nothing of GS's base, which is a model-specific register in long mode.
        let middle = (&raw const boot_stack).addr() + entry::BOOT_STACK / 2;
        for stack in [InterruptStack::DoubleFault, InterruptStack::NonMaskable, InterruptStack::MachineCheck, InterruptStack::Debug] {
            segments::set_interrupt_stack(block, stack, middle as u64);
        }
        idt::load();
    }
    cpu::detect_and_enable();
    fpu::initialise();
    copy::patch();
    let stack = prepare_memory(information, loader);
    // SAFETY: a fresh stack of this processor; nothing of the old one is needed.
    unsafe { switch_stack(stack, continue_on_final_stack) }
}

/// Reads the loader's information, builds and loads the final tables, and gives the end of the main stack.
fn prepare_memory(information: u64, loader: u32) -> usize {
    // SAFETY: the only call.
    let map = unsafe { Map::take() };
    let found = match loader {
        entry::MULTIBOOT2 => multiboot::read_multiboot2(information, map),
        _ => match boot::read_pvh(information, map) {
            Some(found) => found,
            None => panic!("the boot loader passed no start information"),
        },
    };
    map.tidy();
    let Loader { command_line, initrd, rsdp, structures } = found;
    let kernel = boot::kernel_image();
    let more = firmware::command_line();
    let line_length = (command_line.end - command_line.start) as usize + more.map_or(0, |file| 1 + file.length);
    let line_bytes = (line_length as u64).next_multiple_of(PAGE_SIZE as u64);
    let tables = kernel_map::table_bytes(map.regions()) + STACK_BYTES as u64;
    let taken = [kernel.clone(), structures, initrd.clone().unwrap_or(0..0), command_line.clone()];
    let Some(start) = map.carve(line_bytes + tables, MAPPED, &taken) else {
        panic!("the memory map has no room for the kernel's page tables ({} regions)", map.regions().len());
    };
    // SAFETY: set aside just now, for ever, and mapped by the boot tables.
    let line: &'static mut [u8] = unsafe { core::slice::from_raw_parts_mut(phys_to_virt(PhysAddr(start)), line_length) };
    let line = copy_command_line(line, command_line, more);
    latency::initialise(line);
    let mut frames = Carved::new(start + line_bytes, tables);
    let root = kernel_map::build(map.regions(), &mut frames);
    let stack = kernel_map::map_stack(root, STACK, &mut frames);
    let block = block::this();
    tlb::load(root);
    for number in [InterruptStack::DoubleFault, InterruptStack::NonMaskable, InterruptStack::MachineCheck, InterruptStack::Debug] {
        let top = kernel_map::map_stack(root, INTERRUPT_STACK, &mut frames);
        segments::set_interrupt_stack(block, number, top as u64);
    }
    let map: &'static Map = map;
    INFO.set(BootInfo { memory: map.regions(), command_line: line, initrd, rsdp, framebuffer: None, kernel });
    stack
}

/// Puts the loader's command line and what more there is into `line`; gives it up to the first byte that isn't UTF-8.
fn copy_command_line(line: &'static mut [u8], loader: Range<u64>, more: Option<firmware::File>) -> &'static str {
    let (first, rest) = line.split_at_mut((loader.end - loader.start) as usize);
    for (byte, address) in first.iter_mut().zip(loader) {
        // SAFETY: the loader's string, below 1 GiB.
        *byte = unsafe { boot::read(address) };
    }
    if let (Some(file), Some((blank, rest))) = (more, rest.split_first_mut()) {
        *blank = b' ';
        firmware::read(file, rest);
    }
    let line: &'static [u8] = line;
    let valid = line.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    valid.trim_end_matches('\0')
}

extern "C" fn continue_on_final_stack() -> ! {
    let Some(info) = INFO.get() else { panic!("no boot information") };
    user::initialise();
    interrupts::initialise(info.rsdp, info.command_line);
    clock::initialise();
    kernel_main(info)
}

/// Goes on in `next` on another stack.
///
/// # Safety
/// `stack` must be the upper end of a mapped stack that nobody uses.
#[unsafe(naked)]
unsafe extern "C" fn switch_stack(stack: usize, next: extern "C" fn() -> !) -> ! {
    naked_asm!("mov rsp, rdi", "xor ebp, ebp", "push 0", "jmp rsi")
}
