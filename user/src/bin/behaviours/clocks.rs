//! Time: sleeping, clocks, interval timers, accounting. Nothing here says how long something may take at most.

use user::child::{self, fork};
use user::signals;
use user::sys;
use user::sys::*;

table!("clocks":
    nanosleep_sleeps, nanosleep_zero, nanosleep_errors, nanosleep_interrupted_tells_rest, clock_nanosleep_absolute, clock_nanosleep_in_the_past,
    clock_nanosleep_errors, clock_nanosleep_absolute_interrupted, monotonic_never_goes_back, clocks_advance_together, realtime_is_plausible,
    gettimeofday_agrees, clock_getres_answers, clock_errors, process_time_counts_work, thread_time_counts_work, times_counts, getrusage_counts,
    children_time_is_added, alarm_rings, alarm_returns_rest, setitimer_repeats, setitimer_once, getitimer_reads, setitimer_errors,
    virtual_timer_counts_user_time, sleep_continues_after_stop, cpu_limit_sigxcpu, time_call, many_sleepers_wake_in_order,
);

const SECOND: i64 = 1_000_000_000;

fn now(clock: i32) -> i64 {
    let mut time = [0i64; 2];
    assert_eq!(sys!(clock_gettime, clock, &mut time), Ok(0));
    assert!((0..SECOND).contains(&time[1]));
    time[0] * SECOND + time[1]
}

fn monotonic() -> i64 {
    now(libc::CLOCK_MONOTONIC)
}

fn nanosleep(nanoseconds: i64) -> Result {
    sys!(nanosleep, &[nanoseconds / SECOND, nanoseconds % SECOND], 0)
}

fn nanosleep_sleeps() {
    let start = monotonic();
    assert_eq!(nanosleep(30_000_000), Ok(0));
    assert!(monotonic() - start >= 30_000_000);
}

fn nanosleep_zero() {
    assert_eq!(nanosleep(0), Ok(0));
    assert_eq!(nanosleep(1), Ok(0));
}

fn nanosleep_errors() {
    assert_eq!(sys!(nanosleep, &[0i64, SECOND], 0), Err(EINVAL));
    assert_eq!(sys!(nanosleep, &[0i64, -1], 0), Err(EINVAL));
    assert_eq!(sys!(nanosleep, &[-1i64, 0], 0), Err(EINVAL));
    assert_eq!(sys!(nanosleep, 8, 0), Err(EFAULT));
}

fn nanosleep_interrupted_tells_rest() {
    signals::record_on(libc::SIGALRM, libc::SA_RESTART);
    signals::ring_every_ms(30);
    let mut rest = [0i64; 2];
    assert_eq!(sys!(nanosleep, &[1000i64, 0], &mut rest), Err(EINTR));
    assert!(rest[0] < 1000 && rest[0] > 800, "{rest:?}");
}

fn clock_nanosleep_absolute() {
    let end = monotonic() + 40_000_000;
    let time = [end / SECOND, end % SECOND];
    assert_eq!(sys!(clock_nanosleep, libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &time, 0), Ok(0));
    assert!(monotonic() >= end);
    let end = now(libc::CLOCK_REALTIME) + 20_000_000;
    let time = [end / SECOND, end % SECOND];
    assert_eq!(sys!(clock_nanosleep, libc::CLOCK_REALTIME, libc::TIMER_ABSTIME, &time, 0), Ok(0));
    assert!(now(libc::CLOCK_REALTIME) >= end);
}

fn clock_nanosleep_in_the_past() {
    assert_eq!(sys!(clock_nanosleep, libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &[0i64, 1], 0), Ok(0));
}

fn clock_nanosleep_errors() {
    let time = [0i64, 0];
    assert_eq!(sys!(clock_nanosleep, 77, 0, &time, 0), Err(EINVAL));
    assert_eq!(sys!(clock_nanosleep, libc::CLOCK_THREAD_CPUTIME_ID, 0, &time, 0), Err(EOPNOTSUPP));
    assert_eq!(sys!(clock_nanosleep, libc::CLOCK_MONOTONIC, 0, &[0i64, SECOND], 0), Err(EINVAL));
    assert_eq!(sys!(clock_nanosleep, libc::CLOCK_MONOTONIC, 0, 8, 0), Err(EFAULT));
}

fn clock_nanosleep_absolute_interrupted() {
    signals::record_on(libc::SIGALRM, 0);
    signals::ring_every_ms(20);
    let time = [monotonic() / SECOND + 1000, 0];
    let mut rest = [7i64, 7];
    assert_eq!(sys!(clock_nanosleep, libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &time, &mut rest), Err(EINTR));
    assert_eq!(rest, [7, 7], "an absolute sleep has no rest to tell");
}

fn monotonic_never_goes_back() {
    let mut before = monotonic();
    for _ in 0..10_000 {
        let after = monotonic();
        assert!(after >= before);
        before = after;
    }
}

