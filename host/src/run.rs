//! Runs one program, or the shell, on Pollux: brings kernel, root file system and program together, starts the guest and
//! returns the program's exit status.

use std::io::{stderr, stdin, stdout};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::firmware::{Boot, Media, Medium};
use crate::gdb::{self, Debugger};
use crate::guest::{self, Input, Launch};
use crate::protocol::{Event, MARK, percent_encode};
use crate::qemu::{Configuration, Initrd, Machine, Screen};
use crate::terminal::{self, message};
use crate::{image, kernel_build, packages, program, rootfs};

/// How the machine is made, and what is shown of it.
#[derive(clap::Args, Clone, Debug)]
pub struct MachineOptions {
    /// The root file system: a folder or a cpio archive (default: busybox with the usual folders)
    #[arg(long, value_name = "DIR|FILE.cpio")]
    pub root: Option<PathBuf>,
    /// Number of processors
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub smp: u32,
    /// Memory of the machine in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(16..=1_000_000))]
    pub memory: u32,
    /// The machine to emulate: a PC with PCI Express, or a small machine that starts quickly
    #[arg(long, value_enum, default_value_t = Machine::Microvm)]
    pub machine: Machine,
    /// How the machine comes to its kernel; firmware starts an image of it from a medium, on a PC (q35)
    #[arg(long, value_enum, default_value_t = Boot::Kernel)]
    pub boot: Boot,
    /// What firmware boots from
    #[arg(long, value_enum, default_value_t = Media::Cd)]
    pub media: Media,
    /// Give the machine, then a q35, a screen with a virtual terminal on it: in a window, or for VNC viewers of this machine at
    /// display N
    #[arg(long, value_name = "window|vnc[:N]", value_parser = display)]
    pub display: Option<Screen>,
    /// More parameters for the kernel's command line
    #[arg(long, value_name = "KERNEL PARAMETERS", allow_hyphen_values = true)]
    pub append: Option<String>,
    /// Show each system call on stderr, as strace does
    #[arg(long)]
    pub trace: bool,
    /// Show the kernel's log on stderr
    #[arg(long)]
    pub log: bool,
    /// Make the time stamp counter count instructions: slower, and the same in every run
    #[arg(long)]
    pub icount: bool,
    /// Wait for gdb on this port (0: any free one) before the first instruction, with a kernel that has all its debug information
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = gdb::DEFAULT_PORT)]
    pub gdb: Option<u16>,
    /// Stop the machine after this many seconds and exit with status 124
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,
    /// Set an environment variable for the program; may be given several times
    #[arg(long, value_name = "K=V", value_parser = assignment)]
    pub env: Vec<String>,
    /// The program's working directory
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,
}

fn display(text: &str) -> Result<Screen, String> {
    match text.split_once(':').unwrap_or((text, "0")) {
        ("window", "0") => Ok(Screen::Window),
        ("vnc", number) => number.parse().map(Screen::Vnc).map_err(|_| "VNC displays are numbers up to 65535".to_owned()),
        _ => Err("neither window nor vnc".to_owned()),
    }
}

/// Reads a number of seconds, with a fraction or without.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn assignment(text: &str) -> Result<String, String> {
    if text.find('=').is_some_and(|at| at > 0) { Ok(text.to_owned()) } else { Err("not of the form NAME=VALUE".to_owned()) }
}

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs `arguments` (program first) and returns the exit status of this command.
pub fn run(options: &MachineOptions, arguments: &[String]) -> Result<u8> {
    // With a screen, the program's terminal is there, and this one only says how it ends.
    let interactive = options.display.is_none() && terminal::is_interactive();
    if let Some(Screen::Vnc(number)) = options.display {
        message(&format!("pollux: the screen is shown to VNC viewers at 127.0.0.1:{number}"));
    }
    let Prepared { qemu, configuration, elf } = prepare(options, arguments, interactive)?;
    let launch = Launch {
        qemu,
        configuration,
        elf,
        timeout: options.timeout,
        input: match options.display {
            Some(_) => Input::Nothing,
            None if interactive => Input::Terminal,
            None => Input::Stream(Box::new(stdin())),
        },
        output: Box::new(stdout()),
        errors: Box::new(stderr()),
        foreground: true,
    };
    if let Some(debugger) = &launch.configuration.gdb {
        message(&format!("pollux: {}", debugger.instructions()));
    }
    let report = guest::run(launch, &mut |event| show(event, options.log))?;
    if let Some(text) = &report.message {
        if !options.log {
            report.log.iter().for_each(|line| message(line));
        }
        text.lines().for_each(|line| message(&format!("pollux: {line}")));
    }
    Ok(report.status)
}

