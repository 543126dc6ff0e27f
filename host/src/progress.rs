//! Progress on stderr. On a terminal it is one line that is rewritten and disappears at the end; in a log file each step
//! is one plain line. Standard output belongs to the program that runs, so nothing here writes there.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;

use anyhow::{Context, Result, bail};

/// Longest text of a rewritten line: a terminal of 80 columns must not wrap it, or it could not be erased.
const LINE: usize = 78;

/// One step that takes a while.
pub struct Progress {
    what: String,
    live: bool,
}

impl Progress {
    /// Starts a step, named as "building the kernel".
    pub fn start(what: &str) -> Progress {
        let progress = Progress { what: what.to_owned(), live: std::io::stderr().is_terminal() };
        if progress.live {
            progress.draw("");
        } else {
            eprintln!("pollux: {what}");
        }
        progress
    }

    /// Shows where the step is now. Only a terminal shows it.
    pub fn detail(&self, detail: &str) {
        if self.live {
            self.draw(detail);
        }
    }

    fn erase(&self) {
        if self.live {
            eprint!("\r\x1b[K");
        }
    }

    fn draw(&self, detail: &str) {
        let mut text = format!("pollux: {}", self.what);
        if !detail.is_empty() {
            text.push_str(": ");
            text.push_str(detail);
        }
        let text: String = text.chars().filter(|c| !c.is_control()).take(LINE).collect();
        let mut stderr = std::io::stderr();
        // A progress line that cannot be written is no reason to stop.
        let _ = write!(stderr, "\r{text}\x1b[K").and_then(|()| stderr.flush());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.erase();
    }
}

/// Runs a command with its output shown as the detail of `progress`. When it fails, everything that it said is printed.
pub fn run(progress: &Progress, command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let (status, said) = follow(progress, command).with_context(|| format!("cannot run {name}"))?;
    if status.success() {
        return Ok(());
    }
    progress.erase();
    eprint!("{said}");
    bail!("{} failed: {name} ended with {status}", progress.what)
}

/// Runs the command to its end; both of its outputs are read as lines, in the order they arrive.
fn follow(progress: &Progress, command: &mut Command) -> Result<(ExitStatus, String)> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (sender, lines) = mpsc::channel();
    for output in [child.stdout.take().map(boxed), child.stderr.take().map(boxed)].into_iter().flatten() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
    }
    drop(sender);
    let mut said = String::new();
    for line in lines {
        progress.detail(line.trim());
        said.push_str(&line);
        said.push('\n');
    }
    Ok((child.wait()?, said))
}

fn boxed(output: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_an_error() {
        let progress = Progress::start("testing");
        assert!(run(&progress, &mut Command::new("true")).is_ok());
        let error = run(&progress, &mut Command::new("false")).unwrap_err();
        assert!(error.to_string().starts_with("testing failed"), "{error}");
    }

    #[test]
    fn both_outputs_are_collected() {
        let progress = Progress::start("testing");
        let (_, said) = follow(&progress, Command::new("sh").args(["-c", "echo out; echo err >&2"])).unwrap();
        assert!(said.contains("out\n") && said.contains("err\n"), "{said}");
    }
}
