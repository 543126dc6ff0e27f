//! Runs a command line on the machine's own Linux, in a copy of the root file system that Pollux gets: a tmpfs in a mount
//! namespace of its own, with /proc of a process namespace of its own and the machine's /dev.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::command::{Outcome, finish};

/// Sets the copy up and runs the command line in it, as process 2 and with what Pollux gives to a program: environment, umask,
/// limits, working directory. `$1` is a folder to mount on, `$2` the archive of the root file system, `$3` the command line.
const SET_UP: &str = r#"
set -e
# Opened first: the archive may lie below the folder that is mounted on.
exec 3< "$2"
mount -t tmpfs -o mode=755,size=128m tmpfs "$1"
cd "$1"
/bin/busybox cpio -idm <&3 2>/dev/null
exec 3<&-
mount -t proc proc proc
mount --rbind /dev dev
hostname pollux
umask 022
ulimit -Sn 1024
set +e
env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root TERM=linux \
    /bin/busybox chroot . /bin/sh -c 'cd /tmp && exec sh -c "$0"' "$3"
exit $?
"#;

/// Runs `script` with sh in a copy of the root file system in `archive`.
pub fn run(archive: &Path, script: &str) -> Result<Outcome> {
    let folder = Path::new("/tmp");
    // Whoever started the tests may ignore signals; the program must not inherit that.
    let mut command = Command::new("env");
    command.args(["--default-signal", "unshare"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "--pid", "--uts", "--fork", "--kill-child", "sh", "-c", SET_UP, "reference"]);
    command.arg(folder).arg(archive).arg(script);
    let outcome: Outcome = finish(&mut command, b"").into();
    ensure!(!outcome.stderr.starts_with("unshare:"), "this machine allows no namespaces: {}", outcome.stderr.trim());
    Ok(outcome)
}

/// The archive of the default root file system.
pub fn root_archive() -> Result<std::path::PathBuf> {
    pollux::rootfs::archive(None).context("no root file system to compare with")
}
