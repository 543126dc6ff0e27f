//! The `pollux` command: what `cargo run` starts.

use std::process::ExitCode;

fn main() -> ExitCode {
    pollux::cli::main(std::env::args_os())
}
