//! The command line of QEMU: one machine with two serial ports, a debug console and an exit port, and nothing else.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::firmware::Medium;
use crate::gdb::Debugger;

/// The machines that Pollux runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Machine {
    Q35,
    #[default]
    Microvm,
}

/// What the machine's screen is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screen {
    /// There is none.
    #[default]
    None,
    /// A VGA adapter that nobody looks at but the monitor.
    Hidden,
    /// A VGA adapter, shown in a window of QEMU's.
    Window,
    /// A VGA adapter, shown to VNC viewers of this machine at display `:N` (TCP port 5900 + N).
    Vnc(u16),
}

impl Screen {
    fn arguments(self) -> [String; 4] {
        let display = match self {
            Screen::None | Screen::Hidden => "none".to_owned(),
            Screen::Window => "gtk".to_owned(),
            Screen::Vnc(number) => format!("vnc=127.0.0.1:{number}"),
        };
        let adapter = if self == Screen::None { "none" } else { "std" };
        ["-display".to_owned(), display, "-vga".to_owned(), adapter.to_owned()]
    }
}

/// The initial root file system.
#[derive(Debug, Default)]
pub enum Initrd {
    #[default]
    None,
    File(PathBuf),
    /// An archive that exists only in memory, so that nothing is left behind whatever happens.
    Memory(File),
}

impl Initrd {
    /// Puts an archive into memory that QEMU can open.
    pub fn in_memory(archive: &[u8]) -> Result<Initrd> {
        Ok(Initrd::Memory(memory_file(archive)?))
    }
}

/// A file without a name that holds `content`.
pub(crate) fn memory_file(content: &[u8]) -> Result<File> {
    let file = rustix::fs::memfd_create("pollux", rustix::fs::MemfdFlags::CLOEXEC).context("cannot make a memory file")?;
    let mut file = File::from(file);
    file.write_all(content)?;
    Ok(file)
}

/// Longer command lines overrun a buffer of QEMU's boot ROM on q35, so they go to the guest by a file in the firmware
/// configuration device, which the kernel reads as a part of its command line.
const LONGEST_APPEND: usize = 2000;

/// Values that QEMU leaves with through the exit port: the guest writes v, QEMU's status is 2 v + 1.
pub const LEFT_ORDERLY: i32 = 33;
pub const LEFT_FAILED: i32 = 35;
pub const LEFT_PANICKED: i32 = 37;

/// One virtual machine to start.
#[derive(Debug)]
pub struct Configuration {
    pub machine: Machine,
    pub cpus: u32,
    pub memory_mib: u32,
    /// A PC without a keyboard controller; the small machine never has one.
    pub without_keyboard: bool,
    /// QEMU waits for gdb before the first instruction.
    pub gdb: Option<Debugger>,
    pub kernel: PathBuf,
    pub initrd: Initrd,
    pub command_line: String,
    /// Where firmware finds kernel and root. Without it QEMU loads them. Only a PC (q35) has firmware.
    pub medium: Option<Medium>,
    /// The kernel sends [`crate::protocol::MARK`] on its serial ports, and what comes before it is of no interest.
    pub marked: bool,
    /// The time stamp counter counts instructions: repeatable to the digit, and slower.
    pub counted: bool,
    /// A screen needs a PC: [`Machine::Q35`].
    pub screen: Screen,
    /// QEMU's end of a monitor, from [`crate::monitor::Monitor::pair`].
    pub monitor: Option<OwnedFd>,
}

impl Default for Configuration {
    /// One processor, 256 MiB, no kernel yet.
    fn default() -> Configuration {
        Configuration {
            machine: Machine::default(),
            cpus: 1,
            memory_mib: 256,
            without_keyboard: false,
            gdb: None,
            kernel: PathBuf::new(),
            initrd: Initrd::default(),
            command_line: String::new(),
            medium: None,
            marked: false,
            counted: false,
            screen: Screen::default(),
            monitor: None,
        }
    }
}

/// QEMU's ends of the three byte streams.
pub struct Channels {
    pub com1: OwnedFd,
    pub com2: OwnedFd,
    pub debug: OwnedFd,
}

