//! The processor's tables, found as the processor finds them: for tests that look at them, and for tests that break them.

use core::arch::asm;

use arch::interrupts;

use crate::kernel_test;

/// Where a table lies: what `sidt` and `sgdt` store.
#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: u64,
}

fn pointers() -> (Pointer, Pointer) {
    let mut idt = Pointer { limit: 0, base: 0 };
    let mut gdt = Pointer { limit: 0, base: 0 };
    // SAFETY: each stores ten bytes.
    unsafe { asm!("sidt [{}]", "sgdt [{}]", in(reg) &raw mut idt, in(reg) &raw mut gdt, options(nostack, preserves_flags)) };
    (idt, gdt)
}

fn gate_place(vector: u8) -> *mut [u64; 2] {
    (pointers().0.base as *mut [u64; 2]).wrapping_add(usize::from(vector))
}

/// The gate of a vector, as two words.
pub fn gate(vector: u8) -> [u64; 2] {
    // SAFETY: the table has 256 gates.
    unsafe { gate_place(vector).read_volatile() }
}

/// Replaces the gate of a vector.
pub fn set_gate(vector: u8, gate: [u64; 2]) {
    // SAFETY: as above; what the processor makes of it is what the test is about.
    unsafe { gate_place(vector).write_volatile(gate) };
}

/// Changes bits of the lower word of a gate.
pub fn change_gate(vector: u8, clear: u64, set: u64) {
    let [low, high] = gate(vector);
    set_gate(vector, [low & !clear | set, high]);
}

/// The part of a gate that is the code segment's selector.
pub const GATE_SELECTOR: u64 = 0xffff << 16;
/// The part of a gate that is the number of the interrupt stack.
pub const GATE_STACK: u64 = 7 << 32;
/// The part of a gate that says from which ring on `int` may name it.
pub const GATE_RING: u64 = 3 << 45;
/// The bit of a gate, and of a segment descriptor, that says that it is there.
pub const PRESENT: u64 = 1 << 47;

/// The address of the code behind a gate.
pub fn handler(vector: u8) -> u64 {
    let [low, high] = gate(vector);
    low & 0xffff | low >> 48 << 16 | high << 32
}

/// Whether the processor is QEMU's emulation, which leaves some exceptions out.
pub fn is_emulated() -> bool {
    arch::cpu::brand().contains("QEMU TCG")
}

/// The error code of a fault about a gate: its place in the table, and the bit for that table. QEMU's emulation counts in units of half a
/// gate.
pub fn gate_error(vector: u8) -> u64 {
    let unit = if is_emulated() { 16 } else { 8 };
    (u64::from(vector) * unit) | 2
}

fn descriptor_place(selector: u16) -> *mut u64 {
    (pointers().1.base as *mut u64).wrapping_add(usize::from(selector / 8))
}

/// The descriptor of a segment.
pub fn descriptor(selector: u16) -> u64 {
    assert!(selector | 7 <= pointers().1.limit);
    // SAFETY: within the table.
    unsafe { descriptor_place(selector).read_volatile() }
}

/// Replaces the descriptor of a segment.
pub fn set_descriptor(selector: u16, descriptor: u64) {
    assert!(selector | 7 <= pointers().1.limit);
    // SAFETY: within the table, which is writable.
    unsafe { descriptor_place(selector).write_volatile(descriptor) };
}

/// A selector whose descriptor nobody uses.
pub const SPARE: u16 = 0x38;
/// A writable data segment of this ring that isn't present.
pub const fn absent_segment(ring: u64) -> u64 {
    0x00cf_1300_0000_ffff | ring << 45
}

fn task_register() -> u16 {
    let selector: u16;
    // SAFETY: reads a register.
    unsafe { asm!("str {0:x}", out(reg) selector, options(nomem, nostack, preserves_flags)) };
    selector
}

/// The address of the task-state segment.
fn tss() -> *mut u8 {
    let (low, high) = (descriptor(task_register()), descriptor(task_register() + 8));
    (low >> 16 & 0xff_ffff | low >> 56 << 24 | high << 32) as *mut u8
}

/// Where the stack pointers for the interrupt stacks begin in a task-state segment.
const INTERRUPT_STACKS: usize = 0x24;

