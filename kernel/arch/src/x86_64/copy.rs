//! Copies to and from user memory, with recovery from page faults.
//!
//! Each instruction that may fault has an entry in the section `.extable`: its address, and where to go on. With SMAP, user
//! memory can be touched only between `stac` and `clac`; as not every processor has those, the code holds three-byte
//! no-operations in their place, listed in `.smap_sites`, and [`patch`] rewrites them before the kernel's text becomes
//! read-only.
//!
//! The routines are a call away rather than inline, so that there are few entries and a fault's picture is always the same.

use core::arch::global_asm;

use super::cpu;
use crate::USER_END;
use crate::types::{CopyFault, Features};

global_asm!(
    r#"
    .macro user_memory_open
    .pushsection .smap_sites, "a"
    .quad 771f, 0xcb010f                # stac
    .popsection
771:
    nop dword ptr [rax]
    .endm

    .macro user_memory_close
    .pushsection .smap_sites, "a"
    .quad 771f, 0xca010f                # clac
    .popsection
771:
    nop dword ptr [rax]
    .endm

    .macro on_fault from, to
    .pushsection .extable, "a"
    .quad \from, \to
    .popsection
    .endm

    # rdi = to, rsi = from, rdx = bytes; returns rax = bytes left, rdx = the faulting address if some are.
    .balign 16
    .globl user_copy
user_copy:
    mov rcx, rdx
    shr rcx, 3
    and edx, 7
    user_memory_open
1:
    rep movsq
    mov ecx, edx
2:
    rep movsb
    user_memory_close
    xor eax, eax
    ret
    # A word that faults may reach over a page's end: go on by bytes, up to the byte that faults.
3:
    lea rcx, [rcx * 8 + rdx]
    jmp 2b
4:
    user_memory_close
    mov rax, rcx
    mov rdx, cr2
    ret
    on_fault 1b, 3b
    on_fault 2b, 4b

    # rdi = to, sil = byte, rdx = bytes; returns as user_copy.
    .balign 16
    .globl user_fill
user_fill:
    movzx eax, sil
    movabs rcx, 0x0101010101010101
    imul rax, rcx
    mov rcx, rdx
    shr rcx, 3
    and edx, 7
    user_memory_open
1:
    rep stosq
    mov ecx, edx
2:
    rep stosb
    user_memory_close
    xor eax, eax
    ret
3:
    lea rcx, [rcx * 8 + rdx]
    jmp 2b
4:
    user_memory_close
    mov rax, rcx
    mov rdx, cr2
    ret
    on_fault 1b, 3b
    on_fault 2b, 4b

    # rdi = address (rsi = value); returns rax = value, rdx = 0, or rax = the faulting address, rdx = 1.
    .macro accessor name, instruction:vararg
    .balign 16
    .globl \name
\name:
    user_memory_open
1:
    \instruction
    user_memory_close
    xor edx, edx
    ret
    on_fault 1b, user_access_failed
    .endm

    accessor user_load_u8, movzx eax, byte ptr [rdi]
    accessor user_load_u32, mov eax, [rdi]
    accessor user_load_u64, mov rax, [rdi]
    accessor user_store_u8, mov [rdi], sil
    accessor user_store_u32, mov [rdi], esi
    accessor user_store_u64, mov [rdi], rsi

    # rdi = address, esi = old, edx = new; returns as a load, of what was there.
    .balign 16
    .globl user_compare_exchange_u32
user_compare_exchange_u32:
    mov eax, esi
    user_memory_open
1:
    lock cmpxchg [rdi], edx
    user_memory_close
    xor edx, edx
    ret
    on_fault 1b, user_access_failed

user_access_failed:
    user_memory_close
    mov rax, cr2
    mov edx, 1
    ret
    .text
    "#
);

/// What the routines return in rax and rdx.
#[repr(C)]
struct Pair(u64, u64);

unsafe extern "C" {
    fn user_copy(to: usize, from: usize, bytes: usize) -> Pair;
    fn user_fill(to: usize, byte: u8, bytes: usize) -> Pair;
    fn user_load_u8(address: usize) -> Pair;
    fn user_load_u32(address: usize) -> Pair;
    fn user_load_u64(address: usize) -> Pair;
    fn user_store_u8(address: usize, value: u8) -> Pair;
    fn user_store_u32(address: usize, value: u32) -> Pair;
    fn user_store_u64(address: usize, value: u64) -> Pair;
    fn user_compare_exchange_u32(address: usize, old: u32, new: u32) -> Pair;

    static __extable_start: [usize; 2];
    static __extable_end: [usize; 2];
    static __smap_sites_start: [usize; 2];
    static __smap_sites_end: [usize; 2];
}

