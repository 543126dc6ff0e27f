//! `fuzz [--as-root] [CALLS] [SEED]`: random system calls (200,000 by default) in short-lived children, to see that nothing a program says
//! can hurt the kernel. The seed is printed; the same seed makes the same calls (what they meet may differ: time, process ids).
//!
//! Each child works in a scratch folder of its own, with small limits and null devices as standard descriptors, as an ordinary user,
//! so that it is safe to run on a Linux that is used for other things. `--as-root` keeps root and belongs in a virtual machine. A
//! child may well die of what it did; the driver starts the next. What is never called, and why, is in `calls.rs`.
//!
//! At the end the driver shows that files, pipes and processes still work: exit status 0.

mod arguments;
mod calls;

use arguments::Material;
use std::sync::atomic::Ordering::SeqCst;
use user::child::{self, Child, fork, pause_ms, raw_fork};
use user::epoll::Epoll;
use user::files;
use user::memory::{PAGE, RW, SHARED, atomic, nowhere};
use user::random::Random;
use user::signals;
use user::sys;
use user::sys::Argument;

/// Calls of one child at most.
const BATCH: u32 = 400;

/// The user whom the children become; nobody else should have that number.
const UID: u32 = 61_234;

/// A child that makes no progress for so long gets a signal, and after the same time again it is killed.
const PATIENCE_MS: u64 = 12;

struct Options {
    as_root: bool,
    calls: u32,
    seed: u64,
}

fn options() -> Options {
    let mut options = Options { as_root: false, calls: 200_000, seed: 0 };
    let mut numbers = Vec::new();
    for word in std::env::args().skip(1) {
        match word.parse::<u64>() {
            Ok(number) => numbers.push(number),
            Err(_) if word == "--as-root" => options.as_root = true,
            Err(_) => {
                eprintln!("usage: fuzz [--as-root] [CALLS] [SEED]");
                std::process::exit(2);
            }
        }
    }
    options.calls = numbers.first().map_or(options.calls, |&number| number as u32);
    options.seed = numbers.get(1).copied().unwrap_or_else(|| {
        let mut time = [0u64; 2];
        let _ = sys!(clock_gettime, libc::CLOCK_REALTIME, &mut time);
        (time[0] ^ time[1]) % 1_000_000_000
    });
    options
}

#[derive(Default)]
struct Tally {
    children: u32,
    killed: u32,
    stalled: u32,
}

