//! Sending, blocking, queueing and accepting signals; stopping and continuing; who may send to whom.

use user::child::{self, as_user, fork};
use user::signals::*;
use user::sys;
use user::sys::*;

table!("delivery":
    blocked_stays_pending, unblocking_delivers_before_return, standard_signals_merge, realtime_signals_queue_in_order, realtime_limit_eagain,
    ignored_is_dropped, ignoring_discards_pending, sigprocmask_hows, sigprocmask_errors, sigsuspend_waits_and_restores, sigsuspend_takes_only_unmasked,
    sigtimedwait_takes_pending, sigtimedwait_times_out, sigtimedwait_interrupted_by_other, sigtimedwait_woken, sigtimedwait_errors, pause_returns_eintr,
    default_actions_kill, default_actions_stop, cont_resumes_even_if_ignored, stop_cancels_pending_cont, cont_cancels_pending_stop,
    kill_wakes_stopped, kill_permission_by_uid, kill_sigcont_within_session, kill_errors, kill_minus_one_skips_self, kill_signal_zero_checks,
    tgkill_errors, queue_from_other_cannot_fake_kernel, sigpending_size, killed_while_many_sleep, signal_to_stopped_waits_for_cont,
);

fn me() -> i32 {
    std::process::id() as i32
}

fn blocked_stays_pending() {
    record_on(libc::SIGUSR1, 0);
    block(&[libc::SIGUSR1]);
    raise(libc::SIGUSR1).unwrap();
    assert_eq!((count(libc::SIGUSR1), pending()), (0, set(&[libc::SIGUSR1])));
}

fn unblocking_delivers_before_return() {
    record_on(libc::SIGUSR1, 0);
    block(&[libc::SIGUSR1]);
    raise(libc::SIGUSR1).unwrap();
    unblock(&[libc::SIGUSR1]);
    assert_eq!((count(libc::SIGUSR1), pending()), (1, 0));
}

fn standard_signals_merge() {
    record_on(libc::SIGUSR1, 0);
    block(&[libc::SIGUSR1]);
    (0..5).for_each(|_| assert_eq!(raise(libc::SIGUSR1), Ok(0)));
    unblock(&[libc::SIGUSR1]);
    assert_eq!(count(libc::SIGUSR1), 1);
}

fn queue(signal: i32, value: i32) -> Result {
    let mut info = [0i32; 32];
    (info[0], info[2], info[4], info[6]) = (signal, libc::SI_QUEUE, me(), value);
    sys!(rt_sigqueueinfo, me(), signal, &info)
}

/// Takes the next pending signal of the set: number and value.
fn take(signals: &[i32], milliseconds: i64) -> Result<(i32, i32)> {
    let mut info = [0i32; 32];
    let timeout = [milliseconds / 1000, milliseconds % 1000 * 1_000_000];
    let signal = sys!(rt_sigtimedwait, &set(signals), &mut info, &timeout, 8)?;
    assert_eq!(info[0], signal as i32);
    Ok((signal as i32, info[6]))
}

fn realtime_signals_queue_in_order() {
    let all = [40, 41];
    block(&all);
    for value in 0..3 {
        queue(41, value).unwrap();
        queue(40, 10 + value).unwrap();
    }
    let taken: Vec<_> = (0..6).map(|_| take(&all, 1000).unwrap()).collect();
    assert_eq!(taken, [(40, 10), (40, 11), (40, 12), (41, 0), (41, 1), (41, 2)]);
    assert_eq!(pending(), 0);
}

fn realtime_limit_eagain() {
    let limit = [10u64, 10];
    sys!(setrlimit, libc::RLIMIT_SIGPENDING, &limit).unwrap();
    block(&[40]);
    let mut sent = 0;
    while sent < 100 && queue(40, sent) == Ok(0) {
        sent += 1;
    }
    assert!(sent <= 10, "{sent} queued");
    assert_eq!(queue(40, 0), Err(EAGAIN));
    assert_eq!(raise(libc::SIGCONT), Ok(0), "standard signals need no queue");
}

