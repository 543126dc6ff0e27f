//! eventfd, timerfd, signalfd: counters, timers and signals that are read.

use user::child::{fork, reap_all};
use user::epoll::Epoll;
use user::files::*;
use user::memory::border;
use user::signals;
use user::sys;
use user::sys::*;

table!("event_files":
    counter_adds_up, counter_starts_with, counter_semaphore, counter_overflow_blocks, counter_bad_values, counter_blocks_until_written,
    counter_blocks_until_read, counter_readiness, counter_shared_over_fork, counter_flags, timer_fires_once, timer_counts_periods,
    timer_shows_what_is_left, timer_absolute, timer_absolute_past, timer_off, timer_set_again_forgets, timer_blocks_until_fired,
    timer_errors, timer_readiness, timer_wall_clock, timer_interrupted, timer_tiny_period, signal_is_read, signal_kinds, signal_value,
    signal_of_child, signal_fault_fields, signal_not_blocked_is_delivered, signal_mask_changed, signal_blocks_until_sent,
    signal_several_in_one_read, signal_epoll, signal_child_sees_its_own, signal_errors, links_in_proc,
);

const IN: u32 = libc::EPOLLIN as u32;
const OUT: u32 = libc::EPOLLOUT as u32;

fn counter(start: u32, flags: i32) -> i32 {
    sys!(eventfd2, start, flags).expect("eventfd2") as i32
}

fn take(fd: i32) -> Result<u64> {
    read_some(fd, 8).map(|bytes| u64::from_ne_bytes(bytes.try_into().expect("eight bytes")))
}

fn give(fd: i32, number: u64) -> Result {
    write(fd, &number.to_ne_bytes())
}

/// What poll shows now.
fn ready(fd: i32, events: u32) -> u32 {
    let mut entry = [fd as u32 as u64 | (events as u64) << 32];
    sys!(poll, &mut entry, 1, 0).unwrap();
    (entry[0] >> 48) as u32
}

fn counter_adds_up() {
    let fd = counter(0, 0);
    assert_eq!((give(fd, 3), give(fd, 4)), (Ok(8), Ok(8)));
    assert_eq!(take(fd), Ok(7));
    let fd = sys!(eventfd, 0).unwrap() as i32;
    assert_eq!((give(fd, 1), take(fd)), (Ok(8), Ok(1)));
}

fn counter_starts_with() {
    assert_eq!(take(counter(u32::MAX, 0)), Ok(u32::MAX as u64));
    assert_eq!(take(counter(0, libc::EFD_NONBLOCK)), Err(EAGAIN));
}

fn counter_semaphore() {
    let fd = counter(2, libc::EFD_SEMAPHORE | libc::EFD_NONBLOCK);
    assert_eq!((take(fd), take(fd), take(fd)), (Ok(1), Ok(1), Err(EAGAIN)));
}

fn counter_overflow_blocks() {
    let fd = counter(0, libc::EFD_NONBLOCK);
    assert_eq!(give(fd, u64::MAX - 1), Ok(8));
    assert_eq!(ready(fd, IN | OUT), IN);
    assert_eq!((give(fd, 1), give(fd, 0)), (Err(EAGAIN), Ok(8)));
    assert_eq!(take(fd), Ok(u64::MAX - 1));
}

fn counter_bad_values() {
    let fd = counter(1, libc::EFD_NONBLOCK);
    assert_eq!(give(fd, u64::MAX), Err(EINVAL));
    assert_eq!(write(fd, b"1234567"), Err(EINVAL));
    assert_eq!(read_some(fd, 7), Err(EINVAL));
    assert_eq!(sys!(write, fd, border() - 4, 8), Err(EFAULT));
    assert_eq!(take(fd), Ok(1));
}

fn counter_blocks_until_written() {
    let fd = counter(0, 0);
    let child = fork(|| assert_eq!(take(fd), Ok(5)));
    child.until_asleep();
    assert!(child.is_running());
    give(fd, 5).unwrap();
    child.passed();
}

