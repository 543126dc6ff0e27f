//! Who may send signals to whom, and the system calls that send them (kill(2), tgkill(2), rt_sigqueueinfo(2)).

use abi::siginfo::{SignalInfo, code};
use abi::{Errno, Result, Signal};

use super::{send_to_process, send_to_thread};
use crate::{Process, Thread, tree};

/// The signal that a program names: none for 0, which only asks whether one could send. EINVAL outside 0..=64.
pub fn parse(number: i32) -> Result<Option<Signal>> {
    match number {
        0 => Ok(None),
        _ => u64::try_from(number).ok().and_then(Signal::new).map(Some).ok_or(Errno::EINVAL),
    }
}

/// Whether `sender` may send `signal` to `target`; EPERM if not.
pub fn may_signal(sender: &Thread, target: &Process, signal: Option<Signal>) -> Result<()> {
    if sender.process().pid() == target.pid() {
        return Ok(());
    }
    let mine = sender.credentials();
    if mine.euid == 0 {
        return Ok(());
    }
    let theirs = target.credentials().ok_or(Errno::ESRCH)?;
    let same = [theirs.suid, theirs.uid].into_iter().any(|id| id == mine.euid || id == mine.uid);
    let continues = signal == Some(Signal::SIGCONT) && sender.process().session_id() == target.session_id();
    if same || continues { Ok(()) } else { Err(Errno::EPERM) }
}

/// kill(2): `pid` above 0 is a process, 0 the caller's group, −1 everybody but the first process and the caller, below that a group.
///
/// ESRCH when there is nobody; EINVAL for a bad signal number; EPERM when there are some but none to whom the caller may send.
pub fn kill(sender: &Thread, pid: i32, number: i32) -> Result<()> {
    match pid {
        1.. => {
            let target = tree::find_process(pid as u32).ok_or(Errno::ESRCH)?;
            send_checked(sender, &target, number)
        }
        0 => kill_group(sender, sender.process().group_id(), number),
        -1 => kill_all(sender, number),
        i32::MIN => Err(Errno::ESRCH),
        _ => kill_group(sender, pid.unsigned_abs(), number),
    }
}

fn send_checked(sender: &Thread, target: &Process, number: i32) -> Result<()> {
    let signal = parse(number)?;
    may_signal(sender, target, signal)?;
    match signal {
        Some(signal) => {
            let uid = sender.credentials().uid;
            send_to_process(target, signal, SignalInfo::from_process(signal, code::SI_USER, sender.process().pid(), uid))
        }
        None => Ok(()),
    }
}

fn kill_group(sender: &Thread, group: u32, number: i32) -> Result<()> {
    let tree = tree::lock();
    let mut next = tree.first_member(group);
    let mut result = Err(Errno::ESRCH);
    while let Some(pid) = next {
        next = tree.next_member(pid);
        let Some(family) = tree.family(pid) else { continue };
        let one = send_checked(sender, &family.process, number);
        if result.is_err() {
            result = one;
        }
    }
    result
}

fn kill_all(sender: &Thread, number: i32) -> Result<()> {
    let tree = tree::lock();
    let mut result = Err(Errno::ESRCH);
    let mut next = tree.next_pid(tree::INIT + 1);
    while let Some(pid) = next {
        next = tree.next_pid(pid + 1);
        let Some(family) = tree.family(pid) else { continue };
        if pid == sender.process().pid() || family.process.kernel_init {
            continue;
        }
        let one = send_checked(sender, &family.process, number);
        // As on Linux: there were processes, so it isn't ESRCH; EPERM does not count as a failure.
        result = match one {
            Err(Errno::EPERM) => result.or(Ok(())),
            other => other,
        };
    }
    result
}

/// tgkill(2), and with `process` none tkill(2).
///
/// EINVAL for numbers that cannot be; ESRCH when there is no such thread (in that process); EPERM; EAGAIN when a queue is full.
pub fn tgkill(sender: &Thread, process: Option<i32>, tid: i32, number: i32) -> Result<()> {
    if tid <= 0 || process.is_some_and(|pid| pid <= 0) {
        return Err(Errno::EINVAL);
    }
    let uid = sender.credentials().uid;
    let pid = sender.process().pid();
    to_thread(sender, process, tid, number, |signal| SignalInfo::from_process(signal, code::SI_TKILL, pid, uid))
}

fn to_thread(sender: &Thread, process: Option<i32>, tid: i32, number: i32, info: impl Fn(Signal) -> SignalInfo) -> Result<()> {
    let target = tree::find_thread(tid as u32).ok_or(Errno::ESRCH)?;
    if process.is_some_and(|pid| pid as u32 != target.process().pid()) {
        return Err(Errno::ESRCH);
    }
    let signal = parse(number)?;
    may_signal(sender, target.process(), signal)?;
    match signal {
        Some(signal) => send_to_thread(&target, signal, info(signal)),
        None => Ok(()),
    }
}

/// To others, a program may only claim what a program can send.
fn check_forgery(sender: &Thread, target: u32, info: &SignalInfo) -> Result<()> {
    let pretends = info.code >= 0 || info.code == code::SI_TKILL;
    if pretends && target != sender.process().pid() { Err(Errno::EPERM) } else { Ok(()) }
}

/// rt_sigqueueinfo(2): the information is the program's own.
pub fn queue_to_process(sender: &Thread, pid: i32, number: i32, mut info: SignalInfo) -> Result<()> {
    check_forgery(sender, pid as u32, &info)?;
    let target = u32::try_from(pid).ok().and_then(tree::find_process).ok_or(Errno::ESRCH)?;
    let signal = parse(number)?;
    may_signal(sender, &target, signal)?;
    match signal {
        Some(signal) => {
            info.signal = number;
            send_to_process(&target, signal, info)
        }
        None => Ok(()),
    }
}

/// rt_tgsigqueueinfo(2).
pub fn queue_to_thread(sender: &Thread, process: i32, tid: i32, number: i32, info: SignalInfo) -> Result<()> {
    if tid <= 0 || process <= 0 {
        return Err(Errno::EINVAL);
    }
    check_forgery(sender, process as u32, &info)?;
    to_thread(sender, Some(process), tid, number, |_| SignalInfo { signal: number, ..info })
}
