//! One run of a guest, from the start of QEMU to its end: carries bytes between our streams and the serial ports, listens
//! to the debug console, watches the clock, and says at the end what became of it.
//!
//! Each stream has a thread of its own that blocks; the thread that called `run` waits for their messages. The end of the
//! debug console's stream is the end of QEMU: by then all that was written lies in the sockets and is read to its end.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGWINCH};

use crate::protocol::{self, Decoder, Event, MarkFilter};
use crate::qemu::{self, Channels, Configuration, Screen};
use crate::terminal::{self, RawMode};
use crate::{panic, status};

/// A kernel that has announced a panic gets this long to print it.
const PANIC_TIME: Duration = Duration::from_secs(10);
/// Lines of the log that a report keeps: the last ones.
const KEPT_LINES: usize = 60;

/// Where the guest's first serial port reads from.
pub enum Input {
    /// The terminal, raw: the guest's console is a terminal too.
    Terminal,
    /// A stream of bytes, escaped, with an end.
    Stream(Box<dyn Read + Send>),
    /// Nobody, ever.
    Nothing,
}

/// What to run and how to look after it.
pub struct Launch {
    pub qemu: PathBuf,
    pub configuration: Configuration,
    /// The kernel with its symbols, to explain a panic.
    pub elf: PathBuf,
    pub timeout: Option<Duration>,
    pub input: Input,
    /// Receives what the first serial port says, and the second.
    pub output: Box<dyn Write + Send>,
    pub errors: Box<dyn Write + Send>,
    /// Signals to this process end the guest. Only one guest of a process can have this.
    pub foreground: bool,
}

/// Keeps what is written to it, for those who want to read a guest's output themselves.
#[derive(Clone, Debug, Default)]
pub struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    /// What was written so far, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What became of a guest.
#[derive(Debug)]
pub struct Report {
    pub status: u8,
    /// What went wrong, when it was not the program itself that ended; several lines.
    pub message: Option<String>,
    pub figures: Vec<(String, String)>,
    /// Names of the kernel tests that ran, and whether they passed.
    pub tests: Vec<(String, bool)>,
    /// The end of the kernel's log.
    pub log: Vec<String>,
}

/// What the threads tell.
enum Message {
    Guest(Event),
    /// QEMU is gone.
    Ended,
    /// Nobody reads our output any more.
    OutputGone,
    Signal(i32),
}

/// Runs a guest to its end. `observe` sees each event of the debug console as it comes.
pub fn run(launch: Launch, observe: &mut dyn FnMut(&Event)) -> Result<Report> {
    let ((com1, qemu_com1), (com2, qemu_com2), (debug, qemu_debug)) = (UnixStream::pair()?, UnixStream::pair()?, UnixStream::pair()?);
    let channels = Channels { com1: qemu_com1.into(), com2: qemu_com2.into(), debug: qemu_debug.into() };
    let on_screen = launch.configuration.screen != Screen::None;
    let mut child = launch.configuration.start(&launch.qemu, channels)?;
    let (sender, messages) = mpsc::channel();
    let marked = launch.configuration.marked;
    let output = copy_output(com1.try_clone()?, launch.output, marked, sender.clone());
    let errors = copy_output(com2.try_clone()?, launch.errors, marked, sender.clone());
    listen(debug, sender.clone());
    let complaints = child.stderr.take().map(|mut stderr| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    });
    let raw = match launch.input {
        Input::Terminal => Some(RawMode::enter()?),
        Input::Stream(_) | Input::Nothing => None,
    };
    let signals = if launch.foreground { Some(forward_signals(sender.clone())?) } else { None };
    let ready = send_input(com1, launch.input, sender);
    // QEMU's end of the monitor is closed on our side, so that its other end notices when QEMU is gone.
    drop(launch.configuration);
    let deadline = launch.timeout.map(|time| Instant::now() + time);
    let mut watch = Watch { deadline, ready: Some(ready), listening: false, com2, raw, seen: Seen::default(), on_screen, observe };
    let end = watch.until_end(&messages);
    let code = stop(&mut child, &end)?;
    let Watch { raw, mut seen, .. } = watch;
    let _ = output.join();
    let _ = errors.join();
    // The debug console may have said more while QEMU was being stopped.
    messages.try_iter().for_each(|message| {
        if let Message::Guest(event) = message {
            seen.note(event)
        }
    });
    drop(raw);
    if let Some(signals) = signals {
        signals.close();
    }
    let complaints = complaints.and_then(|thread| thread.join().ok()).unwrap_or_default();
    Ok(seen.report(&end, code, &complaints, &launch.elf, launch.timeout))
}