fn counter_blocks_until_read() {
    let fd = counter(0, 0);
    give(fd, u64::MAX - 1).unwrap();
    let child = fork(|| assert_eq!(give(fd, 2), Ok(8)));
    child.until_asleep();
    assert!(child.is_running());
    take(fd).unwrap();
    child.passed();
    assert_eq!(take(fd), Ok(2));
}

fn counter_readiness() {
    let fd = counter(0, 0);
    assert_eq!(ready(fd, IN | OUT), OUT);
    give(fd, 1).unwrap();
    assert_eq!(ready(fd, IN | OUT), IN | OUT);
    let epoll = Epoll::new();
    epoll.add(fd, IN | libc::EPOLLET as u32).unwrap();
    assert_eq!((epoll.ready().len(), epoll.ready().len()), (1, 0));
    give(fd, 1).unwrap();
    assert_eq!(epoll.ready().len(), 1);
}

fn counter_shared_over_fork() {
    let fd = counter(0, 0);
    fork(|| assert_eq!(give(fd, 9), Ok(8))).passed();
    assert_eq!(take(fd), Ok(9));
}

fn counter_flags() {
    let fd = counter(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK);
    assert_eq!(fcntl(fd, libc::F_GETFD, 0), Ok(1));
    assert_eq!(fcntl(fd, libc::F_GETFL, 0), Ok((libc::O_RDWR | libc::O_NONBLOCK) as usize));
    assert_eq!(sys!(eventfd2, 0, 2), Err(EINVAL));
}

fn timer(flags: i32) -> i32 {
    sys!(timerfd_create, libc::CLOCK_MONOTONIC, flags).expect("timerfd_create") as i32
}

const MS: i64 = 1_000_000;

/// `struct itimerspec`: period and first value, in nanoseconds below a second each.
fn spec(interval: i64, value: i64) -> [i64; 4] {
    [0, interval, 0, value]
}

fn set(fd: i32, flags: i32, spec: [i64; 4]) -> Result {
    sys!(timerfd_settime, fd, flags, &spec, 0)
}

fn left(fd: i32) -> [i64; 4] {
    let mut spec = [-1; 4];
    assert_eq!(sys!(timerfd_gettime, fd, &mut spec), Ok(0));
    spec
}

fn now(clock: i32) -> [i64; 2] {
    let mut time = [0; 2];
    assert_eq!(sys!(clock_gettime, clock, &mut time), Ok(0));
    time
}

fn timer_fires_once() {
    let fd = timer(0);
    let start = std::time::Instant::now();
    set(fd, 0, spec(0, 20 * MS)).unwrap();
    assert_eq!(take(fd), Ok(1));
    assert!(start.elapsed().as_millis() >= 20);
    assert_eq!(left(fd), [0; 4]);
    assert_eq!(ready(fd, IN), 0);
}

fn timer_counts_periods() {
    let fd = timer(0);
    let start = std::time::Instant::now();
    set(fd, 0, spec(5 * MS, 5 * MS)).unwrap();
    user::child::pause_ms(60);
    let first = take(fd).unwrap();
    let more = take(fd).unwrap();
    let periods = start.elapsed().as_micros() as u64 / 5000;
    assert!(first >= 11 && more >= 1, "{first} {more}");
    assert!(first + more <= periods + 1, "{first} {more} of {periods}");
}

fn timer_shows_what_is_left() {
    let fd = timer(0);
    assert_eq!(left(fd), [0; 4]);
    let mut old = [-1i64; 4];
    assert_eq!(sys!(timerfd_settime, fd, 0, &[7i64, 5, 1000, 0], &mut old), Ok(0));
    assert_eq!(old, [0; 4]);
    let [seconds, nanos, rest, _] = left(fd);
    assert_eq!([seconds, nanos], [7, 5]);
    assert!(rest <= 1000 && rest > 500, "{rest}");
    assert_eq!(sys!(timerfd_settime, fd, 0, &[0i64; 4], &mut old), Ok(0));
    assert!(old[0] == 7 && old[2] > 500, "{old:?}");
}