fn ignored_is_dropped() {
    ignore(libc::SIGUSR1);
    block(&[libc::SIGUSR2]);
    raise(libc::SIGUSR1).unwrap();
    assert_eq!(pending(), 0);
    record_on(libc::SIGUSR1, 0);
    assert_eq!(count(libc::SIGUSR1), 0);
}

fn ignoring_discards_pending() {
    block(&[libc::SIGUSR1, libc::SIGCHLD]);
    raise(libc::SIGUSR1).unwrap();
    raise(libc::SIGCHLD).unwrap();
    ignore(libc::SIGUSR1);
    default(libc::SIGCHLD);
    assert_eq!(pending(), 0, "a default that means ignore discards too");
}

fn sigprocmask_hows() {
    assert_eq!(mask(libc::SIG_SETMASK, set(&[1, 2])), 0);
    assert_eq!(block(&[3]), set(&[1, 2]));
    assert_eq!(unblock(&[1]), set(&[1, 2, 3]));
    assert_eq!(current_mask(), set(&[2, 3]));
}

fn sigprocmask_errors() {
    let some = set(&[1]);
    assert_eq!(sys!(rt_sigprocmask, 77, &some, 0, 8), Err(EINVAL));
    assert_eq!(sys!(rt_sigprocmask, libc::SIG_BLOCK, &some, 0, 4), Err(EINVAL));
    assert_eq!(sys!(rt_sigprocmask, libc::SIG_BLOCK, 8, 0, 8), Err(EFAULT));
    assert_eq!(sys!(rt_sigprocmask, 77, 0, 0, 8), Ok(0), "without a set the how does not matter");
    assert_eq!(sys!(rt_sigprocmask, libc::SIG_BLOCK, 0, 8, 8), Err(EFAULT));
}

fn sigsuspend_waits_and_restores() {
    record_on(libc::SIGALRM, 0);
    block(&[libc::SIGALRM, libc::SIGTERM]);
    let before = current_mask();
    ring_every_ms(20);
    assert_eq!(sys!(rt_sigsuspend, &set(&[libc::SIGTERM]), 8), Err(EINTR));
    assert_eq!((count(libc::SIGALRM), current_mask()), (1, before));
}

fn sigsuspend_takes_only_unmasked() {
    record_on(libc::SIGUSR1, 0);
    record_on(libc::SIGALRM, 0);
    block(&[libc::SIGUSR1, libc::SIGALRM]);
    raise(libc::SIGUSR1).unwrap();
    ring_every_ms(20);
    assert_eq!(sys!(rt_sigsuspend, &set(&[libc::SIGUSR1]), 8), Err(EINTR));
    assert_eq!((count(libc::SIGUSR1), count(libc::SIGALRM)), (0, 1));
    assert_ne!(pending() & set(&[libc::SIGUSR1]), 0);
}

fn sigtimedwait_takes_pending() {
    block(&[libc::SIGUSR1]);
    raise(libc::SIGUSR1).unwrap();
    assert_eq!(take(&[libc::SIGUSR1, libc::SIGUSR2], 0).unwrap().0, libc::SIGUSR1);
    assert_eq!(pending(), 0);
}

fn sigtimedwait_times_out() {
    block(&[libc::SIGUSR1]);
    assert_eq!(take(&[libc::SIGUSR1], 0), Err(EAGAIN));
    assert_eq!(take(&[libc::SIGUSR1], 20), Err(EAGAIN));
}

fn sigtimedwait_interrupted_by_other() {
    block(&[libc::SIGUSR1]);
    record_on(libc::SIGALRM, 0);
    ring_every_ms(20);
    assert_eq!(take(&[libc::SIGUSR1], 100_000), Err(EINTR));
}

fn sigtimedwait_woken() {
    block(&[libc::SIGUSR1]);
    let child = fork(|| assert_eq!(take(&[libc::SIGUSR1], 100_000).unwrap().0, libc::SIGUSR1));
    child.until_asleep();
    child.kill(libc::SIGUSR1);
    child.passed();
}

fn sigtimedwait_errors() {
    let some = set(&[libc::SIGUSR1]);
    assert_eq!(sys!(rt_sigtimedwait, &some, 0, &[0i64, -1], 8), Err(EINVAL));
    assert_eq!(sys!(rt_sigtimedwait, &some, 0, &[0i64, 1_000_000_000], 8), Err(EINVAL));
    assert_eq!(sys!(rt_sigtimedwait, &some, 0, &[0i64, 0], 4), Err(EINVAL));
    assert_eq!(sys!(rt_sigtimedwait, 8, 0, 0, 8), Err(EFAULT));
}

