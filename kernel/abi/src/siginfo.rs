//! What signals look like across the system-call boundary: `siginfo_t`, `struct sigaction`, `stack_t`, and the frame that a handler finds.
//!
//! The frame layout is `struct rt_sigframe` of x86_64 Linux (`arch/x86/include/asm/sigframe.h`): return address, ucontext, siginfo; the
//! FPU state lies above it, 64-byte aligned. C libraries, language runtimes and unwinders read and change it, so every byte counts.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{Signal, SignalSet};

/// `si_code` values.
pub mod code {
    /// Sent by kill(2).
    pub const SI_USER: i32 = 0;
    /// Sent by the kernel itself.
    pub const SI_KERNEL: i32 = 0x80;
    /// Sent by sigqueue(3).
    pub const SI_QUEUE: i32 = -1;
    /// Sent by a POSIX timer.
    pub const SI_TIMER: i32 = -2;
    /// Sent by tgkill(2).
    pub const SI_TKILL: i32 = -6;
    /// Sent by signal-driven I/O as a signal whose positive codes mean something else.
    pub const SI_SIGIO: i32 = -5;

    pub const ILL_ILLOPN: i32 = 2;
    pub const FPE_INTDIV: i32 = 1;
    pub const FPE_INTOVF: i32 = 2;
    pub const FPE_FLTDIV: i32 = 3;
    pub const FPE_FLTOVF: i32 = 4;
    pub const FPE_FLTUND: i32 = 5;
    pub const FPE_FLTRES: i32 = 6;
    pub const FPE_FLTINV: i32 = 7;
    pub const SEGV_MAPERR: i32 = 1;
    pub const SEGV_ACCERR: i32 = 2;
    pub const BUS_ADRALN: i32 = 1;
    pub const BUS_ADRERR: i32 = 2;
    pub const TRAP_BRKPT: i32 = 1;
    pub const TRAP_TRACE: i32 = 2;

    /// Signal-driven I/O: something to read, room to write.
    pub const POLL_IN: i32 = 1;
    pub const POLL_OUT: i32 = 2;
    /// The highest code of signal-driven I/O (`NSIGPOLL`).
    pub const POLL_LAST: i32 = 6;

    pub const CLD_EXITED: i32 = 1;
    pub const CLD_KILLED: i32 = 2;
    pub const CLD_DUMPED: i32 = 3;
    pub const CLD_STOPPED: i32 = 5;
    pub const CLD_CONTINUED: i32 = 6;
}

/// The part of `siginfo_t` that the kernel itself ever fills (48 of 128 bytes): this is what waits in queues.
///
/// After the three numbers comes a union whose layout depends on who sent the signal; `fields` holds its raw words.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SignalInfo {
    pub signal: i32,
    pub errno: i32,
    pub code: i32,
    pub padding: i32,
    pub fields: [u64; 4],
}

/// The members of `siginfo_t`'s union.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// Who sent it.
    Sender,
    /// Who sent it, and a value.
    Value,
    Timer,
    Poll,
    Fault,
    Child,
}

const fn pair(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}

impl SignalInfo {
    /// A signal of the kernel's own (`SI_KERNEL`), which names no sender.
    pub const fn kernel(signal: Signal) -> SignalInfo {
        SignalInfo { signal: signal.number() as i32, errno: 0, code: code::SI_KERNEL, padding: 0, fields: [0; 4] }
    }

    /// A signal that process `pid` of real user `uid` sent; `code` is `SI_USER`, `SI_TKILL` or `SI_QUEUE`.
    pub const fn from_process(signal: Signal, code: i32, pid: u32, uid: u32) -> SignalInfo {
        SignalInfo { signal: signal.number() as i32, errno: 0, code, padding: 0, fields: [pair(pid, uid), 0, 0, 0] }
    }

    /// A fault of the program itself at an address.
    pub const fn fault(signal: Signal, code: i32, address: u64) -> SignalInfo {
        SignalInfo { signal: signal.number() as i32, errno: 0, code, padding: 0, fields: [address, 0, 0, 0] }
    }

    /// News of a child for SIGCHLD and waitid(2); times are in clock ticks of 10 ms.
    pub const fn child(signal: i32, code: i32, pid: u32, uid: u32, status: i32, user_ticks: u64, system_ticks: u64) -> SignalInfo {
        SignalInfo { signal, errno: 0, code, padding: 0, fields: [pair(pid, uid), pair(status as u32, 0), user_ticks, system_ticks] }
    }

    /// News of descriptor `fd` for its owner; `band` are the events of poll(2).
    pub const fn poll(signal: Signal, code: i32, band: u32, fd: i32) -> SignalInfo {
        SignalInfo { signal: signal.number() as i32, errno: 0, code, padding: 0, fields: [band as u64, pair(fd as u32, 0), 0, 0] }
    }

