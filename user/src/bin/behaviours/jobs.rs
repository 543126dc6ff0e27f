//! Job control: controlling terminals, foreground groups, signals from keys, background reads and writes, hang-up.

use user::child::{self, Child, fork};
use user::files::*;
use user::signals;
use user::sys;
use user::sys::*;
use user::terminal::{Pair, controlling};

table!("jobs":
    leader_gets_terminal, open_without_noctty_gets_terminal, dev_tty_is_the_terminal, interrupt_key_reaches_foreground, quit_and_suspend_keys,
    signal_keys_flush_input, background_group_is_spared, background_read_stops, background_read_orphaned_eio, background_read_ignoring_eio,
    background_write_without_tostop, background_write_with_tostop_stops, set_foreground_from_background_stops, foreground_group_errors, window_change_signals,
    hangup_signals_session, leader_exit_hangs_up, give_up_terminal, terminal_of_other_session_refused, session_of_terminal, shell_like_suspend_and_resume,
    isig_off_passes_keys, exec_keeps_terminal, background_settings_change_stops,
);

fn me() -> i32 {
    std::process::id() as i32
}

fn foreground(fd: i32) -> Result<i32> {
    let mut group = -1i32;
    sys!(ioctl, fd, libc::TIOCGPGRP, &mut group).map(|_| group)
}

fn set_foreground(fd: i32, group: i32) -> Result {
    sys!(ioctl, fd, libc::TIOCSPGRP, &group)
}

/// Runs the body as leader of a new session on a new terminal.
fn session(body: impl FnOnce(&Pair)) {
    let pair = Pair::open();
    fork(|| {
        pair.become_leader();
        body(&pair);
    })
    .passed();
}

/// A child in a process group of its own that does this.
fn job(body: impl FnOnce()) -> Child {
    let child = fork(|| {
        let _ = sys!(setpgid, 0, 0);
        body();
    });
    let _ = sys!(setpgid, child.0, child.0);
    child
}

fn sleep_for_ever() {
    loop {
        let _ = sys!(pause);
    }
}

fn stopped_by(child: &Child) -> Option<i32> {
    child::wait4(child.0, libc::WUNTRACED).unwrap().1.stopped()
}

fn end(child: Child) {
    child.kill(libc::SIGKILL);
    child.wait();
}

fn leader_gets_terminal() {
    session(|pair| {
        assert_eq!(foreground(pair.slave), Ok(me()));
        assert!(controlling().is_ok());
        assert_eq!(sys!(ioctl, pair.slave, libc::TIOCSCTTY, 0), Ok(0), "already ours");
        let other = Pair::open();
        assert_eq!(sys!(ioctl, other.slave, libc::TIOCSCTTY, 0), Err(EPERM), "one is enough");
    });
}

fn open_without_noctty_gets_terminal() {
    let pair = Pair::open();
    fork(|| {
        sys!(setsid).unwrap();
        let path = format!("/dev/pts/{}", pair.number);
        open(&path, libc::O_RDWR | libc::O_NOCTTY).unwrap();
        assert_eq!(controlling(), Err(ENXIO));
        open(&path, libc::O_RDWR).unwrap();
        assert!(controlling().is_ok());
    })
    .passed();
}

fn dev_tty_is_the_terminal() {
    session(|pair| {
        let tty = controlling().unwrap();
        write(tty, b"by name").unwrap();
        assert_eq!(read_some(pair.master, 100).unwrap(), b"by name");
        assert_eq!(foreground(tty), Ok(me()));
    });
}

fn interrupt_key_reaches_foreground() {
    session(|pair| {
        let job = job(sleep_for_ever);
        set_foreground(pair.slave, job.0).unwrap();
        write(pair.master, b"\x03").unwrap();
        assert_eq!(job.wait().signal(), Some(libc::SIGINT));
        assert_eq!(read_some(pair.master, 100).unwrap(), b"^C");
    });
}

fn quit_and_suspend_keys() {
    session(|pair| {
        let first = job(sleep_for_ever);
        set_foreground(pair.slave, first.0).unwrap();
        write(pair.master, b"\x1c").unwrap();
        assert_eq!(first.wait().signal(), Some(libc::SIGQUIT));
        let second = job(sleep_for_ever);
        signals::ignore(libc::SIGTTOU);
        set_foreground(pair.slave, second.0).unwrap();
        write(pair.master, b"\x1a").unwrap();
        assert_eq!(stopped_by(&second), Some(libc::SIGTSTP));
        end(second);
    });
}

fn signal_keys_flush_input() {
    session(|pair| {
        signals::record_on(libc::SIGINT, 0);
        write(pair.master, b"half a line\x03new line\n").unwrap();
        // The signal may come before the read or during it; the line is the same.
        let line = loop {
            match read_some(pair.slave, 100) {
                Err(EINTR) => continue,
                other => break other.unwrap(),
            }
        };
        assert_eq!((line, signals::count(libc::SIGINT)), (b"new line\n".to_vec(), 1));
    });
}

