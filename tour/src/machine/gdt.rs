//! Segments with a task-state segment: in long mode little more than the place where the interrupt stacks are named.

use alloc::boxed::Box;
use core::arch::asm;

const CODE: u16 = 0x08;
const DATA: u16 = 0x10;
const TASK_STATE: u16 = 0x18;

/// The task-state segment of long mode (Intel SDM volume 3, 8.7).
#[repr(C, packed(4))]
pub struct TaskState {
    reserved: u32,
    /// Stacks for traps that come from a less privileged ring.
    pub privileged_stacks: [u64; 3],
    reserved2: u64,
    /// Stacks that a gate can ask for.
    pub interrupt_stacks: [u64; 7],
    reserved3: u64,
    reserved4: u16,
    io_map: u16,
}

const _: () = assert!(size_of::<TaskState>() == 104);

#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: u64,
}

/// The two words of a TSS's descriptor: length 103, type 9 (an available 64-bit TSS), present, and the base in four pieces.
const fn describe(base: u64) -> [u64; 2] {
    [103 | (base & 0xff_ffff) << 16 | 0x89 << 40 | (base >> 24 & 0xff) << 56, base >> 32]
}

/// Loads a table of our own with a TSS that has `stack` as its interrupt stack number 0; `stack` is an upper end.
///
/// # Safety
/// Interrupts are off, and `stack` is the end of memory that nobody else uses.
pub unsafe fn load(stack: u64) {
    let mut interrupt_stacks = [0; 7];
    interrupt_stacks[0] = stack;
    let task_state = Box::leak(Box::new(TaskState {
        reserved: 0,
        privileged_stacks: [0; 3],
        reserved2: 0,
        interrupt_stacks,
        reserved3: 0,
        reserved4: 0,
        io_map: size_of::<TaskState>() as u16,
    }));
    let [low, high] = describe(core::ptr::from_ref(task_state).addr() as u64);
    // Null, 64-bit code, data, TSS.
    let table = Box::leak(Box::new([0_u64, 0x00af_9b00_0000_ffff, 0x00cf_9300_0000_ffff, low, high]));
    let pointer = Pointer { limit: size_of_val(table) as u16 - 1, base: core::ptr::from_ref(table).addr() as u64 };
    // SAFETY: both live for ever. CS is changed by a far return to the next instruction; FS and GS keep their bases, which the real kernel
    // uses, because their selectors aren't loaded.
    unsafe {
        asm!(
            "lgdt [{pointer}]",
            "push {code}",
            "lea {scratch}, [rip + 2f]",
            "push {scratch}",
            "retfq",
            "2:",
            "mov ss, {data:x}",
            "ltr {task_state:x}",
            pointer = in(reg) &pointer,
            code = in(reg) u64::from(CODE),
            data = in(reg) DATA,
            task_state = in(reg) TASK_STATE,
            scratch = out(reg) _,
        );
    }
}