fn timer_absolute() {
    let fd = timer(0);
    let [seconds, nanos] = now(libc::CLOCK_MONOTONIC);
    let (goal_seconds, goal_nanos) = if nanos + 30 * MS >= 1000 * MS { (seconds + 1, nanos - 970 * MS) } else { (seconds, nanos + 30 * MS) };
    set(fd, libc::TFD_TIMER_ABSTIME, [0, 0, goal_seconds, goal_nanos]).unwrap();
    assert_eq!(take(fd), Ok(1));
    assert!(now(libc::CLOCK_MONOTONIC) >= [goal_seconds, goal_nanos]);
}

fn timer_absolute_past() {
    let fd = timer(libc::TFD_NONBLOCK);
    set(fd, libc::TFD_TIMER_ABSTIME, [0, 0, 0, 1]).unwrap();
    assert_eq!(user_wait(fd), Ok(1));
}

/// Waits for the timer by poll, then reads.
fn user_wait(fd: i32) -> Result<u64> {
    let mut entry = [fd as u32 as u64 | (IN as u64) << 32];
    sys!(poll, &mut entry, 1, -1)?;
    take(fd)
}

fn timer_off() {
    let fd = timer(libc::TFD_NONBLOCK);
    assert_eq!(take(fd), Err(EAGAIN));
    set(fd, 0, spec(0, MS)).unwrap();
    set(fd, 0, spec(5, 0)).unwrap();
    user::child::pause_ms(10);
    assert_eq!((take(fd), ready(fd, IN)), (Err(EAGAIN), 0));
}

fn timer_set_again_forgets() {
    let fd = timer(libc::TFD_NONBLOCK);
    set(fd, 0, spec(MS, MS)).unwrap();
    user::child::pause_ms(10);
    set(fd, 0, [0, 0, 1000, 0]).unwrap();
    assert_eq!(take(fd), Err(EAGAIN));
}

fn timer_blocks_until_fired() {
    let fd = timer(0);
    set(fd, 0, [0, 0, 1000, 0]).unwrap();
    let child = fork(|| assert_eq!(take(fd), Ok(1)));
    child.until_asleep();
    assert!(child.is_running());
    set(fd, 0, spec(0, 1)).unwrap();
    child.passed();
}

fn timer_errors() {
    let fd = timer(0);
    assert_eq!(sys!(timerfd_create, 77, 0), Err(EINVAL));
    assert_eq!(sys!(timerfd_create, libc::CLOCK_PROCESS_CPUTIME_ID, 0), Err(EINVAL));
    assert_eq!(sys!(timerfd_create, libc::CLOCK_MONOTONIC, 1), Err(EINVAL));
    assert_eq!(set(fd, 0, spec(0, 1000 * MS)), Err(EINVAL));
    assert_eq!(set(fd, 0, spec(-1, 1)), Err(EINVAL));
    assert_eq!(set(fd, 8, spec(0, 1)), Err(EINVAL));
    assert_eq!(set(77, 0, spec(0, 1)), Err(EBADF));
    assert_eq!(set(counter(0, 0), 0, spec(0, 1)), Err(EINVAL));
    assert_eq!(sys!(timerfd_settime, fd, 0, 8, 0), Err(EFAULT));
    assert_eq!(sys!(timerfd_gettime, fd, 8), Err(EFAULT));
    assert_eq!(write(fd, b"12345678"), Err(EINVAL));
    assert_eq!(read_some(fd, 7), Err(EINVAL));
}

fn timer_readiness() {
    let fd = timer(0);
    let epoll = Epoll::new();
    epoll.add(fd, IN).unwrap();
    assert_eq!(epoll.ready(), []);
    set(fd, 0, spec(0, 10 * MS)).unwrap();
    assert_eq!(epoll.wait(4, -1), Ok(vec![(fd as u64, IN)]));
    assert_eq!(ready(fd, IN | OUT), IN);
    take(fd).unwrap();
    assert_eq!(epoll.ready(), []);
}

