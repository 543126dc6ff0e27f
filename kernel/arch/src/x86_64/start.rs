//! The boot processor's way from the first Rust instruction to the kernel's main function.

use core::arch::naked_asm;
use core::ops::Range;

use super::boot::{self, Loader};
use super::entry::MAPPED;
use super::kernel_map::{self, Carved};
use super::memory::phys_to_virt;
use super::segments::InterruptStack;
use super::{block, clock, copy, cpu, entry, firmware, fpu, idt, interrupts, latency, power, segments, tlb, user};
use crate::memory_map::{ADDRESS_LIMIT, Map};
use crate::once::Once;
use crate::types::BootInfo;
use crate::{PAGE_SIZE, PhysAddr};

/// Bytes of each CPU's one kernel stack.
const STACK: usize = 64 << 10;
/// Bytes of each interrupt stack: a panic report must fit.
const INTERRUPT_STACK: usize = 16 << 10;
const STACK_BYTES: usize = STACK + segments::INTERRUPT_STACKS * INTERRUPT_STACK;
/// Bytes of the ACPI root pointer, and those set aside for a copy of it.
const RSDP: u64 = 36;
const RSDP_ROOM: u64 = 64;

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
    let map = unsafe { boot::take_map() };
    let found = match loader {
        entry::MULTIBOOT2 => match boot::read_multiboot2(information, map) {
            Ok(found) => found,
            Err(damage) => panic!("the boot loader's information at {information:#x} is damaged: {damage}"),
        },
        _ => match boot::read_pvh(information, map) {
            Some(found) => found,
            None => panic!("the boot loader passed no start information"),
        },
    };
    map.tidy();
    let Loader { command_line, initrd, rsdp, framebuffer, structures } = found;
    let initrd = initrd.map(|range| range.start.min(ADDRESS_LIMIT)..range.end.min(ADDRESS_LIMIT));
    let kernel = boot::kernel_image();
    let more = firmware::command_line();
    let line_length = command_line.end - command_line.start + more.map_or(0, |file| 1 + file.length as u64);
    let kept_bytes = (RSDP_ROOM + line_length).next_multiple_of(PAGE_SIZE as u64);
    let tables = kernel_map::table_bytes(map.regions()) + STACK_BYTES as u64;
    let root_pointer = rsdp.map_or(0..0, |at| at..at.saturating_add(RSDP));
    let taken = [kernel.clone(), structures, initrd.clone().unwrap_or(0..0), command_line.clone(), root_pointer];
    let Some(start) = map.carve(kept_bytes + tables, MAPPED, &taken) else {
        panic!(
            "the memory map has no room for {} KiB of kernel page tables and stacks ({} regions)",
            (kept_bytes + tables) >> 10,
            map.regions().len()
        );
    };
    let rsdp = rsdp.map(|from| copy_rsdp(from, start));
    let line = phys_to_virt(PhysAddr(start + RSDP_ROOM));
    // SAFETY: set aside just now, for ever, and mapped by the boot tables.
    let line: &'static mut [u8] = unsafe { core::slice::from_raw_parts_mut(line, line_length as usize) };
    let line = copy_command_line(line, command_line, more);
    latency::initialise(line);
    let mut frames = Carved::new(start + kept_bytes, tables);
    let root = kernel_map::build(map.regions(), &mut frames);
    let stack = kernel_map::map_stack(root, STACK, &mut frames);
    let block = block::this();
    tlb::load(root);
    for number in [InterruptStack::DoubleFault, InterruptStack::NonMaskable, InterruptStack::MachineCheck, InterruptStack::Debug] {
        let top = kernel_map::map_stack(root, INTERRUPT_STACK, &mut frames);
        segments::set_interrupt_stack(block, number, top as u64);
    }
    let map: &'static Map = map;
    INFO.set(BootInfo { memory: map.regions(), command_line: line, initrd, rsdp, framebuffer, kernel });
    stack
}

/// Copies the root pointer to where it stays, as the loader's lies in memory that will be given away, and says where it is then.
fn copy_rsdp(from: u64, to: u64) -> u64 {
    let Some(bytes) = boot::bytes(from, RSDP) else { return from };
    // SAFETY: `to` was set aside just now, with more room than this, and is mapped by the boot tables; the loader's bytes lie elsewhere.
    unsafe { phys_to_virt(PhysAddr(to)).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    to
}

/// Puts the loader's command line and what more there is into `line`; gives it up to the first byte that isn't UTF-8.
fn copy_command_line(line: &'static mut [u8], loader: Range<u64>, more: Option<firmware::File>) -> &'static str {
    let first = boot::bytes(loader.start, loader.end - loader.start).unwrap_or(&[]);
    let (place, rest) = line.split_at_mut(first.len());
    place.copy_from_slice(first);
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
    power::initialise(info.rsdp);
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