fn clocks_advance_together() {
    let all = [libc::CLOCK_MONOTONIC, libc::CLOCK_REALTIME, libc::CLOCK_MONOTONIC_RAW, libc::CLOCK_BOOTTIME, libc::CLOCK_MONOTONIC_COARSE];
    let before = all.map(now);
    child::pause_ms(50);
    for (clock, before) in all.into_iter().zip(before) {
        let passed = now(clock) - before;
        assert!(passed >= 20_000_000, "clock {clock}: {passed}");
    }
}

fn realtime_is_plausible() {
    let seconds = now(libc::CLOCK_REALTIME) / SECOND;
    assert!(seconds > 1_600_000_000 && seconds < 4_100_000_000, "{seconds}");
}

fn gettimeofday_agrees() {
    let before = now(libc::CLOCK_REALTIME) / 1000;
    let mut time = [0i64; 2];
    assert_eq!(sys!(gettimeofday, &mut time, 0), Ok(0));
    let between = time[0] * 1_000_000 + time[1];
    assert!(before <= between && between <= now(libc::CLOCK_REALTIME) / 1000 + 1);
    assert_eq!(sys!(gettimeofday, 8, 0), Err(EFAULT));
}

fn clock_getres_answers() {
    let mut time = [9i64; 2];
    assert_eq!(sys!(clock_getres, libc::CLOCK_MONOTONIC, &mut time), Ok(0));
    assert!(time[0] == 0 && (1..=10_000_000).contains(&time[1]));
    assert_eq!(sys!(clock_getres, libc::CLOCK_MONOTONIC, 0), Ok(0));
}

fn clock_errors() {
    let mut time = [0i64; 2];
    assert_eq!(sys!(clock_gettime, 77, &mut time), Err(EINVAL));
    assert_eq!(sys!(clock_gettime, libc::CLOCK_MONOTONIC, 8), Err(EFAULT));
    assert_eq!(sys!(clock_getres, 77, &mut time), Err(EINVAL));
}

/// Works until the clock has moved by this much.
fn burn(clock: i32, nanoseconds: i64) {
    let end = now(clock) + nanoseconds;
    while now(clock) < end {
        (0..10_000).for_each(|i| {
            core::hint::black_box(i);
        });
    }
}

fn process_time_counts_work() {
    let before = now(libc::CLOCK_PROCESS_CPUTIME_ID);
    child::pause_ms(200);
    let slept = now(libc::CLOCK_PROCESS_CPUTIME_ID) - before;
    assert!(slept < 150_000_000, "sleeping is no work, yet {slept} ns were counted");
    burn(libc::CLOCK_PROCESS_CPUTIME_ID, 20_000_000);
}

fn thread_time_counts_work() {
    burn(libc::CLOCK_THREAD_CPUTIME_ID, 20_000_000);
    let whole = now(libc::CLOCK_PROCESS_CPUTIME_ID);
    assert!(whole >= 20_000_000);
}

fn times_counts() {
    let mut work = [0i64; 4];
    let before = sys!(times, &mut work).unwrap();
    burn(libc::CLOCK_PROCESS_CPUTIME_ID, 60_000_000);
    let after = sys!(times, &mut work).unwrap();
    assert!(after > before);
    assert!(work[0] + work[1] >= 3, "clock ticks of 10 ms: {work:?}");
    assert!(sys!(times, 0).is_ok());
}

fn usage(who: i32) -> [i64; 18] {
    let mut usage = [0i64; 18];
    assert_eq!(sys!(getrusage, who, &mut usage), Ok(0));
    usage
}

fn work(usage: &[i64; 18]) -> i64 {
    (usage[0] + usage[2]) * 1_000_000 + usage[1] + usage[3]
}

fn getrusage_counts() {
    let before = work(&usage(libc::RUSAGE_SELF));
    burn(libc::CLOCK_PROCESS_CPUTIME_ID, 30_000_000);
    assert!(work(&usage(libc::RUSAGE_SELF)) - before >= 10_000);
    assert!(usage(libc::RUSAGE_SELF)[4] > 0, "the largest resident size in KiB");
    assert_eq!(sys!(getrusage, 77, &mut [0i64; 18]), Err(EINVAL));
}

fn children_time_is_added() {
    fork(|| burn(libc::CLOCK_PROCESS_CPUTIME_ID, 30_000_000)).passed();
    assert!(work(&usage(libc::RUSAGE_CHILDREN)) >= 10_000);
}

fn alarm_rings() {
    signals::record_on(libc::SIGALRM, 0);
    let start = monotonic();
    assert_eq!(sys!(alarm, 1), Ok(0));
    assert_eq!(sys!(pause), Err(EINTR));
    assert!(monotonic() - start >= 900_000_000);
    assert_eq!(signals::count(libc::SIGALRM), 1);
}

