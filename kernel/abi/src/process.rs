//! Structs and numbers of process management: clone(2), wait(2), getrusage(2), prlimit(2), set_robust_list(2), futex(2), sched_setparam(2).

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::Signal;
use crate::time::Timeval;

/// `struct rusage`; the fields that Linux leaves zero are zero here too.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Rusage {
    pub user_time: Timeval,
    pub system_time: Timeval,
    /// The largest resident set, in KiB.
    pub max_resident: i64,
    pub shared_text: i64,
    pub unshared_data: i64,
    pub unshared_stack: i64,
    pub minor_faults: i64,
    pub major_faults: i64,
    pub swaps: i64,
    pub blocks_in: i64,
    pub blocks_out: i64,
    pub messages_sent: i64,
    pub messages_received: i64,
    pub signals: i64,
    pub voluntary_switches: i64,
    pub involuntary_switches: i64,
}

/// `struct f_owner_ex` of fcntl(2): a thread (0), a process (1) or a group (2).
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct FileOwner {
    pub kind: i32,
    pub id: i32,
}

/// `struct rlimit64` (on x86_64 the same as `struct rlimit`).
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Rlimit64 {
    pub soft: u64,
    pub hard: u64,
}

impl Rlimit64 {
    /// RLIM64_INFINITY.
    pub const INFINITY: u64 = u64::MAX;
}

/// `struct clone_args` as far as Linux 6.1 has grown it (88 bytes); clone3(2) passes its size along.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct CloneArgs {
    pub flags: u64,
    pub pidfd: u64,
    pub child_tid: u64,
    pub parent_tid: u64,
    pub exit_signal: u64,
    pub stack: u64,
    pub stack_size: u64,
    pub tls: u64,
    pub set_tid: u64,
    pub set_tid_size: u64,
    pub cgroup: u64,
}

impl CloneArgs {
    /// CLONE_ARGS_SIZE_VER0: the smallest size that clone3(2) accepts.
    pub const SIZE_VERSION_0: usize = 64;
}

bitflags! {
    /// The flags of clone(2) and clone3(2), without the exit signal in the low byte.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct CloneFlags: u64 {
        const NEWTIME = 0x80;
        const VM = 0x100;
        const FS = 0x200;
        const FILES = 0x400;
        const SIGHAND = 0x800;
        const PIDFD = 0x1000;
        const PTRACE = 0x2000;
        const VFORK = 0x4000;
        const PARENT = 0x8000;
        const THREAD = 0x1_0000;
        const NEWNS = 0x2_0000;
        const SYSVSEM = 0x4_0000;
        const SETTLS = 0x8_0000;
        const PARENT_SETTID = 0x10_0000;
        const CHILD_CLEARTID = 0x20_0000;
        const DETACHED = 0x40_0000;
        const UNTRACED = 0x80_0000;
        const CHILD_SETTID = 0x100_0000;
        const NEWCGROUP = 0x200_0000;
        const NEWUTS = 0x400_0000;
        const NEWIPC = 0x800_0000;
        const NEWUSER = 0x1000_0000;
        const NEWPID = 0x2000_0000;
        const NEWNET = 0x4000_0000;
        const IO = 0x8000_0000;
        const CLEAR_SIGHAND = 0x1_0000_0000;
        const INTO_CGROUP = 0x2_0000_0000;
    }
}

impl CloneFlags {
    /// Every flag that asks for a namespace of its own.
    pub const NAMESPACES: CloneFlags = CloneFlags::NEWTIME
        .union(CloneFlags::NEWNS)
        .union(CloneFlags::NEWCGROUP)
        .union(CloneFlags::NEWUTS)
        .union(CloneFlags::NEWIPC)
        .union(CloneFlags::NEWUSER)
        .union(CloneFlags::NEWPID)
        .union(CloneFlags::NEWNET);
}