/// The table between two symbols of the linker script.
///
/// # Safety
/// The symbols must enclose an array of pairs that is never written.
unsafe fn table(start: *const [usize; 2], end: *const [usize; 2]) -> &'static [[usize; 2]] {
    // SAFETY: the caller's promise.
    unsafe { core::slice::from_raw_parts(start, (end.addr() - start.addr()) / size_of::<[usize; 2]>()) }
}

/// Where to go on after a fault at this instruction, if it is one that may.
pub fn fixup(instruction: usize) -> Option<usize> {
    // SAFETY: the linker script puts the symbols around the section.
    let table = unsafe { table(&raw const __extable_start, &raw const __extable_end) };
    table.iter().find(|entry| entry[0] == instruction).map(|entry| entry[1])
}

/// Writes `stac` and `clac` into the code if the processor has SMAP. To be called while the text is still writable.
pub fn patch() {
    if !cpu::features().contains(Features::SMAP) {
        return;
    }
    // SAFETY: the linker script puts the symbols around the section.
    for &[site, instruction] in unsafe { table(&raw const __smap_sites_start, &raw const __smap_sites_end) } {
        // SAFETY: each site holds a no-operation of three bytes, which nobody executes yet; the boot tables allow writing.
        unsafe { core::ptr::copy_nonoverlapping(instruction.to_le_bytes().as_ptr(), site as *mut u8, 3) };
    }
}

/// Refuses ranges that reach beyond user space.
#[inline]
fn check(start: usize, len: usize) -> Result<(), CopyFault> {
    match start.checked_add(len) {
        Some(end) if end <= USER_END => Ok(()),
        _ => Err(CopyFault { address: start.max(USER_END), done: 0 }),
    }
}

#[inline]
fn copied(len: usize, Pair(left, address): Pair) -> Result<(), CopyFault> {
    if left == 0 { Ok(()) } else { Err(CopyFault { address: address as usize, done: len - left as usize }) }
}

/// Copies `len` bytes of user memory at `src` to `dst`.
///
/// # Safety
/// `dst` must be valid for writes of `len` bytes.
#[inline]
pub unsafe fn copy_in(dst: *mut u8, src: usize, len: usize) -> Result<(), CopyFault> {
    check(src, len)?;
    // SAFETY: the source is user memory, where faults are recovered; the caller vouches for the destination.
    copied(len, unsafe { user_copy(dst.expose_provenance(), src, len) })
}

/// Copies `len` bytes at `src` to user memory at `dst`.
///
/// # Safety
/// `src` must be valid for reads of `len` bytes.
#[inline]
pub unsafe fn copy_out(dst: usize, src: *const u8, len: usize) -> Result<(), CopyFault> {
    check(dst, len)?;
    // SAFETY: the destination is user memory, where faults are recovered; the caller vouches for the source.
    copied(len, unsafe { user_copy(dst, src.expose_provenance(), len) })
}

/// Sets `len` bytes of user memory.
pub fn fill(dst: usize, byte: u8, len: usize) -> Result<(), CopyFault> {
    check(dst, len)?;
    // SAFETY: the destination is user memory, where faults are recovered.
    copied(len, unsafe { user_fill(dst, byte, len) })
}

#[inline]
fn accessed(Pair(value, failed): Pair) -> Result<u64, CopyFault> {
    if failed == 0 { Ok(value) } else { Err(CopyFault { address: value as usize, done: 0 }) }
}

macro_rules! accessors {
    ($($load:ident $user_load:ident $store:ident $user_store:ident $type:ty;)*) => {$(
        /// Loads a value of user memory.
        #[inline]
        pub fn $load(address: usize) -> Result<$type, CopyFault> {
            check(address, size_of::<$type>())?;
            // SAFETY: user memory, where faults are recovered.
            accessed(unsafe { $user_load(address) }).map(|value| value as $type)
        }

        /// Stores a value to user memory.
        #[inline]
        pub fn $store(address: usize, value: $type) -> Result<(), CopyFault> {
            check(address, size_of::<$type>())?;
            // SAFETY: user memory, where faults are recovered.
            accessed(unsafe { $user_store(address, value) }).map(|_| ())
        }
    )*};
}

accessors! {
    load_u8 user_load_u8 store_u8 user_store_u8 u8;
    load_u32 user_load_u32 store_u32 user_store_u32 u32;
    load_u64 user_load_u64 store_u64 user_store_u64 u64;
}

/// Atomically replaces `old` by `new` at `address`, which must be a multiple of 4. The inner result is the old value, as
/// an error if it was another one.
pub fn compare_exchange_u32(address: usize, old: u32, new: u32) -> Result<Result<u32, u32>, CopyFault> {
    check(address, size_of::<u32>())?;
    if !address.is_multiple_of(4) {
        return Err(CopyFault { address, done: 0 });
    }
    // SAFETY: user memory, where faults are recovered.
    let found = accessed(unsafe { user_compare_exchange_u32(address, old, new) })? as u32;
    Ok(if found == old { Ok(found) } else { Err(found) })
}
