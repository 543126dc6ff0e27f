//! Threads as Rust's standard library makes them: locks, channels, thread-local storage, parking.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Barrier, Condvar, Mutex, Once, RwLock};
use std::thread;
use std::time::Duration;
use user::{child, sys};

table!("threading":
    spawn_and_join, results_come_back, mutex_counts, condvar_ping_pong, channel_delivers_in_order, bounded_channel_blocks, barrier_meets,
    thread_locals_differ, scoped_threads_borrow, two_hundred_threads, rwlock_and_once, park_and_unpark, condvar_times_out,
    sleeping_threads_overlap, thread_names, stress_of_short_threads, lock_handover_between_many,
);

fn spawn_and_join() {
    assert_eq!(thread::spawn(|| 6 * 7).join().unwrap(), 42);
}

fn results_come_back() {
    let threads: Vec<_> = (0..10).map(|i| thread::spawn(move || i * i)).collect();
    let squares: Vec<i32> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(squares, (0..10).map(|i| i * i).collect::<Vec<_>>());
}

fn mutex_counts() {
    let count = Arc::new(Mutex::new(0));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let count = Arc::clone(&count);
            thread::spawn(move || (0..5000).for_each(|_| *count.lock().unwrap() += 1))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(*count.lock().unwrap(), 40_000);
}

fn condvar_ping_pong() {
    let turn = Arc::new((Mutex::new(0u32), Condvar::new()));
    let other = Arc::clone(&turn);
    let play = |turn: &(Mutex<u32>, Condvar), parity: u32| {
        let mut count = turn.0.lock().unwrap();
        while *count < 500 {
            if *count % 2 == parity {
                *count += 1;
                turn.1.notify_one();
            } else {
                count = turn.1.wait(count).unwrap();
            }
        }
        turn.1.notify_all();
    };
    let thread = thread::spawn(move || play(&other, 1));
    play(&turn, 0);
    thread.join().unwrap();
    assert!(*turn.0.lock().unwrap() >= 500);
}

fn channel_delivers_in_order() {
    let (sender, receiver) = channel();
    let thread = thread::spawn(move || (0..1000).for_each(|i| sender.send(i).unwrap()));
    assert!(receiver.iter().eq(0..1000));
    thread.join().unwrap();
}

fn bounded_channel_blocks() {
    let (sender, receiver) = sync_channel(1);
    let thread = thread::spawn(move || (0..100).for_each(|i| sender.send(i).unwrap()));
    let mut seen = Vec::new();
    while let Ok(number) = receiver.recv() {
        seen.push(number);
    }
    thread.join().unwrap();
    assert_eq!(seen, (0..100).collect::<Vec<_>>());
}

fn barrier_meets() {
    let barrier = Arc::new(Barrier::new(10));
    let leaders = Arc::new(AtomicU32::new(0));
    let threads: Vec<_> = (0..10)
        .map(|_| {
            let (barrier, leaders) = (Arc::clone(&barrier), Arc::clone(&leaders));
            thread::spawn(move || {
                for _ in 0..20 {
                    leaders.fetch_add(u32::from(barrier.wait().is_leader()), SeqCst);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(leaders.load(SeqCst), 20);
}

thread_local!(static OWN: Cell<u32> = const { Cell::new(7) });

fn thread_locals_differ() {
    OWN.set(1);
    let threads: Vec<_> = (0..10)
        .map(|i| {
            thread::spawn(move || {
                assert_eq!(OWN.get(), 7);
                OWN.set(i);
                thread::yield_now();
                OWN.get()
            })
        })
        .collect();
    assert!(threads.into_iter().map(|thread| thread.join().unwrap()).eq(0..10));
    assert_eq!(OWN.get(), 1);
}

fn scoped_threads_borrow() {
    let mut numbers = vec![0u32; 100];
    thread::scope(|scope| {
        for (i, part) in numbers.chunks_mut(10).enumerate() {
            scope.spawn(move || part.fill(i as u32));
        }
    });
    assert!(numbers.iter().enumerate().all(|(i, &number)| number == i as u32 / 10));
}

fn two_hundred_threads() {
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let threads: Vec<_> = (0..200)
        .map(|i| {
            let gate = Arc::clone(&gate);
            let body = move || {
                let mut open = gate.0.lock().unwrap();
                while !*open {
                    open = gate.1.wait(open).unwrap();
                }
                i
            };
            thread::Builder::new().stack_size(64 * 1024).spawn(body).expect("a thread")
        })
        .collect();
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).sum::<i32>(), 199 * 100);
}

fn rwlock_and_once() {
    static ONCE: Once = Once::new();
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let lock = Arc::new(RwLock::new(0));
    let threads: Vec<_> = (0..10)
        .map(|i| {
            let lock = Arc::clone(&lock);
            thread::spawn(move || {
                ONCE.call_once(|| {
                    CALLS.fetch_add(1, SeqCst);
                });
                for _ in 0..100 {
                    if i % 2 == 0 {
                        *lock.write().unwrap() += 1;
                    } else {
                        assert!(*lock.read().unwrap() <= 500);
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!((CALLS.load(SeqCst), *lock.read().unwrap()), (1, 500));
}

fn park_and_unpark() {
    let flag = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&flag);
    let thread = thread::spawn(move || {
        while !seen.load(SeqCst) {
            thread::park();
        }
    });
    child::pause_ms(20);
    flag.store(true, SeqCst);
    thread.thread().unpark();
    thread.join().unwrap();
}

fn condvar_times_out() {
    let pair = (Mutex::new(()), Condvar::new());
    let (_guard, result) = pair.1.wait_timeout(pair.0.lock().unwrap(), Duration::from_millis(20)).unwrap();
    assert!(result.timed_out());
}

fn sleeping_threads_overlap() {
    let start = std::time::Instant::now();
    let threads: Vec<_> = (0..50).map(|_| thread::spawn(|| thread::sleep(Duration::from_millis(100)))).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(start.elapsed() >= Duration::from_millis(100));
    assert!(start.elapsed() < Duration::from_secs(5), "fifty sleeps of 0.1 s at the same time");
}

fn thread_names() {
    thread::Builder::new()
        .name("a-name".into())
        .spawn(|| {
            let mut name = [0u8; 16];
            assert_eq!(sys!(prctl, libc::PR_GET_NAME, &mut name, 0, 0, 0), Ok(0));
            assert_eq!(&name[..7], b"a-name\0");
        })
        .unwrap()
        .join()
        .unwrap();
    let mut name = [0u8; 16];
    sys!(prctl, libc::PR_GET_NAME, &mut name, 0, 0, 0).unwrap();
    assert_ne!(&name[..7], b"a-name\0");
}

fn stress_of_short_threads() {
    for _ in 0..20 {
        let threads: Vec<_> = (0..20).map(|i| thread::spawn(move || i)).collect();
        assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).sum::<i32>(), 190);
    }
}

fn lock_handover_between_many() {
    let shared = Arc::new(Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for i in 0..20 {
            let shared = Arc::clone(&shared);
            scope.spawn(move || {
                for _ in 0..50 {
                    shared.lock().unwrap().push(i);
                    thread::yield_now();
                }
            });
        }
    });
    assert_eq!(shared.lock().unwrap().len(), 1000);
}
