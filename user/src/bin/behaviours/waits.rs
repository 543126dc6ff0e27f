//! wait4 and waitid: every way to end, stop and go on, and how it is told.

use user::child::{self, Child, Status, fork, wait4};
use user::files::*;
use user::signals;
use user::sys;
use user::sys::*;

table!("waits":
    no_child_echild, not_my_child_echild, specific_child, any_child, by_process_group, nohang_returns_zero, status_of_exit, status_of_signal,
    status_of_stop_and_continue, untraced_reported_once, waitid_exited_fields, waitid_killed_fields, waitid_nowait_keeps_zombie, waitid_stopped,
    waitid_nohang_clears_info, waitid_bad_arguments, zombie_stays_until_waited, ignored_sigchld_reaps, nocldwait_reaps, sigchld_carries_facts,
    sigchld_for_stop_unless_nocldstop, blocked_wait_woken_by_exit, blocked_wait_interrupted, wait_bad_options_einval, rusage_is_filled,
    status_pointer_may_be_null, status_bad_pointer_efault, kill_of_zombie_succeeds, last_of_many,
);

fn sleeper() -> Child {
    fork(|| {
        loop {
            let _ = sys!(pause);
        }
    })
}

fn no_child_echild() {
    assert_eq!(wait4(-1, 0), Err(ECHILD));
    assert_eq!(wait4(-1, libc::WNOHANG), Err(ECHILD));
    assert_eq!(sys!(waitid, libc::P_ALL, 0, 0, libc::WEXITED, 0), Err(ECHILD));
}

fn not_my_child_echild() {
    assert_eq!(wait4(sys!(getppid).unwrap() as i32, 0), Err(ECHILD));
    assert_eq!(wait4(sys!(getpid).unwrap() as i32, 0), Err(ECHILD));
    let child = sleeper();
    assert_eq!(wait4(child.0 + 1, 0), Err(ECHILD));
    child.kill(libc::SIGKILL);
    child.wait();
}

fn specific_child() {
    let first = fork(|| child::exit(1));
    let second = fork(|| child::exit(2));
    assert_eq!(wait4(second.0, 0).unwrap().1.exit_code(), Some(2));
    assert_eq!(wait4(first.0, 0).unwrap().1.exit_code(), Some(1));
    assert_eq!(wait4(first.0, 0), Err(ECHILD));
}

fn any_child() {
    let mut pids: Vec<i32> = (0..5).map(|_| fork(|| ()).0).collect();
    for _ in 0..5 {
        let (pid, _) = wait4(-1, 0).unwrap();
        pids.retain(|&other| other != pid);
    }
    assert!(pids.is_empty());
}

fn by_process_group() {
    let same = fork(|| child::exit(1));
    let other = sleeper();
    sys!(setpgid, other.0, other.0).unwrap();
    assert_eq!(wait4(0, 0).unwrap(), (same.0, Status(0x100)));
    assert_eq!(wait4(0, 0), Err(ECHILD));
    other.kill(libc::SIGKILL);
    assert_eq!(wait4(-other.0, 0).unwrap().0, other.0);
}

fn nohang_returns_zero() {
    let child = sleeper();
    assert_eq!(sys!(wait4, child.0, 0, libc::WNOHANG, 0), Ok(0));
    child.kill(libc::SIGKILL);
    assert_eq!(child.wait().signal(), Some(libc::SIGKILL));
}

fn status_of_exit() {
    assert_eq!(fork(|| child::exit(42)).wait(), Status(42 << 8));
}

fn status_of_signal() {
    for signal in [libc::SIGTERM, libc::SIGKILL, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1, libc::SIGALRM, 40] {
        let child = sleeper();
        child.kill(signal);
        assert_eq!(child.wait(), Status(signal));
    }
}

fn status_of_stop_and_continue() {
    let child = sleeper();
    child.kill(libc::SIGSTOP);
    assert_eq!(wait4(child.0, libc::WUNTRACED).unwrap().1.stopped(), Some(libc::SIGSTOP));
    child.kill(libc::SIGCONT);
    assert!(wait4(child.0, libc::WCONTINUED).unwrap().1.continued());
    child.kill(libc::SIGTSTP);
    assert_eq!(wait4(child.0, libc::WUNTRACED).unwrap().1.stopped(), Some(libc::SIGTSTP));
    child.kill(libc::SIGKILL);
    assert_eq!(child.wait().signal(), Some(libc::SIGKILL), "a stopped process dies at once");
}

