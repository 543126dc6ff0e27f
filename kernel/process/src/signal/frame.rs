//! The frame that a handler finds on its stack, and the way back from it (rt_sigreturn(2)).
//!
//! From high to low addresses: the FPU state (64-byte aligned), then `struct rt_sigframe` with the return address lowest, placed so that the
//! stack is aligned as after a `call`. Everything that comes back in rt_sigreturn was in the program's hands and is checked.

use alloc::sync::Arc;

use abi::siginfo::{RtSigFrame, SigAction, SignalContext, SignalInfo, SignalStack, UserContext as FrameContext};
use abi::{Errno, Result, Signal, SignalSet};
use arch::user::{FPU_FRAME_MAX, UserContext};
use memory::{UserPtr, UserSlice};

use super::calls::{alternate_stack, is_on, set_mask};
use crate::Thread;

/// Bytes below the stack pointer that belong to the interrupted function (System V ABI).
const RED_ZONE: u64 = 128;
/// The flags that rt_sigreturn(2) restores; the others (interrupts, I/O privilege …) stay as they are.
const USER_FLAGS: u64 = 0x5_0dd5;
/// Flags that a handler starts without: direction, trap, resume.
const CLEARED_FLAGS: u64 = 0x400 | 0x100 | 0x1_0000;

/// Writes the frame for `signal` and points the registers at its handler. `mask` is what rt_sigreturn(2) will set. EFAULT when there is no
/// usable stack or no return address.
pub(super) fn build(
    thread: &Arc<Thread>,
    context: &mut UserContext,
    signal: Signal,
    info: SignalInfo,
    action: &SigAction,
    mask: SignalSet,
) -> Result<()> {
    if !action.has(SigAction::RESTORER) {
        return Err(Errno::EFAULT);
    }
    let stack = *thread.alternate_stack.lock();
    let registers = *context.registers();
    let mut top = registers.rsp.wrapping_sub(RED_ZONE);
    let mut alternate = is_on(&stack, registers.rsp);
    if action.has(SigAction::ONSTACK) && !alternate && stack.size != 0 {
        top = stack.base.wrapping_add(stack.size);
        alternate = true;
    }
    let fpu_size = UserContext::fpu_frame_size();
    let fpu = top.wrapping_sub(fpu_size as u64) & !63;
    let frame = (fpu.wrapping_sub(size_of::<RtSigFrame>() as u64) & !15).wrapping_sub(8);
    if alternate && !(frame > stack.base && frame - stack.base <= stack.size) {
        return Err(Errno::EFAULT);
    }
    let mut bytes = [0; FPU_FRAME_MAX];
    let used = context.fpu_bytes(&mut bytes);
    UserSlice::new(fpu as usize, fpu_size).write(bytes.get(..used).unwrap_or_default())?;
    let mut shown = stack;
    if stack.size == 0 {
        shown.flags = SignalStack::DISABLE;
    } else if is_on(&stack, registers.rsp) {
        shown.flags |= SignalStack::ONSTACK;
    }
    let contents = RtSigFrame {
        return_address: action.restorer,
        context: FrameContext {
            flags: FrameContext::FP_XSTATE | FrameContext::SIGCONTEXT_SS | FrameContext::STRICT_RESTORE_SS,
            link: 0,
            stack: shown,
            registers: save(thread, context, mask, fpu),
            mask: mask.0,
        },
        info: info.into(),
    };
    UserPtr::<RtSigFrame>::new(frame as usize).write(&contents)?;
    if stack.flags & SignalStack::AUTODISARM != 0 {
        *thread.alternate_stack.lock() = SignalStack { flags: SignalStack::DISABLE, ..SignalStack::default() };
    }
    let context_at = frame + core::mem::offset_of!(RtSigFrame, context) as u64;
    let registers = context.registers_mut();
    registers.rdi = u64::from(signal.number());
    registers.rsi = frame + core::mem::offset_of!(RtSigFrame, info) as u64;
    registers.rdx = context_at;
    registers.rax = 0;
    registers.rip = action.handler;
    registers.rsp = frame;
    registers.rflags &= !CLEARED_FLAGS;
    registers.orig_rax = u64::MAX;
    Ok(())
}