bitflags! {
    /// The options of wait4(2) and waitid(2).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct WaitOptions: u32 {
        const NOHANG = 0x1;
        const UNTRACED = 0x2;
        const EXITED = 0x4;
        const CONTINUED = 0x8;
        const NOWAIT = 0x0100_0000;
        const NOTHREAD = 0x2000_0000;
        const ALL = 0x4000_0000;
        const CLONE = 0x8000_0000;
    }
}

/// The status word of wait(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitStatus(pub u32);

impl WaitStatus {
    /// A child that was continued by SIGCONT.
    pub const CONTINUED: WaitStatus = WaitStatus(0xffff);

    /// Ended by exit(2) with this code, of which the low eight bits count.
    pub const fn exited(code: u8) -> WaitStatus {
        WaitStatus((code as u32) << 8)
    }

    /// Killed by a signal.
    pub const fn killed(signal: Signal, core: bool) -> WaitStatus {
        WaitStatus(signal.number() as u32 | if core { 0x80 } else { 0 })
    }

    /// Stopped by a signal.
    pub const fn stopped(signal: Signal) -> WaitStatus {
        WaitStatus((signal.number() as u32) << 8 | 0x7f)
    }

    /// The signal that killed, if one did.
    pub fn signal(self) -> Option<Signal> {
        if self.0 & 0xff == 0x7f { None } else { Signal::new(u64::from(self.0 & 0x7f)) }
    }

    /// The code given to exit(2).
    pub const fn code(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// Whether the core-dump bit is set.
    pub const fn core(self) -> bool {
        self.0 & 0x80 != 0
    }
}

/// `struct sched_param`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SchedParam {
    pub priority: i32,
}

/// `struct robust_list_head`: the anchor of a thread's list of robust mutexes, in user memory.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct RobustListHead {
    /// Address of the first entry; bit 0 says "priority inheritance".
    pub first: u64,
    /// Added to an entry's address, it gives its futex word.
    pub futex_offset: i64,
    /// The entry that is being taken or released right now.
    pub pending: u64,
}

/// Numbers of the auxiliary vector (getauxval(3)).
pub mod auxv {
    pub const NULL: u64 = 0;
    pub const PHDR: u64 = 3;
    pub const PHENT: u64 = 4;
    pub const PHNUM: u64 = 5;
    pub const PAGESZ: u64 = 6;
    pub const BASE: u64 = 7;
    pub const FLAGS: u64 = 8;
    pub const ENTRY: u64 = 9;
    pub const UID: u64 = 11;
    pub const EUID: u64 = 12;
    pub const GID: u64 = 13;
    pub const EGID: u64 = 14;
    pub const PLATFORM: u64 = 15;
    pub const HWCAP: u64 = 16;
    pub const CLKTCK: u64 = 17;
    pub const SECURE: u64 = 23;
    pub const RANDOM: u64 = 25;
    pub const HWCAP2: u64 = 26;
    pub const EXECFN: u64 = 31;
    pub const MINSIGSTKSZ: u64 = 51;
}

/// Numbers of futex(2).
pub mod futex {
    pub const WAIT: u32 = 0;
    pub const WAKE: u32 = 1;
    pub const REQUEUE: u32 = 3;
    pub const CMP_REQUEUE: u32 = 4;
    pub const WAKE_OP: u32 = 5;
    pub const WAIT_BITSET: u32 = 9;
    pub const WAKE_BITSET: u32 = 10;
    pub const PRIVATE: u32 = 128;
    pub const CLOCK_REALTIME: u32 = 256;
    pub const COMMAND_MASK: u32 = !(PRIVATE | CLOCK_REALTIME);
    /// FUTEX_WAITERS: someone waits in the kernel for this robust mutex.
    pub const WAITERS: u32 = 0x8000_0000;
    /// FUTEX_OWNER_DIED.
    pub const OWNER_DIED: u32 = 0x4000_0000;
    pub const TID_MASK: u32 = 0x3fff_ffff;
}
