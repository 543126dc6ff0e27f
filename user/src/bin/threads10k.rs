//! `threads10k [NUMBER]`: ten thousand threads (or NUMBER) of one process, all blocked at once: in read, futex, nanosleep and wait, a
//! quarter each; then one exit_group ends them all. Prints how many were started, how many were seen blocked, and what a thread cost.
//! Exit status 0 when every thread could be started, else 1.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use user::child::{self, fork, pause_ms};
use user::files::pipe;
use user::memory::{PRIVATE, RW, map};
use user::proc::free_kib;
use user::sys::{Argument, EINTR};
use user::{sys, threads};

/// One page of stack each: the bodies below call the kernel and nothing else.
const STACK: usize = 4096;

static ARRIVED: AtomicU32 = AtomicU32::new(0);
static NEVER: AtomicU32 = AtomicU32::new(0);
static READER: AtomicU32 = AtomicU32::new(0);

extern "C" fn sleeper(number: usize) -> ! {
    ARRIVED.fetch_add(1, SeqCst);
    loop {
        let _ = match number % 4 {
            0 => {
                let mut byte = 0u8;
                sys!(read, READER.load(SeqCst), &mut byte, 1)
            }
            1 => sys!(futex, (&NEVER).word(), libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG, 0, 0),
            2 => sys!(nanosleep, &[1_000_000i64, 0], 0),
            _ => sys!(wait4, -1, 0, 0, 0),
        };
    }
}

fn main() {
    let wanted: usize = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(10_000);
    // The crowd lives in a child, so that the memory can be looked at after its exit_group.
    let at_start = free_kib();
    let crowd = fork(|| run(wanted));
    let status = crowd.wait();
    pause_ms(100);
    println!("threads10k: {} KiB free before, {} KiB after exit_group", at_start, free_kib());
    std::process::exit(status.exit_code().unwrap_or(1));
}

fn run(wanted: usize) -> ! {
    let (reader, _writer) = pipe(0);
    READER.store(reader as u32, SeqCst);
    // A child that never ends, for those who wait.
    let eternal = fork(|| {
        loop {
            let _ = sys!(pause);
        }
    });
    let stacks = map(wanted * STACK, RW, PRIVATE | libc::MAP_NORESERVE).expect("address space for the stacks");
    let before = free_kib();
    let mut started = 0;
    for number in 0..wanted {
        match threads::start(stacks + (number + 1) * STACK, sleeper, number, 0, 0) {
            Ok(_) => started += 1,
            Err(error) => {
                println!("threads10k: thread {number} refused: {error:?}");
                break;
            }
        }
    }
    while (ARRIVED.load(SeqCst) as usize) < started {
        pause_ms(10);
    }
    // They have all said "here"; after some more time each is inside its call.
    pause_ms(200);
    let after = free_kib();
    let each = before.saturating_sub(after) * 1024 / started.max(1) as u64;
    println!("threads10k: {started} of {wanted} threads blocked at once, {each} bytes each ({STACK} of them their stack)");
    eternal.kill(libc::SIGKILL);
    // Reaping might be done by one of the waiting threads: both answers are fine.
    while sys!(wait4, eternal.0, 0, 0, 0) == Err(EINTR) {}
    child::exit(i32::from(started != wanted));
}
