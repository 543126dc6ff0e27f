//! From the boot loader's hands to Rust: headers, long mode, the first page tables.
//!
//! One ELF carries both a PVH note (QEMU's `-kernel`) and a multiboot2 header (GRUB). Both enter in 32-bit protected mode
//! with paging off; `esi` tells them apart from then on, and `edi` holds the address of the loader's information.
//! The first tables map the first 4 GiB, where loaders put everything, where they are (for the few instructions that switch
//! paging on) and at the direct map, and the first GiB at the kernel's addresses. `kernel_map` replaces them by final ones.

use core::arch::global_asm;

use super::memory::{DIRECT_MAP, KERNEL_BASE};

/// `esi` after a PVH entry.
pub const PVH: u32 = 0;
/// `esi` after a multiboot2 entry.
pub const MULTIBOOT2: u32 = 1;
/// What the first tables map at the direct map, from address 0 on.
pub const MAPPED: u64 = 4 << 30;
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
    # Tags: each begins at a multiple of 8 with its type, flags (1: the loader may ignore it) and size.
    .short 1, 0             # the memory map is needed
    .long 12, 6
    .balign 8
    .short 4, 1             # consoles: text mode will do
    .long 12, 2
    .balign 8
    .short 5, 1             # a screen of pixels: width, height, bits per pixel
    .long 20, 1024, 768, 32
    .balign 8
    .short 6, 0             # modules begin at pages
    .long 8
    .balign 8
    .short 0, 0             # the end
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
    cli
    cld
    cmpl ${multiboot_magic}, %eax
    movl $wrong_loader_text, %esi
    jne 4f
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

    # The first 4 GiB in 2 MiB pages, by four tables one behind the other.
    movl $(boot_directory - {kernel_base}), %ebx
    xorl %ecx, %ecx
2:
    movl %ecx, %eax
    shll $21, %eax
    orl $0x83, %eax
    movl %eax, (%ebx, %ecx, 8)
    incl %ecx
    cmpl $(4 * 512), %ecx
    jne 2b

    movl $(boot_directory - {kernel_base} + 3), %eax
    movl %eax, boot_low - {kernel_base}
    addl $0x1000, %eax
    movl %eax, boot_low - {kernel_base} + 8
    addl $0x1000, %eax
    movl %eax, boot_low - {kernel_base} + 16
    addl $0x1000, %eax
    movl %eax, boot_low - {kernel_base} + 24
    movl $(boot_directory - {kernel_base} + 3), %eax
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
wrong_loader_text:
    .asciz "\001panic\nthe boot loader is not one for multiboot2\n"
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
    .skip 4 * 4096
    .globl boot_stack
boot_stack:
    .skip {boot_stack_size}
boot_stack_top:
    .text
    "#,
    pvh = const PVH,
    multiboot2 = const MULTIBOOT2,
    multiboot_magic = const 0x36d7_6289_u32,
    kernel_base = const KERNEL_BASE,
    direct_index = const (DIRECT_MAP >> 39) & 511,
    boot_stack_size = const BOOT_STACK,
    start = sym super::start::start,
    options(att_syntax)
);
