//! Programs: the only things here that are processes.

use std::io::Error;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use user::child::{Status, exit, fork};
use user::exec::execve;
use user::files::c;
use user::sys::{ENOENT, Errno};
use user::{signals, sys};

use crate::reactor;
use crate::run::plain;
use crate::shell::{Files, Shell};

/// A program that runs. Dropped before its end, it is terminated.
struct Running(Option<i32>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // It may have ended by itself.
            let _ = sys!(kill, pid, libc::SIGTERM);
            reactor::forget(pid);
        }
    }
}

/// Runs a program to its end; its status.
pub async fn run(shell: &Shell, files: &Files, values: Vec<(String, String)>, fields: &[String]) -> i32 {
    let Some(path) = find(shell, &fields[0]) else {
        Shell { files: files.clone(), ..shell.clone() }.complain(&format!("{}: not found", fields[0])).await;
        return 127;
    };
    let pid = start(shell, files, values, &path, fields);
    shell.processes.borrow_mut().push(pid);
    let mut running = Running(Some(pid));
    let status = Status(reactor::child(pid).await);
    running.0 = None;
    status.exit_code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Where the program of that name lies: names without a slash are looked for in the folders of PATH.
fn find(shell: &Shell, name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(shell.folder.join(name));
    }
    let is_program = |path: &PathBuf| path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
    shell.value("PATH").split(':').map(|folder| shell.folder.join(folder).join(name)).find(is_program)
}

/// Starts a program; the number of its process.
fn start(shell: &Shell, files: &Files, values: Vec<(String, String)>, path: &Path, fields: &[String]) -> i32 {
    let exported = shell.variables.iter().filter(|(name, variable)| variable.exported && values.iter().all(|(own, _)| own != *name));
    let exported = exported.map(|(name, variable)| (name.clone(), variable.value.clone()));
    let environment: Vec<String> = exported.chain(values.iter().cloned()).map(|(name, value)| format!("{name}={value}")).collect();
    fork(|| {
        let error = become_program(shell, files, path, fields, &environment);
        let (status, why) = if error == ENOENT { (127, "not found".to_owned()) } else { (126, plain(&Error::from_raw_os_error(error.0))) };
        eprintln!("pollux-shell: {}: {why}", fields[0]);
        exit(status);
    })
    .0
}

/// Turns this process, which is a copy of the shell, into the program; returns only with an error.
fn become_program(shell: &Shell, files: &Files, path: &Path, fields: &[String], environment: &[String]) -> Errno {
    if shell.detached {
        let _ = sys!(setpgid, 0, 0);
    }
    // All of the shell's own descriptors lie above these three, and close by themselves.
    for (number, file) in files.iter().enumerate() {
        if let Err(error) = sys!(dup2, file.as_raw_fd(), number) {
            return error;
        }
    }
    if let Err(error) = sys!(chdir, c(&shell.folder.to_string_lossy()).as_c_str()) {
        return error;
    }
    // What the reactor blocks and what Rust ignores must not be inherited.
    signals::default(libc::SIGPIPE);
    signals::mask(libc::SIG_SETMASK, 0);
    let arguments: Vec<&str> = fields.iter().map(String::as_str).collect();
    let environment: Vec<&str> = environment.iter().map(String::as_str).collect();
    execve(&path.to_string_lossy(), &arguments, &environment)
}
