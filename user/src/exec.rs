//! Executing programs: raw execve, and running this very program again with its output caught.

use crate::child::{Status, fork};
use crate::files::{c, close, pipe, read_to_end};
use crate::sys;
use crate::sys::Errno;

/// The running program's file; it needs no path that the root file system would have to have.
pub const SELF: &str = "/proc/self/exe";

/// `execve`; returns only with an error.
pub fn execve(path: &str, arguments: &[&str], environment: &[&str]) -> Errno {
    let strings = |list: &[&str]| list.iter().map(|text| c(text)).collect::<Vec<_>>();
    let (arguments, environment) = (strings(arguments), strings(environment));
    let pointers = |list: &[std::ffi::CString]| list.iter().map(|text| text.as_ptr() as usize).chain([0]).collect::<Vec<_>>();
    let (argv, envp) = (pointers(&arguments), pointers(&environment));
    sys!(execve, c(path).as_c_str(), argv.as_ptr(), envp.as_ptr()).expect_err("execve returned success")
}

/// What a child writes to its stdout, and how it ends.
pub fn output(body: impl FnOnce()) -> (String, Status) {
    let (reader, writer) = pipe(0);
    let child = fork(|| {
        close(reader);
        assert_eq!(sys!(dup2, writer, 1), Ok(1));
        close(writer);
        body();
    });
    close(writer);
    let text = String::from_utf8_lossy(&read_to_end(reader)).into_owned();
    close(reader);
    (text, child.wait())
}

/// Runs this program with these arguments, which must succeed; its output.
pub fn run_self(arguments: &[&str]) -> String {
    let mut all = vec!["self"];
    all.extend(arguments);
    let (text, status) = output(|| panic!("execve: {:?}", execve(SELF, &all, &[])));
    assert_eq!(status, Status(0));
    text
}
