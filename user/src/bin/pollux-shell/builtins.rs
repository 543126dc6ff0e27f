//! The commands that the shell carries out itself: those that change it, and those that only wait, which need no process for that.

use std::time::Duration;

use crate::executor::{Either, race};
use crate::run::{INTERRUPTED, plain, simple};
use crate::shell::{Shell, Variable};
use crate::syntax::is_name;
use crate::{program, reactor};

const NAMES: [&str; 15] =
    [":", "cd", "echo", "exit", "export", "false", "help", "jobs", "kill", "pwd", "sleep", "timeout", "true", "unset", "wait"];

/// The status of what SIGTERM ended.
const TERMINATED: i32 = 128 + libc::SIGTERM;

pub fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Runs a built-in command; its status.
pub async fn run(shell: &mut Shell, fields: &[String]) -> i32 {
    let arguments = &fields[1..];
    let done = match fields[0].as_str() {
        "cd" => cd(shell, arguments),
        "echo" => {
            let (words, end) = match arguments.split_first() {
                Some((first, rest)) if first == "-n" => (rest, ""),
                _ => (arguments, "\n"),
            };
            shell.print(1, &format!("{}{end}", words.join(" "))).await;
            Ok(0)
        }
        "exit" => {
            let status = arguments.first().map_or(Ok(shell.status), |text| text.parse().map_err(|_| format!("{text}: not a number")));
            status.inspect(|&status| shell.exits = Some(status & 0xff)).map(|status| status & 0xff)
        }
        "export" => export(shell, arguments).await,
        "false" => Ok(1),
        "help" => {
            shell.print(1, &format!("Built in: {}\n", NAMES.join(" "))).await;
            Ok(0)
        }
        "jobs" => {
            let lines = shell.jobs.borrow().lines();
            shell.print(1, &lines).await;
            shell.jobs.borrow_mut().take_finished();
            Ok(0)
        }
        "kill" => kill(shell, fields).await,
        "pwd" => {
            shell.print(1, &format!("{}\n", shell.folder.display())).await;
            Ok(0)
        }
        "sleep" => interruptible(shell, sleep(arguments)).await.unwrap_or(Ok(INTERRUPTED)),
        "timeout" => timeout(shell, arguments).await,
        "unset" => {
            arguments.iter().for_each(|name| drop(shell.variables.remove(name)));
            Ok(0)
        }
        "wait" => Ok(interruptible(shell, wait(shell, arguments)).await.unwrap_or(INTERRUPTED)),
        _ => Ok(0),
    };
    match done {
        Ok(status) => status,
        Err(why) => {
            shell.complain(&format!("{}: {why}", fields[0])).await;
            1
        }
    }
}

/// Waits for a future, or for ^C: then the future is dropped. A program needs no such help, as it gets the signal itself.
async fn interruptible<T>(shell: &Shell, future: impl Future<Output = T>) -> Option<T> {
    match race(future, shell.interrupt()).await {
        Either::First(value) => Some(value),
        Either::Second(()) => None,
    }
}

fn cd(shell: &mut Shell, arguments: &[String]) -> Result<i32, String> {
    let goal = match arguments.first().map(String::as_str) {
        None => shell.value("HOME"),
        Some("-") => shell.value("OLDPWD"),
        Some(goal) => goal.to_owned(),
    };
    let folder = shell.folder.join(&goal).canonicalize().map_err(|error| format!("{goal}: {}", plain(&error)))?;
    if !folder.is_dir() {
        return Err(format!("{goal}: not a folder"));
    }
    let old = std::mem::replace(&mut shell.folder, folder);
    shell.set("OLDPWD", old.to_string_lossy().into_owned());
    shell.set("PWD", shell.folder.to_string_lossy().into_owned());
    Ok(0)
}

async fn export(shell: &mut Shell, arguments: &[String]) -> Result<i32, String> {
    for argument in arguments {
        let (name, value) = argument.split_once('=').map_or((argument.as_str(), None), |(name, value)| (name, Some(value)));
        if !is_name(name) {
            return Err(format!("{name}: not a name"));
        }
        let value = value.map_or_else(|| shell.value(name), str::to_owned);
        shell.variables.insert(name.to_owned(), Variable { value, exported: true });
    }
    if arguments.is_empty() {
        let exported = shell.variables.iter().filter(|(_, variable)| variable.exported);
        let text: String = exported.map(|(name, variable)| format!("export {name}='{}'\n", variable.value)).collect();
        shell.print(1, &text).await;
    }
    Ok(0)
}

fn seconds(text: Option<&String>) -> Result<Duration, String> {
    let text = text.ok_or("a number of seconds is missing")?;
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("{text}: not a number of seconds"))
}

/// No process sleeps: a timer of the reactor does.
async fn sleep(arguments: &[String]) -> Result<i32, String> {
    reactor::sleep(seconds(arguments.first())?).await;
    Ok(0)
}

/// A race between a command and a timer. The loser is dropped; a command that is dropped is terminated.
async fn timeout(shell: &mut Shell, arguments: &[String]) -> Result<i32, String> {
    let time = seconds(arguments.first())?;
    let command = arguments.get(1..).filter(|command| !command.is_empty()).ok_or("a command is missing")?;
    let files = shell.files.clone();
    let first = race(simple(shell, files, Vec::new(), command), reactor::sleep(time)).await;
    Ok(match first {
        Either::First(status) => status,
        Either::Second(()) => TERMINATED,
    })
}

/// Waits for the jobs that are named, or for all; the status of the last one named.
async fn wait(shell: &Shell, arguments: &[String]) -> i32 {
    let mut status = 0;
    for name in arguments {
        let job = shell.jobs.borrow_mut().take(name);
        status = match job {
            Some(job) => job.handle.await,
            None => 127,
        };
    }
    if arguments.is_empty() {
        let jobs = shell.jobs.borrow_mut().take_all();
        for job in jobs {
            job.handle.await;
        }
    }
    status
}

/// Cancels a job of this shell; all else is for the program of that name.
async fn kill(shell: &mut Shell, fields: &[String]) -> Result<i32, String> {
    if let [_, name] = fields
        && shell.jobs.borrow_mut().cancel(name, TERMINATED)
    {
        return Ok(0);
    }
    let files = shell.files.clone();
    Ok(program::run(shell, &files, Vec::new(), fields).await)
}
