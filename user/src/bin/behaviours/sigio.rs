//! Signal-driven I/O: O_ASYNC, who is told, and by which signal. The signal may come a moment after the call that caused it, so it is
//! waited for.

use user::child::{self, eventually, fork};
use user::files::*;
use user::signals;
use user::sys;
use user::sys::*;

table!("sigio":
    pipe_input, pipe_room, nothing_without_owner, nothing_when_switched_off, nothing_at_the_start, chosen_signal_has_particulars,
    chosen_sigio_too, hangup_is_input, fifo_input, terminal_input, master_input, owner_of_other_process, owner_group, owner_thread,
    owner_errors, owner_is_kept, signal_errors, by_ioctl, flag_only_where_possible, close_ends_it, handler_interrupts_pause,
    fork_shares_owner,
);

const SETOWN_EX: i32 = 15;
const GETOWN_EX: i32 = 16;
const SETSIG: i32 = 10;
const GETSIG: i32 = 11;

/// Has this process told by `signal` (0: plain SIGIO) when something happens on `fd`.
fn watch(fd: i32, signal: i32) {
    assert_eq!(fcntl(fd, libc::F_SETOWN, std::process::id() as usize), Ok(0));
    assert_eq!(fcntl(fd, SETSIG, signal as usize), Ok(0));
    set_async(fd, true);
}

fn set_async(fd: i32, on: bool) {
    let flags = fcntl(fd, libc::F_GETFL, 0).unwrap() as i32 & !libc::O_ASYNC;
    let flags = if on { flags | libc::O_ASYNC } else { flags };
    assert_eq!(fcntl(fd, libc::F_SETFL, flags as usize), Ok(0));
}

/// Waits for a blocked signal: its number, code, band and descriptor.
fn expect(signal: i32) -> (i32, i32, u64, i32) {
    let mut info = [0u32; 32];
    let set = signals::set(&[signal]);
    assert_eq!(sys!(rt_sigtimedwait, &set, &mut info, 0, 8), Ok(signal as usize));
    (info[0] as i32, info[2] as i32, info[4] as u64 | (info[5] as u64) << 32, info[6] as i32)
}

/// Nothing comes: shown by a signal of another descriptor that is sent later and comes.
fn expect_nothing(signal: i32) {
    let (reader, writer) = pipe(0);
    signals::block(&[50]);
    watch(reader, 50);
    write(writer, b"x").unwrap();
    expect(50);
    assert_eq!(signals::pending() & signals::set(&[signal]), 0);
}

fn pipe_input() {
    let (reader, writer) = pipe(0);
    signals::block(&[libc::SIGIO]);
    watch(reader, 0);
    for _ in 0..3 {
        write(writer, b"x").unwrap();
        assert_eq!(expect(libc::SIGIO).1, libc::SI_KERNEL);
        read_some(reader, 10).unwrap();
    }
}

fn pipe_room() {
    let (reader, writer) = pipe(libc::O_NONBLOCK);
    while write(writer, &[0; 4096]).is_ok() {}
    signals::block(&[44]);
    watch(writer, 44);
    read_some(reader, 65536).unwrap();
    let (_, code, band, fd) = expect(44);
    assert_eq!((code, band, fd), (2, (libc::POLLOUT | libc::POLLWRNORM | libc::POLLWRBAND) as u64, writer));
}

fn nothing_without_owner() {
    let (reader, writer) = pipe(0);
    signals::block(&[libc::SIGIO]);
    set_async(reader, true);
    write(writer, b"x").unwrap();
    expect_nothing(libc::SIGIO);
}

fn nothing_when_switched_off() {
    let (reader, writer) = pipe(0);
    signals::block(&[libc::SIGIO]);
    watch(reader, 0);
    set_async(reader, false);
    assert_eq!(fcntl(reader, libc::F_GETFL, 0).unwrap() as i32 & libc::O_ASYNC, 0);
    write(writer, b"x").unwrap();
    expect_nothing(libc::SIGIO);
}

fn nothing_at_the_start() {
    let (reader, writer) = pipe(0);
    signals::block(&[libc::SIGIO]);
    write(writer, b"x").unwrap();
    watch(reader, 0);
    expect_nothing(libc::SIGIO);
    write(writer, b"x").unwrap();
    expect(libc::SIGIO);
}

