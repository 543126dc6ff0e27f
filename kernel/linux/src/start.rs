//! From a running kernel to a running program, and the way back to the host.
//!
//! The root is a tmpfs filled from the initrd; /dev and /proc are mounted where the root has such directories. With `init=` on the command line
//! that program is process 1 and the system is its business, as on Linux. Otherwise process 1 is the kernel's own, which adopts and reaps orphans,
//! and the program asked for is process 2; when it ends, everything else is killed, its status is told to the host, and the machine is switched off.

use abi::process::WaitStatus;
use abi::{Errno, Result, Signal};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use arch::power::{self, ExitCode};
use core::sync::atomic::{AtomicBool, Ordering};
use fs::tmpfs::TmpfsOptions;
use fs::{Credentials, FdTable, FileSystem, FsContext, LookupFlags, Mount, MountFlags, OpenFile, OpenFlags, Path, Tmpfs};
use process::Process;
use process::init::FirstProgram;
use terminal::Stdio;

use crate::{Linux, load_average, procfs, shells, trace};

/// Where a program without a slash in its name is looked for.
const SEARCH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// What a program finds in its environment unless the host says otherwise.
const ENVIRONMENT: [&[u8]; 2] = [b"HOME=/", b"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];
/// Statuses that shells give for a program that can't be started.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;
/// The status of a machine whose system could not be brought up.
const NO_SYSTEM: u8 = 120;
/// Where Linux looks for init when the command line names none and the host asks for no program.
const SHELL: &[u8] = b"/bin/sh";

/// What to run.
pub struct Program {
    pub arguments: Vec<Vec<u8>>,
    pub environment: Vec<Vec<u8>>,
    pub directory: Option<Vec<u8>>,
}

/// What the command line and the boot loader said.
pub struct Options {
    /// The archive that fills the root.
    pub initrd: Option<&'static [u8]>,
    pub stdio: Stdio,
    pub trace: bool,
    /// `init=`, with its arguments: process 1.
    pub init: Option<Program>,
    /// `pollux.args=`: process 2, below the kernel's own init.
    pub program: Program,
}

/// Starts the system. The program itself runs once the executor does. If it can't be started, the machine is switched off with a status that says
/// so; ENOMEM is for the kernel's own tasks.
///
/// All this happens before the executor runs, not in a task: there is nothing yet that could run meanwhile.
pub fn start(options: Options) -> Result<()> {
    trace::enable(options.trace);
    executor::spawn("load average", load_average::sample_for_ever()).map_err(|_| Errno::ENOMEM)?;
    match bring_up(options) {
        Ok(first) => executor::spawn("end", end_with(first)).map(drop).map_err(|_| Errno::ENOMEM),
        Err(Failure { status, text }) => {
            log::error!("{text}");
            power_off(status)
        }
    }
}

/// Waits for the first program to end, and ends the system.
async fn end_with(first: Arc<Process>) {
    let status = exit_status(first.ended().await);
    process::signal::kill_all_except(0);
    power_off(status)
}

/// Why the first program does not run, and the status that tells the host.
struct Failure {
    status: u8,
    text: String,
}

fn failure(text: &str, errno: Errno) -> Failure {
    Failure { status: NO_SYSTEM, text: format!("{text}: {errno}") }
}

/// The number that a shell would show: 128 and the signal for a program that was killed.
fn exit_status(status: WaitStatus) -> u8 {
    let (code, signal) = ((status.0 >> 8) as u8, (status.0 & 0x7f) as u8);
    if signal == 0 { code } else { 128 + signal }
}

fn bring_up(options: Options) -> core::result::Result<Arc<Process>, Failure> {
    let root = mount_root(options.initrd)?;
    let context = FsContext::new(root.clone());
    let mut files = FdTable::new();
    open_standard_files(&context, options.stdio, &mut files).map_err(|errno| failure("no console", errno))?;
    let kernel_is_init = options.init.is_none();
    let mut program = options.init.unwrap_or(options.program);
    if program.arguments.is_empty() {
        program.arguments.push(SHELL.to_vec());
    }
    let name = program.arguments.first().cloned().unwrap_or_default();
    let shown = String::from_utf8_lossy(&name).into_owned();
    let refused = |errno: Errno| Failure {
        status: if errno == Errno::ENOENT { NOT_FOUND } else { NOT_EXECUTABLE },
        text: format!("can't run {shown}: {errno}"),
    };
    if let Some(directory) = &program.directory {
        let place = context.resolve(&Credentials::root(), None, directory, LookupFlags::FOLLOW_LAST | LookupFlags::DIRECTORY);
        let entered = place.and_then(|place| context.change_directory(&Credentials::root(), place));
        entered.map_err(|errno| failure("can't enter the working directory", errno))?;
    }
    let path = find_program(&context, &name).map_err(refused)?;
    let environment = environment(&program.environment);
    let terminal = if options.stdio == Stdio::Terminal { terminal::console() } else { None };
    if kernel_is_init {
        process::init::become_init().map_err(|errno| failure("no first process", errno))?;
    }
    let first = FirstProgram { path: &path, argv: &program.arguments, envp: &environment, fs: context, files, own_session: true };
    let process = process::init::spawn_program::<Linux>(first).map_err(refused)?;
    // A real init opens its terminals itself.
    if let Some(terminal) = terminal.filter(|_| kernel_is_init) {
        terminal.adopt(&process);
    }
    if kernel_is_init {
        shells::start(root, environment).map_err(|errno| failure("no shells", errno))?;
    }
    Ok(process)
}

/// The given environment, and those of the standard variables that it does not set.
fn environment(given: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let name = |entry: &[u8]| entry.split(|&byte| byte == b'=').next().unwrap_or_default().to_vec();
    let mut all = given.to_vec();
    for standard in ENVIRONMENT {
        if !given.iter().any(|entry| name(entry) == name(standard)) {
            all.push(standard.to_vec());
        }
    }
    all
}

/// The path of a program: itself if it has a slash, else the first executable of that name on the search path. ENOENT, EACCES.
pub(crate) fn find_program(context: &FsContext, name: &[u8]) -> Result<Vec<u8>> {
    let root = Credentials::root();
    let check = |path: &[u8]| context.resolve(&root, None, path, LookupFlags::FOLLOW_LAST)?.check_executable(&root);
    if name.contains(&b'/') {
        check(name)?;
        return Ok(name.to_vec());
    }
    let mut worst = Errno::ENOENT;
    for directory in SEARCH {
        let path = [directory.as_bytes(), b"/", name].concat();
        match check(&path) {
            Ok(()) => return Ok(path),
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(errno) => worst = errno,
        }
    }
    Err(worst)
}

fn mount_root(initrd: Option<&'static [u8]>) -> core::result::Result<Path, Failure> {
    let tmpfs = Tmpfs::new(&TmpfsOptions { mode: 0o755, ..TmpfsOptions::new() }).map_err(|errno| failure("no root file system", errno))?;
    let root = Path::root_of(&Mount::new(tmpfs, "tmpfs", MountFlags::empty()));
    let Some(archive) = initrd else {
        return Err(Failure { status: NO_SYSTEM, text: String::from("no initrd: there is nothing to run") });
    };
    let unpacked = fs::initramfs::unpack(archive, &root)
        .map_err(|error| Failure { status: NO_SYSTEM, text: format!("the initrd is damaged: {error}") })?;
    log::info!("root: {} entries, {} KiB of files", unpacked.entries, unpacked.bytes / 1024);
    let context = FsContext::new(root.clone());
    let mounts: [(&str, &str, MountFlags); 3] = [
        ("/dev", "devtmpfs", MountFlags::NO_SUID),
        ("/dev/pts", "devpts", MountFlags::NO_SUID | MountFlags::NO_EXEC),
        ("/proc", "proc", MountFlags::NO_SUID | MountFlags::NO_DEV | MountFlags::NO_EXEC),
    ];
    for (place, kind, flags) in mounts {
        // A root without these directories is taken as it is.
        let Ok(at) = context.resolve(&Credentials::root(), None, place.as_bytes(), LookupFlags::FOLLOW_LAST) else { continue };
        let mounted = new_file_system(kind.as_bytes(), b"").and_then(|fs| fs::mount::mount(fs, &at, kind, flags | MountFlags::RELATIME));
        mounted.map_err(|errno| failure(place, errno))?;
    }
    Ok(root)
}

/// A file system of a type that /proc/filesystems lists; ENODEV for others.
pub fn new_file_system(kind: &[u8], options: &[u8]) -> Result<Arc<dyn FileSystem>> {
    Ok(match kind {
        b"tmpfs" | b"ramfs" => Tmpfs::new(&TmpfsOptions::parse(options)?)?,
        b"devtmpfs" => fs::devices::create_devfs()?,
        b"devpts" => terminal::pty::devpts(),
        b"proc" => procfs::instance()?,
        _ => return Err(Errno::ENODEV),
    })
}

/// Descriptors 0, 1 and 2: the console, or the raw channels to the host.
fn open_standard_files(context: &FsContext, stdio: Stdio, files: &mut FdTable) -> Result<()> {
    let open = |path: &[u8], flags: OpenFlags| -> Result<Arc<OpenFile>> {
        context.open(&Credentials::root(), None, path, flags | OpenFlags::NOCTTY, 0)?.now()
    };
    let all = match stdio {
        Stdio::Terminal => {
            let console = open(b"/dev/console", OpenFlags::RDWR)?;
            vec![console.clone(), console.clone(), console]
        }
        Stdio::Channels => vec![
            open(b"/dev/hostio0", OpenFlags::RDONLY)?,
            open(b"/dev/hostio0", OpenFlags::WRONLY)?,
            open(b"/dev/hostio1", OpenFlags::WRONLY)?,
        ],
    };
    for file in all {
        files.insert(file, false, 3)?;
    }
    Ok(())
}

/// Lets the serial lines send what programs have written, then tells the host how it ended and switches the machine off.
pub fn power_off(status: u8) -> ! {
    drain();
    for index in 0..arch::cpu::count() {
        if let Some(longest) = arch::interrupts::longest_off(index) {
            log::info!("interrupts of processor {index} were off for at most {longest}");
        }
    }
    arch::console::write(format!("\x01exit {status}\n").as_bytes());
    power::exit(ExitCode::Success)
}

/// reboot(2) with LINUX_REBOOT_CMD_POWER_OFF. The host is told first, as a machine that is off has no status.
pub fn switch_off() -> ! {
    drain();
    arch::console::write(b"\x01exit 0\n\x01off\n");
    power::off()
}

/// reboot(2) with LINUX_REBOOT_CMD_HALT: the power stays on, but a virtual machine that can, ends.
pub fn halt() -> ! {
    drain();
    log::info!("System halted");
    arch::console::write(b"\x01exit 0\n");
    power::halt_machine()
}

/// reboot(2) with LINUX_REBOOT_CMD_RESTART.
pub fn restart() -> ! {
    drain();
    arch::console::write(b"\x01restart\n");
    power::reboot()
}

/// Whether Ctrl-Alt-Del restarts the machine at once; otherwise it is init's business.
static CTRL_ALT_DEL: AtomicBool = AtomicBool::new(true);

/// reboot(2) with LINUX_REBOOT_CMD_CAD_ON or LINUX_REBOOT_CMD_CAD_OFF.
pub fn set_ctrl_alt_del(restarts: bool) {
    CTRL_ALT_DEL.store(restarts, Ordering::Relaxed);
}

/// What Ctrl-Alt-Del does: restarts the machine, or sends SIGINT to process 1, as reboot(2) has set it.
pub fn ctrl_alt_del() {
    if CTRL_ALT_DEL.load(Ordering::Relaxed) {
        log::warn!("Ctrl-Alt-Del: restarting");
        restart();
    }
    // The kernel's own init has no use for it, and without any there is nobody to tell.
    let _ = process::signal::signal_process(1, Signal::SIGINT);
}

fn drain() {
    // The host may read slowly; it decides how long this takes.
    while !terminal::is_drained() {
        core::hint::spin_loop();
    }
}
