//! Debugging the kernel with gdb: QEMU waits for it on a TCP port, and a file of commands loads the kernel's symbols, connects, and adds
//! commands that know Pollux. docs/debugging.md shows what to do with them.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::kernel_build::replace;
use crate::{packages, paths};

/// Where QEMU's own `-s` would listen.
pub const DEFAULT_PORT: &str = "1234";

/// The commands that know Pollux.
const COMMANDS: &str = include_str!("gdb/commands.gdb");

/// A machine that waits for its debugger.
#[derive(Debug)]
pub struct Debugger {
    /// QEMU takes it over. It is bound here, so that a port that is taken is our message and 0 finds a free one.
    pub listener: TcpListener,
    /// What gdb is to be started with.
    pub commands: PathBuf,
}

impl Debugger {
    /// Listens on a port of this machine (0: any) and writes the file of commands for the kernel in `elf`.
    pub fn prepare(port: u16, elf: &Path) -> Result<Debugger> {
        let listener = TcpListener::bind(("127.0.0.1", port)).with_context(|| format!("cannot listen for gdb on port {port}"))?;
        let port = listener.local_addr()?.port();
        let commands = paths::cache().join(format!("gdb-{port}.gdb"));
        std::fs::create_dir_all(paths::cache())?;
        replace(&commands, script(elf, port).as_bytes())?;
        Ok(Debugger { listener, commands })
    }

    /// What to type, and what to install before if need be.
    pub fn instructions(&self) -> String {
        let missing = match packages::search_path("gdb") {
            Some(_) => "",
            None => "\n(gdb is not installed; on Debian type: apt-get install gdb)",
        };
        format!("the machine waits for gdb; type in another terminal: gdb -x {}{missing}", self.commands.display())
    }
}

/// The file of commands. They are defined before gdb connects, so that they are there whatever the connection says.
fn script(elf: &Path, port: u16) -> String {
    let elf = elf.display();
    format!("set pagination off\nset confirm off\nfile {elf}\n{COMMANDS}\ntarget remote 127.0.0.1:{port}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_and_zero_finds_a_free_one() {
        let first = Debugger::prepare(0, Path::new("/kernel")).unwrap();
        let port = first.listener.local_addr().unwrap().port();
        assert!(Debugger::prepare(port, Path::new("/kernel")).unwrap_err().to_string().contains(&port.to_string()));
        let text = std::fs::read_to_string(&first.commands).unwrap();
        assert!(text.contains("file /kernel\n") && text.ends_with(&format!("target remote 127.0.0.1:{port}\n")), "{text}");
        assert!(first.instructions().contains(&format!("gdb -x {}", first.commands.display())));
        std::fs::remove_file(&first.commands).unwrap();
    }

    /// gdb reads each command's definition and its help.
    #[test]
    fn each_command_has_a_help() {
        let defined: Vec<&str> = COMMANDS.lines().filter_map(|line| line.strip_prefix("define ")).collect();
        let documented: Vec<&str> = COMMANDS.lines().filter_map(|line| line.strip_prefix("document ")).collect();
        assert_eq!((defined.len(), &defined), (4, &documented));
    }
}
