//! Futexes: waiting, waking, requeueing, time-outs, sharing between processes, robust lists.

use core::sync::atomic::Ordering::SeqCst;
use user::child::{self, fork, pause_ms};
use user::memory::*;
use user::signals;
use user::sys;
use user::sys::*;

table!("futexes":
    wait_on_other_value_eagain, wake_without_waiters_zero, wake_wakes_one, wake_counts, shared_mapping_between_processes, shared_file_mapping,
    private_words_of_two_processes_differ, timeout_etimedout, timeout_absolute_bitset, timeout_realtime, timeout_errors, bad_address_efault,
    unaligned_einval, unknown_operation_enosys, bitset_zero_einval, bitset_selects, requeue_moves_waiters, cmp_requeue_checks_value,
    wake_operation, interrupted_eintr, restarted_after_handler, killed_while_waiting, wait_keeps_no_memory_of_wakes, read_only_word_can_be_waited,
    robust_list_marks_owner_death, robust_list_registration, waiters_in_fifo_order, hundred_waiters_one_wake_all,
);

const WAIT: i32 = libc::FUTEX_WAIT;
const WAKE: i32 = libc::FUTEX_WAKE;

fn futex(address: usize, operation: i32, value: u32, timeout: usize, second: usize, third: u32) -> Result {
    sys!(futex, address, operation, value, timeout, second, third)
}

fn wake(address: usize, count: u32) -> usize {
    futex(address, WAKE, count, 0, 0, 0).unwrap()
}

/// Wakes until so many have been woken in all: a waiter may not be in its call yet.
fn wake_surely(address: usize, wanted: usize) {
    let mut woken = 0;
    child::eventually("the waiters are woken", || {
        woken += wake(address, (wanted - woken) as u32);
        woken == wanted
    });
}

/// A child that waits on the word (of a shared mapping) while it is 0, once.
fn waiter(address: usize) -> child::Child {
    fork(move || assert_eq!(futex(address, WAIT, 0, 0, 0, 0), Ok(0)))
}

fn wait_on_other_value_eagain() {
    let word = pages(1);
    poke_u32(word, 5);
    assert_eq!(futex(word, WAIT, 4, 0, 0, 0), Err(EAGAIN));
    assert_eq!(futex(word, WAIT | libc::FUTEX_PRIVATE_FLAG, 4, 0, 0, 0), Err(EAGAIN));
}

fn wake_without_waiters_zero() {
    let word = pages(1);
    assert_eq!(wake(word, 1), 0);
    assert_eq!(wake(word, i32::MAX as u32), 0);
    assert_eq!(futex(nowhere(), WAKE | libc::FUTEX_PRIVATE_FLAG, 1, 0, 0, 0), Ok(0), "a private key needs no page");
}

fn wake_wakes_one() {
    let word = shared_pages(1);
    let children = [waiter(word), waiter(word)];
    children.iter().for_each(child::Child::until_asleep);
    wake_surely(word, 1);
    pause_ms(30);
    assert_eq!(children.iter().filter(|child| child.is_running()).count(), 1);
    wake_surely(word, 1);
    children.into_iter().for_each(child::Child::passed);
}

fn wake_counts() {
    let word = shared_pages(1);
    let children = [(); 5].map(|()| waiter(word));
    children.iter().for_each(child::Child::until_asleep);
    assert_eq!(wake(word, 2), 2);
    assert_eq!(wake(word, 100), 3);
    assert_eq!(wake(word, 100), 0);
    children.into_iter().for_each(child::Child::passed);
}

fn shared_mapping_between_processes() {
    let word = shared_pages(1);
    let child = fork(|| {
        while atomic(word).load(SeqCst) == 0 {
            let _ = futex(word, WAIT, 0, 0, 0, 0);
        }
    });
    child.until_asleep();
    atomic(word).store(1, SeqCst);
    wake(word, 1);
    child.passed();
}

