//! Page faults and exceptions of user mode: resolved, or turned into signals.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use abi::Signal;
use abi::siginfo::{SignalInfo, code};
use arch::user::{Access, FPU_FRAME_MAX, UserContext};
use memory::{Fault, Segv};

use crate::signal::LastFault;
use crate::{Thread, interrupt, memory_pressure, signal};

/// What a fault must wait for before the program can try again.
pub(crate) enum Wait {
    /// A page from a disk.
    Page(memory::PageWait),
    /// Somebody was killed for memory and must end first.
    Memory,
}

const PAGE_FAULT: u8 = 14;

/// A program touched memory that wasn't there. Mostly the address space resolves it; otherwise the thread gets its signal here, or must wait.
pub(crate) fn page_fault(thread: &Arc<Thread>, address: usize, access: Access) -> Option<Wait> {
    let space = thread.process().space()?;
    match space.fault(address, access) {
        Fault::Resolved => {
            thread.clock.minor_faults.fetch_add(1, Ordering::Relaxed);
            None
        }
        Fault::Denied(reason) => {
            // The error code as the processor gave it: present, write, user, fetch.
            let present = u64::from(reason == Segv::Segv { mapped: true });
            let kind = match access {
                Access::Read => 0,
                Access::Write => 2,
                Access::Execute => 16,
            };
            *thread.last_fault.lock() = LastFault { trap: PAGE_FAULT.into(), error: 4 | kind | present, address: address as u64 };
            let (signal, code) = match reason {
                Segv::Segv { mapped: false } => (Signal::SIGSEGV, code::SEGV_MAPERR),
                Segv::Segv { mapped: true } => (Signal::SIGSEGV, code::SEGV_ACCERR),
                Segv::Bus => (Signal::SIGBUS, code::BUS_ADRERR),
            };
            signal::force(thread, signal, SignalInfo::fault(signal, code, address as u64));
            None
        }
        Fault::OutOfMemory => {
            memory_pressure::make_room(thread);
            Some(Wait::Memory)
        }
        Fault::Deferred(page) => {
            thread.clock.major_faults.fetch_add(1, Ordering::Relaxed);
            Some(Wait::Page(page))
        }
    }
}

/// Waits, unless the thread is killed meanwhile.
pub(crate) async fn wait_for_page(thread: &Arc<Thread>, wait: Wait) {
    match wait {
        Wait::Page(page) => {
            // A killed thread ends on its way back; there is nothing else to do about it.
            let _ = interrupt::killable(thread, page.wait()).await;
        }
        Wait::Memory => executor::yield_now().await,
    }
}

/// An exception other than a page fault becomes the signal that Linux sends for it.
pub(crate) fn exception(thread: &Arc<Thread>, context: &mut UserContext, vector: u8, error: u64) {
    let at = context.registers().rip;
    let fault = SignalInfo::fault;
    let (signal, info) = match vector {
        0 => (Signal::SIGFPE, fault(Signal::SIGFPE, code::FPE_INTDIV, at)),
        1 => (Signal::SIGTRAP, fault(Signal::SIGTRAP, code::TRAP_TRACE, at)),
        3 => (Signal::SIGTRAP, SignalInfo::kernel(Signal::SIGTRAP)),
        6 => (Signal::SIGILL, fault(Signal::SIGILL, code::ILL_ILLOPN, at)),
        11 | 12 => (Signal::SIGBUS, SignalInfo::kernel(Signal::SIGBUS)),
        16 => (Signal::SIGFPE, fault(Signal::SIGFPE, x87_code(context), at)),
        17 => (Signal::SIGBUS, fault(Signal::SIGBUS, code::BUS_ADRALN, 0)),
        19 => (Signal::SIGFPE, fault(Signal::SIGFPE, sse_code(context), at)),
        _ => (Signal::SIGSEGV, SignalInfo::kernel(Signal::SIGSEGV)),
    };
    *thread.last_fault.lock() = LastFault { trap: vector.into(), error, address: 0 };
    signal::force(thread, signal, info);
}

/// Which unmasked x87 exception it was: status word without the masks of the control word.
fn x87_code(context: &UserContext) -> i32 {
    let mut bytes = [0; FPU_FRAME_MAX];
    context.fpu_bytes(&mut bytes);
    let control = u16::from_le_bytes([bytes[0], bytes[1]]);
    let status = u16::from_le_bytes([bytes[2], bytes[3]]);
    arithmetic_code(u32::from(status & !control))
}

/// Which unmasked SSE exception it was: flags of MXCSR without its masks.
fn sse_code(context: &UserContext) -> i32 {
    let mut bytes = [0; FPU_FRAME_MAX];
    context.fpu_bytes(&mut bytes);
    let control = u32::from_le_bytes([bytes[24], bytes[25], bytes[26], bytes[27]]);
    arithmetic_code(control & !(control >> 7))
}

/// The bits are the same in both units, and so is the order in which Linux looks at them.
fn arithmetic_code(flags: u32) -> i32 {
    [(1, code::FPE_FLTINV), (4, code::FPE_FLTDIV), (8, code::FPE_FLTOVF), (16 | 2, code::FPE_FLTUND), (32, code::FPE_FLTRES)]
        .into_iter()
        .find(|(bits, _)| flags & bits != 0)
        .map_or(0, |(_, code)| code)
}