fn chosen_signal_has_particulars() {
    let (reader, writer) = pipe(0);
    signals::block(&[44]);
    watch(reader, 44);
    assert_eq!(fcntl(reader, GETSIG, 0), Ok(44));
    write(writer, b"x").unwrap();
    assert_eq!(expect(44), (44, 1, (libc::POLLIN | libc::POLLRDNORM) as u64, reader));
}

fn chosen_sigio_too() {
    let (reader, writer) = pipe(0);
    signals::block(&[libc::SIGIO]);
    watch(reader, libc::SIGIO);
    write(writer, b"x").unwrap();
    assert_eq!(expect(libc::SIGIO), (libc::SIGIO, 1, (libc::POLLIN | libc::POLLRDNORM) as u64, reader));
}

fn hangup_is_input() {
    let (reader, writer) = pipe(0);
    signals::block(&[44]);
    watch(reader, 44);
    close(writer);
    assert_eq!(expect(44).1, 1);
}

fn fifo_input() {
    mknod("fifo", libc::S_IFIFO | 0o600, 0).unwrap();
    let reader = open("fifo", libc::O_RDONLY | libc::O_NONBLOCK).unwrap();
    let writer = open("fifo", libc::O_WRONLY).unwrap();
    signals::block(&[44]);
    watch(reader, 44);
    write(writer, b"x").unwrap();
    assert_eq!(expect(44).3, reader);
}

fn terminal_input() {
    let pair = user::terminal::Pair::open();
    pair.raw();
    signals::block(&[44]);
    watch(pair.slave, 44);
    write(pair.master, b"x").unwrap();
    let (_, code, band, fd) = expect(44);
    assert_eq!((code, band, fd), (1, (libc::POLLIN | libc::POLLRDNORM) as u64, pair.slave));
}

fn master_input() {
    let pair = user::terminal::Pair::open();
    pair.raw();
    signals::block(&[44]);
    watch(pair.master, 44);
    write(pair.slave, b"x").unwrap();
    assert_eq!(expect(44).3, pair.master);
}

fn owner_of_other_process() {
    let (reader, writer) = pipe(0);
    signals::block(&[libc::SIGIO]);
    let child = fork(|| {
        expect(libc::SIGIO);
    });
    assert_eq!(fcntl(reader, libc::F_SETOWN, child.0 as usize), Ok(0));
    set_async(reader, true);
    write(writer, b"x").unwrap();
    child.passed();
    assert_eq!(signals::pending(), 0);
}

fn owner_group() {
    let (reader, writer) = pipe(0);
    signals::block(&[libc::SIGIO]);
    let group = sys!(getpgrp).unwrap();
    let child = fork(|| {
        expect(libc::SIGIO);
    });
    assert_eq!(fcntl(reader, libc::F_SETOWN, (group as isize).wrapping_neg() as usize), Ok(0));
    let mut owner = [0i32; 2];
    assert_eq!(sys!(fcntl, reader, GETOWN_EX, &mut owner), Ok(0));
    assert_eq!(owner, [2, group as i32]);
    set_async(reader, true);
    write(writer, b"x").unwrap();
    expect(libc::SIGIO);
    child.passed();
}

fn owner_thread() {
    let (reader, writer) = pipe(0);
    signals::block(&[libc::SIGIO]);
    let (tell, told) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        tell.send(sys!(gettid).unwrap() as i32).unwrap();
        expect(libc::SIGIO);
    });
    let owner = [0i32, told.recv().unwrap()];
    assert_eq!(sys!(fcntl, reader, SETOWN_EX, &owner), Ok(0));
    let mut found = [9i32; 2];
    assert_eq!(sys!(fcntl, reader, GETOWN_EX, &mut found), Ok(0));
    assert_eq!(found, owner);
    set_async(reader, true);
    write(writer, b"x").unwrap();
    thread.join().unwrap();
}