/// Firmware that only loads the kernel, 0.07 s quicker than a PC BIOS. Where it is not installed QEMU's default does.
const QUICK_FIRMWARE: &str = "/usr/share/qemu/qboot.rom";

impl Configuration {
    /// QEMU's arguments. The numbers are those of open files that QEMU inherits: COM1, COM2, the debug console; the initrd; the
    /// command line, when it is too long to be an argument.
    fn arguments(&self, [com1, com2, debug]: [i32; 3], memory: Option<i32>, parameters: Option<i32>) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut add = |words: &[&str]| arguments.extend(words.iter().map(OsString::from));
        match self.machine {
            Machine::Q35 => {
                add(&["-machine", "q35"]);
                // A VGA adapter comes to life by its BIOS, which only a PC's firmware runs.
                if self.medium.is_none() && self.screen == Screen::None && Path::new(QUICK_FIRMWARE).exists() {
                    add(&["-bios", QUICK_FIRMWARE]);
                }
            }
            Machine::Microvm => add(&["-machine", "microvm,pic=on,pit=on,rtc=on,isa-serial=on,auto-kernel-cmdline=off"]),
        }
        add(&["-accel", "tcg", "-cpu", "max", "-smp", &self.cpus.to_string(), "-m", &self.memory_mib.to_string()]);
        // A PC that boots by itself has a screen, for firmware and boot loader as for the kernel.
        let screen = if self.medium.is_some() && self.screen == Screen::None { Screen::Hidden } else { self.screen };
        add(&["-nodefaults", "-no-user-config", "-no-reboot"]);
        add(&screen.arguments().each_ref().map(String::as_str));
        if self.counted {
            add(&["-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01,clock=vm"]);
        }
        if self.without_keyboard {
            add(&["-machine", "i8042=off"]);
        }
        for (name, file) in [("com1", com1), ("com2", com2), ("debug", debug)] {
            add(&["-chardev", &format!("socket,id={name},fd={file}")]);
        }
        // The microvm has one serial port of its own; COM2 is a device of the same kind on both machines.
        add(&["-serial", "chardev:com1", "-device", "isa-serial,iobase=0x2f8,irq=3,chardev=com2"]);
        add(&["-device", "isa-debugcon,iobase=0xe9,chardev=debug", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]);
        let mut add_path = |option: &str, path: OsString| arguments.extend([option.into(), path]);
        if self.medium.is_none() {
            add_path("-kernel", self.kernel.clone().into());
            match (&self.initrd, memory) {
                (Initrd::File(path), _) => add_path("-initrd", path.clone().into()),
                (Initrd::Memory(_), Some(file)) => add_path("-initrd", format!("/proc/self/fd/{file}").into()),
                _ => {}
            }
        }
        match parameters {
            Some(file) => add_path("-fw_cfg", format!("name=opt/pollux/append,file=/proc/self/fd/{file}").into()),
            None => add_path("-append", self.command_line.clone().into()),
        }
        arguments
    }

    /// Starts QEMU. It ends when the thread that called this ends, however that happens.
    pub fn start(&self, qemu: &Path, channels: Channels) -> Result<Child> {
        let memory = match &self.initrd {
            Initrd::Memory(file) => Some(OwnedFd::from(file.try_clone()?)),
            _ => None,
        };
        // What is on a medium needn't be made anew for each command line.
        let parameters = match self.medium.is_some() || self.command_line.len() > LONGEST_APPEND {
            true => Some(OwnedFd::from(memory_file(self.command_line.as_bytes())?)),
            false => None,
        };
        let number = |file: &Option<OwnedFd>| file.as_ref().map(AsRawFd::as_raw_fd);
        let Channels { com1, com2, debug } = channels;
        let mut command = Command::new(qemu);
        let ports = [com1.as_raw_fd(), com2.as_raw_fd(), debug.as_raw_fd()];
        command.args(self.arguments(ports, number(&memory), number(&parameters)));
        let (arguments, files) = self.medium.as_ref().map(Medium::attach).transpose()?.unwrap_or_default();
        command.args(arguments);
        let monitor = self.monitor.as_ref().map(OwnedFd::try_clone).transpose()?;
        if let Some(monitor) = number(&monitor) {
            command.args(["-chardev", &format!("socket,id=monitor,fd={monitor}"), "-mon", "chardev=monitor,mode=control"]);
        }
        // Signals of the terminal are ours to handle, hence a process group of its own.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        let gdb = self.gdb.as_ref().map(|debugger| debugger.listener.try_clone().map(OwnedFd::from)).transpose()?;
        if let Some(gdb) = number(&gdb) {
            command.args(["-chardev", &format!("socket,id=gdb,fd={gdb},server=on,wait=off"), "-gdb", "chardev:gdb", "-S"]);
        }
        // The files live in the closure and are closed on our side with the command, at the end of this function.
        let inherited: Vec<OwnedFd> =
            [com1, com2, debug].into_iter().chain(memory).chain(parameters).chain(files).chain(monitor).chain(gdb).collect();
        let prepare = move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            inherited.iter().try_for_each(|file| fcntl_setfd(file, FdFlags::empty()))?;
            Ok(())
        };
        // SAFETY: between fork and exec the closure makes plain system calls only; it neither allocates nor takes a lock.
        unsafe { command.pre_exec(prepare) };
        command.spawn().with_context(|| format!("cannot start {}", qemu.display()))
    }
}

