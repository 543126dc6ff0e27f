//! The interrupt descriptor table, with a stub for each of the 256 vectors.
//!
//! All stubs leave the same picture on the stack: the registers in the order of `context::Registers`, the error code (or 0) in
//! the place of `orig_rax`. From ring 3 that stack is the running context itself, so they are stored where they belong and
//! the stub goes back to the caller of `user::enter`. From ring 0 it is the kernel's stack; the handler runs and the stub
//! resumes what was interrupted.

use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;
use core::mem::offset_of;

use super::block::{KERNEL_STACK, TRAP_STACK};
use super::segments::{InterruptStack, KERNEL_CODE};
use crate::context::Registers;
use crate::descriptors::Gate;

/// Bytes from one stub to the next.
const STUB: usize = 16;

global_asm!(
    r#"
    .balign 16
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 256
    .balign {stub}
    # Vectors whose exception pushes an error code: 8, 10-14, 17, 21, 29, 30.
    .if !(vector < 32 && ((0x60227d00 >> vector) & 1))
    push 0
    .endif
    push rdi
    mov edi, vector
    .if vector == 1 || vector == 2 || vector == 8 || vector == 18
    jmp paranoid_entry
    .else
    jmp trap_entry
    .endif
    .set vector, vector + 1
    .endr

    .macro push_registers
    push rsi
    push rdx
    push rcx
    push rax
    push r8
    push r9
    push r10
    push r11
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    .endm

    .macro pop_registers
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    pop r11
    pop r10
    pop r9
    pop r8
    pop rax
    pop rcx
    pop rdx
    pop rsi
    pop rdi
    add rsp, 8
    .endm

    # Calls kernel_trap(registers, vector) with a stack frame that links the interrupted code into the chain of rbp.
    # In: esi = vector, rsp = registers.
    .macro call_kernel_trap
    mov rdi, rsp
    sub rsp, 8
    push [rdi + {rip}]
    push rbp
    mov rbp, rsp
    call {kernel_trap}
    lea rsp, [rbp + 24]
    .endm

    # Known flags for the kernel: no direction, no alignment check (which would also open user memory), no trap, interrupts off.
    .macro clean_flags
    push 2
    popfq
    .endm

    .balign 16
trap_entry:
    push_registers
    test byte ptr [rsp + {cs}], 3
    jz 1f
    swapgs
    mov rsp, gs:[{kernel_stack}]
    clean_flags
    mov eax, edi
    jmp leave_user_mode
1:
    clean_flags
    lea rax, [rip + user_iretq]
    cmp [rsp + {rip}], rax
    je 2f
    mov esi, edi
    call_kernel_trap
    pop_registers
    iretq
2:
    # The `iretq` to ring 3 itself faulted: bad selectors or a non-canonical address in the context. All registers but the GS
    # base are the user's already, and the context still holds them: it is as if the fault had happened in ring 3.
    mov rcx, [rsp + {error}]
    swapgs
    mov rdx, gs:[{trap_stack}]
    mov [rdx - ({registers_size} - {error})], rcx
    mov rsp, gs:[{kernel_stack}]
    mov eax, edi
    jmp leave_user_mode

    # Vectors with stacks of their own can come at any instruction: also where ring 0 runs with the user's GS base, just behind
    # an entry or just before an exit. The kernel's base is in the upper half of the address space, a user's never.
    .balign 16
paranoid_entry:
    push_registers
    clean_flags
    mov r12d, edi
    test byte ptr [rsp + {cs}], 3
    jnz 3f
    mov ecx, {gs_base}
    rdmsr
    xor r13d, r13d
    test edx, edx
    js 1f
    swapgs
    inc r13d
1:
    mov esi, r12d
    call_kernel_trap
    test r13d, r13d
    jz 2f
    swapgs
2:
    pop_registers
    iretq
3:
    # From ring 3: move the registers from the interrupt stack to the context, and go on as others do.
    swapgs
    mov rsi, rsp
    mov rdi, gs:[{trap_stack}]
    sub rdi, {registers_size}
    mov ecx, {registers_size} / 8
    rep movsq
    mov rsp, gs:[{kernel_stack}]
    mov eax, r12d
    jmp leave_user_mode
    .text
    "#,
    stub = const STUB,
    cs = const offset_of!(Registers, cs),
    rip = const offset_of!(Registers, rip),
    error = const offset_of!(Registers, orig_rax),
    registers_size = const size_of::<Registers>(),
    kernel_stack = const KERNEL_STACK,
    trap_stack = const TRAP_STACK,
    gs_base = const super::registers::GS_BASE,
    kernel_trap = sym super::traps::kernel_trap,
);

unsafe extern "C" {
    static trap_stubs: u8;
}

struct Table(UnsafeCell<[Gate; 256]>);
// SAFETY: written by `load` on the boot processor before there is any other, and only read by processors afterwards.
unsafe impl Sync for Table {}
static TABLE: Table = Table(UnsafeCell::new([Gate::ABSENT; 256]));

#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: u64,
}

/// Fills the table and loads it.
///
/// # Safety
/// To be called by the boot processor, once, after its GDT and TSS are loaded.
pub unsafe fn load() {
    // SAFETY: nobody reads the table before the `lidt` below, and each stub is code for its vector.
    unsafe {
        let table = &mut *TABLE.0.get();
        for (vector, gate) in table.iter_mut().enumerate() {
            let stub = (&raw const trap_stubs).addr() + vector * STUB;
            let stack = match vector {
                1 => InterruptStack::Debug as u8,
                2 => InterruptStack::NonMaskable as u8,
                8 => InterruptStack::DoubleFault as u8,
                18 => InterruptStack::MachineCheck as u8,
                _ => 0,
            };
            // Programs may raise breakpoints and overflows.
            let ring = if vector == 3 || vector == 4 { 3 } else { 0 };
            *gate = Gate::interrupt(stub as u64, KERNEL_CODE, stack, ring);
        }
        let pointer = Pointer { limit: size_of::<[Gate; 256]>() as u16 - 1, base: TABLE.0.get().addr() as u64 };
        asm!("lidt [{}]", in(reg) &pointer, options(readonly, nostack, preserves_flags));
    }
}