/// Why the watch ended.
#[derive(PartialEq)]
enum End {
    ByItself,
    TimedOut,
    OutputGone,
    Signal(i32),
}

/// Waits for QEMU's end, which is made to come unless it came by itself.
fn stop(child: &mut Child, end: &End) -> Result<Option<i32>> {
    if *end != End::ByItself {
        child.kill()?;
    }
    Ok(child.wait()?.code())
}

/// Copies a serial port to its end; if it is `marked`, from the kernel's mark on.
fn copy_output(mut from: UnixStream, mut to: Box<dyn Write + Send>, marked: bool, sender: Sender<Message>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        let mut filter = marked.then(MarkFilter::default);
        while let Some(count) = read_some(&mut from, &mut buffer) {
            let bytes = filter.as_mut().map_or(&buffer[..count], |filter| filter.pass(&buffer[..count]));
            if to.write_all(bytes).and_then(|()| to.flush()).is_err() {
                // The rest is still read, so that the guest cannot hang on it.
                let _ = sender.send(Message::OutputGone);
            }
        }
    })
}

/// Reads the next bytes; `None` at the end.
fn read_some(from: &mut impl Read, buffer: &mut [u8]) -> Option<usize> {
    loop {
        match from.read(buffer) {
            Ok(0) => return None,
            Ok(count) => return Some(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

fn listen(mut debug: UnixStream, sender: Sender<Message>) {
    std::thread::spawn(move || {
        let mut decoder = Decoder::new();
        let mut buffer = vec![0; 64 * 1024];
        let report = |event| {
            let _ = sender.send(Message::Guest(event));
        };
        while let Some(count) = read_some(&mut debug, &mut buffer) {
            decoder.feed(&buffer[..count], report);
        }
        decoder.finish().into_iter().for_each(report);
        let _ = sender.send(Message::Ended);
    });
}

fn forward_signals(sender: Sender<Message>) -> Result<signal_hook::iterator::Handle> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGCONT])?;
    let handle = signals.handle();
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let _ = sender.send(Message::Signal(signal));
        }
    });
    Ok(handle)
}

/// Starts the thread that sends the input, as soon as the returned channel says that the guest listens.
fn send_input(mut com1: UnixStream, input: Input, sender: Sender<Message>) -> Sender<()> {
    let (ready, wait) = mpsc::channel();
    std::thread::spawn(move || {
        if wait.recv().is_err() {
            return;
        }
        match input {
            Input::Terminal => {
                let reason = send_keys(&mut com1);
                let _ = sender.send(Message::Signal(reason));
            }
            Input::Stream(stream) => send_stream(&mut com1, stream),
            Input::Nothing => {}
        }
    });
    ready
}

fn send_stream(com1: &mut UnixStream, mut stream: Box<dyn Read + Send>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Some(count) = read_some(&mut stream, &mut buffer) {
        if com1.write_all(&protocol::escape_input(&buffer[..count])).is_err() {
            return;
        }
    }
    // A guest that has ended already needs no end of input.
    let _ = com1.write_all(&protocol::END_OF_INPUT);
}

/// Ctrl-]: the next key is for Pollux. A full stop ends the guest, another Ctrl-] is sent as such.
const ESCAPE: u8 = 0x1d;

