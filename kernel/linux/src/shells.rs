//! Shells on the other virtual terminals: whoever switches to one that nobody uses finds a shell there.
//!
//! That is what a system's init does with a getty for each terminal. Where the kernel itself is process 1, it does it too; it starts a shell
//! only when somebody comes to see it, so that the usual run has no processes that it didn't ask for.

use abi::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use executor::timer;
use fs::{Credentials, FdTable, FsContext, OpenFlags, Path};
use process::Process;
use process::init::FirstProgram;
use terminal::screen::{self, TERMINALS};

use crate::Linux;
use crate::start::find_program;

/// From the end of a shell to the next one, in nanoseconds: one that can't live must not keep the processor busy.
const PAUSE: u64 = 1_000_000_000;

/// What each of the shells gets.
#[derive(Clone)]
struct Surroundings {
    root: Path,
    environment: Vec<Vec<u8>>,
}

/// Has a shell started on each terminal but the first when it is shown and nobody uses it. ENOMEM.
pub(crate) fn start(root: Path, environment: Vec<Vec<u8>>) -> Result<()> {
    let surroundings = Surroundings { root, environment };
    for number in 2..=TERMINALS {
        if screen::tty(number).is_some() {
            executor::spawn("shells", serve(number, surroundings.clone())).map_err(|_| Errno::ENOMEM)?;
        }
    }
    Ok(())
}

async fn serve(number: usize, surroundings: Surroundings) {
    loop {
        screen::shown_and_free(number).await;
        match start_shell(number, &surroundings) {
            Ok(shell) => drop(shell.ended().await),
            Err(errno) => log::warn!("no shell for tty{number}: {errno}"),
        }
        timer::sleep(PAUSE).await;
    }
}

fn start_shell(number: usize, surroundings: &Surroundings) -> Result<Arc<Process>> {
    let terminal = screen::tty(number).ok_or(Errno::ENXIO)?;
    let context = FsContext::new(surroundings.root.clone());
    let path = find_program(&context, b"sh")?;
    let device = alloc::format!("/dev/tty{number}");
    let file = context.open(&Credentials::root(), None, device.as_bytes(), OpenFlags::RDWR | OpenFlags::NOCTTY, 0)?.now()?;
    let mut files = FdTable::new();
    for _ in 0..3 {
        files.insert(file.clone(), false, 3)?;
    }
    // Not all that the first program's terminal is holds for this one.
    let kept = surroundings.environment.iter().filter(|entry| !entry.starts_with(b"TERM="));
    let envp: Vec<&[u8]> = kept.map(Vec::as_slice).chain([&b"TERM=linux"[..]]).collect();
    let program = FirstProgram { path: &path, argv: &[&b"sh"[..], b"-l"], envp: &envp, fs: context, files, own_session: true };
    let process = process::init::spawn_program::<Linux>(program)?;
    terminal.adopt(&process);
    Ok(process)
}
