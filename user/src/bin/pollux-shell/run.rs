//! Running what was read: lists, pipelines, redirections, programs.
//!
//! Each member of a pipeline and each background job is a task with a subshell of its own; they run at the same time because none of them
//! blocks.

use std::fs::OpenOptions;
use std::future::Future;
use std::io::Error;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;

use crate::builtins;
use crate::executor::{self, spawn};
use crate::shell::{Files, Shell};
use crate::syntax::{Body, Command, Condition, Direction, Item, Pipeline, Redirection};
use crate::{expand, program};

/// The status of what ^C ended.
pub const INTERRUPTED: i32 = 128 + libc::SIGINT;

/// A pipe that no program inherits by accident; the reading end first.
pub fn pipe() -> std::io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = std::io::pipe()?;
    Ok((reader.into(), writer.into()))
}

/// Runs a list; its status. Boxed, as groups make it call itself.
pub fn list<'a>(shell: &'a mut Shell, items: &'a [Item]) -> Pin<Box<dyn Future<Output = i32> + 'a>> {
    Box::pin(async move {
        for item in items {
            if item.background {
                background(shell, item).await;
            } else {
                chain(shell, item).await;
            }
            if let Some(status) = shell.exits {
                return status;
            }
            if shell.is_interrupted() {
                shell.status = INTERRUPTED;
                break;
            }
        }
        shell.status
    })
}

async fn background(shell: &mut Shell, item: &Item) {
    let mut sub = shell.subshell();
    sub.processes = Rc::default();
    // ^C is for the foreground.
    sub.detached = shell.interactive;
    if let Ok(nothing) = std::fs::File::open("/dev/null") {
        sub.files[0] = Rc::new(nothing.into());
    }
    let (own, processes) = (item.clone(), sub.processes.clone());
    let handle = spawn(async move { chain(&mut sub, &own).await });
    // Its first steps, so that its process has a number.
    executor::yield_now().await;
    let (number, id) = shell.jobs.borrow_mut().add(item.text.clone(), &processes.borrow(), handle);
    if shell.interactive {
        shell.print(2, &format!("[{number}] {id}\n")).await;
    }
    shell.status = 0;
}

async fn chain(shell: &mut Shell, item: &Item) -> i32 {
    for (condition, line) in &item.chain {
        let due = match condition {
            Condition::Always => true,
            Condition::Success => shell.status == 0,
            Condition::Failure => shell.status != 0,
        };
        if due {
            let status = pipeline(shell, line).await;
            shell.status = if line.negated { i32::from(status == 0) } else { status };
        }
        if let Some(status) = shell.exits {
            return status;
        }
        if shell.is_interrupted() {
            break;
        }
    }
    shell.status
}

async fn pipeline(shell: &mut Shell, line: &Pipeline) -> i32 {
    if let [only] = line.commands.as_slice() {
        return command(shell, only).await;
    }
    let mut handles = Vec::new();
    let mut input = None;
    for (index, member) in line.commands.iter().enumerate() {
        let mut sub = shell.subshell();
        if let Some(reader) = input.take() {
            sub.files[0] = Rc::new(reader);
        }
        if index + 1 < line.commands.len() {
            let Ok((reader, writer)) = pipe() else {
                shell.complain("no pipe can be made").await;
                return 1;
            };
            input = Some(reader);
            sub.files[1] = Rc::new(writer);
        }
        let member = member.clone();
        handles.push(spawn(async move { command(&mut sub, &member).await }));
    }
    let mut status = 0;
    for handle in handles {
        status = handle.await;
    }
    status
}

async fn command(shell: &mut Shell, command: &Command) -> i32 {
    let files = match redirect(shell, &command.redirections).await {
        Ok(files) => files,
        Err(why) => {
            shell.complain(&why).await;
            return 1;
        }
    };
    let (assignments, words) = match &command.body {
        Body::Group(items) => {
            let mut sub = shell.subshell();
            sub.files = files;
            return list(&mut sub, items).await;
        }
        Body::Simple { assignments, words } => (assignments, words),
    };
    shell.output_status = None;
    let mut values = Vec::new();
    for (name, word) in assignments {
        values.push((name.clone(), expand::string(shell, word).await));
    }
    let fields = expand::fields(shell, words).await;
    if fields.is_empty() {
        values.into_iter().for_each(|(name, value)| shell.set(&name, value));
        return shell.output_status.unwrap_or(0);
    }
    simple(shell, files, values, &fields).await
}

/// Runs a built-in command or a program with these files and these variables on top of the shell's.
pub async fn simple(shell: &mut Shell, files: Files, values: Vec<(String, String)>, fields: &[String]) -> i32 {
    if builtins::is_known(&fields[0]) {
        let own = std::mem::replace(&mut shell.files, files);
        values.into_iter().for_each(|(name, value)| shell.set(&name, value));
        let status = Box::pin(builtins::run(shell, fields)).await;
        shell.files = own;
        return status;
    }
    program::run(shell, &files, values, fields).await
}

/// The files of a command: the shell's with its redirections, from left to right.
async fn redirect(shell: &mut Shell, redirections: &[Redirection]) -> Result<Files, String> {
    let mut files = shell.files.clone();
    for Redirection { fd, direction, target } in redirections {
        let name = expand::string(shell, target).await;
        let mut options = OpenOptions::new();
        match direction {
            Direction::Copy => {
                let number = name.parse().ok().filter(|&number: &usize| number < files.len());
                files[*fd] = files[number.ok_or_else(|| format!("{name}: bad descriptor"))?].clone();
                continue;
            }
            Direction::Read => options.read(true),
            Direction::Write => options.write(true).create(true).truncate(true),
            Direction::Append => options.append(true).create(true),
        };
        let file = options.open(shell.folder.join(&name)).map_err(|error| format!("{name}: {}", plain(&error)))?;
        files[*fd] = Rc::new(file.into());
    }
    Ok(files)
}

/// An error without the number that the library puts behind it.
pub fn plain(error: &Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