fn save(thread: &Thread, context: &UserContext, mask: SignalSet, fpu: u64) -> SignalContext {
    let r = context.registers();
    let fault = *thread.last_fault.lock();
    SignalContext {
        r8: r.r8,
        r9: r.r9,
        r10: r.r10,
        r11: r.r11,
        r12: r.r12,
        r13: r.r13,
        r14: r.r14,
        r15: r.r15,
        rdi: r.rdi,
        rsi: r.rsi,
        rbp: r.rbp,
        rbx: r.rbx,
        rdx: r.rdx,
        rax: r.rax,
        rcx: r.rcx,
        rsp: r.rsp,
        rip: r.rip,
        rflags: r.rflags,
        cs: r.cs as u16,
        gs: 0,
        fs: 0,
        ss: r.ss as u16,
        error: fault.error,
        trap: fault.trap,
        old_mask: mask.0,
        cr2: fault.address,
        fpu,
        reserved: [0; 8],
    }
}

/// rt_sigreturn(2): takes everything back from the frame on the stack. A frame that isn't one ends in SIGSEGV. The registers, `rax` included,
/// are then the interrupted ones: the caller must not set a result.
pub fn sigreturn(thread: &Arc<Thread>, context: &mut UserContext) {
    if restore(thread, context).is_err() {
        super::force(thread, Signal::SIGSEGV, SignalInfo::kernel(Signal::SIGSEGV));
    }
    context.registers_mut().orig_rax = u64::MAX;
}

fn restore(thread: &Arc<Thread>, context: &mut UserContext) -> Result<()> {
    // The handler's `ret` has popped the return address.
    let address = context.registers().rsp.wrapping_sub(8) as usize;
    let frame = UserPtr::<RtSigFrame>::new(address).read()?;
    let saved = &frame.context.registers;
    set_mask(thread, SignalSet(frame.context.mask));
    let selectors = [u64::from(saved.cs) | 3, u64::from(saved.ss) | 3];
    if selectors != [context.registers().cs, context.registers().ss] {
        return Err(Errno::EFAULT);
    }
    restore_fpu(context, saved.fpu)?;
    let r = context.registers_mut();
    r.r8 = saved.r8;
    r.r9 = saved.r9;
    r.r10 = saved.r10;
    r.r11 = saved.r11;
    r.r12 = saved.r12;
    r.r13 = saved.r13;
    r.r14 = saved.r14;
    r.r15 = saved.r15;
    r.rdi = saved.rdi;
    r.rsi = saved.rsi;
    r.rbp = saved.rbp;
    r.rbx = saved.rbx;
    r.rdx = saved.rdx;
    r.rax = saved.rax;
    r.rcx = saved.rcx;
    r.rsp = saved.rsp;
    r.rip = saved.rip;
    r.rflags = r.rflags & !USER_FLAGS | saved.rflags & USER_FLAGS;
    // A bad stack here is not an error, as on Linux.
    let stack = SignalStack { flags: frame.context.stack.flags & !SignalStack::ONSTACK, ..frame.context.stack };
    let _ = alternate_stack(thread, saved.rsp, Some(stack));
    Ok(())
}

fn restore_fpu(context: &mut UserContext, address: u64) -> Result<()> {
    if address == 0 {
        context.reset_fpu();
        return Ok(());
    }
    let mut bytes = [0; FPU_FRAME_MAX];
    let size = UserContext::fpu_frame_size();
    let wanted = bytes.get_mut(..size).ok_or(Errno::EFAULT)?;
    UserSlice::new(address as usize, size).read(wanted)?;
    context.set_fpu_bytes(wanted).map_err(|_| Errno::EFAULT)
}
