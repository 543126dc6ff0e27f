//! File locks: flock by open-file description, fcntl by process.

use user::child::{fork, pause_ms};
use user::files::*;
use user::signals;
use user::sys;
use user::sys::*;

table!("locks":
    flock_conflicts_between_descriptions, flock_shared_and_exclusive, flock_same_description_converts, flock_released_by_last_close,
    flock_survives_fork, flock_blocks_until_released, flock_errors, posix_conflict_between_processes, posix_own_locks_do_not_conflict,
    posix_ranges_split, posix_getlk_names_the_owner, posix_released_by_any_close, posix_released_by_exit, posix_not_inherited,
    posix_setlkw_waits, posix_setlkw_interrupted, posix_deadlock_edeadlk, posix_needs_matching_access, posix_bad_arguments,
    open_description_locks,
);

fn flock(fd: i32, operation: i32) -> Result {
    sys!(flock, fd, operation)
}

const TRY_EXCLUSIVE: i32 = libc::LOCK_EX | libc::LOCK_NB;
const TRY_SHARED: i32 = libc::LOCK_SH | libc::LOCK_NB;

fn two_openings() -> (i32, i32) {
    (create("f"), open("f", libc::O_RDWR).unwrap())
}

fn flock_conflicts_between_descriptions() {
    let (one, two) = two_openings();
    assert_eq!(flock(one, libc::LOCK_EX), Ok(0));
    assert_eq!(flock(two, TRY_EXCLUSIVE), Err(EAGAIN));
    assert_eq!(flock(two, TRY_SHARED), Err(EAGAIN));
    assert_eq!(flock(one, libc::LOCK_UN), Ok(0));
    assert_eq!(flock(two, TRY_EXCLUSIVE), Ok(0));
}

fn flock_shared_and_exclusive() {
    let (one, two) = two_openings();
    assert_eq!(flock(one, libc::LOCK_SH), Ok(0));
    assert_eq!(flock(two, TRY_SHARED), Ok(0));
    assert_eq!(flock(two, TRY_EXCLUSIVE), Err(EAGAIN));
}

fn flock_same_description_converts() {
    let (one, two) = two_openings();
    let copy = sys!(dup, one).unwrap() as i32;
    assert_eq!(flock(one, libc::LOCK_EX), Ok(0));
    assert_eq!(flock(copy, TRY_SHARED), Ok(0), "a duplicate holds the same lock, and changes it");
    assert_eq!(flock(two, TRY_SHARED), Ok(0));
}

fn flock_released_by_last_close() {
    let (one, two) = two_openings();
    let copy = sys!(dup, one).unwrap() as i32;
    flock(one, libc::LOCK_EX).unwrap();
    close(one);
    assert_eq!(flock(two, TRY_EXCLUSIVE), Err(EAGAIN));
    close(copy);
    assert_eq!(flock(two, TRY_EXCLUSIVE), Ok(0));
}

fn flock_survives_fork() {
    let (one, two) = two_openings();
    flock(one, libc::LOCK_EX).unwrap();
    fork(|| {
        assert_eq!(flock(one, TRY_EXCLUSIVE), Ok(0), "the child shares the description, so it holds the lock");
        assert_eq!(flock(two, TRY_EXCLUSIVE), Err(EAGAIN));
        close(one);
    })
    .passed();
    assert_eq!(flock(two, TRY_EXCLUSIVE), Err(EAGAIN));
}

fn flock_blocks_until_released() {
    let (one, two) = two_openings();
    flock(one, libc::LOCK_EX).unwrap();
    let child = fork(|| {
        close(one);
        assert_eq!(flock(two, libc::LOCK_EX), Ok(0));
    });
    child.until_asleep();
    assert!(child.is_running());
    flock(one, libc::LOCK_UN).unwrap();
    child.passed();
}

