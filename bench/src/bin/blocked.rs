//! `blocked [NUMBER]`: the kernel memory of a blocked thread: NUMBER threads (2,000 by default) of one process wait on a futex; the
//! free memory that they took, divided by their number, without the page of stack that each has in user space.

use bench::report;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use user::child::pause_ms;
use user::memory::{PAGE, PRIVATE, RW, map};
use user::proc::free_kib;
use user::sys::Argument;
use user::{sys, threads};

static ARRIVED: AtomicU32 = AtomicU32::new(0);
static NEVER: AtomicU32 = AtomicU32::new(0);

extern "C" fn body(_: usize) -> ! {
    ARRIVED.fetch_add(1, SeqCst);
    loop {
        let _ = sys!(futex, (&NEVER).word(), libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG, 0, 0);
    }
}

fn main() {
    let number: usize = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(2000);
    // The stacks are touched before the measurement, so that only the kernel's part is seen.
    let stacks = map(number * PAGE, RW, PRIVATE | libc::MAP_POPULATE).expect("stacks");
    (0..number).for_each(|thread| user::memory::poke((stacks + thread * PAGE) + PAGE - 1, 0));
    pause_ms(50);
    let before = free_kib();
    for thread in 0..number {
        threads::start(stacks + (thread + 1) * PAGE, body, thread, 0, 0).expect("a thread");
    }
    while (ARRIVED.load(SeqCst) as usize) < number {
        pause_ms(5);
    }
    pause_ms(100);
    let taken = before.saturating_sub(free_kib()) * 1024;
    report("blocked_thread", taken / number as u64, "bytes");
    user::child::exit(0);
}