/// Sends the keys of the terminal until it is gone or its user wants to leave; returns the signal that this is worth.
fn send_keys(com1: &mut UnixStream) -> i32 {
    let mut buffer = vec![0; 4096];
    let mut escaped = false;
    while let Some(count) = read_some(&mut std::io::stdin(), &mut buffer) {
        let mut keys = Vec::with_capacity(count);
        for &key in &buffer[..count] {
            match (escaped, key) {
                (true, b'.') => return SIGINT,
                (false, ESCAPE) => escaped = true,
                (true, ESCAPE) | (false, _) => {
                    escaped = false;
                    keys.push(key);
                }
                (true, _) => {
                    escaped = false;
                    keys.extend([ESCAPE, key]);
                }
            }
        }
        if com1.write_all(&keys).is_err() {
            break;
        }
    }
    SIGHUP
}

/// The state of the waiting thread.
struct Watch<'a> {
    deadline: Option<Instant>,
    /// Opens the gate of the input, once.
    ready: Option<Sender<()>>,
    listening: bool,
    com2: UnixStream,
    raw: Option<RawMode>,
    seen: Seen,
    /// The machine has a screen, on which a panic stays for as long as its reader likes.
    on_screen: bool,
    observe: &'a mut dyn FnMut(&Event),
}

impl Watch<'_> {
    fn until_end(&mut self, messages: &Receiver<Message>) -> End {
        loop {
            let message = match self.deadline {
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(deadline) => messages.recv_timeout(deadline.saturating_duration_since(Instant::now())),
            };
            match message {
                Ok(Message::Guest(event)) => self.take(event),
                Ok(Message::Ended) | Err(RecvTimeoutError::Disconnected) => return End::ByItself,
                Ok(Message::OutputGone) => return End::OutputGone,
                Ok(Message::Signal(SIGWINCH)) => self.send_window_size(),
                Ok(Message::Signal(SIGCONT)) => {
                    // A terminal that cannot be made raw again still works, if less well.
                    let _ = self.raw.as_ref().map(RawMode::apply);
                }
                Ok(Message::Signal(signal)) => return End::Signal(signal),
                Err(RecvTimeoutError::Timeout) => return End::TimedOut,
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Ready => {
                self.listening = true;
                if let Some(ready) = self.ready.take() {
                    let _ = ready.send(());
                }
                // The window may have changed since its size was put on the kernel's command line.
                self.send_window_size();
            }
            Event::Panic if !self.on_screen => self.deadline = Some(Instant::now() + PANIC_TIME),
            _ => {}
        }
        (self.observe)(&event);
        self.seen.note(event);
    }

    fn send_window_size(&mut self) {
        if let (true, Some(_), Some((rows, columns))) = (self.listening, &self.raw, terminal::size()) {
            // A guest that is about to end need not know.
            let _ = self.com2.write_all(protocol::window_size(rows, columns).as_bytes());
        }
    }
}

/// What the guest has told so far.
#[derive(Default)]
struct Seen {
    status: Option<u8>,
    /// The machine was about to be switched off, or to restart, because a program asked for it.
    off: bool,
    restart: bool,
    panic: Option<Vec<String>>,
    figures: Vec<(String, String)>,
    tests: Vec<(String, bool)>,
    log: Vec<String>,
}

impl Seen {
    fn note(&mut self, event: Event) {
        match event {
            Event::Exit(status) => self.status = Some(status),
            Event::Off => self.off = true,
            Event::Restart => self.restart = true,
            Event::Panic => self.panic = Some(Vec::new()),
            Event::PanicText(line) => self.panic.get_or_insert_default().push(line),
            Event::Figure { name, value } => self.figures.push((name, value)),
            Event::KernelTest { passed, name } => self.tests.push((name, passed)),
            Event::Log(line) => {
                if self.log.len() == KEPT_LINES {
                    self.log.remove(0);
                }
                self.log.push(line);
            }
            Event::Ready | Event::Trace(_) => {}
        }
    }