fn shared_file_mapping() {
    let fd = user::files::create("f");
    sys!(ftruncate, fd, PAGE).unwrap();
    let map = || sys!(mmap, 0, PAGE, RW, libc::MAP_SHARED, fd, 0).unwrap();
    let (here, there) = (map(), map());
    let child = fork(|| {
        while atomic(there).load(SeqCst) == 0 {
            let _ = futex(there, WAIT, 0, 0, 0, 0);
        }
    });
    child.until_asleep();
    atomic(here).store(1, SeqCst);
    wake(here, 1);
    child.passed();
}

fn private_words_of_two_processes_differ() {
    let word = pages(1);
    let child = fork(|| {
        let timeout = [0i64, 100_000_000];
        assert_eq!(sys!(futex, word, WAIT, 0, &timeout, 0, 0), Err(ETIMEDOUT));
    });
    while child.is_running() {
        assert_eq!(wake(word, 1), 0, "the same address in another memory");
        pause_ms(5);
    }
    child.passed();
}

fn monotonic() -> [i64; 2] {
    let mut time = [0i64; 2];
    sys!(clock_gettime, libc::CLOCK_MONOTONIC, &mut time).unwrap();
    time
}

fn timeout_etimedout() {
    let word = pages(1);
    let before = monotonic();
    assert_eq!(sys!(futex, word, WAIT, 0, &[0i64, 30_000_000], 0, 0), Err(ETIMEDOUT));
    let after = monotonic();
    assert!((after[0] - before[0]) * 1_000_000_000 + after[1] - before[1] >= 30_000_000);
    assert_eq!(sys!(futex, word, WAIT, 0, &[0i64, 0], 0, 0), Err(ETIMEDOUT));
}

fn timeout_absolute_bitset() {
    let word = pages(1);
    let mut end = monotonic();
    end[1] += 30_000_000;
    if end[1] >= 1_000_000_000 {
        end = [end[0] + 1, end[1] - 1_000_000_000];
    }
    assert_eq!(sys!(futex, word, libc::FUTEX_WAIT_BITSET, 0, &end, 0, u32::MAX), Err(ETIMEDOUT));
    assert!(monotonic() >= end);
    assert_eq!(sys!(futex, word, libc::FUTEX_WAIT_BITSET, 0, &[0i64, 1], 0, u32::MAX), Err(ETIMEDOUT), "long past");
}

fn timeout_realtime() {
    let word = pages(1);
    let mut now = [0i64; 2];
    sys!(clock_gettime, libc::CLOCK_REALTIME, &mut now).unwrap();
    let operation = libc::FUTEX_WAIT_BITSET | libc::FUTEX_CLOCK_REALTIME;
    assert_eq!(sys!(futex, word, operation, 0, &now, 0, u32::MAX), Err(ETIMEDOUT));
}

fn timeout_errors() {
    let word = pages(1);
    assert_eq!(sys!(futex, word, WAIT, 0, &[0i64, 1_000_000_000], 0, 0), Err(EINVAL));
    assert_eq!(sys!(futex, word, WAIT, 0, &[-1i64, 0], 0, 0), Err(EINVAL));
    assert_eq!(futex(word, WAIT, 0, 8, 0, 0), Err(EFAULT));
}

fn bad_address_efault() {
    assert_eq!(futex(nowhere(), WAIT, 0, 0, 0, 0), Err(EFAULT));
    assert_eq!(futex(nowhere(), WAIT | libc::FUTEX_PRIVATE_FLAG, 0, 0, 0, 0), Err(EFAULT));
    assert_eq!(futex(KERNEL_ADDRESSES[0], WAIT, 0, 0, 0, 0), Err(EFAULT));
    assert_eq!(futex(KERNEL_ADDRESSES[0], WAKE, 1, 0, 0, 0), Err(EFAULT));
    let locked = map(PAGE, libc::PROT_NONE, PRIVATE).unwrap();
    assert_eq!(futex(locked, WAIT | libc::FUTEX_PRIVATE_FLAG, 0, 0, 0, 0), Err(EFAULT));
}

fn unaligned_einval() {
    let word = pages(1);
    assert_eq!(futex(word + 1, WAIT, 0, 0, 0, 0), Err(EINVAL));
    assert_eq!(futex(word + 2, WAKE, 1, 0, 0, 0), Err(EINVAL));
}