fn timer_wall_clock() {
    let fd = sys!(timerfd_create, libc::CLOCK_REALTIME, 0).unwrap() as i32;
    let [seconds, _] = now(libc::CLOCK_REALTIME);
    set(fd, libc::TFD_TIMER_ABSTIME | libc::TFD_TIMER_CANCEL_ON_SET, [0, 0, seconds + 1000, 0]).unwrap();
    let [.., rest, _] = left(fd);
    assert!(rest > 500 && rest <= 1000, "{rest}");
    set(fd, libc::TFD_TIMER_ABSTIME, [0, 0, seconds, 0]).unwrap();
    assert_eq!(take(fd), Ok(1), "a time that is over");
}

fn timer_interrupted() {
    let fd = timer(0);
    set(fd, 0, [0, 0, 1000, 0]).unwrap();
    signals::record_on(libc::SIGALRM, 0);
    signals::ring_every_ms(20);
    assert_eq!(take(fd), Err(EINTR));
}

fn timer_tiny_period() {
    let fd = timer(0);
    set(fd, 0, spec(1, 1)).unwrap();
    let first = take(fd).unwrap();
    user::child::pause_ms(1);
    assert!(first >= 1 && take(fd).unwrap() >= 1_000_000, "a period of a nanosecond is counted, not lived through");
}

/// `struct signalfd_siginfo`.
type Siginfo = [u32; 32];

/// signalfd for these signals, which are blocked.
fn signal_fd(wanted: &[i32], flags: i32) -> i32 {
    signals::block(wanted);
    sys!(signalfd4, -1, &signals::set(wanted), 8, flags).expect("signalfd4") as i32
}

fn next(fd: i32) -> Result<Siginfo> {
    let mut info = [0u32; 32];
    assert_eq!(sys!(read, fd, &mut info, 128)?, 128);
    Ok(info)
}

const USR1: i32 = libc::SIGUSR1;
const USR2: i32 = libc::SIGUSR2;

fn signal_is_read() {
    let fd = signal_fd(&[USR1], libc::SFD_NONBLOCK);
    assert_eq!(next(fd), Err(EAGAIN));
    signals::raise(USR1).unwrap();
    assert_eq!(ready(fd, IN), IN);
    let info = next(fd).unwrap();
    assert_eq!(info[..5], [USR1 as u32, 0, 0, std::process::id(), 0]);
    assert_eq!((next(fd), signals::pending(), ready(fd, IN)), (Err(EAGAIN), 0, 0));
}

fn signal_kinds() {
    let fd = signal_fd(&[USR1, USR2], libc::SFD_NONBLOCK);
    signals::raise(USR2).unwrap();
    let me = sys!(gettid).unwrap();
    sys!(tgkill, std::process::id(), me, USR1).unwrap();
    let own = next(fd).unwrap();
    assert_eq!((own[0], own[2] as i32), (USR1 as u32, libc::SI_TKILL));
    let shared = next(fd).unwrap();
    assert_eq!((shared[0], shared[2]), (USR2 as u32, 0));
}

fn signal_value() {
    let fd = signal_fd(&[40], libc::SFD_NONBLOCK);
    for value in [7u64, 8] {
        let mut info = [0u64; 16];
        info[1] = libc::SI_QUEUE as u32 as u64;
        info[3] = value;
        assert_eq!(sys!(rt_sigqueueinfo, std::process::id(), 40, &info), Ok(0));
    }
    assert_eq!((next(fd).unwrap()[11], next(fd).unwrap()[11]), (7, 8), "in their order");
}

fn signal_of_child() {
    let fd = signal_fd(&[libc::SIGCHLD], 0);
    let child = fork(|| user::child::exit(7));
    let info = next(fd).unwrap();
    assert_eq!((info[0], info[2] as i32, info[3] as i32, info[10]), (libc::SIGCHLD as u32, libc::CLD_EXITED, child.0, 7));
    assert_eq!(child.wait().exit_code(), Some(7));
}

fn signal_fault_fields() {
    let fd = signal_fd(&[libc::SIGALRM], 0);
    assert_eq!(sys!(setitimer, libc::ITIMER_REAL, &[0i64, 0, 0, 1000], 0), Ok(0));
    let info = next(fd).unwrap();
    assert_eq!((info[0], info[2] as i32), (libc::SIGALRM as u32, libc::SI_KERNEL));
}

