//! A guest with a screen, and a look at what that shows: the cells of VGA text mode, and its pixels.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use pollux::guest::{self, Input, Kept, Launch, Report};
use pollux::kernel_build;
use pollux::monitor::Monitor;
use pollux::picture::Picture;
use pollux::protocol::{Event, percent_encode};
use pollux::qemu::{Configuration, Initrd, Machine, Screen};

use crate::keyboard;

/// How long anything may take. Generous: only a failure ever waits so long.
const PATIENCE: Duration = Duration::from_secs(240);

/// How long a key is held down, in milliseconds of the guest's time.
const HOLD: u32 = 5;

/// Where the cells of text mode lie, and how many there are.
const CELLS: u64 = 0xb8000;
pub const ROWS: usize = 25;
pub const COLUMNS: usize = 80;

/// The characters of code page 437 from 0x80 on.
const CODE_PAGE: &str =
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// What the screen shows at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells(Vec<[u8; 2]>);

impl Cells {
    /// A row as text, without the blanks at its end.
    pub fn row(&self, row: usize) -> String {
        let decode = |code: u8| match code {
            0x20..0x80 => char::from(code),
            0x80.. => CODE_PAGE.chars().nth(usize::from(code) - 0x80).unwrap_or('?'),
            _ => '·',
        };
        let text: String = self.0[row * COLUMNS..(row + 1) * COLUMNS].iter().map(|cell| decode(cell[0])).collect();
        text.trim_end().to_owned()
    }

    /// All rows as text, for searching and for messages.
    pub fn text(&self) -> String {
        (0..ROWS).map(|row| self.row(row) + "\n").collect()
    }

    /// The colour byte of a cell.
    pub fn colour(&self, row: usize, column: usize) -> u8 {
        self.0[row * COLUMNS + column][1]
    }
}

/// A running guest with a screen.
pub struct Session {
    pub monitor: Monitor,
    /// What the program wrote to the guest's raw channel, if that is where it writes.
    pub output: Kept,
    log: Arc<Mutex<Vec<String>>>,
    guest: Option<JoinHandle<Result<Report>>>,
}

impl Session {
    /// Starts a machine whose console is the screen, with a program on it.
    pub fn start(program: &[&str]) -> Result<Session> {
        let words: Vec<String> = program.iter().map(|word| percent_encode(word.as_bytes())).collect();
        Session::boot(Screen::Hidden, &format!("console=ttyS0 console=tty0 pollux.args={}", words.join(",")))
    }

    /// Starts a login shell on the screen of a machine whose time is counted in instructions, so that keys come no faster than it runs,
    /// and waits until it and the keyboard are ready.
    pub fn at_keyboard() -> Result<Session> {
        let environment = "pollux.env=PATH%3D/usr/sbin:/usr/bin:/sbin:/bin,HOME%3D/root,USER%3Droot,TERM%3Dlinux";
        let mut session = Session::boot_with(Screen::Hidden, &format!("console=tty0 pollux.args=sh,-l {environment}"), true)?;
        session.wait_for_text("root@pollux:/#")?;
        session.wait_for_log("keyboard: ready")?;
        Ok(session)
    }

    /// Starts a machine with a command line of its own.
    pub fn boot(screen: Screen, command_line: &str) -> Result<Session> {
        Session::boot_with(screen, command_line, false)
    }

    fn boot_with(screen: Screen, command_line: &str, counted: bool) -> Result<Session> {
        let kernel = kernel_build::kernel()?;
        let (monitor, qemus_end) = Monitor::pair()?;
        let configuration = Configuration {
            machine: Machine::Q35,
            kernel: kernel.stripped,
            initrd: Initrd::File(pollux::rootfs::archive(None)?),
            command_line: command_line.to_owned(),
            screen,
            counted,
            monitor: Some(qemus_end),
            ..Configuration::default()
        };
        let output = Kept::default();
        let launch = Launch {
            qemu: pollux::packages::qemu()?,
            configuration,
            elf: kernel.elf,
            timeout: Some(2 * PATIENCE),
            input: Input::Nothing,
            output: Box::new(output.clone()),
            errors: Box::new(std::io::sink()),
            foreground: false,
        };
        // A guest lives as long as the thread that started it.
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = log.clone();
        let mut note = move |event: &Event| {
            if let Event::Log(line) = event {
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
            }
        };
        let guest = std::thread::spawn(move || guest::run(launch, &mut note));
        Ok(Session { monitor, output, log, guest: Some(guest) })
    }

    /// Presses keys at the same time, by QEMU's names joined by hyphens, and lets them go.
    pub fn press(&mut self, keys: &str) -> Result<()> {
        self.monitor.send_key(&format!("{keys} {HOLD}"))
    }

    /// Types a text of ASCII as one does on an American keyboard.
    pub fn type_text(&mut self, text: &str) -> Result<()> {
        text.chars().try_for_each(|letter| self.press(&keyboard::key(letter)?))
    }

    /// The cells of the screen.
    pub fn cells(&mut self) -> Result<Cells> {
        let memory = self.monitor.memory(CELLS, 2 * ROWS * COLUMNS)?;
        Ok(Cells(memory.as_chunks::<2>().0.to_vec()))
    }

    /// The pixels of the screen.
    pub fn picture(&mut self) -> Result<Picture> {
        self.monitor.screendump()
    }

    /// Waits until the screen shows what is expected.
    pub fn wait_for(&mut self, what: &str, shown: impl Fn(&Cells) -> bool) -> Result<Cells> {
        let end = Instant::now() + PATIENCE;
        loop {
            let cells = self.cells()?;
            if shown(&cells) {
                return Ok(cells);
            }
            ensure!(Instant::now() < end, "the screen never showed {what}:\n{}", cells.text());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until a text is somewhere on the screen.
    pub fn wait_for_text(&mut self, text: &str) -> Result<Cells> {
        self.wait_for(text, |cells| cells.text().contains(text))
    }

    /// Waits until a text has come out of the first serial port.
    pub fn wait_for_output(&self, text: &str) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !self.output.text().contains(text) {
            ensure!(Instant::now() < end, "{text:?} never came out: {}", self.output.text());
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Waits for a line of the kernel's log with this text in it.
    pub fn wait_for_log(&self, text: &str) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        let log = || self.log.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
        while !log().contains(text) {
            ensure!(Instant::now() < end, "the log never said {text:?}: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Waits for the guest to end by itself.
    pub fn end(mut self) -> Result<Report> {
        match self.guest.take().map(JoinHandle::join) {
            Some(Ok(report)) => report,
            Some(Err(_)) => Err(anyhow!("the thread of the guest panicked")),
            None => bail!("the guest has ended before"),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(guest) = self.guest.take() {
            // One that has ended by itself is gone already, and whatever became of it, the test is over.
            let _ = self.monitor.command("quit");
            let _ = guest.join();
        }
    }
}
