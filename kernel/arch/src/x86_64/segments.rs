//! Segments: in long mode only what the processor still insists on.
//!
//! The order of the descriptors is dictated by `syscall` and `sysret`, and the selectors are Linux's, because programs can see
//! theirs. There is no 32-bit user code segment: programs can't leave 64-bit mode.

use core::arch::asm;

use super::block::Block;
use crate::descriptors;

pub const KERNEL_CODE: u16 = 0x10;
pub const KERNEL_DATA: u16 = 0x18;
const TSS: u16 = 0x40;
/// Base for `sysret`: it adds 8 for the stack and 16 for the code selector.
pub const SYSRET_BASE: u16 = 0x23;
pub const GDT_ENTRIES: usize = 10;

/// Null, null, kernel code, kernel data, (absent 32-bit user code), user data, user code, null, TSS (two words).
pub const GDT: [u64; GDT_ENTRIES] =
    [0, 0, 0x00af_9b00_0000_ffff, 0x00cf_9300_0000_ffff, 0, 0x00cf_f300_0000_ffff, 0x00af_fb00_0000_ffff, 0, 0, 0];

/// Interrupt stacks: which one a vector uses. 0 in an IDT entry means none.
#[derive(Clone, Copy)]
#[repr(u8)]
pub enum InterruptStack {
    DoubleFault = 1,
    NonMaskable = 2,
    MachineCheck = 3,
    Debug = 4,
}
/// How many of them there are.
pub const INTERRUPT_STACKS: usize = 4;

/// The task-state segment (Intel SDM volume 3, 8.7).
#[repr(C, packed(4))]
pub struct Tss {
    reserved: u32,
    /// The stack for traps from ring 3: the end of the running context's registers.
    pub privileged_stack: u64,
    unused: [u64; 2],
    reserved2: u64,
    /// Tops of the interrupt stacks, number 1 first.
    pub interrupt_stacks: [u64; 7],
    reserved3: u64,
    reserved4: u16,
    /// Where the I/O permission bitmap starts: behind the end, so there is none and ring 3 may use no port.
    io_map: u16,
}

impl Tss {
    pub const fn new() -> Tss {
        Tss {
            reserved: 0,
            privileged_stack: 0,
            unused: [0; 2],
            reserved2: 0,
            interrupt_stacks: [0; 7],
            reserved3: 0,
            reserved4: 0,
            io_map: 0,
        }
    }
}

#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: u64,
}

/// Loads the GDT and the TSS of this processor's block, and no LDT: after a reset, one of 64 KiB at address 0 is in effect, which
/// a selector of a program's choice could name.
///
/// # Safety
/// Must be called once on each processor with its own block.
pub unsafe fn load(block: &'static Block) {
    let tss = block.tss.get().addr() as u64;
    let gdt = block.gdt.get();
    let [low, high] = descriptors::tss(tss, size_of::<Tss>());
    // SAFETY: nobody else touches this block; the descriptors are right for the code that runs, whose selectors are
    // reloaded at once; the TSS lives for ever.
    unsafe {
        *gdt = GDT;
        (*block.tss.get()).io_map = size_of::<Tss>() as u16;
        (*gdt)[usize::from(TSS) / 8] = low;
        (*gdt)[usize::from(TSS) / 8 + 1] = high;
        let pointer = Pointer { limit: size_of_val(&GDT) as u16 - 1, base: gdt.addr() as u64 };
        asm!(
            "lgdt [{pointer}]",
            "push {code}",
            "lea {scratch}, [rip + 2f]",
            "push {scratch}",
            "retfq",
            "2:",
            "mov ss, {data:e}",
            "ltr {tss:x}",
            "lldt {none:x}",
            pointer = in(reg) &pointer,
            code = const KERNEL_CODE,
            data = in(reg) u32::from(KERNEL_DATA),
            tss = in(reg) TSS,
            none = in(reg) 0,
            scratch = out(reg) _,
        );
    }
}

/// Sets where one of this processor's interrupt stacks ends.
pub fn set_interrupt_stack(block: &Block, stack: InterruptStack, top: u64) {
    // SAFETY: the block is this processor's own and no trap that uses the stack is under way at boot; an array in a
    // packed struct is written by value.
    unsafe {
        let mut stacks = (*block.tss.get()).interrupt_stacks;
        stacks[stack as usize - 1] = top;
        (*block.tss.get()).interrupt_stacks = stacks;
    }
}
