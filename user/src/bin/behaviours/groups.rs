//! Process groups and sessions.

use user::child::{self, fork};
use user::files::*;
use user::signals;
use user::sys;
use user::sys::*;

table!("groups":
    child_inherits_group_and_session, setpgid_makes_leader, setpgid_joins_group, setpgid_errors, setpgid_after_exec_eacces, setpgid_session_leader_eperm,
    setpgid_other_session_eperm, setsid_makes_session, setsid_leader_eperm, getpgid_and_getsid, kill_group_reaches_all, kill_zero_reaches_own_group,
    kill_missing_group_esrch, orphaned_stopped_group_gets_hup_cont, orphaned_group_ignores_tstp, group_id_stays_taken_while_members_live,
);

fn group_of(pid: i32) -> Result<i32> {
    sys!(getpgid, pid).map(|group| group as i32)
}

fn me() -> i32 {
    std::process::id() as i32
}

/// A child that waits until it is killed, in a group of its own.
fn leader() -> child::Child {
    let child = fork(|| {
        loop {
            let _ = sys!(pause);
        }
    });
    sys!(setpgid, child.0, child.0).unwrap();
    child
}

fn end(child: child::Child) {
    child.kill(libc::SIGKILL);
    child.wait();
}

fn child_inherits_group_and_session() {
    let (group, session) = (group_of(0), sys!(getsid, 0));
    fork(|| {
        assert_eq!(group_of(0), group);
        assert_eq!(sys!(getsid, 0), session);
    })
    .passed();
}

fn setpgid_makes_leader() {
    fork(|| {
        assert_eq!(sys!(setpgid, 0, 0), Ok(0));
        assert_eq!(group_of(0), Ok(me()));
        assert_eq!(sys!(getpgrp), Ok(me() as usize));
        assert_eq!(sys!(setpgid, me(), me()), Ok(0), "again, no harm");
    })
    .passed();
}

fn setpgid_joins_group() {
    let leader = leader();
    let second = fork(|| {
        loop {
            let _ = sys!(pause);
        }
    });
    assert_eq!(sys!(setpgid, second.0, leader.0), Ok(0));
    assert_eq!(group_of(second.0), Ok(leader.0));
    end(second);
    end(leader);
}

fn setpgid_errors() {
    assert_eq!(sys!(setpgid, 0, -1), Err(EINVAL));
    assert_eq!(sys!(setpgid, 4_000_000, 0), Err(ESRCH));
    assert_eq!(sys!(setpgid, sys!(getppid).unwrap(), 0), Err(ESRCH), "neither oneself nor a child");
    fork(|| assert_eq!(sys!(setpgid, 0, 4_000_000), Err(EPERM), "no such group in this session")).passed();
    assert_eq!(group_of(4_000_000), Err(ESRCH));
}

fn setpgid_after_exec_eacces() {
    let child = fork(|| panic!("{:?}", user::exec::execve(user::exec::SELF, &["x", "--child", "sleep"], &[])));
    child::eventually("the child has executed", || sys!(setpgid, child.0, child.0) == Err(EACCES));
    end(child);
}

fn setpgid_session_leader_eperm() {
    fork(|| {
        sys!(setsid).unwrap();
        assert_eq!(sys!(setpgid, 0, 0), Err(EPERM));
    })
    .passed();
}

fn setpgid_other_session_eperm() {
    let (reader, writer) = pipe(0);
    let child = fork(|| {
        sys!(setsid).unwrap();
        write(writer, b"x").unwrap();
        loop {
            let _ = sys!(pause);
        }
    });
    read_some(reader, 1).unwrap();
    assert_eq!(sys!(setpgid, child.0, me()), Err(EPERM));
    fork(|| assert_eq!(sys!(setpgid, 0, child.0), Err(EPERM))).passed();
    end(child);
}

fn setsid_makes_session() {
    fork(|| {
        assert_eq!(sys!(setsid), Ok(me() as usize));
        assert_eq!(sys!(getsid, 0), Ok(me() as usize));
        assert_eq!(group_of(0), Ok(me()));
        assert_eq!(open("/dev/tty", libc::O_RDWR), Err(ENXIO), "a new session has no terminal");
    })
    .passed();
}

