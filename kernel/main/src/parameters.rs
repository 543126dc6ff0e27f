//! What the command line asks for.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use log::LevelFilter;

use crate::command_line::{Word, words};

/// How the program's standard streams are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stdio {
    /// To the console, a terminal.
    #[default]
    Terminal,
    /// To the raw host channels.
    Pipe,
}

/// How the kernel ends itself, for tests of what is said then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    Panic,
    /// A panic within a task of the executor.
    Task,
    /// A triple fault, which resets the machine.
    Reset,
    /// A panic of code that holds the lock of the screen's terminal.
    PanicDrawing,
}

/// All parameters of the kernel, and what is left for init.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// `loglevel=`, `quiet`, `debug`: which messages are shown. Numbers are Linux's: a message is shown when its severity is below.
    pub log_level: LevelFilter,
    /// `ktest=`: the in-kernel test to run instead of anything else.
    pub kernel_test: Option<String>,
    /// `tour=`: the chapter of the tour to run instead of anything else.
    pub tour: Option<String>,
    /// `trace`: whether system calls are shown.
    pub trace: bool,
    /// `keymap=`: the name of the keyboard's layout.
    pub keymap: Option<String>,
    /// `i8042.direct`: the keyboard controller is not to translate scancodes (as on Linux).
    pub keyboard_direct: bool,
    /// `init=`: the program that is process 1. Without it the kernel itself is.
    pub init: Option<String>,
    /// Arguments for init: unknown words, and all behind `--`.
    pub init_arguments: Vec<String>,
    /// Environment for init: unknown words of the form `NAME=VALUE`.
    pub init_environment: Vec<String>,
    /// `pollux.stdio=tty|pipe`.
    pub stdio: Stdio,
    /// Whether that was given: then the `pollux` command started the machine, and hears the debug console.
    pub hosted: bool,
    /// `pollux.winsize=ROWSxCOLS`: the terminal's size as rows and columns.
    pub window: Option<(u16, u16)>,
    /// `pollux.args=`: the program and its arguments.
    pub arguments: Vec<Vec<u8>>,
    /// `pollux.env=`: its environment.
    pub environment: Vec<Vec<u8>>,
    /// `pollux.cwd=`: its working directory.
    pub directory: Option<Vec<u8>>,
    /// `pollux.mark=`: sent on the serial lines before anything else.
    pub mark: Vec<u8>,
    /// `pollux.crash=panic|task|reset|panic-drawing`.
    pub crash: Option<Crash>,
    /// `panic=`: seconds for which a panic is left on the screen before the machine ends; `Some(0)` is for ever, and with none it ends at
    /// once.
    pub panic: Option<u32>,
    /// `console=`: devices in the order in which they were named; the last one is /dev/console.
    pub consoles: Vec<String>,
}

impl Default for Parameters {
    fn default() -> Parameters {
        Parameters {
            log_level: LevelFilter::Info,
            kernel_test: None,
            tour: None,
            trace: false,
            keymap: None,
            keyboard_direct: false,
            init: None,
            init_arguments: Vec::new(),
            init_environment: Vec::new(),
            stdio: Stdio::default(),
            hosted: false,
            window: None,
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: None,
            mark: Vec::new(),
            crash: None,
            panic: None,
            consoles: Vec::new(),
        }
    }
}

/// The level that a `loglevel=` number stands for.
fn level(number: &str) -> Option<LevelFilter> {
    Some(match number.parse::<u32>().ok()? {
        0..=3 => LevelFilter::Off,
        4 => LevelFilter::Error,
        5 | 6 => LevelFilter::Warn,
        7 => LevelFilter::Info,
        8 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    })
}

/// Decodes `%XX`. What isn't two hexadecimal digits behind a `%` stays as it is.
pub fn percent_decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let digit = |at: usize| behind.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                rest = &behind[2..];
            }
            _ => {
                decoded.push(first);
                rest = behind;
            }
        }
    }
    decoded
}

/// A console that `console=` can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Console {
    /// `ttyS0`, with or without speed and so on behind a comma.
    Serial,
    /// `tty0`, the virtual terminal that is shown, or `ttyN`.
    Screen(usize),
}