/// The top of interrupt stack number `number` (1 to 7).
pub fn interrupt_stack(number: usize) -> u64 {
    // SAFETY: within the segment.
    unsafe { tss().add(INTERRUPT_STACKS + 8 * (number - 1)).cast::<u64>().read_unaligned() }
}

/// Sets the top of interrupt stack number `number` (1 to 7).
pub fn set_interrupt_stack(number: usize, top: u64) {
    // SAFETY: within the segment; the processor reads it at the next use of that stack.
    unsafe { tss().add(INTERRUPT_STACKS + 8 * (number - 1)).cast::<u64>().write_unaligned(top) };
}

/// Loads the task-state segment again with this limit, and returns the one before: with a small one, the processor finds no place for
/// the last interrupt stacks.
pub fn set_tss_limit(limit: u64) -> u64 {
    let selector = task_register();
    let before = descriptor(selector);
    const BUSY: u64 = 2 << 40;
    set_descriptor(selector, before & !0xffff & !BUSY | limit);
    // SAFETY: the same segment, marked as not busy.
    unsafe { asm!("ltr {0:x}", in(reg) selector, options(nostack, preserves_flags)) };
    before & 0xffff
}
/// A limit that leaves out interrupt stack 4, that of debug exceptions.
pub const TSS_WITHOUT_DEBUG_STACK: u64 = INTERRUPT_STACKS as u64 + 3 * 8 - 1;

fn gates_are_complete() {
    let (idt, _) = pointers();
    assert_eq!({ idt.limit }, 256 * 16 - 1);
    let mut before = 0;
    for vector in 0..=255 {
        let [low, high] = gate(vector);
        assert_eq!((low & GATE_SELECTOR) >> 16, 0x10, "vector {vector}: code segment");
        let stack = match vector {
            1 => 4,
            2 => 2,
            8 => 1,
            18 => 3,
            _ => 0,
        };
        assert_eq!(low >> 32 & 0xff, stack, "vector {vector}: interrupt stack");
        let ring = if vector == 3 || vector == 4 { 3 } else { 0 };
        assert_eq!(low >> 40 & 0xff, 0x8e | ring << 5, "vector {vector}: present, ring, interrupt gate");
        assert_eq!(high >> 32, 0, "vector {vector}: reserved");
        assert!(handler(vector) >= 0xffff_ffff_8000_0000 && handler(vector) > before, "vector {vector}: code of its own");
        before = handler(vector);
    }
}
kernel_test!("tables_gates_are_complete", gates_are_complete);

fn segments_are_loaded() {
    let (code, data, stack, extra): (u16, u16, u16, u16);
    // SAFETY: reads registers.
    unsafe {
        asm!("mov {0:x}, cs", "mov {1:x}, ds", "mov {2:x}, ss", "mov {3:x}, es", out(reg) code, out(reg) data, out(reg) stack, out(reg) extra);
    }
    assert_eq!((code, stack, data, extra), (0x10, 0x18, 0, 0));
    assert_eq!(task_register(), 0x40);
    // Present, of their ring; 64-bit code, writable data. The processor sets the lowest bit of the type when it loads one.
    let kind = |selector| (descriptor(selector) >> 40 & 0xfe, descriptor(selector) >> 53 & 1);
    assert_eq!([0x10, 0x18, 0x28, 0x30].map(kind), [(0x9a, 1), (0x92, 0), (0xf2, 0), (0xfa, 1)]);
    assert_eq!([0, 8, 0x20, SPARE].map(descriptor), [0; 4], "nothing else is there");
    // The task-state segment: 104 bytes, in use, with no I/O permissions behind its end, and a stack for each number in the gates.
    let low = descriptor(0x40);
    assert_eq!((low & 0xffff, low >> 40 & 0xff), (103, 0x8b));
    // SAFETY: within the segment.
    assert_eq!(unsafe { tss().add(102).cast::<u16>().read_unaligned() }, 104);
    for number in 1..=7 {
        assert_eq!(interrupt_stack(number) != 0, number <= 4, "interrupt stack {number}");
        assert_eq!(interrupt_stack(number) % 16, 0);
    }
    assert!(interrupts::enabled());
}
kernel_test!("tables_segments_are_loaded", segments_are_loaded);
