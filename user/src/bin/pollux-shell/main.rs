//! `pollux-shell [-c COMMANDS | FILE] [ARGUMENTS]`: a small shell, written as async tasks on a hand-written executor.
//!
//! It is here to be read. [`executor`] runs tasks, [`reactor`] sleeps for all of them in one epoll_wait; [`words`], [`syntax`] and
//! [`expand`] are what any shell has; [`run`] turns pipelines and jobs into tasks. A background job, a subshell, a member of a pipeline,
//! `sleep` and `timeout` are futures, not processes: only programs are processes.
//!
//! It knows lists, `&&`, `||`, `!`, pipelines, redirections (`<`, `>`, `>>`, `2>&1`), `( )`, `&`, variables, quotes, `$( )` and the
//! commands that `help` names. It has no loops, functions or patterns: busybox has a whole shell.

mod builtins;
mod executor;
mod expand;
mod jobs;
mod program;
mod reactor;
mod run;
mod shell;
mod syntax;
mod words;

use std::io::IsTerminal;
use std::process::ExitCode;

use executor::{Either, block_on, race};
use shell::Shell;

const HELP: &str = "\
pollux-shell                        commands from standard input, with a prompt on a terminal
pollux-shell FILE [ARGUMENTS]       commands from a file
pollux-shell -c COMMANDS [NAME [ARGUMENTS]]
";

/// The status of a shell that can't read its commands.
const UNUSABLE: i32 = 2;

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().collect();
    let text = match words.get(1).map(String::as_str) {
        Some("--help") => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Some("-c") => {
            let Some(text) = words.get(2).cloned() else {
                eprint!("pollux-shell: commands are missing\n{HELP}");
                return ExitCode::from(UNUSABLE as u8);
            };
            words.drain(1..3);
            // As in other shells, the word after the commands is $0.
            if words.len() > 1 {
                words.remove(0);
            }
            Some(text)
        }
        Some(path) => match std::fs::read_to_string(path) {
            Ok(text) => {
                words.remove(0);
                Some(text)
            }
            Err(error) => {
                eprintln!("pollux-shell: {path}: {}", run::plain(&error));
                return ExitCode::from(127);
            }
        },
        None => None,
    };
    reactor::start();
    let interactive = text.is_none() && std::io::stdin().is_terminal();
    let status = match Shell::new(words, interactive) {
        Ok(mut shell) => block_on(async {
            match text {
                Some(text) => run_text(&mut shell, &text).await,
                None => run_input(&mut shell).await,
            }
        }),
        Err(error) => {
            eprintln!("pollux-shell: {}", run::plain(&error));
            UNUSABLE
        }
    };
    ExitCode::from(status as u8)
}

/// Runs commands to their end, or to ^C.
async fn run_text(shell: &mut Shell, text: &str) -> i32 {
    match syntax::parse(text) {
        Ok(list) => {
            shell.interrupts = reactor::interrupts();
            let status = run::list(shell, &list).await;
            if shell.is_interrupted() {
                match shell.interactive {
                    true => shell.print(2, "\n").await,
                    false => shell.exits = Some(status),
                }
            }
            status
        }
        Err(why) => {
            shell.complain(&why).await;
            shell.status = UNUSABLE;
            UNUSABLE
        }
    }
}

/// Runs commands line by line as they come.
async fn run_input(shell: &mut Shell) -> i32 {
    let mut text = String::new();
    loop {
        if shell.interactive {
            report_ended(shell).await;
            shell.print(2, if text.is_empty() { "$ " } else { "> " }).await;
        }
        let line = match race(read_line(), reactor::interrupt(reactor::interrupts())).await {
            Either::First(line) => line,
            Either::Second(()) => {
                text.clear();
                shell.print(2, "\n").await;
                continue;
            }
        };
        let ended = line.is_empty();
        text.push_str(&line);
        if ended || !syntax::is_unfinished(&text) {
            run_text(shell, &std::mem::take(&mut text)).await;
        }
        if ended || shell.exits.is_some() {
            return shell.exits.unwrap_or(shell.status);
        }
    }
}

async fn report_ended(shell: &Shell) {
    let ended = shell.jobs.borrow_mut().take_finished();
    for job in ended {
        shell.print(2, &format!("[{}]   {:26} {}\n", job.number, "Done", job.text)).await;
    }
}

/// A line of standard input, empty at its end. Byte by byte, as what follows may be meant for a command.
async fn read_line() -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') && reactor::read(0, &mut byte).await == Ok(1) {
        line.push(byte[0]);
    }
    String::from_utf8_lossy(&line).into_owned()
}