fn console(name: &str) -> Option<Console> {
    let name = name.split(',').next().unwrap_or_default();
    match name.strip_prefix("tty")? {
        "S0" => Some(Console::Serial),
        number => number.parse().ok().map(Console::Screen),
    }
}

/// A comma-separated list of percent-encoded texts; the empty text is the empty list.
fn list(text: &str) -> Vec<Vec<u8>> {
    if text.is_empty() { Vec::new() } else { text.split(',').map(percent_decode).collect() }
}

fn window(text: &str) -> Option<(u16, u16)> {
    let (rows, columns) = text.split_once('x')?;
    Some((rows.parse().ok()?, columns.parse().ok()?))
}

/// `heap=`: the name of the heap, the last one if there are several. Allocates nothing: it says where from.
pub fn heap_name(line: &str) -> Option<&str> {
    words(line).filter(|word| !word.for_init && word.name == "heap").filter_map(|word| word.value).last()
}

/// `heap.trace`: whether each allocation is reported on the debug console. Allocates nothing.
pub fn heap_trace(line: &str) -> bool {
    words(line).any(|word| !word.for_init && word.name == "heap.trace" && !matches!(word.value, Some("0" | "off")))
}

impl Parameters {
    /// Reads a command line. Values that make no sense are ignored, as in Linux.
    pub fn parse(line: &str) -> Parameters {
        let mut parameters = Parameters::default();
        for word in words(line) {
            if word.for_init {
                parameters.init_arguments.push(word.text.to_string());
            } else {
                parameters.take(word);
            }
        }
        parameters
    }

    /// The consoles that were named and are known, the last one first.
    pub fn known_consoles(&self) -> Vec<Console> {
        self.consoles.iter().rev().filter_map(|name| console(name)).collect()
    }

    /// Whether the screen gets the kernel's messages: unless only others were named.
    pub fn messages_on_screen(&self) -> bool {
        let known = self.known_consoles();
        known.is_empty() || known.iter().any(|console| matches!(console, Console::Screen(_)))
    }

