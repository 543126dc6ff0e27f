//! `cargo bench -p tour-allocators`: the allocators of Pollux and of others on the same requests.
//!
//! For each trace a table: operations a second, relative to the kernel's default heap as well; the longest single operation; and the memory taken at
//! the peak, relative to the bytes asked for. Rounds of all allocators alternate, so that a change of the machine's pace meets all of them; processor
//! time is taken, and the median counts. A word on the command line picks the traces whose names contain it.

mod replay;
mod subjects;
mod trace;
mod traces;

use replay::Arena;
use std::time::Duration;
use subjects::*;
use tour_allocators::{Buddy, Bump, FixedSize, LinkedList};
use traces::Trace;

/// Rounds for the time of a whole trace, and for that of each event.
const ROUNDS: usize = 21;
const ROUNDS_FOR_EACH: usize = 7;

/// One line of the tables.
struct Line {
    name: &'static str,
    time: fn(&Arena, &Trace) -> Option<Duration>,
    time_each: fn(&Arena, &Trace, &mut Vec<Duration>) -> Option<()>,
    memory: fn(&Arena, &Trace) -> Option<usize>,
}

const fn line<S: Subject>(name: &'static str) -> Line {
    Line { name, time: replay::time::<S>, time_each: replay::time_each::<S>, memory: replay::memory::<S> }
}

const LINES: [Line; 15] = [
    line::<Slab>("**slab with magazines** (default)"),
    line::<Talc>("talc 5.1"),
    line::<Rlsf>("rlsf 0.2"),
    line::<BuddyCrate>("buddy_system_allocator 0.13"),
    line::<LinkedListCrate>("linked_list_allocator 0.10"),
    line::<Teaching<Bump>>("tour: bump"),
    line::<Teaching<LinkedList>>("tour: linked list"),
    line::<Teaching<FixedSize>>("tour: fixed-size blocks"),
    line::<Extended<0>>("… with pre-filled lists"),
    line::<Extended<1>>("… with finer classes"),
    line::<Extended<2>>("… with bounded lists"),
    line::<Extended<3>>("… with splitting"),
    line::<Extended<4>>("… with all of these"),
    line::<Paged>("… up to a page, over pages of a buddy"),
    line::<Teaching<Buddy>>("tour: buddy"),
];

fn median(times: &mut [Duration]) -> Option<Duration> {
    times.sort();
    times.get(times.len() / 2).copied()
}

fn measure(arena: &Arena, trace: &Trace) {
    println!("\n### {}: {} requests, at most {} KiB live\n", trace.name, trace.events.len(), trace.peak / 1024);
    println!("| Allocator | million operations a second | relative | longest operation | memory taken / asked for |");
    println!("|---|---:|---:|---:|---:|");
    let mut times = LINES.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (line, times) in LINES.iter().zip(&mut times) {
            times.extend((line.time)(arena, trace));
        }
    }
    let medians = times.map(|mut times| median(&mut times));
    let first = medians[0];
    for (line, time) in LINES.iter().zip(medians) {
        let (Some(time), Some(first)) = (time, first) else {
            println!("| {} | out of memory at {} MiB | | | |", line.name, replay::ARENA >> 20);
            continue;
        };
        let mut least = Vec::new();
        let timed = (0..ROUNDS_FOR_EACH).all(|_| (line.time_each)(arena, trace, &mut least).is_some());
        let worst = least.iter().max().filter(|_| timed).map_or("".into(), |worst| format!("{:.1} µs", worst.as_nanos() as f64 / 1000.0));
        let taken = (line.memory)(arena, trace).map_or("".into(), |bytes| format!("{:.2}", bytes as f64 / trace.peak as f64));
        let speed = trace.events.len() as f64 / time.as_secs_f64() / 1e6;
        println!("| {} | {speed:.1} | {:.2} | {worst} | {taken} |", line.name, first.as_secs_f64() / time.as_secs_f64());
    }
}

fn main() {
    memory::frames::init_hosted(replay::ARENA + (16 << 20));
    // The kernel's heap finds interrupts off: on the host, switching them is a call that has nothing to do with the processor's flag.
    let _hold = arch::interrupts::hold();
    let arena = Arena::new();
    // cargo itself passes `--bench`.
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with("--"));
    for trace in traces::all().iter().filter(|trace| wanted.as_ref().is_none_or(|wanted| trace.name.contains(wanted.as_str()))) {
        measure(&arena, trace);
    }
}