fn pause_returns_eintr() {
    record_on(libc::SIGALRM, libc::SA_RESTART);
    ring_every_ms(20);
    assert_eq!(sys!(pause), Err(EINTR), "pause is never restarted after a handler");
}

fn sleeper() -> child::Child {
    fork(|| {
        loop {
            let _ = sys!(pause);
        }
    })
}

fn default_actions_kill() {
    let deadly = [libc::SIGHUP, libc::SIGQUIT, libc::SIGABRT, libc::SIGUSR1, libc::SIGPIPE, libc::SIGVTALRM, libc::SIGXCPU, libc::SIGSYS, 34, 64];
    for signal in deadly {
        let child = sleeper();
        child.kill(signal);
        assert_eq!(child.wait().signal(), Some(signal));
    }
}

fn default_actions_stop() {
    for signal in [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU] {
        let child = sleeper();
        child.kill(signal);
        assert_eq!(child::wait4(child.0, libc::WUNTRACED).unwrap().1.stopped(), Some(signal));
        assert_eq!(child::state(child.0), Some('T'));
        child.kill(libc::SIGKILL);
        child.wait();
    }
}

fn stopped(child: &child::Child) {
    child.kill(libc::SIGSTOP);
    assert!(child::wait4(child.0, libc::WUNTRACED).unwrap().1.stopped().is_some());
}

fn cont_resumes_even_if_ignored() {
    let child = fork(|| {
        ignore(libc::SIGCONT);
        block(&[libc::SIGCONT]);
        loop {
            let _ = sys!(pause);
        }
    });
    child.until_asleep();
    stopped(&child);
    child.kill(libc::SIGCONT);
    assert!(child::wait4(child.0, libc::WCONTINUED).unwrap().1.continued());
    child.kill(libc::SIGKILL);
    child.wait();
}

fn stop_cancels_pending_cont() {
    block(&[libc::SIGCONT, libc::SIGTSTP]);
    record_on(libc::SIGCONT, 0);
    raise(libc::SIGCONT).unwrap();
    assert_ne!(pending() & set(&[libc::SIGCONT]), 0);
    raise(libc::SIGTSTP).unwrap();
    assert_eq!(pending(), set(&[libc::SIGTSTP]));
    ignore(libc::SIGTSTP);
}

fn cont_cancels_pending_stop() {
    block(&[libc::SIGTSTP, libc::SIGTTIN]);
    raise(libc::SIGTSTP).unwrap();
    raise(libc::SIGTTIN).unwrap();
    raise(libc::SIGCONT).unwrap();
    assert_eq!(pending(), 0);
}

fn kill_wakes_stopped() {
    let child = sleeper();
    stopped(&child);
    child.kill(libc::SIGTERM);
    child::pause_ms(30);
    assert!(child.is_running(), "SIGTERM waits until the process goes on");
    child.kill(libc::SIGCONT);
    assert_eq!(child.wait().signal(), Some(libc::SIGTERM));
}

fn kill_permission_by_uid() {
    let target = me();
    record_on(libc::SIGUSR1, 0);
    as_user(1000, || {
        assert_eq!(sys!(kill, target, libc::SIGUSR1), Err(EPERM));
        assert_eq!(sys!(kill, target, 0), Err(EPERM));
    })
    .passed();
    let other = as_user(1001, || {
        loop {
            let _ = sys!(pause);
        }
    });
    other.until_asleep();
    as_user(1000, || assert_eq!(sys!(kill, other.0, libc::SIGTERM), Err(EPERM))).passed();
    as_user(1001, || assert_eq!(sys!(kill, other.0, libc::SIGTERM), Ok(0))).passed();
    assert_eq!(other.wait().signal(), Some(libc::SIGTERM));
}