fn flock_errors() {
    let fd = create("f");
    assert_eq!(flock(77, libc::LOCK_EX), Err(EBADF));
    assert_eq!(flock(fd, 0), Err(EINVAL));
    assert_eq!(flock(fd, libc::LOCK_EX | libc::LOCK_SH), Err(EINVAL));
}

/// The kernel's `struct flock` for 64 bits.
#[repr(C)]
struct Range {
    kind: i16,
    whence: i16,
    start: i64,
    length: i64,
    pid: i32,
}

const READ: i32 = libc::F_RDLCK;
const WRITE: i32 = libc::F_WRLCK;
const NONE: i32 = libc::F_UNLCK;

fn lock(fd: i32, command: i32, kind: i32, start: i64, length: i64) -> Result {
    sys!(fcntl, fd, command, &Range { kind: kind as i16, whence: libc::SEEK_SET as i16, start, length, pid: 0 })
}

fn set(fd: i32, kind: i32, start: i64, length: i64) -> Result {
    lock(fd, libc::F_SETLK, kind, start, length)
}

fn posix_conflict_between_processes() {
    let fd = create("f");
    assert_eq!(set(fd, WRITE, 0, 10), Ok(0));
    fork(|| {
        assert_eq!(set(fd, READ, 5, 10), Err(EAGAIN));
        assert_eq!(set(fd, WRITE, 10, 10), Ok(0));
    })
    .passed();
    assert_eq!(set(fd, READ, 0, 10), Ok(0));
    fork(|| {
        assert_eq!(set(fd, READ, 0, 10), Ok(0));
        assert_eq!(set(fd, WRITE, 0, 10), Err(EAGAIN));
    })
    .passed();
}

fn posix_own_locks_do_not_conflict() {
    let (one, two) = two_openings();
    assert_eq!(set(one, WRITE, 0, 10), Ok(0));
    assert_eq!(set(two, WRITE, 0, 20), Ok(0));
    assert_eq!(set(one, READ, 5, 2), Ok(0));
}

fn posix_ranges_split() {
    let fd = create("f");
    set(fd, WRITE, 0, 100).unwrap();
    set(fd, NONE, 40, 20).unwrap();
    set(fd, READ, 80, 0).unwrap();
    fork(|| {
        assert_eq!(set(fd, WRITE, 40, 20), Ok(0));
        assert_eq!(set(fd, READ, 39, 1), Err(EAGAIN));
        assert_eq!(set(fd, READ, 79, 1), Err(EAGAIN));
        assert_eq!(set(fd, READ, 80, 1), Ok(0));
        assert_eq!(set(fd, WRITE, 1 << 40, 1), Err(EAGAIN), "length 0 goes on to infinity");
    })
    .passed();
}

fn get_lock(fd: i32, kind: i32, start: i64, length: i64) -> Range {
    let mut range = Range { kind: kind as i16, whence: 0, start, length, pid: 0 };
    assert_eq!(sys!(fcntl, fd, libc::F_GETLK, &mut range), Ok(0));
    range
}

fn posix_getlk_names_the_owner() {
    let fd = create("f");
    set(fd, WRITE, 10, 20).unwrap();
    assert_eq!(get_lock(fd, WRITE, 0, 0).kind as i32, NONE, "one's own lock is no conflict");
    let owner = std::process::id() as i32;
    fork(|| {
        let found = get_lock(fd, READ, 0, 0);
        assert_eq!((found.kind as i32, found.start, found.length, found.pid), (WRITE, 10, 20, owner));
        assert_eq!(get_lock(fd, WRITE, 0, 10).kind as i32, NONE);
    })
    .passed();
}

/// The famous trap: closing any descriptor of the file drops the process's locks on it.
fn posix_released_by_any_close() {
    let (one, two) = two_openings();
    set(one, WRITE, 0, 10).unwrap();
    close(two);
    fork(|| assert_eq!(set(one, WRITE, 0, 10), Ok(0))).passed();
}