fn untraced_reported_once() {
    let child = sleeper();
    child.kill(libc::SIGSTOP);
    assert!(wait4(child.0, libc::WUNTRACED).is_ok());
    assert_eq!(sys!(wait4, child.0, 0, libc::WUNTRACED | libc::WNOHANG, 0), Ok(0));
    assert_eq!(sys!(wait4, child.0, 0, libc::WNOHANG, 0), Ok(0), "a stop is no end");
    child.kill(libc::SIGKILL);
    child.wait();
}

/// code, pid, uid, status of what waitid tells; also checks the signal number.
fn waitid(kind: u32, id: i32, options: i32) -> Result<[i32; 4]> {
    let mut info = [-1i32; 32];
    sys!(waitid, kind, id, &mut info, options, 0)?;
    assert!(info[0] == libc::SIGCHLD || info[0] == 0);
    Ok([info[2], info[4], info[5], info[6]])
}

fn waitid_exited_fields() {
    let child = fork(|| child::exit(9));
    assert_eq!(waitid(libc::P_PID, child.0, libc::WEXITED), Ok([libc::CLD_EXITED, child.0, 0, 9]));
    assert_eq!(waitid(libc::P_PID, child.0, libc::WEXITED), Err(ECHILD));
}

fn waitid_killed_fields() {
    let child = child::as_user(1234, || {
        let _ = sys!(pause);
    });
    child.until_asleep();
    child.kill(libc::SIGTERM);
    assert_eq!(waitid(libc::P_ALL, 0, libc::WEXITED), Ok([libc::CLD_KILLED, child.0, 1234, libc::SIGTERM]));
}

fn waitid_nowait_keeps_zombie() {
    let child = fork(|| child::exit(3));
    for _ in 0..3 {
        assert_eq!(waitid(libc::P_PID, child.0, libc::WEXITED | libc::WNOWAIT), Ok([libc::CLD_EXITED, child.0, 0, 3]));
    }
    assert_eq!(child.wait().exit_code(), Some(3));
}

fn waitid_stopped() {
    let child = sleeper();
    child.kill(libc::SIGSTOP);
    assert_eq!(waitid(libc::P_PID, child.0, libc::WSTOPPED), Ok([libc::CLD_STOPPED, child.0, 0, libc::SIGSTOP]));
    child.kill(libc::SIGCONT);
    assert_eq!(waitid(libc::P_PID, child.0, libc::WCONTINUED), Ok([libc::CLD_CONTINUED, child.0, 0, libc::SIGCONT]));
    child.kill(libc::SIGKILL);
    child.wait();
}

fn waitid_nohang_clears_info() {
    let child = sleeper();
    let mut info = [-1i32; 32];
    assert_eq!(sys!(waitid, libc::P_PID, child.0, &mut info, libc::WEXITED | libc::WNOHANG, 0), Ok(0));
    assert_eq!((info[0], info[4]), (0, 0));
    child.kill(libc::SIGKILL);
    child.wait();
}

fn waitid_bad_arguments() {
    assert_eq!(sys!(waitid, libc::P_ALL, 0, 0, 0, 0), Err(EINVAL));
    assert_eq!(sys!(waitid, 77, 0, 0, libc::WEXITED, 0), Err(EINVAL));
    assert_eq!(sys!(waitid, libc::P_PID, 0, 0, libc::WEXITED, 0), Err(EINVAL));
    assert_eq!(sys!(waitid, libc::P_ALL, 0, 0, libc::WEXITED | 0x100, 0), Err(EINVAL));
}

fn zombie_stays_until_waited() {
    let child = fork(|| child::exit(4));
    child::eventually("the child is a zombie", || child::state(child.0) == Some('Z'));
    assert_eq!(child.wait().exit_code(), Some(4));
    assert_eq!(child::state(4_000_000), None);
}

fn ignored_sigchld_reaps() {
    signals::ignore(libc::SIGCHLD);
    let child = fork(|| ());
    assert_eq!(wait4(child.0, 0), Err(ECHILD), "waits for the end, then finds nothing");
    assert_eq!(sys!(kill, child.0, 0), Err(ESRCH));
}

