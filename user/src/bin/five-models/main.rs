//! `five-models [--lines N] [MODEL…]`: one job, done in each of the ways in which a program can wait for several things at once.
//!
//! The job: three processes write numbered lines into a pipe each, at a pace of their own; the lines are to be gathered and put in order.
//! The results are equal (stdout); what differs is who waits where, and how many system calls that costs (stderr).

mod blocking;
mod completion;
mod job;
mod meter;
mod multiplexed;
mod nonblocking;
mod signal_driven;

use job::Job;
use meter::Meter;

const HELP: &str = "\
five-models [--lines N] [MODEL...]: three producers, one consumer, five models of input and output

  blocking         a thread for each pipe; each sleeps in read
  nonblocking      one thread asks all pipes again and again, with pauses
  signal           the kernel sends a signal that names the pipe (O_ASYNC, F_SETSIG)
  poll             one thread sleeps until some pipe is ready; it names all pipes each time
  select           the same with sets of bits
  epoll            the same, but the kernel keeps the list of pipes
  completion       reads are handed over with their buffers, and come back done. The helpers here are threads, as in
                   the POSIX AIO of C libraries; a completion ring of the kernel's own (io_uring) is not used

poll, select and epoll are the three calls of the fourth model, multiplexing. The result of each model goes to
stdout, the system calls that its consumer made to stderr. N is 40 lines of each producer unless given.
";

/// A way to gather what comes out of the pipes, to their ends.
type Model = fn(&[i32], &mut Meter) -> Vec<Vec<u8>>;

const MODELS: [(&str, Model); 7] = [
    ("blocking", blocking::gather),
    ("nonblocking", nonblocking::gather),
    ("signal", signal_driven::gather),
    ("poll", multiplexed::poll),
    ("select", multiplexed::select),
    ("epoll", multiplexed::epoll),
    ("completion", completion::gather),
];

fn main() {
    let mut lines = 40;
    let mut wanted = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--help" | "-h" => return print!("{HELP}"),
            "--lines" => lines = words.next().and_then(|number| number.parse().ok()).unwrap_or_else(|| usage("--lines needs a number")),
            _ if MODELS.iter().any(|(name, _)| *name == word) => wanted.push(word),
            _ => usage(&format!("no model is called {word}")),
        }
    }
    for (name, model) in MODELS {
        if !wanted.is_empty() && !wanted.iter().any(|word| word == name) {
            continue;
        }
        let mut meter = Meter::default();
        let job = Job::start(lines);
        let pieces = model(&job.pipes, &mut meter);
        let merged = job.finish(&pieces);
        println!("{name:12} {merged}");
        eprintln!("{name:12} {meter}");
    }
}

fn usage(why: &str) -> ! {
    eprintln!("five-models: {why}\n{HELP}");
    std::process::exit(2)
}
