//! `rows [NAME…]`: the rows of the performance table that one program can measure: each prints the median of its samples in units of
//! the time-stamp counter (instructions under `-icount shift=0`). Without a name all rows run. A row is a function in the table below; each runs in a
//! process of its own, so that none pays for the memory of another.

use bench::{Samples, counter, report};
use user::child::{self, fork};
use user::files::{close, pipe, read_some, write};
use user::memory::{PAGE, PRIVATE, RW, map, pages, poke, unmap};
use user::sys;

struct Row {
    name: &'static str,
    run: fn() -> u64,
}

const ROWS: &[Row] = &[
    Row { name: "sched_yield", run: sched_yield },
    Row { name: "page_fault", run: page_fault },
    Row { name: "map_touch_unmap_16k", run: map_touch_unmap },
    Row { name: "fork_exit_wait", run: fork_exit_wait },
    Row { name: "pipe_round_trip", run: pipe_round_trip },
    Row { name: "thread_create_join", run: thread_create_join },
];

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    for row in ROWS.iter().filter(|row| chosen.is_empty() || chosen.iter().any(|name| name == row.name)) {
        fork(|| report(row.name, (row.run)(), "counts")).passed();
    }
}

/// The counter's advance over `body`.
fn advance(body: impl FnOnce()) -> u64 {
    let start = counter();
    body();
    counter() - start
}

fn median(count: usize, mut body: impl FnMut()) -> u64 {
    Samples::collect(count, || advance(&mut body)).median()
}

fn sched_yield() -> u64 {
    median(1000, || {
        let _ = sys!(sched_yield);
    })
}

/// The first touch of an anonymous page.
fn page_fault() -> u64 {
    let start = pages(1000);
    let mut page = 0;
    median(1000, || {
        poke(start + page * PAGE, 1);
        page += 1;
    })
}

fn map_touch_unmap() -> u64 {
    median(500, || {
        let start = map(4 * PAGE, RW, PRIVATE).expect("mmap");
        (0..4).for_each(|page| poke(start + page * PAGE, 1));
        unmap(start, 4 * PAGE).expect("munmap");
    })
}

fn fork_exit_wait() -> u64 {
    median(100, || {
        fork(|| child::exit(0)).wait();
    })
}

/// One byte to another process and back.
fn pipe_round_trip() -> u64 {
    let (question_reader, question) = pipe(0);
    let (answer_reader, answer) = pipe(0);
    let partner = fork(|| {
        close(question);
        while read_some(question_reader, 1).is_ok_and(|byte| !byte.is_empty()) {
            let _ = write(answer, b"a");
        }
    });
    let cost = median(1000, || {
        let _ = write(question, b"q");
        let _ = read_some(answer_reader, 1);
    });
    close(question);
    partner.wait();
    cost
}

fn thread_create_join() -> u64 {
    median(200, || {
        let _ = std::thread::spawn(|| ()).join();
    })
}
