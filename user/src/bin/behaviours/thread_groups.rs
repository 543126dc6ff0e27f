//! What the threads of a process share and what each has alone; signals to threads; the end of a process that has threads.

use core::ffi::c_void;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering::SeqCst};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use user::child::{self, fork};
use user::files::*;
use user::memory::*;
use user::signals;
use user::sys::*;
use user::{sys, threads};

table!("thread_groups":
    same_pid_other_tid, descriptors_are_shared, cwd_is_shared, memory_is_shared, exit_of_thread_leaves_others, main_thread_may_end_first,
    exit_group_ends_blocked_threads, kill_ends_blocked_threads, fault_in_thread_ends_process, exec_in_thread,
    fork_in_thread_has_one_thread, cleartid_word_is_cleared_and_woken, set_tid_address_answers, masks_are_per_thread,
    process_signal_goes_to_unblocked_thread, tgkill_reaches_the_thread, pending_per_thread_and_process, alternate_stacks_are_per_thread,
    stop_stops_all_threads, wait_in_any_thread, close_while_other_reads, thread_cpu_clocks, waiting_thread_is_interrupted_by_handler,
);

fn same_pid_other_tid() {
    let (pid, tid) = (sys!(getpid), sys!(gettid));
    assert_eq!(pid, tid);
    let (other_pid, other_tid, parent) = thread::spawn(|| (sys!(getpid), sys!(gettid), sys!(getppid))).join().unwrap();
    assert_eq!((other_pid, parent), (pid, sys!(getppid)));
    assert_ne!(other_tid, tid);
}

fn descriptors_are_shared() {
    let fd = thread::spawn(|| create("f")).join().unwrap();
    assert_eq!(write(fd, b"x"), Ok(1));
    thread::spawn(move || close(fd)).join().unwrap();
    assert_eq!(write(fd, b"x"), Err(EBADF));
}

fn cwd_is_shared() {
    mkdir("d");
    thread::spawn(|| assert_eq!(sys!(chdir, c"d"), Ok(0))).join().unwrap();
    put("f", b"");
    assert!(stat("../d/f").is_ok());
}

fn memory_is_shared() {
    let start = thread::spawn(|| pages(1)).join().unwrap();
    poke(start, 5);
    thread::spawn(move || assert_eq!(unmap(start, PAGE), Ok(0))).join().unwrap();
    assert_eq!(sys!(mincore, start, PAGE, &mut [0u8; 1]), Err(ENOMEM));
}

fn exit_of_thread_leaves_others() {
    fork(|| {
        let word = shared_pages(1);
        let top = pages(16) + 16 * PAGE;
        extern "C" fn leave(word: usize) -> ! {
            poke(word, 1);
            threads::exit_thread()
        }
        threads::start(top, leave, word, 0, 0).unwrap();
        child::eventually("the thread ran", || peek(word) == 1);
        child::pause_ms(20);
    })
    .passed();
}

/// The first thread ends by exit(2); the process lives on until its last thread ends, with that one's status.
fn main_thread_may_end_first() {
    let child = fork(|| {
        thread::spawn(|| {
            child::pause_ms(60);
            child::exit(9)
        });
        threads::exit_thread()
    });
    assert_eq!(child.wait().exit_code(), Some(9));
}

/// A thread in each kind of wait.
fn blocked_threads() {
    let (reader, writer) = pipe(0);
    let (full_reader, full) = pipe(0);
    write(full, &[0; 65536]).unwrap();
    thread::spawn(move || read_some(reader, 1));
    thread::spawn(move || write(full, b"x"));
    thread::spawn(|| child::pause_ms(1_000_000));
    thread::spawn(|| sys!(futex, pages(1), libc::FUTEX_WAIT, 0, 0, 0, 0));
    thread::spawn(|| sys!(pause));
    thread::spawn(move || sys!(poll, &mut [reader as u64 | 1 << 32], 1, -1));
    let sleeper = fork(|| {
        loop {
            let _ = sys!(pause);
        }
    });
    thread::spawn(move || sys!(wait4, sleeper.0, 0, 0, 0));
    child::pause_ms(50);
    let _ = (writer, full_reader);
}

fn exit_group_ends_blocked_threads() {
    let child = fork(|| {
        blocked_threads();
        child::exit(5)
    });
    assert_eq!(child.wait().exit_code(), Some(5));
    let child = fork(|| {
        blocked_threads();
        thread::spawn(|| child::exit(6));
        let _ = sys!(pause);
    });
    assert_eq!(child.wait().exit_code(), Some(6), "called by another thread");
}