fn nocldwait_reaps() {
    signals::record_on(libc::SIGCHLD, libc::SA_NOCLDWAIT);
    let child = fork(|| ());
    assert_eq!(wait4(child.0, 0), Err(ECHILD));
    child::eventually("SIGCHLD comes all the same", || signals::count(libc::SIGCHLD) == 1);
}

fn sigchld_carries_facts() {
    signals::record_on(libc::SIGCHLD, 0);
    let child = fork(|| child::exit(6));
    let pid = child.0;
    child::eventually("SIGCHLD", || signals::count(libc::SIGCHLD) == 1);
    let seen = signals::last();
    assert_eq!((seen.signal, seen.code, seen.pid, seen.uid, seen.value as i32), (libc::SIGCHLD, libc::CLD_EXITED, pid, 0, 6));
    child.wait();
    let child = sleeper();
    child.kill(libc::SIGTERM);
    let pid = child.0;
    child::eventually("SIGCHLD", || signals::count(libc::SIGCHLD) == 2);
    assert_eq!((signals::last().code, signals::last().pid, signals::last().value as i32), (libc::CLD_KILLED, pid, libc::SIGTERM));
}

fn sigchld_for_stop_unless_nocldstop() {
    for (flags, expected) in [(0, 1), (libc::SA_NOCLDSTOP, 0)] {
        signals::record_on(libc::SIGCHLD, flags);
        let before = signals::count(libc::SIGCHLD);
        let child = sleeper();
        child.kill(libc::SIGSTOP);
        while wait4(child.0, libc::WUNTRACED).is_err() {}
        assert_eq!(signals::count(libc::SIGCHLD) - before, expected);
        child.kill(libc::SIGKILL);
        child.wait();
    }
}

fn blocked_wait_woken_by_exit() {
    let child = fork(|| {
        child::pause_ms(60);
        child::exit(8)
    });
    assert_eq!(sys!(wait4, child.0, 0, 0, 0), Ok(child.0 as usize));
}

fn blocked_wait_interrupted() {
    let child = sleeper();
    signals::record_on(libc::SIGALRM, 0);
    signals::ring_every_ms(20);
    assert_eq!(sys!(wait4, child.0, 0, 0, 0), Err(EINTR));
    signals::stop_ringing();
    child.kill(libc::SIGKILL);
    child.wait();
}

fn wait_bad_options_einval() {
    assert_eq!(wait4(-1, 0x100), Err(EINVAL));
    assert_eq!(sys!(wait4, i32::MIN, 0, 0, 0), Err(ESRCH));
}

fn rusage_is_filled() {
    let child = fork(|| ());
    let mut usage = [-1i64; 18];
    assert_eq!(sys!(wait4, child.0, 0, 0, &mut usage), Ok(child.0 as usize));
    assert!(usage[0] >= 0 && (0..1_000_000).contains(&usage[1]));
    assert!(usage[2] >= 0 && (0..1_000_000).contains(&usage[3]));
}

fn status_pointer_may_be_null() {
    let child = fork(|| child::exit(1));
    assert_eq!(sys!(wait4, child.0, 0, 0, 0), Ok(child.0 as usize));
}

fn status_bad_pointer_efault() {
    let child = fork(|| ());
    assert_eq!(sys!(wait4, child.0, 8, 0, 0), Err(EFAULT));
    assert_eq!(wait4(child.0, 0), Err(ECHILD), "the child is reaped although the status was lost");
}

fn kill_of_zombie_succeeds() {
    let child = fork(|| ());
    let mut info = [0i32; 32];
    sys!(waitid, libc::P_PID, child.0, &mut info, libc::WEXITED | libc::WNOWAIT, 0).unwrap();
    assert_eq!(sys!(kill, child.0, libc::SIGKILL), Ok(0));
    assert_eq!(child.wait(), Status(0));
}

fn last_of_many() {
    let (reader, writer) = pipe(0);
    let children: Vec<Child> = (0..20)
        .map(|_| {
            fork(|| {
                close(writer);
                let _ = read_some(reader, 1);
            })
        })
        .collect();
    assert_eq!(sys!(wait4, -1, 0, libc::WNOHANG, 0), Ok(0));
    close(writer);
    for _ in &children {
        assert!(wait4(-1, 0).is_ok());
    }
    assert_eq!(wait4(-1, 0), Err(ECHILD));
}
