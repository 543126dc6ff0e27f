//! The handlers of system calls, a file for each family.
//!
//! A handler is `fn(&mut Call, arguments…) -> Outcome`; the waiting half, where there is one, is `async fn(&mut Call, [usize; 6], usize) ->
//! Result<usize>` and stands beside it. The table names both.

pub mod attributes;
pub mod blocking;
pub mod clocks;
pub mod control;
pub mod credentials;
pub mod descriptors;
pub mod directories;
pub mod epoll;
pub mod events;
pub mod futex;
pub mod identity;
pub mod io;
pub mod limits;
pub mod memory;
pub mod mounts;
pub mod names;
pub mod open;
pub mod owner;
pub mod paths;
pub mod poll;
pub mod processes;
pub mod readiness;
pub mod scheduling;
pub mod select;
pub mod signals;
pub mod sleep;
pub mod status;
pub mod system;
pub mod timers;
pub mod transfer;
pub mod wait;