fn background_group_is_spared() {
    session(|pair| {
        let job = job(sleep_for_ever);
        signals::record_on(libc::SIGINT, 0);
        write(pair.master, b"\x03").unwrap();
        child::eventually("the foreground got it", || signals::count(libc::SIGINT) == 1);
        child::pause_ms(20);
        assert!(job.is_running());
        end(job);
    });
}

fn background_read_stops() {
    session(|pair| {
        let slave = pair.slave;
        let job = job(|| assert_eq!(read_some(slave, 100).unwrap(), b"mine now\n"));
        assert_eq!(stopped_by(&job), Some(libc::SIGTTIN));
        write(pair.master, b"mine now\n").unwrap();
        set_foreground(pair.slave, job.0).unwrap();
        sys!(kill, -job.0, libc::SIGCONT).unwrap();
        job.passed();
    });
}

fn background_read_orphaned_eio() {
    session(|pair| {
        let slave = pair.slave;
        let (reader, writer) = pipe(0);
        let (go, ready) = pipe(0);
        // The job's parent ends, so that nobody in the session could continue it.
        fork(|| {
            job(|| {
                close(ready);
                // Orphaned while it is stopped it would get SIGHUP and SIGCONT, and then try once more.
                signals::ignore(libc::SIGHUP);
                read_some(go, 1).unwrap();
                assert_eq!(read_some(slave, 10), Err(EIO));
                write(writer, b"refused").unwrap();
            });
        })
        .passed();
        close(ready);
        assert_eq!(read_some(reader, 10).unwrap(), b"refused");
    });
}

fn background_read_ignoring_eio() {
    session(|pair| {
        let slave = pair.slave;
        job(|| {
            signals::ignore(libc::SIGTTIN);
            assert_eq!(read_some(slave, 10), Err(EIO));
        })
        .passed();
        job(|| {
            signals::block(&[libc::SIGTTIN]);
            assert_eq!(read_some(slave, 10), Err(EIO));
        })
        .passed();
    });
}

fn background_write_without_tostop() {
    session(|pair| {
        let slave = pair.slave;
        job(|| assert_eq!(write(slave, b"anybody may"), Ok(11))).passed();
        assert_eq!(read_some(pair.master, 100).unwrap(), b"anybody may");
    });
}

fn background_write_with_tostop_stops() {
    session(|pair| {
        pair.change(|s| s.local |= libc::TOSTOP);
        let slave = pair.slave;
        let first = job(|| assert_eq!(write(slave, b"x"), Ok(1)));
        assert_eq!(stopped_by(&first), Some(libc::SIGTTOU));
        end(first);
        job(|| {
            signals::ignore(libc::SIGTTOU);
            assert_eq!(write(slave, b"x"), Ok(1));
        })
        .passed();
    });
}

fn set_foreground_from_background_stops() {
    session(|pair| {
        let slave = pair.slave;
        let first = job(|| {
            let _ = set_foreground(slave, me());
        });
        assert_eq!(stopped_by(&first), Some(libc::SIGTTOU));
        assert_eq!(foreground(pair.slave), Ok(me()));
        end(first);
        job(|| {
            signals::ignore(libc::SIGTTOU);
            assert_eq!(set_foreground(slave, me()), Ok(0));
            assert_eq!(foreground(slave), Ok(me()));
        })
        .passed();
    });
}

fn foreground_group_errors() {
    session(|pair| {
        assert_eq!(set_foreground(pair.slave, -5), Err(EINVAL));
        assert_eq!(set_foreground(pair.slave, 4_000_000), Err(ESRCH));
        let parent_group = sys!(getpgid, sys!(getppid).unwrap()).unwrap() as i32;
        assert_eq!(set_foreground(pair.slave, parent_group), Err(EPERM), "a group of another session");
        let other = Pair::open();
        assert_eq!(foreground(other.slave), Err(ENOTTY));
        assert_eq!(set_foreground(other.slave, me()), Err(ENOTTY));
    });
}

fn window_change_signals() {
    session(|pair| {
        signals::record_on(libc::SIGWINCH, 0);
        sys!(ioctl, pair.master, libc::TIOCSWINSZ, &[50u16, 100, 0, 0]).unwrap();
        child::eventually("SIGWINCH", || signals::count(libc::SIGWINCH) == 1);
        sys!(ioctl, pair.master, libc::TIOCSWINSZ, &[50u16, 100, 0, 0]).unwrap();
        child::pause_ms(20);
        assert_eq!(signals::count(libc::SIGWINCH), 1, "the same size is no change");
    });
}

