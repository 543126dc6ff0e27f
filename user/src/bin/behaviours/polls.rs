//! poll, ppoll, select, pselect: what is ready, what is wrong, how long to wait, and with which signal mask.

use user::child::{self, fork};
use user::files::*;
use user::memory::*;
use user::signals;
use user::sys;
use user::sys::*;

table!("polls":
    files_are_always_ready, pipe_states, pipe_hangup_and_error, bad_descriptor_nval, negative_descriptor_ignored, requested_events_only, timeout_zero,
    timeout_waits, blocks_until_data, blocks_until_room, hangup_wakes, interrupted_eintr, interrupted_despite_restart, many_descriptors, ppoll_mask_lets_through,
    ppoll_timeout_written_back, poll_errors, duplicates_counted_each, fifo_without_writer, select_sets, select_timeout, select_bad_descriptor_ebadf,
    select_errors, select_wakes, pselect_mask, select_updates_timeout, poll_of_nothing_sleeps, two_pollers_one_event, terminal_is_pollable,
);

const IN: i16 = libc::POLLIN;
const OUT: i16 = libc::POLLOUT;
const ERR: i16 = libc::POLLERR;
const HUP: i16 = libc::POLLHUP;
const NVAL: i16 = libc::POLLNVAL;

#[repr(C)]
#[derive(Clone, Copy)]
struct Entry {
    fd: i32,
    events: i16,
    found: i16,
}

/// The number of ready entries and what was found in each.
fn poll(entries: &[(i32, i16)], timeout: i32) -> Result<(usize, Vec<i16>)> {
    let mut list: Vec<Entry> = entries.iter().map(|&(fd, events)| Entry { fd, events, found: 0x5555 }).collect();
    let count = sys!(poll, list.as_mut_ptr(), list.len(), timeout)?;
    Ok((count, list.iter().map(|entry| entry.found).collect()))
}

fn one(fd: i32, events: i16) -> i16 {
    poll(&[(fd, events)], 0).unwrap().1[0]
}

fn files_are_always_ready() {
    let fd = create("f");
    assert_eq!(one(fd, IN | OUT), IN | OUT);
}

fn pipe_states() {
    let (reader, writer) = pipe(libc::O_NONBLOCK);
    assert_eq!((one(reader, IN), one(writer, OUT)), (0, OUT));
    write(writer, b"x").unwrap();
    assert_eq!((one(reader, IN), one(writer, OUT)), (IN, OUT));
    while write(writer, &[0; 4096]).is_ok() {}
    assert_eq!(one(writer, OUT), 0);
    while read_some(reader, 65536).is_ok() {}
    assert_eq!((one(reader, IN), one(writer, OUT)), (0, OUT));
}

fn pipe_hangup_and_error() {
    let (reader, writer) = pipe(0);
    write(writer, b"rest").unwrap();
    close(writer);
    assert_eq!(one(reader, IN), IN | HUP);
    read_some(reader, 10).unwrap();
    assert_eq!(one(reader, IN), HUP);
    assert_eq!(one(reader, 0), HUP, "told unasked");
    let (reader, writer) = pipe(0);
    close(reader);
    assert_eq!(one(writer, OUT), OUT | ERR);
}

fn bad_descriptor_nval() {
    assert_eq!(poll(&[(77, IN)], -1), Ok((1, vec![NVAL])));
}

fn negative_descriptor_ignored() {
    assert_eq!(poll(&[(-1, IN), (-77, OUT)], 0), Ok((0, vec![0, 0])));
}

fn requested_events_only() {
    let (reader, writer) = pipe(0);
    write(writer, b"x").unwrap();
    assert_eq!(one(reader, 0), 0);
    assert_eq!(one(reader, OUT), 0);
    assert_eq!(one(reader, IN | libc::POLLRDNORM), IN | libc::POLLRDNORM);
}

fn timeout_zero() {
    let (reader, _writer) = pipe(0);
    assert_eq!(poll(&[(reader, IN)], 0), Ok((0, vec![0])));
}

fn timeout_waits() {
    let (reader, _writer) = pipe(0);
    let start = std::time::Instant::now();
    assert_eq!(poll(&[(reader, IN)], 30).unwrap().0, 0);
    assert!(start.elapsed().as_millis() >= 30);
}