fn main() {
    let options = options();
    println!("fuzz: seed {}, {} calls", options.seed, options.calls);
    child::fail_by_status();
    let _ = sys!(prctl, libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    let _ = sys!(mkdir, c"/tmp", 0o1777);
    let folder = format!("/tmp/fuzz-{}", std::process::id());
    // The count of calls made: on a page far from the memory that the calls are given, so that they don't write over it.
    let progress = nowhere();
    assert_eq!(sys!(mmap, progress, PAGE, RW, SHARED | libc::MAP_FIXED, -1, 0), Ok(progress));
    let mut tally = Tally::default();
    let mut done = 0;
    while done < options.calls {
        prepare_folder(&folder);
        atomic(progress).store(0, SeqCst);
        let seed = options.seed.wrapping_mul(1 << 20).wrapping_add(u64::from(tally.children));
        let count = BATCH.min(options.calls - done);
        match raw_fork() {
            Ok(0) => {
                settle(&folder, options.as_root);
                work(seed, count, progress);
                child::exit(0)
            }
            Ok(pid) => watch(Child(pid), progress, &mut tally),
            Err(error) => panic!("fork: {error:?}"),
        }
        tally.children += 1;
        // A child that died at once must not keep the driver here for ever; one that wrote over the counter must not end it.
        done += atomic(progress).load(SeqCst).clamp(1, count);
    }
    let _ = std::fs::remove_dir_all(&folder);
    println!("fuzz: {} children, {} killed by a signal, {} stood still and got a signal", tally.children, tally.killed, tally.stalled);
    check(&folder);
    println!("fuzz: seed {}, {done} calls done", options.seed);
}

/// A fresh folder with some things in it.
fn prepare_folder(folder: &str) {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir(folder).expect("the scratch folder");
    files::put(&format!("{folder}/f"), &[b'f'; 5000]);
    files::mkdir(&format!("{folder}/d"));
    files::put(&format!("{folder}/d/g"), b"inside");
    files::symlink("f", &format!("{folder}/l")).expect("a link");
    for name in ["", "/f", "/d", "/d/g"] {
        files::chown(&format!("{folder}{name}"), UID, UID).expect("chown");
    }
}

/// The child's surroundings: no way to other people's descriptors, sessions, memory.
fn settle(folder: &str, as_root: bool) {
    signals::reset();
    let _ = sys!(setsid);
    for fd in 0..64 {
        let _ = sys!(close, fd);
    }
    for _ in 0..3 {
        files::open("/dev/null", libc::O_RDWR).expect("/dev/null");
    }
    assert_eq!(sys!(chdir, files::c(folder).as_c_str()), Ok(0));
    let limits: [(usize, u64); 5] = [
        (libc::RLIMIT_AS.word(), 256 << 20),
        (libc::RLIMIT_FSIZE.word(), 1 << 20),
        (libc::RLIMIT_NPROC.word(), 60),
        (libc::RLIMIT_CPU.word(), 5),
        (libc::RLIMIT_NOFILE.word(), 64),
    ];
    for (which, most) in limits {
        let _ = sys!(setrlimit, which, &[most, most]);
    }
    let _ = sys!(setrlimit, libc::RLIMIT_CORE, &[0u64, 0]);
    if !as_root {
        child::become_user(UID);
    }
    signals::record_on(libc::SIGUSR1, 0);
    files::open("f", libc::O_RDWR).expect("f");
    files::open("d", libc::O_RDONLY).expect("d");
    files::pipe(libc::O_NONBLOCK);
    files::pipe(0);
    files::open("/dev/zero", libc::O_RDWR).expect("/dev/zero");
    let counter = sys!(eventfd2, 1, libc::EFD_NONBLOCK).expect("eventfd2") as i32;
    sys!(timerfd_create, libc::CLOCK_MONOTONIC, 0).expect("timerfd_create");
    sys!(signalfd4, -1, &u64::MAX, 8, 0).expect("signalfd4");
    Epoll::new().add(counter, libc::EPOLLIN as u32).expect("epoll_ctl");
}

/// The calls of one child; each is counted before it is made.
fn work(seed: u64, count: u32, progress: usize) {
    let me = sys!(getpid);
    let mut random = Random::new(seed);
    let material = Material::new(&mut random);
    for _ in 0..count {
        let (number, arguments) = calls::next(&mut random, &material);
        atomic(progress).fetch_add(1, SeqCst);
        let _ = sys::call(number, arguments);
        // fork, vfork and clone come back twice; only the first process goes on.
        if sys!(getpid) != me {
            child::exit(0);
        }
    }
}

/// Waits for a child's end; one that stands still is first interrupted, then killed.
fn watch(child: Child, progress: usize, tally: &mut Tally) {
    let mut last = 0;
    let mut still = 0;
    let status = loop {
        let mut status = 0i32;
        match sys!(wait4, child.0, &mut status, libc::WNOHANG, 0) {
            Ok(0) => {}
            Ok(_) => break child::Status(status),
            Err(error) => panic!("wait4: {error:?}"),
        }
        pause_ms(PATIENCE_MS / 4);
        let now = atomic(progress).load(SeqCst);
        still = if now == last { still + 1 } else { 0 };
        last = now;
        if still == 4 {
            tally.stalled += 1;
            let _ = sys!(kill, child.0, libc::SIGCONT);
            let _ = sys!(kill, child.0, libc::SIGUSR1);
        } else if still >= 8 {
            let _ = sys!(kill, child.0, libc::SIGKILL);
        }
    };
    assert_ne!(status.exit_code(), Some(101), "a child could not even be prepared");
    tally.killed += u32::from(status.signal().is_some());
    // What it left behind: its group, and orphans that became children of this process.
    let _ = sys!(kill, -child.0, libc::SIGKILL);
    while matches!(sys!(wait4, -1, 0, libc::WNOHANG | libc::__WALL, 0), Ok(pid) if pid > 0) {}
}

/// The system is as alive as before.
fn check(folder: &str) {
    let (reader, writer) = files::pipe(0);
    fork(|| assert_eq!(files::write(writer, b"alive"), Ok(5))).passed();
    assert_eq!(files::read_some(reader, 10).expect("read"), b"alive");
    let path = format!("{folder}-check");
    files::put(&path, b"content");
    assert_eq!(files::get(&path), b"content");
    files::unlink(&path).expect("unlink");
    println!("fuzz: the system still works");
}