fn kill_ends_blocked_threads() {
    let (reader, writer) = pipe(0);
    let child = fork(|| {
        blocked_threads();
        write(writer, b"x").unwrap();
        let _ = sys!(pause);
    });
    read_some(reader, 1).unwrap();
    child.kill(libc::SIGKILL);
    assert_eq!(child.wait().signal(), Some(libc::SIGKILL));
}

fn fault_in_thread_ends_process() {
    let child = fork(|| {
        thread::spawn(|| peek(8));
        loop {
            let _ = sys!(pause);
        }
    });
    assert_eq!(child.wait().signal(), Some(libc::SIGSEGV));
}

fn exec_in_thread() {
    let (reader, writer) = pipe(0);
    let child = fork(|| {
        sys!(dup2, writer, 1).unwrap();
        thread::spawn(|| child::pause_ms(1_000_000));
        thread::spawn(|| panic!("{:?}", user::exec::execve(user::exec::SELF, &["x", "--child", "pid"], &[])));
        loop {
            let _ = sys!(pause);
        }
    });
    let pid = child.0;
    child.passed();
    assert_eq!(read_some(reader, 100).unwrap(), format!("{pid}\n").as_bytes(), "the process keeps its id, whichever thread executes");
}

fn fork_in_thread_has_one_thread() {
    thread::spawn(|| child::pause_ms(1_000_000));
    let tasks = || std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    thread::spawn(move || {
        fork(|| {
            assert_eq!(sys!(getpid), sys!(gettid));
            assert_eq!(tasks(), 1);
        })
        .passed();
    })
    .join()
    .unwrap();
}

fn cleartid_word_is_cleared_and_woken() {
    let word = pages(1);
    extern "C" fn leave(_: usize) -> ! {
        child::pause_ms(50);
        threads::exit_thread()
    }
    atomic(word).store(1, SeqCst);
    threads::start(pages(16) + 16 * PAGE, leave, 0, libc::CLONE_CHILD_CLEARTID, word).unwrap();
    while atomic(word).load(SeqCst) != 0 {
        let answer = sys!(futex, word, libc::FUTEX_WAIT, 1, 0, 0, 0);
        assert!(answer == Ok(0) || answer == Err(EAGAIN));
    }
}

fn set_tid_address_answers() {
    let word = pages(1);
    assert_eq!(sys!(set_tid_address, word), sys!(gettid));
}

fn masks_are_per_thread() {
    signals::block(&[libc::SIGUSR1]);
    thread::spawn(|| {
        assert_eq!(signals::current_mask(), signals::set(&[libc::SIGUSR1]), "inherited at the start");
        signals::block(&[libc::SIGUSR2]);
    })
    .join()
    .unwrap();
    assert_eq!(signals::current_mask(), signals::set(&[libc::SIGUSR1]));
}

static HANDLED_BY: AtomicI32 = AtomicI32::new(0);

extern "C" fn note_thread(signal: i32, info: *mut libc::siginfo_t, _: *mut c_void) {
    HANDLED_BY.store(sys!(gettid).unwrap_or(0) as i32, SeqCst);
    signals::record(signal, info);
}

/// A thread that sleeps until told to end; its id.
fn napping_thread(setup: impl FnOnce() + Send + 'static) -> (i32, Arc<AtomicBool>, thread::JoinHandle<()>) {
    let end = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = channel();
    let seen = Arc::clone(&end);
    let handle = thread::spawn(move || {
        setup();
        sender.send(sys!(gettid).unwrap() as i32).unwrap();
        while !seen.load(SeqCst) {
            let _ = sys!(nanosleep, &[0i64, 5_000_000], 0);
        }
    });
    (receiver.recv().unwrap(), end, handle)
}

fn process_signal_goes_to_unblocked_thread() {
    signals::handle(libc::SIGUSR1, note_thread, 0);
    signals::block(&[libc::SIGUSR1]);
    let (tid, end, handle) = napping_thread(|| {
        signals::unblock(&[libc::SIGUSR1]);
    });
    signals::raise(libc::SIGUSR1).unwrap();
    child::eventually("the other thread handled it", || signals::count(libc::SIGUSR1) == 1);
    assert_eq!(HANDLED_BY.load(SeqCst), tid);
    end.store(true, SeqCst);
    handle.join().unwrap();
}

fn tgkill_reaches_the_thread() {
    signals::handle(libc::SIGUSR1, note_thread, 0);
    let (tid, end, handle) = napping_thread(|| ());
    assert_eq!(sys!(tgkill, std::process::id(), tid, libc::SIGUSR1), Ok(0));
    child::eventually("the thread handled it", || signals::count(libc::SIGUSR1) == 1);
    assert_eq!(HANDLED_BY.load(SeqCst), tid);
    end.store(true, SeqCst);
    handle.join().unwrap();
    assert_eq!(sys!(tgkill, std::process::id(), tid, 0), Err(ESRCH));
}

