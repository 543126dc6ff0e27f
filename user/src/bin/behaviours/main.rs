//! `behaviours`: what a Linux program may rely on, one small test a behaviour. The same binary runs on Linux and on Pollux; both must
//! answer alike.
//!
//! `behaviours --list` names them, `behaviours NAME…` runs some (a name, or the start of names such as `pipe::`), `behaviours --all`
//! runs every one. Each runs in a child of its own, in an empty folder under /tmp that is its working directory, with only
//! descriptors 0 to 2 open, default signals, umask 022, in a process group of its own, and a time limit. A failed assertion is told on
//! stderr and makes the exit status 101. (`--child` and `--script` are for the tests, which execute this program anew.)

mod helper;
mod runner;

/// The table of a family: `table!("pipe": a, b)` registers the functions `a` and `b` as `pipe::a` and `pipe::b`.
macro_rules! table {
    ($family:literal: $($name:ident),* $(,)?) => {
        pub const TABLE: &[crate::runner::Behaviour] =
            &[$(crate::runner::Behaviour { name: concat!($family, "::", stringify!($name)), run: $name }),*];
    };
}

macro_rules! families {
    ($($family:ident)*) => {
        $(mod $family;)*
        const FAMILIES: &[&[runner::Behaviour]] = &[$($family::TABLE),*];
    };
}

families! {
    clocks
    credentials
    delivery
    descriptors
    elves
    epolls
    event_files
    execs
    faults
    fifos
    folders
    futexes
    groups
    handlers
    jobs
    file_mappings
    locks
    mappings
    names
    opens
    pagemaps
    pipes
    pointers
    polls
    processes
    procfs
    programs
    ring3
    rw
    sigio
    stats
    system
    terminals
    thread_groups
    threading
    waits
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if words.get(1).is_some_and(|word| word == "--child" || word == "--script") {
        std::process::exit(helper::main(&words));
    }
    std::process::exit(runner::main(FAMILIES, words.get(1..).unwrap_or_default()));
}