fn owner_errors() {
    let (reader, _writer) = pipe(0);
    assert_eq!(fcntl(reader, libc::F_SETOWN, 4_000_000), Err(ESRCH));
    assert_eq!(fcntl(reader, libc::F_SETOWN, i32::MIN as usize), Err(EINVAL));
    assert_eq!(sys!(fcntl, reader, SETOWN_EX, &[3i32, 1]), Err(EINVAL));
    assert_eq!(sys!(fcntl, reader, SETOWN_EX, &[1i32, 4_000_000]), Err(ESRCH));
    assert_eq!(sys!(fcntl, reader, SETOWN_EX, 8), Err(EFAULT));
    assert_eq!(sys!(fcntl, reader, GETOWN_EX, 8), Err(EFAULT));
    assert_eq!(fcntl(77, libc::F_SETOWN, 0), Err(EBADF));
}

fn owner_is_kept() {
    let (reader, writer) = pipe(0);
    assert_eq!(fcntl(reader, libc::F_GETOWN, 0), Ok(0));
    assert_eq!(fcntl(reader, libc::F_SETOWN, std::process::id() as usize), Ok(0));
    let copy = sys!(dup, reader).unwrap() as i32;
    assert_eq!(fcntl(copy, libc::F_GETOWN, 0), Ok(std::process::id() as usize));
    assert_eq!(fcntl(writer, libc::F_GETOWN, 0), Ok(0), "the other end is another description");
    assert_eq!(fcntl(reader, libc::F_SETOWN, 0), Ok(0));
    assert_eq!(fcntl(reader, libc::F_GETOWN, 0), Ok(0));
}

fn signal_errors() {
    let (reader, _writer) = pipe(0);
    assert_eq!(fcntl(reader, GETSIG, 0), Ok(0));
    assert_eq!(fcntl(reader, SETSIG, 65), Err(EINVAL));
    assert_eq!(fcntl(reader, SETSIG, usize::MAX), Err(EINVAL));
    assert_eq!(fcntl(reader, SETSIG, 64), Ok(0));
    assert_eq!(fcntl(reader, GETSIG, 0), Ok(64));
}

fn by_ioctl() {
    let (reader, writer) = pipe(0);
    signals::block(&[44]);
    watch(reader, 44);
    assert_eq!(sys!(ioctl, reader, libc::FIOASYNC, &0i32), Ok(0));
    assert_eq!(fcntl(reader, libc::F_GETFL, 0).unwrap() as i32 & libc::O_ASYNC, 0);
    assert_eq!(sys!(ioctl, reader, libc::FIOASYNC, &1i32), Ok(0));
    assert_ne!(fcntl(reader, libc::F_GETFL, 0).unwrap() as i32 & libc::O_ASYNC, 0);
    write(writer, b"x").unwrap();
    expect(44);
}

fn flag_only_where_possible() {
    let counter = sys!(eventfd2, 0, 0).unwrap() as i32;
    assert_eq!(sys!(ioctl, counter, libc::FIOASYNC, &1i32), Err(ENOTTY));
    set_async(counter, true);
    assert_eq!(fcntl(counter, libc::F_GETFL, 0), Ok(libc::O_RDWR as usize));
    let file = create("f");
    set_async(file, true);
    assert_eq!(fcntl(file, libc::F_GETFL, 0).unwrap() as i32 & libc::O_ASYNC, 0);
}

fn close_ends_it() {
    let (reader, writer) = pipe(0);
    signals::block(&[libc::SIGIO]);
    watch(reader, 0);
    watch(writer, 0);
    close(reader);
    signals::ignore(libc::SIGPIPE);
    assert_eq!(write(writer, b"x"), Err(EPIPE), "the watch holds no end open");
}

fn handler_interrupts_pause() {
    let (reader, writer) = pipe(0);
    signals::record_on(libc::SIGIO, 0);
    signals::block(&[libc::SIGIO]);
    watch(reader, libc::SIGIO);
    let me = std::process::id() as i32;
    let child = fork(|| {
        child::until_asleep(me);
        write(writer, b"x").unwrap();
    });
    assert_eq!(sys!(rt_sigsuspend, &0u64, 8), Err(EINTR));
    eventually("SIGIO is handled", || signals::count(libc::SIGIO) == 1);
    child.passed();
}

fn fork_shares_owner() {
    let (reader, writer) = pipe(0);
    signals::block(&[libc::SIGIO]);
    watch(reader, 0);
    fork(|| {
        write(writer, b"x").unwrap();
    })
    .passed();
    expect(libc::SIGIO);
}