fn kill_sigcont_within_session() {
    let target = me();
    as_user(1000, || assert_eq!(sys!(kill, target, libc::SIGCONT), Ok(0), "SIGCONT may go to one's own session")).passed();
    as_user(1000, || {
        sys!(setsid).unwrap();
        assert_eq!(sys!(kill, target, libc::SIGCONT), Err(EPERM));
    })
    .passed();
}

fn kill_errors() {
    assert_eq!(sys!(kill, 4_000_000, libc::SIGTERM), Err(ESRCH));
    assert_eq!(sys!(kill, me(), 65), Err(EINVAL));
    assert_eq!(sys!(kill, me(), -1), Err(EINVAL));
    assert_eq!(sys!(kill, 4_000_000, 65), Err(ESRCH), "who, before what");
}

/// kill(-1) as an ordinary user reaches just that user's processes, and not the sender.
fn kill_minus_one_skips_self() {
    let uid = 54321;
    let victim = as_user(uid, || {
        loop {
            let _ = sys!(pause);
        }
    });
    victim.until_asleep();
    as_user(uid, || {
        assert_eq!(sys!(kill, -1, libc::SIGUSR2), Ok(0));
    })
    .passed();
    assert_eq!(victim.wait().signal(), Some(libc::SIGUSR2));
    as_user(uid, || assert_eq!(sys!(kill, -1, libc::SIGUSR2), Ok(0), "nobody else is left, which is no error")).passed();
}

fn kill_signal_zero_checks() {
    assert_eq!(sys!(kill, me(), 0), Ok(0));
    assert_eq!(sys!(kill, 0, 0), Ok(0));
    let child = sleeper();
    assert_eq!(sys!(kill, child.0, 0), Ok(0));
    child.kill(libc::SIGKILL);
    let pid = child.0;
    child.wait();
    assert_eq!(sys!(kill, pid, 0), Err(ESRCH));
}

fn tgkill_errors() {
    assert_eq!(sys!(tgkill, me(), 4_000_000, libc::SIGTERM), Err(ESRCH));
    assert_eq!(sys!(tgkill, 4_000_000, me(), libc::SIGTERM), Err(ESRCH));
    assert_eq!(sys!(tgkill, 0, me(), libc::SIGTERM), Err(EINVAL));
    assert_eq!(sys!(tgkill, me(), -1, libc::SIGTERM), Err(EINVAL));
    assert_eq!(sys!(tkill, 0, libc::SIGTERM), Err(EINVAL));
    assert_eq!(sys!(tgkill, me(), me(), 65), Err(EINVAL));
}

fn queue_from_other_cannot_fake_kernel() {
    let child = sleeper();
    let mut info = [0i32; 32];
    (info[0], info[2]) = (libc::SIGUSR1, libc::SI_USER);
    assert_eq!(sys!(rt_sigqueueinfo, child.0, libc::SIGUSR1, &info), Err(EPERM));
    info[2] = libc::SI_TKILL;
    assert_eq!(sys!(rt_sigqueueinfo, child.0, libc::SIGUSR1, &info), Err(EPERM));
    child.kill(libc::SIGKILL);
    child.wait();
}

fn sigpending_size() {
    let mut some = 0u64;
    assert_eq!(sys!(rt_sigpending, &mut some, 9), Err(EINVAL));
    assert_eq!(sys!(rt_sigpending, 8, 8), Err(EFAULT));
    assert_eq!(sys!(rt_sigsuspend, &some, 4), Err(EINVAL));
    assert_eq!(sys!(rt_sigsuspend, 8, 8), Err(EFAULT));
}

fn killed_while_many_sleep() {
    let children: Vec<_> = (0..50).map(|_| sleeper()).collect();
    for child in &children {
        child.kill(libc::SIGKILL);
    }
    for child in children {
        assert_eq!(child.wait().signal(), Some(libc::SIGKILL));
    }
}

fn signal_to_stopped_waits_for_cont() {
    let child = fork(|| {
        record_on(libc::SIGUSR1, 0);
        while count(libc::SIGUSR1) == 0 {
            let _ = sys!(pause);
        }
    });
    child.until_asleep();
    stopped(&child);
    child.kill(libc::SIGUSR1);
    child::pause_ms(30);
    assert!(child.is_running());
    child.kill(libc::SIGCONT);
    child.passed();
}
