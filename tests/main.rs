//! All integration tests, as one program: it boots the kernel in QEMU and looks at what it does. Each test has a name, so that
//! `cargo test NAME` chooses; the names of some groups come from the kernel and the guest programs themselves.

mod groups;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// Tests at once when nobody says otherwise: each one keeps a processor of the machine busy.
const PARALLEL: usize = 2;

fn main() -> ExitCode {
    if let Some(status) = tests::command::be_the_command() {
        return status;
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(PARALLEL));
    match groups::all(&arguments) {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(error) => {
            eprintln!("cannot make the list of tests: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A test that fails with an error's text.
fn trial(name: impl Into<String>, test: impl FnOnce() -> anyhow::Result<()> + Send + 'static) -> Trial {
    Trial::test(name, move || test().map_err(|error| format!("{error:#}").into()))
}