fn blocks_until_data() {
    let (reader, writer) = pipe(0);
    let child = fork(|| assert_eq!(poll(&[(reader, IN)], -1), Ok((1, vec![IN]))));
    child.until_asleep();
    assert!(child.is_running());
    write(writer, b"x").unwrap();
    child.passed();
}

fn blocks_until_room() {
    let (reader, writer) = pipe(libc::O_NONBLOCK);
    while write(writer, &[0; 4096]).is_ok() {}
    let child = fork(|| assert_eq!(poll(&[(writer, OUT)], -1), Ok((1, vec![OUT]))));
    child.until_asleep();
    while read_some(reader, 65536).is_ok() {}
    child.passed();
}

fn hangup_wakes() {
    let (reader, writer) = pipe(0);
    let child = fork(|| {
        close(writer);
        assert_eq!(poll(&[(reader, IN)], -1), Ok((1, vec![HUP])));
    });
    child.until_asleep();
    close(writer);
    child.passed();
}

fn interrupted_eintr() {
    let (reader, _writer) = pipe(0);
    signals::record_on(libc::SIGALRM, 0);
    signals::ring_every_ms(20);
    assert_eq!(poll(&[(reader, IN)], -1), Err(EINTR));
}

fn interrupted_despite_restart() {
    let (reader, _writer) = pipe(0);
    signals::record_on(libc::SIGALRM, libc::SA_RESTART);
    signals::ring_every_ms(20);
    assert_eq!(poll(&[(reader, IN)], 100_000), Err(EINTR), "poll is never restarted after a handler");
}

fn many_descriptors() {
    let pipes: Vec<(i32, i32)> = (0..100).map(|_| pipe(0)).collect();
    write(pipes[77].1, b"x").unwrap();
    let entries: Vec<(i32, i16)> = pipes.iter().map(|&(reader, _)| (reader, IN)).collect();
    let (count, found) = poll(&entries, -1).unwrap();
    assert_eq!(count, 1);
    assert!(found.iter().enumerate().all(|(i, &events)| events == if i == 77 { IN } else { 0 }));
}

fn ppoll_mask_lets_through() {
    let (reader, _writer) = pipe(0);
    signals::record_on(libc::SIGUSR1, 0);
    signals::block(&[libc::SIGUSR1]);
    signals::raise(libc::SIGUSR1).unwrap();
    let mut list = [Entry { fd: reader, events: IN, found: 0 }];
    assert_eq!(sys!(ppoll, list.as_mut_ptr(), 1, 0, &0u64, 8), Err(EINTR));
    assert_eq!((signals::count(libc::SIGUSR1), signals::current_mask()), (1, signals::set(&[libc::SIGUSR1])));
}

fn ppoll_timeout_written_back() {
    let mut timeout = [0i64, 20_000_000];
    assert_eq!(sys!(ppoll, 0, 0, &mut timeout, 0, 8), Ok(0));
    assert_eq!(timeout, [0, 0]);
    assert_eq!(sys!(ppoll, 0, 0, &[0i64, 1_000_000_000], 0, 8), Err(EINVAL));
    assert_eq!(sys!(ppoll, 0, 0, &[0i64, 0], &0u64, 4), Err(EINVAL), "size of the mask");
}

fn poll_errors() {
    assert_eq!(sys!(poll, 8, 1, 0), Err(EFAULT));
    assert_eq!(sys!(poll, border() - 4, 1, 0), Err(EFAULT));
    assert_eq!(sys!(poll, 0, 1 << 30, 0), Err(EINVAL), "more entries than descriptors allowed");
}

fn duplicates_counted_each() {
    let (reader, writer) = pipe(0);
    write(writer, b"x").unwrap();
    assert_eq!(poll(&[(reader, IN), (reader, IN), (writer, OUT)], -1), Ok((3, vec![IN, IN, OUT])));
}

fn fifo_without_writer() {
    mknod("fifo", libc::S_IFIFO | 0o600, 0).unwrap();
    let reader = open("fifo", libc::O_RDONLY | libc::O_NONBLOCK).unwrap();
    assert_eq!(one(reader, IN), 0, "no hang-up before the first writer");
    let writer = open("fifo", libc::O_WRONLY).unwrap();
    close(writer);
    assert_eq!(one(reader, IN), HUP);
}

type Set = [u64; 16];

fn set(descriptors: &[i32]) -> Set {
    let mut bits = [0; 16];
    descriptors.iter().for_each(|&fd| bits[fd as usize / 64] |= 1 << (fd % 64));
    bits
}