fn posix_released_by_exit() {
    let fd = create("f");
    let (reader, writer) = pipe(0);
    let child = fork(|| {
        set(fd, WRITE, 0, 10).unwrap();
        write(writer, b"x").unwrap();
        let _ = sys!(pause);
    });
    read_some(reader, 1).unwrap();
    assert_eq!(set(fd, WRITE, 0, 10), Err(EAGAIN));
    child.kill(libc::SIGKILL);
    child.wait();
    assert_eq!(set(fd, WRITE, 0, 10), Ok(0));
}

fn posix_not_inherited() {
    let fd = create("f");
    set(fd, WRITE, 0, 10).unwrap();
    fork(|| assert_eq!(set(fd, WRITE, 0, 10), Err(EAGAIN))).passed();
    fork(|| close(fd)).passed();
    fork(|| assert_eq!(set(fd, WRITE, 0, 10), Err(EAGAIN), "a child's close drops no lock of the parent")).passed();
}

fn posix_setlkw_waits() {
    let fd = create("f");
    set(fd, WRITE, 0, 10).unwrap();
    let child = fork(|| assert_eq!(lock(fd, libc::F_SETLKW, WRITE, 0, 10), Ok(0)));
    child.until_asleep();
    assert!(child.is_running());
    set(fd, NONE, 0, 10).unwrap();
    child.passed();
}

fn posix_setlkw_interrupted() {
    let fd = create("f");
    set(fd, WRITE, 0, 10).unwrap();
    fork(|| {
        signals::record_on(libc::SIGALRM, 0);
        signals::ring_every_ms(20);
        assert_eq!(lock(fd, libc::F_SETLKW, WRITE, 0, 10), Err(EINTR));
    })
    .passed();
}

fn posix_deadlock_edeadlk() {
    let fd = create("f");
    let (reader, writer) = pipe(0);
    set(fd, WRITE, 0, 1).unwrap();
    let child = fork(|| {
        set(fd, WRITE, 1, 1).unwrap();
        write(writer, b"x").unwrap();
        assert_eq!(lock(fd, libc::F_SETLKW, WRITE, 0, 1), Ok(0));
    });
    read_some(reader, 1).unwrap();
    child.until_asleep();
    pause_ms(20);
    assert_eq!(lock(fd, libc::F_SETLKW, WRITE, 1, 1), Err(EDEADLK));
    set(fd, NONE, 0, 1).unwrap();
    child.passed();
}

fn posix_needs_matching_access() {
    put("f", b"");
    let reader = open("f", libc::O_RDONLY).unwrap();
    let writer = open("f", libc::O_WRONLY).unwrap();
    assert_eq!(set(reader, WRITE, 0, 1), Err(EBADF));
    assert_eq!(set(writer, READ, 0, 1), Err(EBADF));
    assert_eq!(set(reader, READ, 0, 1), Ok(0));
}

fn posix_bad_arguments() {
    let fd = create("f");
    assert_eq!(set(fd, 77, 0, 1), Err(EINVAL));
    assert_eq!(set(fd, WRITE, -5, 1), Err(EINVAL));
    assert_eq!(set(fd, WRITE, 10, -20), Err(EINVAL));
    assert_eq!(set(fd, WRITE, 10, -5), Ok(0), "a negative length locks what lies before");
    assert_eq!(sys!(fcntl, fd, libc::F_SETLK, 8), Err(EFAULT));
    fork(|| {
        assert_eq!(set(fd, WRITE, 5, 1), Err(EAGAIN));
        assert_eq!(set(fd, WRITE, 10, 1), Ok(0));
    })
    .passed();
}

fn open_description_locks() {
    let (one, two) = two_openings();
    assert_eq!(lock(one, libc::F_OFD_SETLK, WRITE, 0, 10), Ok(0));
    assert_eq!(lock(two, libc::F_OFD_SETLK, WRITE, 0, 10), Err(EAGAIN), "they conflict within a process too");
    close(one);
    assert_eq!(lock(two, libc::F_OFD_SETLK, WRITE, 0, 10), Ok(0));
}
