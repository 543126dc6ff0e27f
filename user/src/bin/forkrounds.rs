//! `forkrounds [ROUNDS]`: a thousand rounds of fork, execve of this program, exit and wait, with the free memory before and after. What
//! the rounds have not given back shows as a difference; a first hundred rounds warm up what a kernel may rightly keep.

use user::child::{self, fork, pause_ms};
use user::exec::{SELF, execve};
use user::memory::{PAGE, pages, poke};
use user::proc::free_kib;

fn main() {
    let mut words = std::env::args().skip(1);
    let first = words.next();
    if first.as_deref() == Some("--leave") {
        return;
    }
    let rounds: u32 = first.and_then(|word| word.parse().ok()).unwrap_or(1000);
    (0..100).for_each(|_| round());
    pause_ms(50);
    let before = free_kib();
    (0..rounds).for_each(|_| round());
    pause_ms(50);
    let after = free_kib();
    println!("forkrounds: {rounds} rounds, MemFree {before} KiB before, {after} KiB after, {} KiB lost", before as i64 - after as i64);
}

fn round() {
    let child = fork(|| {
        // Some pages of its own, so that there is something to give back.
        let start = pages(16);
        (0..16).for_each(|page| poke(start + page * PAGE, 1));
        let error = execve(SELF, &["forkrounds", "--leave"], &[]);
        eprintln!("forkrounds: execve: {error:?}");
        child::exit(1);
    });
    let status = child.wait();
    assert_eq!(status.exit_code(), Some(0), "a round failed");
}
