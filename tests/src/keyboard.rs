//! A guest with somebody at its keyboard: QEMU's monitor presses the keys, and what programs print comes over the serial console.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use pollux::guest::{self, Input, Kept, Launch, Report};
use pollux::monitor::Monitor;
use pollux::protocol::Event;
use pollux::qemu::{Configuration, Machine};
use pollux::run::{self, MachineOptions, Prepared};

/// How long anything may take. Generous: only a failure ever waits so long.
const PATIENCE: Duration = Duration::from_secs(240);
const LOOK: Duration = Duration::from_millis(20);
/// How long a key is held down, in milliseconds of the guest's time.
const HOLD: u32 = 5;

/// A running guest.
pub struct Typist {
    monitor: Monitor,
    output: Kept,
    log: Arc<Mutex<Vec<String>>>,
    guest: Option<JoinHandle<Result<Report>>>,
}

impl Typist {
    /// Boots a PC that runs `program` on its console, with more parameters for the kernel. Its time is counted in instructions, so that
    /// keys come no faster than the guest runs, however busy this machine is: QEMU's keyboard holds eight of them.
    pub fn start(parameters: &str, program: &[&str]) -> Result<Typist> {
        Typist::start_with(parameters, program, &|_| {})
    }

    /// As `start`, on a machine that `change` has made another one.
    pub fn start_with(parameters: &str, program: &[&str], change: &dyn Fn(&mut Configuration)) -> Result<Typist> {
        let options =
            MachineOptions { machine: Machine::Q35, icount: true, append: Some(parameters.to_owned()), ..MachineOptions::default() };
        let program: Vec<String> = program.iter().map(|&word| word.to_owned()).collect();
        let Prepared { qemu, mut configuration, elf } = run::prepare(&options, &program, true)?;
        let (monitor, its_end) = Monitor::pair()?;
        configuration.monitor = Some(its_end);
        change(&mut configuration);
        let output = Kept::default();
        let log = Arc::new(Mutex::new(Vec::new()));
        let launch = Launch {
            qemu,
            configuration,
            elf,
            timeout: Some(PATIENCE),
            input: Input::Nothing,
            output: Box::new(output.clone()),
            errors: Box::new(std::io::sink()),
            foreground: false,
        };
        let lines = log.clone();
        let mut note = move |event: &Event| {
            if let Event::Log(line) = event {
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
            }
        };
        let guest = std::thread::spawn(move || guest::run(launch, &mut note));
        Ok(Typist { monitor, output, log, guest: Some(guest) })
    }

    /// Waits for `text` on the console.
    pub fn expect(&mut self, text: &str) -> Result<()> {
        self.wait_for(text, &|typist| typist.output.text().contains(text))
    }

    /// Waits for a line of the kernel's log with `text` in it.
    pub fn expect_log(&mut self, text: &str) -> Result<()> {
        self.wait_for(text, &|typist| typist.log().contains(text))
    }

    fn wait_for(&mut self, text: &str, done: &dyn Fn(&Typist) -> bool) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !done(self) {
            // What was said before the end still arrives.
            if Instant::now() > end || self.guest.as_ref().is_none_or(JoinHandle::is_finished) && !done(self) {
                bail!("{text:?} did not come; the console says:\n{}\nthe log:\n{}", self.output.text(), self.log());
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// What the console has shown so far.
    pub fn shown(&self) -> String {
        self.output.text()
    }

    /// The kernel's log so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// Presses keys at the same time, by QEMU's names joined by hyphens, and lets them go.
    pub fn press(&mut self, keys: &str) -> Result<()> {
        self.monitor.send_key(&format!("{keys} {HOLD}"))
    }

    /// Types a text of ASCII as one does on an American keyboard.
    pub fn type_text(&mut self, text: &str) -> Result<()> {
        text.chars().try_for_each(|letter| self.press(&key(letter)?))
    }

    /// Waits for the end of the guest.
    pub fn end(mut self) -> Result<Report> {
        let guest = self.guest.take().context("the guest has ended before")?;
        guest.join().unwrap_or_else(|_| bail!("the thread of the guest has panicked"))
    }
}

impl Drop for Typist {
    fn drop(&mut self) {
        if let Some(guest) = self.guest.take() {
            // The test has failed, and the guest would go on. One that has ended needs no order.
            let _ = self.monitor.command("quit");
            let _ = guest.join();
        }
    }
}

/// QEMU's name of the key for a letter or sign on an American keyboard, with Shift where it takes that.
pub fn key(letter: char) -> Result<String> {
    name(letter).with_context(|| format!("no key for {letter:?}"))
}

fn name(letter: char) -> Option<String> {
    const NAMES: [(char, char, &str); 12] = [
        (' ', ' ', "spc"),
        ('-', '_', "minus"),
        ('=', '+', "equal"),
        ('[', '{', "bracket_left"),
        (']', '}', "bracket_right"),
        (';', ':', "semicolon"),
        ('\'', '"', "apostrophe"),
        ('`', '~', "grave_accent"),
        ('\\', '|', "backslash"),
        (',', '<', "comma"),
        ('.', '>', "dot"),
        ('/', '?', "slash"),
    ];
    const SHIFTED_DIGITS: &str = ")!@#$%^&*(";
    match letter {
        '\n' => Some("ret".to_owned()),
        'a'..='z' | '0'..='9' => Some(letter.to_string()),
        'A'..='Z' => Some(format!("shift-{}", letter.to_ascii_lowercase())),
        _ => {
            let digit = SHIFTED_DIGITS.find(letter).map(|digit| format!("shift-{digit}"));
            digit.or_else(|| {
                let (plain, _, name) = NAMES.iter().find(|(plain, shifted, _)| letter == *plain || letter == *shifted)?;
                Some(if letter == *plain { (*name).to_owned() } else { format!("shift-{name}") })
            })
        }
    }
}
