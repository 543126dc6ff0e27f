//! Signal handlers that leave a record, and masks.

use crate::sys;
use crate::sys::Result;
use core::ffi::c_void;
use core::sync::atomic::{AtomicI32, AtomicU64, Ordering::SeqCst};

static COUNT: [AtomicI32; 65] = [const { AtomicI32::new(0) }; 65];
static CODE: AtomicI32 = AtomicI32::new(0);
static PID: AtomicI32 = AtomicI32::new(0);
static UID: AtomicI32 = AtomicI32::new(0);
static VALUE: AtomicU64 = AtomicU64::new(0);
static ADDRESS: AtomicU64 = AtomicU64::new(0);
static NUMBER: AtomicI32 = AtomicI32::new(0);

/// What the last recorded `siginfo_t` said; which fields mean something depends on the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    pub signal: i32,
    pub code: i32,
    pub pid: i32,
    pub uid: i32,
    pub value: u64,
    pub address: u64,
}

impl Info {
    /// From the raw words of a `siginfo_t`.
    pub fn from_words(words: &[i32; 32]) -> Info {
        let address = words[4] as u32 as u64 | (words[5] as u32 as u64) << 32;
        let value = words[6] as u32 as u64 | (words[7] as u32 as u64) << 32;
        Info { signal: words[0], code: words[2], pid: words[4], uid: words[5], value, address }
    }
}

pub type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void);

extern "C" fn recorder(signal: i32, info: *mut libc::siginfo_t, _: *mut c_void) {
    record(signal, info);
}

/// Notes a signal; for handlers that do something more.
pub fn record(signal: i32, info: *mut libc::siginfo_t) {
    // SAFETY: the kernel handed a whole siginfo_t of 128 bytes.
    let info = Info::from_words(unsafe { &*info.cast::<[i32; 32]>() });
    NUMBER.store(info.signal, SeqCst);
    CODE.store(info.code, SeqCst);
    PID.store(info.pid, SeqCst);
    UID.store(info.uid, SeqCst);
    VALUE.store(info.value, SeqCst);
    ADDRESS.store(info.address, SeqCst);
    COUNT[signal as usize].fetch_add(1, SeqCst);
}

/// How often the signal was recorded in this process (a child inherits the count).
pub fn count(signal: i32) -> i32 {
    COUNT[signal as usize].load(SeqCst)
}

pub fn last() -> Info {
    Info {
        signal: NUMBER.load(SeqCst),
        code: CODE.load(SeqCst),
        pid: PID.load(SeqCst),
        uid: UID.load(SeqCst),
        value: VALUE.load(SeqCst),
        address: ADDRESS.load(SeqCst),
    }
}

/// Records this signal; `flags` are added to SA_SIGINFO.
pub fn record_on(signal: i32, flags: i32) {
    handle(signal, recorder, flags);
}

pub fn handle(signal: i32, handler: Handler, flags: i32) {
    handle_masking(signal, handler, flags, &[]);
}

pub fn handle_masking(signal: i32, handler: Handler, flags: i32, masked: &[i32]) {
    install(signal, handler as usize, flags | libc::SA_SIGINFO, masked);
}

pub fn default(signal: i32) {
    install(signal, libc::SIG_DFL, 0, &[]);
}

pub fn ignore(signal: i32) {
    install(signal, libc::SIG_IGN, 0, &[]);
}

fn install(signal: i32, action: usize, flags: i32, masked: &[i32]) {
    // SAFETY: all-zero is a valid sigaction, the handlers touch atomics only, and the C library adds its restorer.
    unsafe {
        let mut new: libc::sigaction = core::mem::zeroed();
        new.sa_sigaction = action;
        new.sa_flags = flags;
        for &other in masked {
            libc::sigaddset(&mut new.sa_mask, other);
        }
        assert_eq!(libc::sigaction(signal, &new, core::ptr::null_mut()), 0, "sigaction({signal})");
    }
}

/// The kernel's 64-bit set with these signals.
pub fn set(signals: &[i32]) -> u64 {
    signals.iter().fold(0, |set, signal| set | 1 << (signal - 1))
}

/// Changes the mask of this thread; the old one.
pub fn mask(how: i32, set: u64) -> u64 {
    let mut old = 0u64;
    assert_eq!(sys!(rt_sigprocmask, how, &set, &mut old, 8), Ok(0), "rt_sigprocmask");
    old
}

pub fn block(signals: &[i32]) -> u64 {
    mask(libc::SIG_BLOCK, set(signals))
}

pub fn unblock(signals: &[i32]) -> u64 {
    mask(libc::SIG_UNBLOCK, set(signals))
}

pub fn current_mask() -> u64 {
    mask(libc::SIG_BLOCK, 0)
}

pub fn pending() -> u64 {
    let mut set = 0u64;
    assert_eq!(sys!(rt_sigpending, &mut set, 8), Ok(0), "rt_sigpending");
    set
}

/// Sends a signal to this very process.
pub fn raise(signal: i32) -> Result {
    sys!(kill, std::process::id(), signal)
}

/// SIGALRM again and again, so that one surely meets the blocked call.
pub fn ring_every_ms(milliseconds: i64) {
    let interval = [0i64, milliseconds * 1000, 0, milliseconds * 1000];
    assert_eq!(sys!(setitimer, libc::ITIMER_REAL, &interval, 0), Ok(0), "setitimer");
}

pub fn stop_ringing() {
    let none = [0i64; 4];
    assert_eq!(sys!(setitimer, libc::ITIMER_REAL, &none, 0), Ok(0), "setitimer");
}

/// Back to the state of a fresh program: nothing handled, ignored or blocked, no alternate stack (Rust's start-up sets some of that).
pub fn reset() {
    for signal in (1..=31).filter(|&signal| signal != libc::SIGKILL && signal != libc::SIGSTOP) {
        default(signal);
    }
    mask(libc::SIG_SETMASK, 0);
    let off = [0usize, libc::SS_DISABLE as usize, 0];
    assert_eq!(sys!(sigaltstack, &off, 0), Ok(0), "sigaltstack");
}
