//! From the boot loader's hands to Rust: headers, long mode, the first page tables.
//!
//! One ELF carries both a PVH note (QEMU's `-kernel`) and a multiboot2 header (GRUB). Both enter in 32-bit protected mode
//! with paging off; `esi` tells them apart from then on, and `edi` holds the address of the loader's information.
//! The first tables map the first GiB three times: where it is (for the few instructions that switch paging on), at the
//! direct map, and at the kernel's addresses. `kernel_map` replaces them by final ones.

use core::arch::global_asm;

use super::memory::{DIRECT_MAP, KERNEL_BASE};

/// `esi` after a PVH entry.
pub const PVH: u32 = 0;
/// `esi` after a multiboot2 entry.
pub const MULTIBOOT2: u32 = 1;
/// Bytes of the stack that the boot processor uses until its final one is mapped.
pub const BOOT_STACK: usize = 16 << 10;

global_asm!(
    r#"
    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, 18          # XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long pvh_entry

    .section .boot.header, "a"
    .balign 8
multiboot_header:
    .long 0xe85250d6, 0, multiboot_header_end - multiboot_header
    .long -(0xe85250d6 + 0 + (multiboot_header_end - multiboot_header))
    .short 0, 0
    .long 8
multiboot_header_end:

    .section .boot.text, "ax"
    .code32
    .globl pvh_entry
pvh_entry:
    movl ${pvh}, %esi
    jmp 1f
    .globl multiboot_entry
multiboot_entry:
    movl ${multiboot2}, %esi
1:
    cli
    cld
    movl %ebx, %edi
    movl $(boot_stack_top - {kernel_base}), %esp

    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    testl $(1 << 29), %edx
    jz no_long_mode

    # The first GiB in 2 MiB pages.
    movl $(boot_directory - {kernel_base}), %ebx
    xorl %ecx, %ecx
2:
    movl %ecx, %eax
    shll $21, %eax
    orl $0x83, %eax
    movl %eax, (%ebx, %ecx, 8)
    incl %ecx
    cmpl $512, %ecx
    jne 2b

    movl $(boot_directory - {kernel_base} + 3), %eax
    movl %eax, boot_low - {kernel_base}
    movl %eax, boot_high - {kernel_base} + 510 * 8
    movl $(boot_low - {kernel_base} + 3), %eax
    movl %eax, boot_root - {kernel_base}
    movl %eax, boot_root - {kernel_base} + {direct_index} * 8
    movl $(boot_high - {kernel_base} + 3), %eax
    movl %eax, boot_root - {kernel_base} + 511 * 8

    movl $(boot_root - {kernel_base}), %eax
    movl %eax, %cr3
    movl %cr4, %eax
    orl $(1 << 5), %eax                 # PAE
    movl %eax, %cr4
    movl $0xc0000080, %ecx              # EFER
    rdmsr
    orl $(1 << 8), %eax                 # long mode
    wrmsr
    movl %cr0, %eax
    orl $0x80010000, %eax               # paging, write protection for the kernel too
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $8, $3f

no_long_mode:
    movl $no_long_mode_text, %esi
4:
    lodsb
    testb %al, %al
    jz 5f
    outb %al, $0xe9
    jmp 4b
5:
    movl $0x12, %eax
    movl $0xf4, %edx
    outl %eax, %dx
6:
    hlt
    jmp 6b

    .code64
3:
    movabsq $kernel_entry, %rax
    jmp *%rax

    .section .boot.data, "a"
no_long_mode_text:
    .asciz "\001panic\nthis processor has no 64-bit mode\n"
    .balign 8
boot_gdt:
    .quad 0, 0x00209a0000000000
boot_gdt_pointer:
    .short 15
    .long boot_gdt

    .text
kernel_entry:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    movq $boot_stack_top, %rsp
    xorl %ebp, %ebp
    movl %edi, %edi
    movl %esi, %esi
    pushq $0
    jmp {start}

    .section .bss.boot, "aw", @nobits
    .balign 4096
boot_root:
    .skip 4096
boot_low:
    .skip 4096
boot_high:
    .skip 4096
boot_directory:
    .skip 4096
    .globl boot_stack
boot_stack:
    .skip {boot_stack_size}
boot_stack_top:
    .text
    "#,
    pvh = const PVH,
    multiboot2 = const MULTIBOOT2,
    kernel_base = const KERNEL_BASE,
    direct_index = const (DIRECT_MAP >> 39) & 511,
    boot_stack_size = const BOOT_STACK,
    start = sym super::start::start,
    options(att_syntax)
);
