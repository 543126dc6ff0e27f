//! What the integration tests share: running the `pollux` command, the same command line on the machine's own Linux, a
//! pseudo-terminal to type at, a screen to look at, a machine that boots by itself, and the tables of test cases.

pub mod cases;
pub mod command;
pub mod keyboard;
pub mod machine;
pub mod pseudo_terminal;
pub mod reference;
pub mod screen;
