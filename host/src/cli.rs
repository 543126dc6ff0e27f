//! The command line of `pollux`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::demo::Demo;
use crate::run::MachineOptions;
use crate::{bench, demo, image, run, status, tour};

const STATUSES: &str = "\
Exit status: that of the program, 128+N when signal N killed it, 126 and 127 as shells use them; or
  120  the kernel could not start the program
  121  the kernel panicked
  122  the machine was reset or vanished (triple fault)
  124  --timeout ran out
  125  Pollux could not run: wrong usage, missing tools, failed build";

const EXAMPLES: &str = "\
Examples:
  pollux                                      a shell
  pollux run -- sh -c 'seq 3 | sort -r'       a program of the root file system
  pollux run -- /usr/bin/env                  a program of this machine, with its libraries
  pollux run --trace --timeout 10 -- ls /     with each system call on stderr
  pollux run --boot uefi -- uname -a          through firmware and boot loader
  pollux --display window                     a shell on the screen of a PC

On a terminal all keys go to the guest; Ctrl-] followed by a full stop leaves it by force.
";

const IMAGE_HELP: &str = "\
The image is a CD, a disk and a USB stick at once, for BIOS and UEFI. To write it to a stick, whose content is lost:
  dd if=pollux.iso of=/dev/sdX bs=4M conv=fsync
It starts /sbin/init of its root, or without one a login shell, on the serial console (115200 baud).
";

/// Pollux: an operating-system kernel in which everything that waits is a future. Without a subcommand it boots the kernel
/// in QEMU and gives a shell.
#[derive(Parser)]
#[command(name = "pollux", version, args_conflicts_with_subcommands = true, after_help = format!("{EXAMPLES}\n{STATUSES}"))]
struct Arguments {
    #[command(subcommand)]
    command: Option<Task>,
    #[command(flatten)]
    machine: MachineOptions,
}

#[derive(Subcommand)]
enum Task {
    /// Run one program and exit with its status
    #[command(after_help = STATUSES)]
    Run {
        #[command(flatten)]
        machine: MachineOptions,
        /// A name in the root file system, or the path of a program on this machine; then its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "PROGRAM [ARGS]")]
        program: Vec<String>,
    },
    /// Build a native program and run it; without a name, list them
    #[command(after_help = STATUSES)]
    Demo {
        #[command(flatten)]
        machine: MachineOptions,
        /// Which one
        name: Option<Demo>,
        /// Its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        arguments: Vec<String>,
    },
    /// Make an image that boots by BIOS and UEFI, from a CD, a disk or a USB stick
    #[command(after_help = IMAGE_HELP)]
    Image {
        /// Where the image goes
        #[arg(long, value_name = "FILE", default_value = "pollux.iso")]
        output: PathBuf,
        /// The root file system: a folder or a cpio archive (default: busybox with the usual folders)
        #[arg(long, value_name = "DIR|FILE.cpio")]
        root: Option<PathBuf>,
        /// More parameters for the kernel's command line
        #[arg(long, value_name = "KERNEL PARAMETERS", allow_hyphen_values = true)]
        append: Option<String>,
    },
    /// Measure the kernel and print the table of figures
    Bench {
        /// Only the figures whose name contains this
        filter: Option<String>,
    },
    /// List the chapters of the tour, or boot one: docs/tour.md explains them
    Tour {
        /// The chapter's number
        chapter: Option<u32>,
        /// Show the machine's screen in a window, until the end of the input
        #[arg(long, requires = "chapter")]
        window: bool,
        /// Stop the machine after this many seconds and exit with status 124
        #[arg(long, value_name = "SECONDS", value_parser = run::seconds, requires = "chapter")]
        timeout: Option<Duration>,
    },
}

/// The login shell of the default root; it reads /etc/profile.
const SHELL: [&str; 2] = ["sh", "-l"];

/// Runs the command; `arguments` starts with the command's own name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { status::CANNOT_RUN } else { 0 };
            // Help that nobody reads is no error of ours.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let result = match arguments.command {
        None => run::run(&arguments.machine, &SHELL.map(str::to_owned)),
        Some(Task::Run { machine, program }) => run::run(&machine, &program),
        Some(Task::Demo { machine, name, arguments }) => demo::run(&machine, name, &arguments),
        Some(Task::Image { output, root, append }) => image::write(&output, root.as_deref(), append.as_deref()).map(|()| 0),
        Some(Task::Bench { filter }) => bench::run(filter.as_deref()),
        Some(Task::Tour { chapter: None, .. }) => {
            tour::list();
            Ok(0)
        }
        Some(Task::Tour { chapter: Some(number), window, timeout }) => tour::run(number, window, timeout),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            crate::terminal::restore();
            eprintln!("pollux: {error:#}");
            ExitCode::from(status::CANNOT_RUN)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(words: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("pollux").chain(words.iter().copied()))
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_program_keeps_its_own_options() {
        let arguments = parse(&["run", "--memory", "64", "--append", "-x", "--", "ls", "-l", "--help"]).unwrap();
        let Some(Task::Run { machine, program }) = arguments.command else { panic!("not a run") };
        let expected = MachineOptions { memory: 64, append: Some("-x".into()), ..MachineOptions::default() };
        assert_eq!(format!("{machine:?}"), format!("{expected:?}"));
        assert_eq!(program, ["ls", "-l", "--help"]);
    }

    #[test]
    fn the_shell_takes_machine_options() {
        let arguments = parse(&["--smp", "2", "--machine", "q35"]).unwrap();
        assert!(arguments.command.is_none());
        assert_eq!(arguments.machine.smp, 2);
    }

    #[test]
    fn a_demo_keeps_its_own_options() {
        let arguments = parse(&["demo", "--memory", "64", "game", "--seed", "7"]).unwrap();
        let Some(Task::Demo { machine, name, arguments }) = arguments.command else { panic!("not a demo") };
        assert_eq!((machine.memory, name), (64, Some(Demo::Game)));
        assert_eq!(arguments, ["--seed", "7"]);
        assert!(parse(&["demo"]).is_ok() && parse(&["demo", "chess"]).is_err());
    }

    #[test]
    fn an_image_has_its_place_and_its_parameters() {
        let arguments = parse(&["image", "--append", "-x y", "--root", "folder"]).unwrap();
        let Some(Task::Image { output, root, append }) = arguments.command else { panic!("not an image") };
        assert_eq!((output, root, append), ("pollux.iso".into(), Some("folder".into()), Some("-x y".into())));
    }

    #[test]
    fn gdb_has_a_port_or_the_usual_one() {
        let port = |words: &[&str]| parse(words).map(|arguments| arguments.machine.gdb).map_err(|_| ());
        assert_eq!(port(&["--gdb"]), Ok(Some(1234)));
        assert_eq!(port(&["--gdb=0", "--log"]), Ok(Some(0)));
        assert_eq!(port(&[]), Ok(None));
        assert!(port(&["--gdb=x"]).is_err() && port(&["--gdb=99999"]).is_err());
    }

    #[test]
    fn wrong_usage_is_refused() {
        assert!(parse(&["run"]).is_err());
        assert!(parse(&["run", "--smp", "0", "--", "ls"]).is_err());
        assert!(parse(&["run", "--env", "x", "--", "ls"]).is_err());
        assert!(parse(&["run", "--boot", "floppy", "--", "ls"]).is_err());
    }
}