/// Everything that a run needs, found or built.
pub struct Prepared {
    pub qemu: PathBuf,
    pub configuration: Configuration,
    /// The kernel with its symbols.
    pub elf: PathBuf,
}

/// Finds or builds all that is needed to run `arguments`.
pub fn prepare(options: &MachineOptions, arguments: &[String], interactive: bool) -> Result<Prepared> {
    let (first, rest) = arguments.split_first().context("no program to run")?;
    let qemu = packages::qemu()?;
    let kernel = if options.gdb.is_some() { kernel_build::kernel_for_debugger()? } else { kernel_build::kernel()? };
    let gdb = options.gdb.map(|port| Debugger::prepare(port, &kernel.elf)).transpose()?;
    let archive = rootfs::archive(options.root.as_deref())?;
    let prepared = program::prepare(first, &archive, options.root.is_some())?;
    let medium = Medium::new(options.boot, options.media, || {
        let root = prepared.archive.clone().map_or_else(|| std::fs::read(&archive), Ok)?;
        image::build(&kernel.stripped, &root, "")
    })?;
    let initrd = match &prepared.archive {
        Some(archive) => Initrd::in_memory(archive)?,
        None => Initrd::File(archive),
    };
    let mut words = vec![prepared.program.as_str()];
    words.extend(rest.iter().map(String::as_str));
    let configuration = Configuration {
        machine: if medium.is_some() || options.display.is_some() { Machine::Q35 } else { options.machine },
        cpus: options.smp,
        gdb,
        memory_mib: options.memory,
        kernel: kernel.stripped,
        initrd,
        command_line: command_line(options, &words, interactive)?,
        // On a terminal the firmware may be seen; the output of a program in a pipe is the program's alone.
        marked: is_marked(options, interactive),
        medium,
        counted: options.icount,
        screen: options.display.unwrap_or_default(),
        ..Configuration::default()
    };
    Ok(Prepared { qemu, configuration, elf: kernel.elf })
}

fn show(event: &Event, log: bool) {
    match event {
        Event::Trace(line) => message(line),
        Event::Log(line) if log => message(line),
        _ => {}
    }
}

fn is_marked(options: &MachineOptions, interactive: bool) -> bool {
    options.boot != Boot::Kernel && !interactive
}

/// The kernel's command line for a program.
fn command_line(options: &MachineOptions, arguments: &[&str], interactive: bool) -> Result<String> {
    if arguments.iter().any(|argument| argument.contains('\0')) {
        bail!("an argument holds a NUL byte");
    }
    let on_terminal = interactive || options.display.is_some();
    let mut parameters = vec![format!("pollux.stdio={}", if on_terminal { "tty" } else { "pipe" })];
    if on_terminal {
        // On a screen, a panic stays until its reader closes it.
        parameters.push(if options.display.is_some() { "console=tty0 panic=0" } else { "console=ttyS0" }.to_owned());
    }
    if let (true, Some((rows, columns))) = (interactive, terminal::size()) {
        parameters.push(format!("pollux.winsize={rows}x{columns}"));
    }
    let list = |values: &mut dyn Iterator<Item = &str>| values.map(|value| percent_encode(value.as_bytes())).collect::<Vec<_>>().join(",");
    parameters.push(format!("pollux.args={}", list(&mut arguments.iter().copied())));
    parameters.push(format!("pollux.env={}", list(&mut environment(options, interactive).iter().map(String::as_str))));
    if let Some(folder) = &options.cwd {
        parameters.push(format!("pollux.cwd={}", percent_encode(folder.as_bytes())));
    }
    if is_marked(options, interactive) {
        parameters.push(format!("pollux.mark={}", percent_encode(MARK.as_bytes())));
    }
    if options.trace {
        parameters.push("trace".to_owned());
    }
    // Last, so that it can overrule what is above, and so that words after ` -- ` in it stay at the end.
    parameters.extend(options.append.clone());
    Ok(parameters.join(" "))
}