/// What QEMU's status means for a run whose program reported no status of its own.
pub fn explain(code: Option<i32>, stderr: &str) -> String {
    match code {
        Some(0) => "the guest was reset (a triple fault does this) or powered off without a word".to_owned(),
        Some(code) => format!("QEMU ended with status {code}: {}", stderr.trim()),
        None => format!("QEMU was killed: {}", stderr.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::{Boot, Media};

    fn configuration(machine: Machine) -> Configuration {
        Configuration {
            machine,
            cpus: 2,
            memory_mib: 64,
            kernel: "/k".into(),
            initrd: Initrd::File("/i".into()),
            command_line: "a b=c".into(),
            ..Configuration::default()
        }
    }

    fn words(configuration: &Configuration) -> Vec<String> {
        configuration.arguments([10, 11, 12], None, None).iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn each_option_has_its_value() {
        let words = words(&configuration(Machine::Microvm));
        let value = |option: &str| words.iter().position(|word| word == option).map(|at| words[at + 1].clone());
        assert_eq!(value("-m").as_deref(), Some("64"));
        assert_eq!(value("-smp").as_deref(), Some("2"));
        assert_eq!(value("-initrd").as_deref(), Some("/i"));
        assert_eq!(value("-append").as_deref(), Some("a b=c"));
        assert!(words.contains(&"socket,id=com2,fd=11".to_owned()));
        assert_eq!(value("-icount"), None);
    }

    #[test]
    fn with_a_medium_firmware_loads_the_kernel() {
        let medium = Medium::new(Boot::Bios, Media::Cd, || Ok(vec![0; 512])).unwrap();
        let words = words(&Configuration { medium, ..configuration(Machine::Q35) });
        for option in ["-kernel", "-initrd", "-bios"] {
            assert!(!words.contains(&option.to_owned()), "{words:?}");
        }
    }

    #[test]
    fn a_screen_needs_the_firmware_of_a_pc() {
        let with = |screen| words(&Configuration { screen, ..configuration(Machine::Q35) }).join(" ");
        assert!(with(Screen::None).contains("-display none -vga none"));
        for (screen, expected) in [(Screen::Hidden, "none"), (Screen::Window, "gtk"), (Screen::Vnc(3), "vnc=127.0.0.1:3")] {
            let words = with(screen);
            assert!(words.contains(&format!("-display {expected} -vga std")) && !words.contains("-bios"), "{words}");
        }
    }

    #[test]
    fn counting_is_for_every_machine() {
        let configuration = Configuration { counted: true, initrd: Initrd::None, ..configuration(Machine::Q35) };
        let words = words(&configuration);
        assert!(words.contains(&"shift=0,sleep=off".to_owned()) && !words.contains(&"-initrd".to_owned()));
    }
}