fn alarm_returns_rest() {
    assert_eq!(sys!(alarm, 100), Ok(0));
    let rest = sys!(alarm, 50).unwrap();
    assert!(rest > 80 && rest <= 100);
    let rest = sys!(alarm, 0).unwrap();
    assert!(rest > 30 && rest <= 50);
    assert_eq!(sys!(alarm, 0), Ok(0));
}

fn set_timer(which: i32, interval: i64, first: i64) -> Result {
    sys!(setitimer, which, &[interval / 1_000_000, interval % 1_000_000, first / 1_000_000, first % 1_000_000], 0)
}

fn setitimer_repeats() {
    signals::record_on(libc::SIGALRM, 0);
    set_timer(libc::ITIMER_REAL, 10_000, 10_000).unwrap();
    child::eventually("five rings", || signals::count(libc::SIGALRM) >= 5);
}

fn setitimer_once() {
    signals::record_on(libc::SIGALRM, 0);
    set_timer(libc::ITIMER_REAL, 0, 10_000).unwrap();
    child::eventually("a ring", || signals::count(libc::SIGALRM) == 1);
    child::pause_ms(50);
    assert_eq!(signals::count(libc::SIGALRM), 1);
}

fn getitimer_reads() {
    set_timer(libc::ITIMER_REAL, 5_000_000, 100_000_000).unwrap();
    let mut seen = [0i64; 4];
    assert_eq!(sys!(getitimer, libc::ITIMER_REAL, &mut seen), Ok(0));
    assert_eq!((seen[0], seen[1]), (5, 0));
    assert!(seen[2] > 80 && seen[2] <= 100);
    assert_eq!(sys!(setitimer, libc::ITIMER_REAL, &[0i64; 4], &mut seen), Ok(0));
    assert!(seen[2] > 80, "the old value");
    assert_eq!(sys!(getitimer, libc::ITIMER_REAL, &mut seen), Ok(0));
    assert_eq!(seen, [0; 4]);
}

fn setitimer_errors() {
    assert_eq!(set_timer(77, 0, 0), Err(EINVAL));
    assert_eq!(sys!(setitimer, libc::ITIMER_REAL, &[0i64, 0, 0, 1_000_000], 0), Err(EINVAL));
    assert_eq!(sys!(setitimer, libc::ITIMER_REAL, &[0i64, 0, -1, 0], 0), Err(EINVAL));
    assert_eq!(sys!(setitimer, libc::ITIMER_REAL, 8, 0), Err(EFAULT));
    assert_eq!(sys!(getitimer, 77, &mut [0i64; 4]), Err(EINVAL));
}

fn virtual_timer_counts_user_time() {
    signals::record_on(libc::SIGVTALRM, 0);
    signals::record_on(libc::SIGPROF, 0);
    set_timer(libc::ITIMER_VIRTUAL, 0, 30_000).unwrap();
    set_timer(libc::ITIMER_PROF, 0, 30_000).unwrap();
    while signals::count(libc::SIGVTALRM) == 0 || signals::count(libc::SIGPROF) == 0 {
        core::hint::spin_loop();
    }
}

/// SIGSTOP and SIGCONT in the middle of a sleep: it goes on for its whole time and returns 0.
fn sleep_continues_after_stop() {
    let start = monotonic();
    let child = fork(|| assert_eq!(nanosleep(300_000_000), Ok(0)));
    child.until_asleep();
    child.kill(libc::SIGSTOP);
    assert!(child::wait4(child.0, libc::WUNTRACED).unwrap().1.stopped().is_some());
    child.kill(libc::SIGCONT);
    child.passed();
    assert!(monotonic() - start >= 300_000_000);
}

fn cpu_limit_sigxcpu() {
    let child = fork(|| {
        let limit = [1u64, 10];
        sys!(setrlimit, libc::RLIMIT_CPU, &limit).unwrap();
        loop {
            core::hint::spin_loop();
        }
    });
    assert_eq!(child.wait().signal(), Some(libc::SIGXCPU));
}

fn time_call() {
    let mut stored = 0i64;
    let seconds = sys!(time, &mut stored).unwrap() as i64;
    assert_eq!(stored, seconds);
    assert!((now(libc::CLOCK_REALTIME) / SECOND - seconds).abs() <= 1);
}

fn many_sleepers_wake_in_order() {
    let (reader, writer) = user::files::pipe(0);
    let base = monotonic() + 150_000_000;
    for i in [5, 2, 9, 1, 7, 3, 8, 4, 6, 0] {
        fork(move || {
            let end = base + i64::from(i) * 60_000_000;
            let time = [end / SECOND, end % SECOND];
            assert_eq!(sys!(clock_nanosleep, libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &time, 0), Ok(0));
            assert!(monotonic() >= end);
            user::files::write(writer, &[i]).unwrap();
        });
    }
    user::files::close(writer);
    let mut order = user::files::read_to_end(reader);
    // A loaded machine may mix neighbours up; that all have woken is the behaviour.
    order.sort_unstable();
    assert_eq!(order, (0..10).collect::<Vec<u8>>());
    child::reap_all();
}