impl Default for MachineOptions {
    /// What the command line gives when nothing is said.
    fn default() -> MachineOptions {
        MachineOptions {
            root: None,
            smp: 1,
            memory: 256,
            machine: Machine::Microvm,
            boot: Boot::Kernel,
            media: Media::Cd,
            display: None,
            append: None,
            trace: false,
            log: false,
            icount: false,
            gdb: None,
            timeout: None,
            env: Vec::new(),
            cwd: None,
        }
    }
}

/// The program's environment: what a login gives, overruled by what was asked for.
fn environment(options: &MachineOptions, interactive: bool) -> Vec<String> {
    let terminal = if interactive { std::env::var("TERM").ok() } else { None };
    let terminal = format!("TERM={}", terminal.unwrap_or_else(|| "linux".to_owned()));
    let mut environment = vec![PATH.to_owned(), "HOME=/root".to_owned(), "USER=root".to_owned(), terminal];
    let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
    environment.retain(|default| !options.env.iter().any(|given| name(given) == name(default)));
    environment.extend(options.env.iter().cloned());
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> MachineOptions {
        MachineOptions {
            append: Some("loglevel=7 -- single".into()),
            trace: true,
            env: vec!["HOME=/tmp".into(), "A=b c".into()],
            cwd: Some("/tmp".into()),
            ..MachineOptions::default()
        }
    }

    #[test]
    fn arguments_survive_the_command_line() {
        let line = command_line(&options(), &["sh", "-c", "echo a, b"], false).unwrap();
        let expected = "pollux.stdio=pipe pollux.args=sh,-c,echo%20a%2C%20b pollux.env=PATH%3D";
        assert!(line.starts_with(expected), "{line}");
        assert!(line.ends_with("pollux.cwd=/tmp trace loglevel=7 -- single"), "{line}");
    }

    #[test]
    fn given_variables_replace_the_defaults() {
        let environment = environment(&options(), false);
        assert_eq!(environment.iter().filter(|variable| variable.starts_with("HOME=")).collect::<Vec<_>>(), ["HOME=/tmp"]);
        assert!(environment.contains(&"A=b c".to_owned()) && environment.contains(&"TERM=linux".to_owned()));
    }

    #[test]
    fn a_screen_is_the_terminal() {
        let on_screen = MachineOptions { display: Some(Screen::Window), ..MachineOptions::default() };
        assert!(command_line(&on_screen, &["sh"], false).unwrap().starts_with("pollux.stdio=tty console=tty0 panic=0 pollux.args=sh "));
        assert!(command_line(&options(), &["sh"], true).unwrap().starts_with("pollux.stdio=tty console=ttyS0 "));
    }

    #[test]
    fn values_are_checked() {
        assert_eq!((display("window"), display("vnc"), display("vnc:12")), (Ok(Screen::Window), Ok(Screen::Vnc(0)), Ok(Screen::Vnc(12))));
        assert!(display("gtk").is_err() && display("vnc:x").is_err() && display("window:1").is_err());
        assert!(seconds("1.5").is_ok() && seconds("-1").is_err() && seconds("x").is_err());
        assert!(assignment("A=").is_ok() && assignment("=b").is_err() && assignment("A").is_err());
    }
}
