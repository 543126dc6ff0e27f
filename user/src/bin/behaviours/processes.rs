//! fork, vfork and clone: what is copied, what is shared, who is whose parent.

use core::ffi::c_void;
use user::child::{self, Status, fork, raw_fork, wait4};
use user::files::*;
use user::memory::*;
use user::signals;
use user::sys;
use user::sys::*;

table!("processes":
    fork_returns_twice, child_has_new_pid_and_right_parent, memory_is_copied, descriptors_are_copied, handlers_are_inherited, mask_is_inherited,
    pending_signals_are_not_inherited, alarm_is_not_inherited, umask_and_cwd_inherited, rlimits_inherited, exit_status_low_byte,
    exit_closes_descriptors, hundred_children_at_once, fork_tree, vfork_parent_waits, clone_vm_shares_memory, clone_files_shares_descriptors,
    clone_fs_shares_cwd, clone_without_sigchld, clone_bad_flags_einval, clone_settid_words, process_limit_eagain, orphan_goes_to_subreaper,
    parent_death_signal, fork_in_handler, getpid_is_stable, thousand_short_children,
);

fn fork_returns_twice() {
    let shared = shared_pages(1);
    match raw_fork().unwrap() {
        0 => {
            poke(shared, 1);
            child::exit(0)
        }
        pid => {
            assert!(pid > 1);
            assert_eq!(wait4(pid, 0), Ok((pid, Status(0))));
            assert_eq!(peek(shared), 1);
        }
    }
}

fn child_has_new_pid_and_right_parent() {
    let parent = sys!(getpid).unwrap();
    let child = fork(|| {
        assert_ne!(sys!(getpid), Ok(parent));
        assert_eq!(sys!(getppid), Ok(parent));
        assert_eq!(sys!(gettid), sys!(getpid));
    });
    child.passed();
}

fn memory_is_copied() {
    let mut value = vec![1u8; 10_000];
    fork(|| {
        value[5000] = 2;
        assert_eq!((value[4999], value[5000]), (1, 2));
    })
    .passed();
    assert_eq!(value[5000], 1);
}

fn descriptors_are_copied() {
    let fd = create("f");
    fork(|| {
        assert_eq!(write(fd, b"child"), Ok(5));
        close(fd);
        assert_eq!(create("g"), fd);
    })
    .passed();
    assert_eq!(write(fd, b"parent"), Ok(6));
    assert_eq!(get("f"), b"childparent");
}

fn handlers_are_inherited() {
    signals::record_on(libc::SIGUSR1, 0);
    signals::ignore(libc::SIGUSR2);
    fork(|| {
        signals::raise(libc::SIGUSR1).unwrap();
        signals::raise(libc::SIGUSR2).unwrap();
        assert_eq!(signals::count(libc::SIGUSR1), 1);
    })
    .passed();
    assert_eq!(signals::count(libc::SIGUSR1), 0);
}

fn mask_is_inherited() {
    signals::block(&[libc::SIGUSR1]);
    fork(|| assert_eq!(signals::current_mask(), signals::set(&[libc::SIGUSR1]))).passed();
}

fn pending_signals_are_not_inherited() {
    signals::block(&[libc::SIGUSR1]);
    signals::raise(libc::SIGUSR1).unwrap();
    assert_eq!(signals::pending(), signals::set(&[libc::SIGUSR1]));
    fork(|| assert_eq!(signals::pending(), 0)).passed();
}

fn alarm_is_not_inherited() {
    sys!(alarm, 1000).unwrap();
    fork(|| assert_eq!(sys!(alarm, 0), Ok(0))).passed();
    assert!(sys!(alarm, 0).unwrap() > 900);
}

fn umask_and_cwd_inherited() {
    sys!(umask, 0o077).unwrap();
    mkdir("d");
    sys!(chdir, c"d").unwrap();
    fork(|| put("f", b"")).passed();
    assert_eq!(stat("f").unwrap().st_mode & 0o777, 0o600);
}

fn rlimits_inherited() {
    let limit = [123u64, 456];
    sys!(setrlimit, libc::RLIMIT_NOFILE, &limit).unwrap();
    fork(|| {
        let mut seen = [0u64; 2];
        sys!(getrlimit, libc::RLIMIT_NOFILE, &mut seen).unwrap();
        assert_eq!(seen, [123, 456]);
    })
    .passed();
}