fn unknown_operation_enosys() {
    let word = pages(1);
    assert_eq!(futex(word, 77, 0, 0, 0, 0), Err(ENOSYS));
    assert_eq!(futex(word, WAKE | libc::FUTEX_CLOCK_REALTIME, 1, 0, 0, 0), Err(ENOSYS));
}

fn bitset_zero_einval() {
    let word = pages(1);
    assert_eq!(futex(word, libc::FUTEX_WAIT_BITSET, 0, 0, 0, 0), Err(EINVAL));
    assert_eq!(futex(word, libc::FUTEX_WAKE_BITSET, 1, 0, 0, 0), Err(EINVAL));
}

fn bitset_selects() {
    let word = shared_pages(1);
    let waiters = [1u32, 2, 4].map(|bits| fork(move || assert_eq!(futex(word, libc::FUTEX_WAIT_BITSET, 0, 0, 0, bits), Ok(0))));
    waiters.iter().for_each(child::Child::until_asleep);
    assert_eq!(futex(word, libc::FUTEX_WAKE_BITSET, 10, 0, 0, 8), Ok(0));
    assert_eq!(futex(word, libc::FUTEX_WAKE_BITSET, 10, 0, 0, 6), Ok(2));
    assert_eq!(wake(word, 10), 1, "a plain wake fits all");
    waiters.into_iter().for_each(child::Child::passed);
}

fn requeue_moves_waiters() {
    let (first, second) = (shared_pages(1), shared_pages(1));
    let children = [(); 4].map(|()| waiter(first));
    children.iter().for_each(child::Child::until_asleep);
    assert_eq!(futex(first, libc::FUTEX_REQUEUE, 1, 2, second, 0), Ok(3), "one woken, two moved: Linux counts both");
    assert_eq!(wake(second, 10), 2);
    assert_eq!(wake(first, 10), 1);
    children.into_iter().for_each(child::Child::passed);
}

fn cmp_requeue_checks_value() {
    let (first, second) = (shared_pages(1), shared_pages(1));
    let children = [(); 3].map(|()| waiter(first));
    children.iter().for_each(child::Child::until_asleep);
    assert_eq!(futex(first, libc::FUTEX_CMP_REQUEUE, 1, 10, second, 99), Err(EAGAIN));
    assert_eq!(futex(first, libc::FUTEX_CMP_REQUEUE, 1, 10, second, 0), Ok(3), "woken and moved are counted");
    assert_eq!(wake(second, 10), 2);
    children.into_iter().for_each(child::Child::passed);
}

/// FUTEX_WAKE_OP: change the second word, wake the first, and the second if its old value compares.
fn wake_operation() {
    let (first, second) = (shared_pages(1), shared_pages(1));
    let children = [waiter(first), waiter(second)];
    children.iter().for_each(child::Child::until_asleep);
    // second += 5; wake waiters of second if its old value == 0
    let operation = 1 << 28 | 5 << 12;
    assert_eq!(futex(first, libc::FUTEX_WAKE_OP, 1, 1, second, operation), Ok(2));
    assert_eq!(peek_u32(second), 5);
    children.into_iter().for_each(child::Child::passed);
    assert_eq!(futex(first, libc::FUTEX_WAKE_OP, 1, 1, nowhere(), operation), Err(EFAULT));
}

fn interrupted_eintr() {
    let word = pages(1);
    signals::record_on(libc::SIGALRM, libc::SA_RESTART);
    signals::ring_every_ms(20);
    assert_eq!(sys!(futex, word, WAIT, 0, &[1000i64, 0], 0, 0), Err(EINTR), "with a time-out it isn't restarted after a handler");
}

fn restarted_after_handler() {
    let word = shared_pages(1);
    let child = fork(|| {
        signals::record_on(libc::SIGUSR1, libc::SA_RESTART);
        poke(word + 8, 1);
        assert_eq!(futex(word, WAIT, 0, 0, 0, 0), Ok(0));
        assert!(signals::count(libc::SIGUSR1) >= 1);
    });
    child::eventually("the handler is there", || peek(word + 8) == 1);
    child.until_asleep();
    child.kill(libc::SIGUSR1);
    pause_ms(30);
    assert!(child.is_running());
    wake_surely(word, 1);
    child.passed();
}