fn signal_not_blocked_is_delivered() {
    let fd = signal_fd(&[USR1], libc::SFD_NONBLOCK);
    signals::record_on(USR1, 0);
    signals::raise(USR1).unwrap();
    signals::unblock(&[USR1]);
    assert_eq!((signals::count(USR1), next(fd)), (1, Err(EAGAIN)));
}

fn signal_mask_changed() {
    let fd = signal_fd(&[USR1], libc::SFD_NONBLOCK);
    signals::block(&[USR2]);
    signals::raise(USR2).unwrap();
    assert_eq!(next(fd), Err(EAGAIN));
    assert_eq!(sys!(signalfd4, fd, &signals::set(&[USR2]), 8, 0), Ok(fd as usize));
    assert_eq!(next(fd).unwrap()[0], USR2 as u32);
}

fn signal_blocks_until_sent() {
    let fd = signal_fd(&[USR1], 0);
    let child = fork(|| assert_eq!(next(fd).unwrap()[3], std::os::unix::process::parent_id()));
    child.until_asleep();
    assert!(child.is_running());
    child.kill(USR1);
    child.passed();
}

fn signal_several_in_one_read() {
    let fd = signal_fd(&[USR1, USR2, 41], libc::SFD_NONBLOCK);
    for signal in [41, USR2, USR1, 41] {
        signals::raise(signal).unwrap();
    }
    let bytes = read_some(fd, 4096).unwrap();
    let numbers: Vec<i32> = bytes.chunks(128).map(|info| i32::from_ne_bytes(info[..4].try_into().expect("four bytes"))).collect();
    assert_eq!(numbers, [USR1, USR2, 41, 41]);
}

fn signal_epoll() {
    let fd = signal_fd(&[USR1], 0);
    let epoll = Epoll::new();
    epoll.add(fd, IN).unwrap();
    assert_eq!(epoll.ready(), []);
    let me = std::process::id();
    let child = fork(|| {
        user::child::until_asleep(me as i32);
        assert_eq!(sys!(kill, me, USR1), Ok(0));
    });
    assert_eq!(epoll.wait(4, -1), Ok(vec![(fd as u64, IN)]));
    assert_eq!(next(fd).unwrap()[3], child.0 as u32);
    assert_eq!(epoll.ready(), []);
    child.passed();
}

fn signal_child_sees_its_own() {
    let fd = signal_fd(&[USR1], libc::SFD_NONBLOCK);
    signals::raise(USR1).unwrap();
    fork(|| {
        assert_eq!(next(fd), Err(EAGAIN));
        signals::raise(USR1).unwrap();
        assert_eq!(next(fd).unwrap()[3], std::process::id());
    })
    .passed();
    assert_eq!(next(fd).unwrap()[3], std::process::id());
    reap_all();
}

fn signal_errors() {
    let set = signals::set(&[USR1]);
    assert_eq!(sys!(signalfd4, -1, &set, 4, 0), Err(EINVAL));
    assert_eq!(sys!(signalfd4, -1, &set, 8, 1), Err(EINVAL));
    assert_eq!(sys!(signalfd4, -1, 8, 8, 0), Err(EFAULT));
    assert_eq!(sys!(signalfd4, 77, &set, 8, 0), Err(EBADF));
    assert_eq!(sys!(signalfd4, counter(0, 0), &set, 8, 0), Err(EINVAL));
    assert_eq!(read_some(signal_fd(&[USR1], 0), 127), Err(EINVAL));
    let fd = sys!(signalfd, -1, &set, 8).unwrap() as i32;
    assert_eq!(fcntl(fd, libc::F_GETFL, 0), Ok(libc::O_RDWR as usize));
}

fn links_in_proc() {
    let link = |fd: i32| std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap().to_string_lossy().into_owned();
    let files = [counter(0, 0), timer(0), signal_fd(&[USR1], 0), Epoll::new().0];
    assert_eq!(files.map(link), ["eventfd", "timerfd", "signalfd", "eventpoll"].map(|name| format!("anon_inode:[{name}]")));
}