    fn take(&mut self, word: Word<'_>) {
        let value = word.value.unwrap_or("");
        match (word.name, word.value) {
            ("loglevel", Some(number)) => self.log_level = level(number).unwrap_or(self.log_level),
            ("quiet", None) => self.log_level = LevelFilter::Error,
            ("debug", None) => self.log_level = LevelFilter::Debug,
            ("keymap", Some(_)) => self.keymap = Some(value.to_string()),
            ("i8042.direct", _) => self.keyboard_direct = !matches!(value, "0" | "off"),
            ("ktest", Some(_)) => self.kernel_test = Some(value.to_string()),
            ("tour", Some(_)) => self.tour = Some(value.to_string()),
            ("trace", _) => self.trace = !matches!(value, "0" | "off"),
            ("init", Some(_)) => self.init = Some(value.to_string()),
            ("panic", Some(_)) => self.panic = value.parse().ok(),
            ("console", Some(_)) => self.consoles.push(value.to_string()),
            ("pollux.stdio", _) => {
                self.stdio = if value == "pipe" { Stdio::Pipe } else { Stdio::Terminal };
                self.hosted = true;
            }
            ("pollux.winsize", _) => self.window = window(value),
            ("pollux.args", _) => self.arguments = list(value),
            ("pollux.env", _) => self.environment = list(value),
            ("pollux.cwd", _) => self.directory = (!value.is_empty()).then(|| percent_decode(value)),
            ("pollux.mark", _) => self.mark = percent_decode(value),
            ("pollux.crash", _) => {
                self.crash = match value {
                    "panic" => Some(Crash::Panic),
                    "task" => Some(Crash::Task),
                    "reset" => Some(Crash::Reset),
                    "panic-drawing" => Some(Crash::PanicDrawing),
                    _ => None,
                }
            }
            // Taken by `heap_name`, before anything may allocate.
            ("heap", Some(_)) => {}
            // `arch` has read them before.
            ("noapic" | "irqoff", None) => {}
            // Names with a dot belong to some module, never to init.
            (name, _) if name.contains('.') => {}
            (_, Some(_)) => self.init_environment.push(word.text.to_string()),
            (_, None) => self.init_arguments.push(word.text.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_host_command_sends() {
        let line = "pollux.stdio=pipe pollux.winsize=25x80 pollux.args=sh,-c,echo%20%22a%2Cb%22,%C3%A9 pollux.env=A%3Db,C%3D pollux.cwd=/tmp%20x pollux.mark=x%0A loglevel=8 trace";
        let parameters = Parameters::parse(line);
        assert_eq!(parameters.stdio, Stdio::Pipe);
        assert_eq!(parameters.window, Some((25, 80)));
        assert_eq!(parameters.arguments, [&b"sh"[..], b"-c", b"echo \"a,b\"", "é".as_bytes()]);
        assert_eq!(parameters.environment, [&b"A=b"[..], b"C="]);
        assert_eq!(parameters.directory.as_deref(), Some(&b"/tmp x"[..]));
        assert_eq!(parameters.mark, b"x\n");
        assert_eq!(parameters.log_level, LevelFilter::Debug);
        assert!(parameters.trace);
    }

    #[test]
    fn the_keyboard_has_parameters() {
        let parameters = Parameters::parse("keymap=de i8042.direct");
        assert_eq!((parameters.keymap.as_deref(), parameters.keyboard_direct), (Some("de"), true));
        assert!(parameters.init_environment.is_empty() && !Parameters::parse("i8042.direct=0").keyboard_direct);
    }

    #[test]
    fn unknown_words_are_for_init() {
        let parameters = Parameters::parse("noapic irqoff init=/bin/sh single TERM=vt100 module.option=1 console=ttyS0 -- -c exit");
        assert_eq!(parameters.init.as_deref(), Some("/bin/sh"));
        assert_eq!(parameters.init_arguments, ["single", "-c", "exit"]);
        assert_eq!(parameters.init_environment, ["TERM=vt100"]);
        assert_eq!(parameters.consoles, ["ttyS0"]);
    }

    #[test]
    fn the_heap_is_known_before_the_rest() {
        assert_eq!(heap_name("quiet heap=bump heap=buddy -- heap=slab"), Some("buddy"));
        assert_eq!((heap_name("heap"), heap_name("heap.trace=bump")), (None, None));
        assert!(heap_trace("heap.trace") && heap_trace("heap.trace=1") && !heap_trace("heap.trace=0") && !heap_trace("-- heap.trace"));
        assert_eq!(Parameters::parse("heap=bump heap.trace"), Parameters::default());
    }

    #[test]
    fn the_last_console_comes_first() {
        let consoles = |line: &str| (Parameters::parse(line).known_consoles(), Parameters::parse(line).messages_on_screen());
        assert_eq!(consoles(""), (vec![], true));
        assert_eq!(consoles("console=ttyS0,115200n8"), (vec![Console::Serial], false));
        assert_eq!(consoles("console=tty0 console=ttyS0"), (vec![Console::Serial, Console::Screen(0)], true));
        assert_eq!(
            consoles("console=ttyS0 console=tty2 console=ttyS9 console=hvc0 console="),
            (vec![Console::Screen(2), Console::Serial], true)
        );
    }

    #[test]
    fn a_panic_stays_for_ever_for_a_time_or_not_at_all() {
        let panic = |line| Parameters::parse(line).panic;
        assert_eq!((panic(""), panic("panic=0"), panic("panic=30"), panic("panic=-1")), (None, Some(0), Some(30), None));
    }

    #[test]
    fn a_chapter_or_a_test_instead_of_a_program() {
        assert_eq!(Parameters::parse("tour=8,hold").tour.as_deref(), Some("8,hold"));
        assert_eq!(Parameters::parse("ktest=name").kernel_test.as_deref(), Some("name"));
    }

    #[test]
    fn nonsense_is_ignored() {
        let parameters = Parameters::parse("loglevel=many pollux.winsize=axb pollux.args= pollux.cwd=");
        assert_eq!(parameters, Parameters::default());
        assert_eq!(percent_decode("%"), b"%");
        assert_eq!(percent_decode("%4"), b"%4");
        assert_eq!(percent_decode("%zz%41"), b"%zzA");
        assert_eq!(Parameters::parse("pollux.args=a,,b").arguments, [&b"a"[..], b"", b"b"]);
    }
}
