//! A guest with a screen, and a look at what that shows: the cells of VGA text mode, and its pixels.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use pollux::guest::{self, Input, Kept, Launch, Report};
use pollux::kernel_build;
use pollux::monitor::Monitor;
use pollux::picture::Picture;
use pollux::protocol::percent_encode;
use pollux::qemu::{Configuration, Initrd, Machine, Screen};

/// How long anything may take. Generous: only a failure ever waits so long.
const PATIENCE: Duration = Duration::from_secs(240);

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
    guest: Option<JoinHandle<Result<Report>>>,
}

impl Session {
    /// Starts a machine whose console is the screen, with a program on it.
    pub fn start(program: &[&str]) -> Result<Session> {
        let words: Vec<String> = program.iter().map(|word| percent_encode(word.as_bytes())).collect();
        Session::boot(Screen::Hidden, &format!("console=ttyS0 console=tty0 pollux.args={}", words.join(",")))
    }

    /// Starts a machine with a command line of its own.
    pub fn boot(screen: Screen, command_line: &str) -> Result<Session> {
        let kernel = kernel_build::kernel()?;
        let (monitor, qemus_end) = Monitor::pair()?;
        let configuration = Configuration {
            machine: Machine::Q35,
            kernel: kernel.stripped,
            initrd: Initrd::File(pollux::rootfs::archive(None)?),
            command_line: command_line.to_owned(),
            screen,
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
        let guest = std::thread::spawn(move || guest::run(launch, &mut |_| {}));
        Ok(Session { monitor, output, guest: Some(guest) })
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