fn setsid_leader_eperm() {
    assert_eq!(group_of(0), Ok(me()), "each behaviour leads its own group");
    assert_eq!(sys!(setsid), Err(EPERM));
}

fn getpgid_and_getsid() {
    assert_eq!(group_of(0), group_of(me()));
    assert_eq!(sys!(getsid, 0), sys!(getsid, me()));
    assert_eq!(sys!(getsid, 4_000_000), Err(ESRCH));
    assert_eq!(sys!(getpgid, -1), Err(ESRCH));
}

fn kill_group_reaches_all() {
    let leader = leader();
    let others: Vec<_> = (0..3)
        .map(|_| {
            let child = fork(|| {
                loop {
                    let _ = sys!(pause);
                }
            });
            sys!(setpgid, child.0, leader.0).unwrap();
            child
        })
        .collect();
    assert_eq!(sys!(kill, -leader.0, libc::SIGTERM), Ok(0));
    assert_eq!(leader.wait().signal(), Some(libc::SIGTERM));
    for child in others {
        assert_eq!(child.wait().signal(), Some(libc::SIGTERM));
    }
}

fn kill_zero_reaches_own_group() {
    fork(|| {
        sys!(setpgid, 0, 0).unwrap();
        let child = fork(|| {
            loop {
                let _ = sys!(pause);
            }
        });
        signals::record_on(libc::SIGUSR1, 0);
        assert_eq!(sys!(kill, 0, libc::SIGUSR1), Ok(0));
        assert_eq!(signals::count(libc::SIGUSR1), 1);
        assert_eq!(child.wait().signal(), Some(libc::SIGUSR1));
    })
    .passed();
}

fn kill_missing_group_esrch() {
    assert_eq!(sys!(kill, -4_000_000, libc::SIGTERM), Err(ESRCH));
    assert_eq!(sys!(kill, -4_000_000, 0), Err(ESRCH));
}

/// When the last process that ties a group to its session ends while a member is stopped, the group gets SIGHUP and SIGCONT.
fn orphaned_stopped_group_gets_hup_cont() {
    sys!(prctl, libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0).unwrap();
    let (reader, writer) = pipe(0);
    let middle = fork(|| {
        // A session of its own: the new parent (this test) is then outside of it.
        sys!(setsid).unwrap();
        let member = fork(|| {
            sys!(setpgid, 0, 0).unwrap();
            signals::record_on(libc::SIGHUP, 0);
            signals::record_on(libc::SIGCONT, 0);
            sys!(kill, me(), libc::SIGSTOP).unwrap();
            child::eventually("SIGHUP and SIGCONT", || signals::count(libc::SIGHUP) == 1 && signals::count(libc::SIGCONT) == 1);
            write(writer, b"both").unwrap();
        });
        assert_eq!(child::wait4(member.0, libc::WUNTRACED).unwrap().1.stopped(), Some(libc::SIGSTOP));
    });
    middle.passed();
    assert_eq!(read_some(reader, 10).unwrap(), b"both");
}

fn orphaned_group_ignores_tstp() {
    fork(|| {
        sys!(setsid).unwrap();
        // The parent is in another session: this group is orphaned, and nobody could continue it.
        sys!(kill, me(), libc::SIGTSTP).unwrap();
        sys!(kill, me(), libc::SIGTTIN).unwrap();
        sys!(kill, me(), libc::SIGTTOU).unwrap();
    })
    .passed();
}

fn group_id_stays_taken_while_members_live() {
    let leader = leader();
    let member = fork(|| {
        loop {
            let _ = sys!(pause);
        }
    });
    sys!(setpgid, member.0, leader.0).unwrap();
    let group = leader.0;
    end(leader);
    assert_eq!(group_of(member.0), Ok(group));
    assert_eq!(sys!(kill, -group, libc::SIGTERM), Ok(0));
    assert_eq!(member.wait().signal(), Some(libc::SIGTERM));
}
