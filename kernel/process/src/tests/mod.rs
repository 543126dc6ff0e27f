//! Processes on the host: scripted programs run through the real loop, and everything must have come back when they are gone.

mod execs;
mod futexes;
mod groups;
mod life;
mod machine;
mod signals;
mod sizes;
mod table;