    fn report(self, end: &End, code: Option<i32>, complaints: &str, elf: &Path, timeout: Option<Duration>) -> Report {
        let started = !self.log.is_empty() || self.panic.is_some();
        let (status, message) = match (end, code) {
            _ if self.panic.is_some() => {
                let text = panic::symbolise(elf, self.panic.as_deref().unwrap_or_default()).join("\n");
                (status::PANIC, Some(format!("the kernel panicked\n{text}")))
            }
            (End::TimedOut, _) => {
                (status::TIMEOUT, Some(format!("not done after {} s: stopped", timeout.unwrap_or_default().as_secs_f32())))
            }
            (End::OutputGone, _) => (status::killed_by(SIGPIPE), None),
            (End::Signal(signal), _) => (status::killed_by(*signal), None),
            (End::ByItself, Some(qemu::LEFT_ORDERLY)) => (self.status.unwrap_or(0), None),
            // A machine that was switched off has no status of its own.
            (End::ByItself, Some(0)) if self.off => (self.status.unwrap_or(0), None),
            (End::ByItself, Some(0)) if self.restart => (status::GUEST_DIED, Some("a program restarted the machine".to_owned())),
            (End::ByItself, Some(qemu::LEFT_FAILED)) => (status::GUEST_FAILED, Some("the kernel could not go on".to_owned())),
            (End::ByItself, Some(qemu::LEFT_PANICKED)) => (status::PANIC, Some("the kernel panicked without a text".to_owned())),
            (End::ByItself, Some(1)) if !started && !complaints.is_empty() => (status::CANNOT_RUN, Some(qemu::explain(code, complaints))),
            (End::ByItself, _) => (status::GUEST_DIED, Some(qemu::explain(code, complaints))),
        };
        Report { status, message, figures: self.figures, tests: self.tests, log: self.log }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(events: Vec<Event>, end: End, code: Option<i32>) -> Report {
        let mut seen = Seen::default();
        events.into_iter().for_each(|event| seen.note(event));
        seen.report(&end, code, "", Path::new("/nonexistent"), Some(Duration::from_secs(3)))
    }

    #[test]
    fn each_end_has_its_status() {
        let status = |events, end, code| report(events, end, code).status;
        assert_eq!(status(vec![Event::Exit(7)], End::ByItself, Some(qemu::LEFT_ORDERLY)), 7);
        assert_eq!(status(vec![], End::ByItself, Some(qemu::LEFT_FAILED)), status::GUEST_FAILED);
        assert_eq!(status(vec![Event::Panic], End::ByItself, Some(qemu::LEFT_PANICKED)), status::PANIC);
        assert_eq!(status(vec![Event::Exit(0)], End::ByItself, Some(0)), status::GUEST_DIED);
        assert_eq!(status(vec![Event::Exit(0)], End::ByItself, None), status::GUEST_DIED);
        assert_eq!(status(vec![Event::Exit(3), Event::Off], End::ByItself, Some(0)), 3);
        assert_eq!(status(vec![Event::Restart], End::ByItself, Some(0)), status::GUEST_DIED);
        assert_eq!(status(vec![Event::Off], End::ByItself, Some(1)), status::GUEST_DIED);
        assert_eq!(status(vec![], End::TimedOut, None), status::TIMEOUT);
        assert_eq!(status(vec![], End::Signal(SIGTERM), None), 143);
        assert_eq!(status(vec![], End::OutputGone, None), 141);
    }

    #[test]
    fn failures_carry_a_message() {
        assert!(report(vec![], End::ByItself, Some(0)).message.unwrap().contains("reset"));
        let panicked = report(vec![Event::Panic, Event::PanicText("why".into())], End::TimedOut, None);
        assert_eq!(panicked.message.unwrap(), "the kernel panicked\nwhy");
        assert!(report(vec![Event::Exit(1)], End::ByItself, Some(qemu::LEFT_ORDERLY)).message.is_none());
    }

    #[test]
    fn only_the_end_of_the_log_is_kept() {
        let events = (0..100).map(|number| Event::Log(number.to_string())).collect();
        let log = report(events, End::ByItself, Some(qemu::LEFT_FAILED)).log;
        assert_eq!((log.len(), log.last().unwrap().as_str()), (KEPT_LINES, "99"));
    }

    #[test]
    fn input_ends_with_its_mark() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        send_stream(&mut ours, Box::new(&b"a\x10b"[..]));
        drop(ours);
        let mut sent = Vec::new();
        theirs.read_to_end(&mut sent).unwrap();
        assert_eq!(sent, b"a\x10\x10b\x10\x04");
    }
}