fn exit_status_low_byte() {
    for (code, seen) in [(0, 0), (7, 7), (255, 255), (256, 0), (-1, 255), (0x1234, 0x34)] {
        assert_eq!(fork(|| child::exit(code)).wait().exit_code(), Some(seen));
    }
}

fn exit_closes_descriptors() {
    let (reader, writer) = pipe(0);
    let child = fork(|| {
        write(writer, b"bye").unwrap();
    });
    close(writer);
    assert_eq!(read_to_end(reader), b"bye");
    child.passed();
}

fn hundred_children_at_once() {
    let (reader, writer) = pipe(0);
    let children: Vec<_> = (0..100)
        .map(|i| {
            fork(move || {
                close(writer);
                read_some(reader, 1).unwrap();
                child::exit(i)
            })
        })
        .collect();
    close(writer);
    for (i, child) in children.into_iter().enumerate() {
        assert_eq!(child.wait().exit_code(), Some(i as i32));
    }
}

fn fork_tree() {
    fn tree(depth: usize) {
        if depth > 0 {
            let pair = [(); 2].map(|()| fork(|| tree(depth - 1)));
            pair.into_iter().for_each(child::Child::passed);
        }
    }
    tree(5);
}

/// `clone` with a function and a stack of its own.
fn clone(flags: i32, body: extern "C" fn(*mut c_void) -> i32, argument: usize) -> Result<i32> {
    let stack = pages(16) + 16 * PAGE;
    // SAFETY: the stack is 64 KiB that nobody else uses; the bodies below call only the kernel.
    match unsafe { libc::clone(body, stack as *mut c_void, flags, argument as *mut c_void) } {
        -1 => Err(child::last_error()),
        pid => Ok(pid),
    }
}

extern "C" fn write_slowly(at: *mut c_void) -> i32 {
    child::pause_ms(100);
    poke(at as usize, 77);
    0
}

fn vfork_parent_waits() {
    let word = pages(1);
    let pid = clone(libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD, write_slowly, word).unwrap();
    assert_eq!(peek(word), 77, "the parent goes on only after the child's exit");
    assert_eq!(wait4(pid, 0).unwrap().1, Status(0));
}

fn clone_vm_shares_memory() {
    let word = pages(1);
    let pid = clone(libc::CLONE_VM | libc::SIGCHLD, write_slowly, word).unwrap();
    assert_eq!(wait4(pid, 0).unwrap().1, Status(0));
    assert_eq!(peek(word), 77);
}

extern "C" fn close_it(fd: *mut c_void) -> i32 {
    i32::from(sys!(close, fd as usize).is_err())
}

fn clone_files_shares_descriptors() {
    let fd = create("f");
    let pid = clone(libc::SIGCHLD, close_it, fd as usize).unwrap();
    assert_eq!(wait4(pid, 0).unwrap().1, Status(0));
    assert!(fcntl(fd, libc::F_GETFD, 0).is_ok());
    let pid = clone(libc::CLONE_FILES | libc::SIGCHLD, close_it, fd as usize).unwrap();
    assert_eq!(wait4(pid, 0).unwrap().1, Status(0));
    assert_eq!(fcntl(fd, libc::F_GETFD, 0), Err(EBADF));
}

extern "C" fn go_to_d(_: *mut c_void) -> i32 {
    let _ = sys!(umask, 0o077);
    i32::from(sys!(chdir, c"d").is_err())
}

fn clone_fs_shares_cwd() {
    mkdir("d");
    mkdir("d/inside");
    let pid = clone(libc::CLONE_FS | libc::SIGCHLD, go_to_d, 0).unwrap();
    assert_eq!(wait4(pid, 0).unwrap().1, Status(0));
    assert!(stat("inside").is_ok());
    assert_eq!(sys!(umask, 0), Ok(0o077));
}

extern "C" fn leave_with_five(_: *mut c_void) -> i32 {
    5
}

