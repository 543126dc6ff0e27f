//! Ring 3: entering it is a function call that returns at the next trap.
//!
//! [`enter`] saves the caller's frame on the kernel stack, notes that stack in this CPU's block and loads the user's
//! registers. Whatever brings the processor back stores the user's registers into the context (see `idt` and
//! [`syscall_entry`]) and jumps to `leave_user_mode`, which is the second half of [`enter`]: it returns to the caller.

use core::arch::naked_asm;
use core::mem::offset_of;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::block::{self, KERNEL_STACK, SCRATCH, TRAP_STACK};
use super::segments::{KERNEL_CODE, SYSRET_BASE};
use super::{fpu, interrupts, latency, registers, traps};
use crate::USER_END;
use crate::context::{Registers, USER_CODE, USER_DATA, UserContext};
use crate::types::{Access, Trap};

/// What [`enter`] returns for a system call; exceptions and interrupts give their vector.
const SYSCALL: u32 = 256;

/// Flags that a program may have: arithmetic, trap, direction, nested task, resume, alignment check, identification.
const USER_FLAGS: u64 = 0x25_4dd5;
/// Flags that are always set in user mode: interrupts, and the bit that is one.
const FIXED_FLAGS: u64 = 0x202;
/// The flag that makes each instruction trap.
const TRAP_FLAG: u64 = 1 << 8;
/// Flags that `syscall` clears: trap, interrupts, direction, privilege level, nested task, resume, alignment check.
const SYSCALL_CLEARS: u64 = 0x5_7700;

/// Bits of a page fault's error code: the page was present, the access was a write, by ring 3, a fetch.
const PRESENT: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const FETCH: u64 = 1 << 4;

const REGISTERS: usize = offset_of!(UserContext, registers);
const REGISTERS_END: usize = REGISTERS + size_of::<Registers>();

macro_rules! at {
    ($register:ident) => {
        REGISTERS + offset_of!(Registers, $register)
    };
}

/// Calls one of the ways into ring 3. What they return with is in no register but rax and, restored, rbx, rbp and rsp: the
/// caller saves only what it needs, which is cheaper than saving all.
macro_rules! call {
    ($way:ident, $context:expr) => {{
        let cause: u32;
        core::arch::asm!(
            "call {way}",
            way = sym $way,
            inout("rdi") core::ptr::from_mut($context) => _,
            out("eax") cause,
            out("rcx") _, out("rdx") _, out("rsi") _, out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            out("r12") _, out("r13") _, out("r14") _, out("r15") _,
        );
        cause
    }};
}

/// What is called before user mode is entered for the first time.
static FIRST_ENTRY: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Has `hook` called, with interrupts off, when user mode is about to be entered for the first time.
pub fn at_first_entry(hook: fn()) {
    FIRST_ENTRY.store(hook as *mut (), Ordering::Relaxed);
}

/// Prepares this CPU for system calls.
pub fn initialise() {
    // SAFETY: long mode has these registers; the entry code is right for the selectors.
    unsafe {
        registers::write_msr(registers::STAR, u64::from(SYSRET_BASE) << 48 | u64::from(KERNEL_CODE) << 32);
        registers::write_msr(registers::LSTAR, syscall_entry as *const () as u64);
        registers::write_msr(registers::SFMASK, SYSCALL_CLEARS);
        registers::write_msr(registers::FS_BASE, 0);
        registers::write_msr(registers::KERNEL_GS_BASE, 0);
    }
}

/// Enters ring 3 with these registers and returns when the processor comes back, with the registers as they are then. None,
/// without entering, if `busy` says that something else is to be done first.
///
/// `busy` is asked with interrupts off, and they stay off until ring 3 is reached: what an interrupt changes after the question
/// interrupts the program. Asked before, an answer could be out of date by the time of entry, and on a tickless processor nothing
/// might bring the program back.
///
/// The address space must have been activated. To be called with interrupts on, and returns with interrupts on; an
/// interrupt's handler has run by then. Segment bases are loaded only when another context ran here meanwhile, and the
/// floating-point registers when the program uses them.
#[inline]
pub fn run(context: &mut UserContext, busy: impl Fn() -> bool) -> Option<Trap> {
    loop {
        interrupts::disable();
        if busy() {
            interrupts::enable();
            return None;
        }
        if context.ticket != block::ticket() {
            load(context);
        }
        // SAFETY: interrupts are off, the stubs are in place, and the context is ours alone until this returns; registers that
        // no system call has seen changed can go the quick way.
        let cause = unsafe { if context.untouched { call!(enter_quickly, context) } else { call!(enter, context) } };
        if cause == SYSCALL {
            // A `sysret` that sets the trap flag would trap too early.
            context.untouched = context.registers.rflags & TRAP_FLAG == 0;
            interrupts::enable_after_call();
            return Some(Trap::Syscall);
        }
        context.untouched = false;
        if let Some(trap) = other_trap(context, cause as u8) {
            return Some(trap);
        }
    }
}