fn hangup_signals_session() {
    let pair = Pair::open();
    let (reader, writer) = pipe(0);
    let leader = fork(|| {
        pair.become_leader();
        close(pair.master);
        write(writer, b"x").unwrap();
        sleep_for_ever();
    });
    read_some(reader, 1).unwrap();
    close(pair.master);
    assert_eq!(leader.wait().signal(), Some(libc::SIGHUP));
}

fn leader_exit_hangs_up() {
    let pair = Pair::open();
    let (reader, writer) = pipe(0);
    sys!(prctl, libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0).unwrap();
    fork(|| {
        pair.become_leader();
        // In the leader's own group, which is the foreground one.
        fork(|| {
            write(writer, b"x").unwrap();
            sleep_for_ever();
        });
        read_some(reader, 1).unwrap();
    })
    .passed();
    assert_eq!(child::wait4(-1, 0).unwrap().1.signal(), Some(libc::SIGHUP));
    assert_eq!(foreground(pair.slave), Err(ENOTTY), "not our terminal");
}

fn give_up_terminal() {
    session(|pair| {
        signals::record_on(libc::SIGHUP, 0);
        signals::record_on(libc::SIGCONT, 0);
        assert_eq!(sys!(ioctl, pair.slave, libc::TIOCNOTTY, 0), Ok(0));
        assert_eq!(controlling(), Err(ENXIO));
        assert_eq!((signals::count(libc::SIGHUP), signals::count(libc::SIGCONT)), (1, 1));
        assert_eq!(sys!(ioctl, pair.slave, libc::TIOCSCTTY, 0), Ok(0), "and may be had again");
    });
}

fn terminal_of_other_session_refused() {
    let pair = Pair::open();
    fork(|| {
        pair.become_leader();
        child::as_user(1000, || {
            sys!(setsid).unwrap();
            assert_eq!(sys!(ioctl, pair.slave, libc::TIOCSCTTY, 0), Err(EPERM));
        })
        .passed();
        fork(|| assert_eq!(sys!(ioctl, pair.slave, libc::TIOCSCTTY, 0), Err(EPERM), "only a leader may ask")).passed();
    })
    .passed();
}

fn session_of_terminal() {
    session(|pair| {
        let mut session = -1i32;
        assert_eq!(sys!(ioctl, pair.slave, libc::TIOCGSID, &mut session), Ok(0));
        assert_eq!(session, me());
    });
}

/// What a shell does: start in the foreground, suspend by key, take the terminal back, resume in the foreground.
fn shell_like_suspend_and_resume() {
    session(|pair| {
        signals::ignore(libc::SIGTTOU);
        let slave = pair.slave;
        let job = job(|| {
            signals::default(libc::SIGTTOU);
            assert_eq!(read_some(slave, 100).unwrap(), b"typed to the job\n");
        });
        set_foreground(slave, job.0).unwrap();
        job.until_asleep();
        // The job may have read before it was in the foreground, and be stopped already: continue it.
        sys!(kill, -job.0, libc::SIGCONT).unwrap();
        job.until_asleep();
        write(pair.master, b"\x1a").unwrap();
        assert!(matches!(stopped_by(&job), Some(libc::SIGTSTP | libc::SIGTTIN)));
        set_foreground(slave, me()).unwrap();
        write(pair.master, b"to the shell\n").unwrap();
        assert_eq!(read_some(slave, 100).unwrap(), b"to the shell\n");
        set_foreground(slave, job.0).unwrap();
        sys!(kill, -job.0, libc::SIGCONT).unwrap();
        write(pair.master, b"typed to the job\n").unwrap();
        job.passed();
        set_foreground(slave, me()).unwrap();
    });
}

fn isig_off_passes_keys() {
    session(|pair| {
        pair.change(|s| s.local &= !libc::ISIG);
        write(pair.master, b"\x03\x1a\n").unwrap();
        assert_eq!(read_some(pair.slave, 10).unwrap(), b"\x03\x1a\n");
    });
}

fn exec_keeps_terminal() {
    session(|pair| {
        let child = fork(|| {
            sys!(dup2, pair.slave, 0).unwrap();
            sys!(dup2, pair.slave, 1).unwrap();
            panic!("{:?}", user::exec::execve(user::exec::SELF, &["x", "--child", "cat"], &[]));
        });
        pair.change(|s| s.local &= !libc::ECHO);
        write(pair.master, b"through the program\n").unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n") {
            seen.extend(read_some(pair.master, 100).unwrap());
        }
        assert_eq!(seen, b"through the program\r\n");
        write(pair.master, b"\x04").unwrap();
        child.passed();
    });
}

fn background_settings_change_stops() {
    session(|pair| {
        let slave = pair.slave;
        let job = job(|| {
            let current = user::terminal::settings(slave);
            let _ = sys!(ioctl, slave, libc::TCSETS, &current);
        });
        assert_eq!(stopped_by(&job), Some(libc::SIGTTOU), "asking is free, changing is not");
        end(job);
    });
}