    /// What `fields` hold: signal and code tell (`siginfo_layout` of Linux).
    pub fn layout(&self) -> Layout {
        let positive = self.code > code::SI_USER && self.code < code::SI_KERNEL;
        match Signal::new(self.signal as u64) {
            Some(signal) if positive && signal.is_fault() => Layout::Fault,
            Some(Signal::SIGCHLD) if positive => Layout::Child,
            _ if positive && self.code <= code::POLL_LAST || self.code == code::SI_SIGIO => Layout::Poll,
            _ if self.code == code::SI_TIMER => Layout::Timer,
            _ if self.code < 0 => Layout::Value,
            _ => Layout::Sender,
        }
    }

    /// `si_pid`.
    pub const fn pid(&self) -> u32 {
        self.fields[0] as u32
    }

    /// `si_uid`.
    pub const fn uid(&self) -> u32 {
        (self.fields[0] >> 32) as u32
    }

    /// `si_status` of news of a child.
    pub const fn status(&self) -> i32 {
        self.fields[1] as i32
    }

    /// `si_addr` of a fault.
    pub const fn address(&self) -> u64 {
        self.fields[0]
    }
}

/// `siginfo_t` in full: 128 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Siginfo {
    pub info: SignalInfo,
    pub rest: [u64; 10],
}

impl From<SignalInfo> for Siginfo {
    fn from(info: SignalInfo) -> Siginfo {
        Siginfo { info, rest: [0; 10] }
    }
}

/// `struct sigaction` as rt_sigaction(2) passes it.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SigAction {
    /// Address of the handler, or [`SigAction::DEFAULT`] or [`SigAction::IGNORE`].
    pub handler: u64,
    pub flags: u64,
    /// Where a handler returns to: code of the C library that calls rt_sigreturn(2).
    pub restorer: u64,
    /// What is blocked, besides, while the handler runs.
    pub mask: u64,
}

impl SigAction {
    pub const DEFAULT: u64 = 0;
    pub const IGNORE: u64 = 1;

    pub const NOCLDSTOP: u64 = 1;
    pub const NOCLDWAIT: u64 = 2;
    pub const SIGINFO: u64 = 4;
    pub const UNSUPPORTED: u64 = 0x400;
    pub const RESTORER: u64 = 0x0400_0000;
    pub const ONSTACK: u64 = 0x0800_0000;
    pub const RESTART: u64 = 0x1000_0000;
    pub const NODEFER: u64 = 0x4000_0000;
    pub const RESETHAND: u64 = 0x8000_0000;
    /// The flags that x86_64 Linux knows; others are cleared when an action is set, so that a program can ask what there is.
    pub const KNOWN: u64 = 0xdc00_0807;

    pub const fn mask(&self) -> SignalSet {
        SignalSet(self.mask)
    }

    pub const fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }
}

/// `stack_t` of sigaltstack(2).
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SignalStack {
    pub base: u64,
    pub flags: u32,
    pub padding: u32,
    pub size: u64,
}

impl SignalStack {
    pub const ONSTACK: u32 = 1;
    pub const DISABLE: u32 = 2;
    /// SS_AUTODISARM.
    pub const AUTODISARM: u32 = 1 << 31;
    /// MINSIGSTKSZ: the least that sigaltstack(2) accepts.
    pub const MINIMUM: u64 = 2048;
}

/// `struct sigcontext`: the interrupted registers.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SignalContext {
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub rdx: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rsp: u64,
    pub rip: u64,
    pub rflags: u64,
    pub cs: u16,
    pub gs: u16,
    pub fs: u16,
    pub ss: u16,
    pub error: u64,
    pub trap: u64,
    pub old_mask: u64,
    pub cr2: u64,
    /// Address of the FPU state, or 0.
    pub fpu: u64,
    pub reserved: [u64; 8],
}

/// `struct ucontext`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct UserContext {
    pub flags: u64,
    pub link: u64,
    pub stack: SignalStack,
    pub registers: SignalContext,
    pub mask: u64,
}

impl UserContext {
    /// UC_FP_XSTATE: the FPU state is of XSAVE layout.
    pub const FP_XSTATE: u64 = 1;
    /// UC_SIGCONTEXT_SS: `ss` was saved.
    pub const SIGCONTEXT_SS: u64 = 2;
    /// UC_STRICT_RESTORE_SS: `ss` is restored as it stands.
    pub const STRICT_RESTORE_SS: u64 = 4;
}

/// `struct rt_sigframe`: what lies on the stack when a handler starts.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct RtSigFrame {
    /// The handler's return address: `sa_restorer`.
    pub return_address: u64,
    pub context: UserContext,
    pub info: Siginfo,
}

const _: () = assert!(size_of::<SignalInfo>() == 48 && size_of::<Siginfo>() == 128 && size_of::<SigAction>() == 32);
const _: () = assert!(size_of::<SignalContext>() == 256 && size_of::<UserContext>() == 304 && size_of::<RtSigFrame>() == 440);