/// Loads what user mode needs besides the general registers: segment bases, and whether FPU instructions trap.
#[cold]
fn load(context: &mut UserContext) {
    let block = block::this();
    let hook = FIRST_ENTRY.swap(core::ptr::null_mut(), Ordering::Relaxed);
    if !hook.is_null() {
        // SAFETY: only `at_first_entry` stores to it, a function pointer of this type.
        unsafe { core::mem::transmute::<*mut (), fn()>(hook)() };
    }
    context.ticket = block.next_ticket();
    fpu::arm(block, context);
    for base in [&mut context.fs_base, &mut context.gs_base] {
        // A non-canonical one would fault here, and one of the kernel's half would fool the paranoid entry.
        if *base >= USER_END as u64 {
            *base = 0;
        }
    }
    // SAFETY: user addresses; in kernel mode the user's GS base waits in KERNEL_GS_BASE.
    unsafe {
        if block.user_fs.replace(context.fs_base) != context.fs_base {
            registers::write_msr(registers::FS_BASE, context.fs_base);
        }
        if block.user_gs.replace(context.gs_base) != context.gs_base {
            registers::write_msr(registers::KERNEL_GS_BASE, context.gs_base);
        }
    }
}

/// Sorts out what isn't a system call; none if the program just goes on. Interrupts are off at the beginning and, unless
/// the program goes on at once, on at the end.
#[inline(never)]
fn other_trap(context: &mut UserContext, vector: u8) -> Option<Trap> {
    let error = context.registers.orig_rax;
    context.registers.orig_rax = u64::MAX;
    if latency::is_on() {
        latency::begin(vector.into());
    }
    let trap = match vector {
        traps::FIRST_INTERRUPT.. => {
            interrupts::dispatch(vector);
            Trap::Interrupt
        }
        // The processor itself touched user memory with the kernel's rights on the program's behalf (QEMU's does for the stack of
        // an `iretq` in ring 3) and met SMAP. The page is there, so nothing would be resolved and the fault would come for ever.
        traps::PAGE_FAULT if error & (PRESENT | USER) == PRESENT => Trap::Exception { vector: traps::GENERAL_PROTECTION, error: 0 },
        traps::PAGE_FAULT => {
            let address = registers::read_cr2() as usize;
            let access = match error {
                _ if error & FETCH != 0 => Access::Execute,
                _ if error & WRITE != 0 => Access::Write,
                _ => Access::Read,
            };
            Trap::PageFault { address, access }
        }
        traps::NO_FPU => {
            if fpu::load(context) {
                return None;
            }
            Trap::Exception { vector, error }
        }
        traps::NON_MASKABLE => {
            interrupts::count_non_maskable();
            Trap::Interrupt
        }
        // No program can bring about either: the machine or the kernel's own tables are broken.
        traps::MACHINE_CHECK => panic!("machine check in user mode at {:#x}", context.registers.rip),
        traps::DOUBLE_FAULT => panic!("double fault in user mode at {:#x}", context.registers.rip),
        traps::DEBUG => {
            // SAFETY: forgets what the exception was about: the registers tell enough.
            unsafe { registers::write_dr6(0xffff_0ff0) };
            Trap::Exception { vector, error }
        }
        _ => Trap::Exception { vector, error },
    };
    interrupts::enable();
    Some(trap)
}

/// Loads the user's registers and drops to ring 3 by `sysret`; returns at the next trap, with its vector or [`SYSCALL`].
///
/// `sysret` takes rip from rcx and flags from r11, and faults in ring 0 on a non-canonical address. So this is only for registers
/// that are as a `syscall` left them: then rcx and r11 are what they must be, the selectors are the usual ones, and the address is
/// a user's, since the last page below the hole is never mapped and so no `syscall` can end at its edge.
///
/// # Safety
/// As above, and interrupts must be off. The context must stay where it is until this returns.
#[unsafe(naked)]
unsafe extern "C" fn enter_quickly() {
    naked_asm!(
        "push rbx",
        "push rbp",
        "mov gs:[{kernel_stack}], rsp",
        "lea rax, [rdi + {end}]",
        "mov gs:[{trap_stack}], rax",
        "mov r15, [rdi + {r15}]",
        "mov r14, [rdi + {r14}]",
        "mov r13, [rdi + {r13}]",
        "mov r12, [rdi + {r12}]",
        "mov rbp, [rdi + {rbp}]",
        "mov rbx, [rdi + {rbx}]",
        "mov r11, [rdi + {rflags}]",
        "mov r10, [rdi + {r10}]",
        "mov r9, [rdi + {r9}]",
        "mov r8, [rdi + {r8}]",
        "mov rax, [rdi + {rax}]",
        "mov rcx, [rdi + {rip}]",
        "mov rdx, [rdi + {rdx}]",
        "mov rsi, [rdi + {rsi}]",
        "mov rsp, [rdi + {rsp}]",
        "mov rdi, [rdi + {rdi}]",
        "swapgs",
        "sysretq",
        end = const REGISTERS_END,
        kernel_stack = const KERNEL_STACK,
        trap_stack = const TRAP_STACK,
        r15 = const at!(r15), r14 = const at!(r14), r13 = const at!(r13), r12 = const at!(r12),
        rbp = const at!(rbp), rbx = const at!(rbx), r10 = const at!(r10), r9 = const at!(r9),
        r8 = const at!(r8), rax = const at!(rax), rdx = const at!(rdx), rsi = const at!(rsi),
        rdi = const at!(rdi), rip = const at!(rip), rflags = const at!(rflags), rsp = const at!(rsp),
    )
}

