//! Expansion: from words to the strings that a command gets.

use std::os::fd::AsRawFd;
use std::rc::Rc;

use crate::executor::spawn;
use crate::shell::Shell;
use crate::words::{Piece, Word};
use crate::{reactor, run, syntax};

/// The fields of all words.
pub async fn fields(shell: &mut Shell, words: &[Word]) -> Vec<String> {
    let mut fields = Vec::new();
    for word in words {
        expand(shell, word, true, &mut fields).await;
    }
    fields
}

/// A word as one string, however much space is in it.
pub async fn string(shell: &mut Shell, word: &Word) -> String {
    let mut fields = Vec::new();
    expand(shell, word, false, &mut fields).await;
    fields.concat()
}

/// Unquoted values are cut at white space, if `split` says so; what stands next to them sticks to their first and last piece.
async fn expand(shell: &mut Shell, word: &Word, split: bool, fields: &mut Vec<String>) {
    let mut current = word.quoted.then(String::new);
    for piece in &word.pieces {
        let (value, whole) = match piece {
            Piece::Text(text) => (text.clone(), true),
            Piece::Variable { name, quoted } => (shell.value(name), *quoted),
            Piece::Output { commands, quoted } => (output(shell, commands).await, *quoted),
        };
        if whole || !split {
            current.get_or_insert_default().push_str(&value);
            continue;
        }
        if value.starts_with(char::is_whitespace) {
            fields.extend(current.take());
        }
        let mut parts = value.split_whitespace().peekable();
        while let Some(part) = parts.next() {
            current.get_or_insert_default().push_str(part);
            if parts.peek().is_some() || value.ends_with(char::is_whitespace) {
                fields.extend(current.take());
            }
        }
    }
    fields.extend(current);
}

/// What commands print, without the line ends behind it. A subshell runs them while this task reads.
async fn output(shell: &mut Shell, commands: &str) -> String {
    let Ok((reader, writer)) = run::pipe() else { return String::new() };
    let mut sub = shell.subshell();
    sub.files[1] = Rc::new(writer);
    let list = match syntax::parse(commands) {
        Ok(list) => list,
        Err(why) => {
            shell.complain(&why).await;
            shell.output_status = Some(2);
            return String::new();
        }
    };
    let job = spawn(async move { run::list(&mut sub, &list).await });
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = reactor::read(reader.as_raw_fd(), &mut buffer).await {
        bytes.extend_from_slice(&buffer[..count]);
    }
    shell.output_status = Some(job.await);
    String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned()
}