fn killed_while_waiting() {
    let word = shared_pages(1);
    let child = waiter(word);
    child.until_asleep();
    child.kill(libc::SIGKILL);
    assert_eq!(child.wait().signal(), Some(libc::SIGKILL));
    assert_eq!(wake(word, 1), 0, "the dead don't wait");
}

fn wait_keeps_no_memory_of_wakes() {
    let word = pages(1);
    (0..10).for_each(|_| assert_eq!(wake(word, 1), 0));
    assert_eq!(sys!(futex, word, WAIT, 0, &[0i64, 20_000_000], 0, 0), Err(ETIMEDOUT));
}

fn read_only_word_can_be_waited() {
    let word = map(PAGE, libc::PROT_READ, PRIVATE).unwrap();
    assert_eq!(sys!(futex, word, WAIT | libc::FUTEX_PRIVATE_FLAG, 0, &[0i64, 1000], 0, 0), Err(ETIMEDOUT));
    assert_eq!(futex(word, WAIT | libc::FUTEX_PRIVATE_FLAG, 1, 0, 0, 0), Err(EAGAIN));
}

/// A process that dies holding a lock on its robust list: the word says so, and one waiter is woken.
fn robust_list_marks_owner_death() {
    // The list head (next, offset of the word from an entry, pending) at 0; one entry at 64, its futex word at 96.
    let memory = shared_pages(1);
    let word = memory + 96;
    let waiting = fork(|| {
        while atomic(word).load(SeqCst) & libc::FUTEX_OWNER_DIED == 0 {
            let value = atomic(word).load(SeqCst);
            let _ = sys!(futex, word, WAIT, value, &[1i64, 0], 0, 0);
        }
    });
    fork(|| {
        let tid = sys!(gettid).unwrap() as u32;
        fill(memory, &((memory + 64) as u64).to_le_bytes());
        fill(memory + 8, &32u64.to_le_bytes());
        fill(memory + 64, &(memory as u64).to_le_bytes());
        atomic(word).store(tid | libc::FUTEX_WAITERS, SeqCst);
        assert_eq!(sys!(set_robust_list, memory, 24), Ok(0));
    })
    .passed();
    assert_eq!(atomic(word).load(SeqCst) & libc::FUTEX_OWNER_DIED, libc::FUTEX_OWNER_DIED);
    waiting.passed();
}

fn robust_list_registration() {
    assert_eq!(sys!(set_robust_list, 0x1000, 23), Err(EINVAL));
    assert_eq!(sys!(set_robust_list, 0x1000, 24), Ok(0));
    let (mut head, mut length) = (0usize, 0usize);
    assert_eq!(sys!(get_robust_list, 0, &mut head, &mut length), Ok(0));
    assert_eq!((head, length), (0x1000, 24));
    assert_eq!(sys!(get_robust_list, 4_000_000, &mut head, &mut length), Err(ESRCH));
}

fn waiters_in_fifo_order() {
    let (word, order) = (shared_pages(1), shared_pages(1));
    let children: Vec<_> = (0..5)
        .map(|i| {
            let child = fork(move || {
                assert_eq!(futex(word, WAIT, 0, 0, 0, 0), Ok(0));
                let place = atomic(order).fetch_add(1, SeqCst) as usize;
                poke(order + 8 + place, i);
            });
            child.until_asleep();
            child
        })
        .collect();
    for done in 1..=5 {
        assert_eq!(wake(word, 1), 1);
        child::eventually("the woken one has written", || atomic(order).load(SeqCst) == done);
    }
    children.into_iter().for_each(child::Child::passed);
    assert_eq!(bytes(order + 8, 5), [0, 1, 2, 3, 4]);
}

fn hundred_waiters_one_wake_all() {
    let word = shared_pages(1);
    let children: Vec<_> = (0..100).map(|_| waiter(word)).collect();
    wake_surely(word, 100);
    children.into_iter().for_each(child::Child::passed);
}