fn pending_per_thread_and_process() {
    signals::block(&[libc::SIGUSR1, libc::SIGUSR2]);
    let (tid, end, handle) = napping_thread(|| ());
    sys!(tgkill, std::process::id(), tid, libc::SIGUSR1).unwrap();
    assert_eq!(signals::pending(), 0, "pending for the other thread only");
    signals::raise(libc::SIGUSR2).unwrap();
    assert_eq!(signals::pending(), signals::set(&[libc::SIGUSR2]));
    let seen = thread::spawn(signals::pending).join().unwrap();
    assert_eq!(seen, signals::set(&[libc::SIGUSR2]), "what waits for the process every thread sees");
    end.store(true, SeqCst);
    handle.join().unwrap();
}

fn alternate_stacks_are_per_thread() {
    let stack = [pages(16), 0, 16 * PAGE];
    sys!(sigaltstack, &stack, 0).unwrap();
    extern "C" fn look(report: usize) -> ! {
        let mut seen = [0usize; 3];
        let _ = sys!(sigaltstack, 0, &mut seen);
        poke_u32(report + 4, seen[1] as u32);
        atomic(report).store(1, SeqCst);
        threads::exit_thread()
    }
    let report = pages(1);
    threads::start(pages(16) + 16 * PAGE, look, report, 0, 0).unwrap();
    child::eventually("the thread looked", || atomic(report).load(SeqCst) == 1);
    assert_eq!(peek_u32(report + 4), libc::SS_DISABLE as u32);
}

fn stop_stops_all_threads() {
    let words = shared_pages(1);
    let child = fork(|| {
        for at in [0, 4] {
            thread::spawn(move || {
                loop {
                    atomic(words + at).fetch_add(1, SeqCst);
                    thread::yield_now();
                }
            });
        }
        loop {
            let _ = sys!(pause);
        }
    });
    let counts = || [0, 4].map(|at| atomic(words + at).load(SeqCst));
    child::eventually("both count", || counts().iter().all(|&count| count > 10));
    child.kill(libc::SIGSTOP);
    child::wait4(child.0, libc::WUNTRACED).unwrap();
    // A thread that was in the middle of user code stops at its next entry into the kernel.
    child::pause_ms(50);
    let stopped = counts();
    child::pause_ms(50);
    assert_eq!(counts(), stopped);
    child.kill(libc::SIGCONT);
    child::eventually("both count again", || counts().iter().zip(stopped).all(|(&now, then)| now > then));
    child.kill(libc::SIGKILL);
    child.wait();
}

fn wait_in_any_thread() {
    let child = fork(|| child::exit(4));
    let status = thread::spawn(move || child.wait()).join().unwrap();
    assert_eq!(status.exit_code(), Some(4));
}

/// A read that is under way keeps its file; closing the number under it doesn't disturb it.
fn close_while_other_reads() {
    let (reader, writer) = pipe(0);
    let (sender, receiver) = channel();
    let thread = thread::spawn(move || {
        sender.send(sys!(gettid).unwrap() as i32).unwrap();
        read_some(reader, 10)
    });
    child::until_asleep(receiver.recv().unwrap());
    close(reader);
    write(writer, b"still").unwrap();
    assert_eq!(thread.join().unwrap().unwrap(), b"still");
}

fn thread_cpu_clocks() {
    static DONE: AtomicU64 = AtomicU64::new(0);
    let read = || {
        let mut time = [0u64; 2];
        sys!(clock_gettime, libc::CLOCK_THREAD_CPUTIME_ID, &mut time).unwrap();
        time[0] * 1_000_000_000 + time[1]
    };
    thread::spawn(move || {
        while read() < 60_000_000 {}
        DONE.store(read(), SeqCst);
    })
    .join()
    .unwrap();
    assert!(DONE.load(SeqCst) >= 60_000_000);
    assert!(read() < 50_000_000, "waiting for another thread is no work");
}

fn waiting_thread_is_interrupted_by_handler() {
    signals::handle(libc::SIGUSR1, note_thread, 0);
    let (reader, _writer) = pipe(0);
    let (sender, receiver) = channel();
    let thread = thread::spawn(move || {
        sender.send(sys!(gettid).unwrap() as i32).unwrap();
        read_some(reader, 1)
    });
    let tid = receiver.recv().unwrap();
    while !thread.is_finished() {
        let _ = sys!(tgkill, std::process::id(), tid, libc::SIGUSR1);
        child::pause_ms(10);
    }
    assert_eq!(thread.join().unwrap(), Err(EINTR));
}
