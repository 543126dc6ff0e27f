//! Child processes: fork with a closure, wait with a typed status, wait until somebody sleeps.

use crate::sys;
use crate::sys::{ECHILD, EINTR, Errno, Result};

/// A child that has not been waited for.
#[derive(Debug)]
pub struct Child(pub i32);

/// The status word of `wait4`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Status(pub i32);

impl Status {
    pub fn exit_code(self) -> Option<i32> {
        (self.0 & 0x7f == 0).then_some((self.0 >> 8) & 0xff)
    }

    pub fn signal(self) -> Option<i32> {
        let signal = self.0 & 0x7f;
        (signal != 0 && signal != 0x7f).then_some(signal)
    }

    pub fn stopped(self) -> Option<i32> {
        (self.0 & 0xff == 0x7f).then_some((self.0 >> 8) & 0xff)
    }

    pub fn continued(self) -> bool {
        self.0 == 0xffff
    }
}

impl core::fmt::Debug for Status {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match (self.exit_code(), self.signal(), self.stopped()) {
            (Some(code), _, _) => write!(f, "exited {code}"),
            (_, Some(signal), _) => write!(f, "killed by signal {signal}"),
            (_, _, Some(signal)) => write!(f, "stopped by signal {signal}"),
            _ if self.continued() => write!(f, "continued"),
            _ => write!(f, "status {:#x}", self.0),
        }
    }
}

/// A failed assertion in any thread ends its whole process with status 101, its text on stderr: also in a forked child, where
/// unwinding into the parent's frames would run the parent's code twice.
pub fn fail_by_status() {
    std::panic::set_hook(Box::new(|info| {
        eprintln!("{info}");
        exit(101)
    }));
}

/// `exit_group`, without any destructor or exit handler.
pub fn exit(status: i32) -> ! {
    let _ = sys!(exit_group, status);
    unreachable!("exit_group returned")
}

/// Runs `body` in a child, which then exits 0.
pub fn fork(body: impl FnOnce()) -> Child {
    match raw_fork().expect("fork") {
        0 => {
            body();
            exit(0)
        }
        pid => Child(pid),
    }
}

/// The C library's `fork`, which keeps its own idea of the thread right.
pub fn raw_fork() -> Result<i32> {
    // SAFETY: the programs fork while one thread runs, or call only async-signal-safe things in the child.
    match unsafe { libc::fork() } {
        -1 => Err(last_error()),
        pid => Ok(pid),
    }
}

/// The C library's `errno`.
pub fn last_error() -> Errno {
    Errno(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

/// `wait4`, again after EINTR.
pub fn wait4(pid: i32, options: i32) -> Result<(i32, Status)> {
    loop {
        let mut status = 0i32;
        match sys!(wait4, pid, &mut status, options, 0) {
            Err(EINTR) => continue,
            Err(error) => return Err(error),
            Ok(pid) => return Ok((pid as i32, Status(status))),
        }
    }
}

impl Child {
    pub fn wait(self) -> Status {
        wait4(self.0, 0).expect("wait4").1
    }

    /// Waits for exit status 0: every assertion in the child held.
    pub fn passed(self) {
        let status = self.wait();
        assert_eq!(status, Status(0), "the child failed");
    }

    pub fn is_running(&self) -> bool {
        matches!(wait_nohang_keep(self.0), Ok(false))
    }

    pub fn kill(&self, signal: i32) {
        sys!(kill, self.0, signal).expect("kill");
    }

    /// Waits until the child sleeps in a system call (or has ended).
    pub fn until_asleep(&self) {
        until_asleep(self.0);
    }
}

/// Whether the child has ended, without reaping it.
fn wait_nohang_keep(pid: i32) -> Result<bool> {
    let mut info = [0i32; 32];
    sys!(waitid, libc::P_PID, pid, &mut info, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT, 0)?;
    Ok(info[0] != 0)
}

/// Waits until process or thread `id` is seen sleeping twice in a row, with a pause between; without /proc, simply a while.
pub fn until_asleep(id: i32) {
    let mut seen = 0;
    for _ in 0..2000 {
        match state(id) {
            None => return pause_ms(100),
            Some('S' | 'Z' | 'T') => seen += 1,
            Some(_) => seen = 0,
        }
        if seen == 3 {
            return;
        }
        pause_ms(3);
    }
}

/// The state letter of /proc/ID/stat; for a thread of this process its own folder is tried too.
pub fn state(id: i32) -> Option<char> {
    let text =
        std::fs::read_to_string(format!("/proc/{id}/stat")).or_else(|_| std::fs::read_to_string(format!("/proc/self/task/{id}/stat")));
    text.ok()?.rsplit_once(") ")?.1.chars().next()
}

/// Sleeps, through interruptions.
pub fn pause_ms(milliseconds: u64) {
    let mut time = [(milliseconds / 1000) as i64, (milliseconds % 1000) as i64 * 1_000_000];
    let place = &raw mut time;
    while sys!(nanosleep, place, place) == Err(EINTR) {}
}

/// Asks again and again until `question` says yes; for states that another process reaches in its own time.
pub fn eventually(what: &str, mut question: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if question() {
            return;
        }
        pause_ms(5);
    }
    panic!("never happened: {what}");
}

/// Reaps every child that there is.
pub fn reap_all() {
    while wait4(-1, 0) != Err(ECHILD) {}
}

/// Runs `body` in a child that is an ordinary user (without groups or privileges).
pub fn as_user(uid: u32, body: impl FnOnce()) -> Child {
    fork(|| {
        become_user(uid);
        body();
    })
}

/// Gives up root for good.
pub fn become_user(uid: u32) {
    assert_eq!(sys!(setgroups, 0, 0), Ok(0));
    assert_eq!(sys!(setresgid, uid, uid, uid), Ok(0));
    assert_eq!(sys!(setresuid, uid, uid, uid), Ok(0));
}