/// A child whose end sends no SIGCHLD is a "clone child": plain waits do not see it.
fn clone_without_sigchld() {
    signals::record_on(libc::SIGCHLD, 0);
    let pid = clone(0, leave_with_five, 0).unwrap();
    assert_eq!(wait4(-1, 0), Err(ECHILD));
    assert_eq!(wait4(pid, libc::__WALL).unwrap().1.exit_code(), Some(5));
    assert_eq!(signals::count(libc::SIGCHLD), 0);
    let pid = clone(libc::SIGUSR1, leave_with_five, 0);
    signals::block(&[libc::SIGUSR1]);
    assert_eq!(wait4(pid.unwrap(), libc::__WCLONE).unwrap().1.exit_code(), Some(5));
}

fn clone_bad_flags_einval() {
    for flags in [libc::CLONE_THREAD, libc::CLONE_SIGHAND, libc::CLONE_THREAD | libc::CLONE_SIGHAND] {
        assert_eq!(sys!(clone, flags, 0, 0, 0, 0), Err(EINVAL), "{flags:#x}");
    }
    assert_eq!(sys!(clone, libc::CLONE_FS | libc::CLONE_NEWNS, 0, 0, 0, 0), Err(EINVAL));
}

fn clone_settid_words() {
    let words = shared_pages(1);
    let flags = libc::CLONE_PARENT_SETTID | libc::CLONE_CHILD_SETTID | libc::SIGCHLD;
    // A new stack would be needed with CLONE_VM only: this is fork with two more words.
    let pid = sys!(clone, flags, 0, words, words + 8, 0).unwrap();
    if pid == 0 {
        child::exit(if peek_u32(words + 8) as usize == sys!(gettid).unwrap() { 0 } else { 1 });
    }
    assert_eq!(peek_u32(words) as usize, pid);
    assert_eq!(wait4(pid as i32, 0).unwrap().1, Status(0));
}

fn process_limit_eagain() {
    child::as_user(4321, || {
        let limit = [4u64, 4];
        sys!(setrlimit, libc::RLIMIT_NPROC, &limit).unwrap();
        let children: Vec<_> = (0..3)
            .map(|_| {
                fork(|| {
                    let _ = sys!(pause);
                })
            })
            .collect();
        assert_eq!(raw_fork(), Err(EAGAIN));
        for child in children {
            child.kill(libc::SIGKILL);
            child.wait();
        }
        fork(|| ()).passed();
    })
    .passed();
}

fn orphan_goes_to_subreaper() {
    assert_eq!(sys!(prctl, libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), Ok(0));
    let here = sys!(getpid).unwrap();
    let (reader, writer) = pipe(0);
    fork(|| {
        fork(|| {
            let _ = read_some(reader, 1);
            child::exit(if sys!(getppid) == Ok(here) { 33 } else { 34 });
        });
    })
    .passed();
    child::pause_ms(20);
    write(writer, b"x").unwrap();
    assert_eq!(wait4(-1, 0).unwrap().1.exit_code(), Some(33));
}

fn parent_death_signal() {
    sys!(prctl, libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0).unwrap();
    let (reader, writer) = pipe(0);
    fork(|| {
        fork(|| {
            sys!(prctl, libc::PR_SET_PDEATHSIG, libc::SIGUSR1, 0, 0, 0).unwrap();
            write(writer, b"x").unwrap();
            loop {
                let _ = sys!(pause);
            }
        });
        read_some(reader, 1).unwrap();
    })
    .passed();
    assert_eq!(wait4(-1, 0).unwrap().1.signal(), Some(libc::SIGUSR1));
}

extern "C" fn fork_now(signal: i32, info: *mut libc::siginfo_t, _: *mut c_void) {
    fork(|| ()).passed();
    signals::record(signal, info);
}

fn fork_in_handler() {
    signals::handle(libc::SIGUSR1, fork_now, 0);
    signals::raise(libc::SIGUSR1).unwrap();
    assert_eq!(signals::count(libc::SIGUSR1), 1);
}

fn getpid_is_stable() {
    let pid = sys!(getpid).unwrap();
    for _ in 0..1000 {
        assert_eq!(sys!(getpid), Ok(pid));
    }
    assert_eq!(std::process::id() as usize, pid);
}

fn thousand_short_children() {
    for i in 0..1000 {
        assert_eq!(fork(|| child::exit(i & 0x7f)).wait().exit_code(), Some(i & 0x7f));
    }
}