/// Loads the user's registers, whatever they are, and drops to ring 3 by `iretq`; returns as [`enter_quickly`].
///
/// The frame for `iretq` is built on the kernel stack, so that a fault there leaves the context intact (the stubs turn it into
/// the user's). Both selectors are forced to ring 3, and of the flags only the user's are taken.
///
/// # Safety
/// Interrupts must be off. The context must stay where it is until this returns.
#[unsafe(naked)]
unsafe extern "C" fn enter() {
    naked_asm!(
        "push rbx",
        "push rbp",
        "mov gs:[{kernel_stack}], rsp",
        "lea rax, [rdi + {end}]",
        "mov gs:[{trap_stack}], rax",
        "mov rax, [rdi + {ss}]",
        "or rax, 3",
        "push rax",
        "push [rdi + {rsp}]",
        "mov eax, [rdi + {rflags}]",
        "and eax, {user_flags}",
        "or eax, {fixed_flags}",
        "push rax",
        "mov rax, [rdi + {cs}]",
        "or rax, 3",
        "push rax",
        "push [rdi + {rip}]",
        "mov r15, [rdi + {r15}]",
        "mov r14, [rdi + {r14}]",
        "mov r13, [rdi + {r13}]",
        "mov r12, [rdi + {r12}]",
        "mov rbp, [rdi + {rbp}]",
        "mov rbx, [rdi + {rbx}]",
        "mov r11, [rdi + {r11}]",
        "mov r10, [rdi + {r10}]",
        "mov r9, [rdi + {r9}]",
        "mov r8, [rdi + {r8}]",
        "mov rax, [rdi + {rax}]",
        "mov rcx, [rdi + {rcx}]",
        "mov rdx, [rdi + {rdx}]",
        "mov rsi, [rdi + {rsi}]",
        "mov rdi, [rdi + {rdi}]",
        "swapgs",
        ".globl user_iretq",
        "user_iretq:",
        "iretq",
        // Back from ring 3: eax says why, rsp is what was noted above.
        ".globl leave_user_mode",
        "leave_user_mode:",
        "pop rbp",
        "pop rbx",
        "ret",
        end = const REGISTERS_END,
        kernel_stack = const KERNEL_STACK,
        trap_stack = const TRAP_STACK,
        fixed_flags = const FIXED_FLAGS as i32,
        user_flags = const USER_FLAGS as i32,
        r15 = const at!(r15), r14 = const at!(r14), r13 = const at!(r13), r12 = const at!(r12),
        rbp = const at!(rbp), rbx = const at!(rbx), r11 = const at!(r11), r10 = const at!(r10),
        r9 = const at!(r9), r8 = const at!(r8), rax = const at!(rax), rcx = const at!(rcx),
        rdx = const at!(rdx), rsi = const at!(rsi), rdi = const at!(rdi), rip = const at!(rip),
        cs = const at!(cs), rflags = const at!(rflags), rsp = const at!(rsp), ss = const at!(ss),
    )
}

/// Where `syscall` lands: interrupts off, rcx and r11 hold the user's rip and flags, the stack is still the user's. Pushes the
/// registers into the context in one go, as a trap from ring 3 would have.
#[unsafe(naked)]
unsafe extern "C" fn syscall_entry() {
    naked_asm!(
        "swapgs",
        "mov gs:[{scratch}], rsp",
        "mov rsp, gs:[{trap_stack}]",
        "push {user_data}",
        "push gs:[{scratch}]",
        "push r11",
        "push {user_code}",
        "push rcx",
        "push rax",
        "push rdi",
        "push rsi",
        "push rdx",
        "push rcx",
        "push rax",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov rsp, gs:[{kernel_stack}]",
        "mov eax, {syscall}",
        "pop rbp",
        "pop rbx",
        "ret",
        scratch = const SCRATCH,
        trap_stack = const TRAP_STACK,
        kernel_stack = const KERNEL_STACK,
        user_data = const USER_DATA,
        user_code = const USER_CODE,
        syscall = const SYSCALL,
    )
}