fn select_sets() {
    let (reader, writer) = pipe(0);
    let (mut reads, mut writes, mut excepts) = (set(&[reader]), set(&[writer]), set(&[reader, writer]));
    assert_eq!(sys!(select, writer + 1, &mut reads, &mut writes, &mut excepts, 0), Ok(1));
    assert_eq!((reads, writes, excepts), (set(&[]), set(&[writer]), set(&[])));
    write(writer, b"x").unwrap();
    let (mut reads, mut writes) = (set(&[reader]), set(&[writer]));
    assert_eq!(sys!(select, writer + 1, &mut reads, &mut writes, 0, 0), Ok(2));
    assert_eq!((reads, writes), (set(&[reader]), set(&[writer])));
    close(writer);
    let mut reads = set(&[reader]);
    assert_eq!(sys!(select, reader + 1, &mut reads, 0, 0, 0), Ok(1), "end of file is readable");
}

fn select_timeout() {
    let (reader, _writer) = pipe(0);
    let mut reads = set(&[reader]);
    let start = std::time::Instant::now();
    assert_eq!(sys!(select, reader + 1, &mut reads, 0, 0, &[0i64, 30_000]), Ok(0));
    assert!(start.elapsed().as_millis() >= 30);
    assert_eq!(reads, set(&[]));
}

fn select_bad_descriptor_ebadf() {
    let mut reads = set(&[50]);
    assert_eq!(sys!(select, 51, &mut reads, 0, 0, &[0i64, 0]), Err(EBADF));
}

fn select_errors() {
    assert_eq!(sys!(select, -1, 0, 0, 0, 0), Err(EINVAL));
    assert_eq!(sys!(select, 1, 8, 0, 0, 0), Err(EFAULT));
    assert_eq!(sys!(select, 0, 0, 0, 0, &[-1i64, 0]), Err(EINVAL));
    assert_eq!(sys!(select, 0, 0, 0, 0, 8), Err(EFAULT));
}

fn select_wakes() {
    let (reader, writer) = pipe(0);
    let child = fork(|| {
        let mut reads = set(&[reader]);
        assert_eq!(sys!(select, reader + 1, &mut reads, 0, 0, 0), Ok(1));
    });
    child.until_asleep();
    write(writer, b"x").unwrap();
    child.passed();
}

fn pselect_mask() {
    signals::record_on(libc::SIGUSR1, 0);
    signals::block(&[libc::SIGUSR1]);
    signals::raise(libc::SIGUSR1).unwrap();
    let none = 0u64;
    let mask = [&raw const none as usize, 8];
    assert_eq!(sys!(pselect6, 0, 0, 0, 0, 0, &mask), Err(EINTR));
    assert_eq!((signals::count(libc::SIGUSR1), signals::current_mask()), (1, signals::set(&[libc::SIGUSR1])));
}

fn select_updates_timeout() {
    let (reader, writer) = pipe(0);
    write(writer, b"x").unwrap();
    let mut reads = set(&[reader]);
    let mut timeout = [100i64, 0];
    assert_eq!(sys!(select, reader + 1, &mut reads, 0, 0, &mut timeout), Ok(1));
    assert!(timeout[0] <= 100 && timeout[0] > 50, "{timeout:?}");
    let mut timeout = [0i64, 10_000];
    sys!(select, 0, 0, 0, 0, &mut timeout).unwrap();
    assert_eq!(timeout, [0, 0]);
}

fn poll_of_nothing_sleeps() {
    let start = std::time::Instant::now();
    assert_eq!(sys!(poll, 0, 0, 20), Ok(0));
    assert!(start.elapsed().as_millis() >= 20);
}

fn two_pollers_one_event() {
    let (reader, writer) = pipe(0);
    let children = [(); 2].map(|()| fork(|| assert_eq!(poll(&[(reader, IN)], -1).unwrap().0, 1)));
    children.iter().for_each(child::Child::until_asleep);
    write(writer, b"x").unwrap();
    children.into_iter().for_each(child::Child::passed);
}

fn terminal_is_pollable() {
    let pair = user::terminal::Pair::open();
    pair.raw();
    assert_eq!((one(pair.slave, IN), one(pair.master, IN)), (0, 0));
    write(pair.master, b"x").unwrap();
    assert_eq!(one(pair.slave, IN | OUT), IN | OUT);
    write(pair.slave, b"y").unwrap();
    assert_eq!(one(pair.master, IN), IN);
}
