//! The first line of a script: `#! INTERPRETER [ARGUMENT]` (execve(2)).

/// How much of a file is looked at: what doesn't end within this is cut off, as on Linux.
pub const LINE_MAX: usize = 256;
/// How many scripts may run scripts.
pub const DEPTH_MAX: usize = 5;

/// An interpreter and the one argument that may stand behind it.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    pub interpreter: &'a [u8],
    pub argument: Option<&'a [u8]>,
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Reads the line from the first [`LINE_MAX`] bytes of a file, zeros behind its end. None if there is no interpreter, or its path is cut off.
pub fn parse(start: &[u8; LINE_MAX]) -> Option<Line<'_>> {
    let text = start.strip_prefix(b"#!")?;
    let newline = text.iter().position(|&byte| byte == b'\n');
    let line = match newline {
        Some(end) => text.get(..end)?,
        None => {
            // Without a newline the path must still end: with a blank, or with the file.
            let name = text.iter().position(|&byte| !is_blank(byte))?;
            text.get(name..)?.iter().position(|&byte| is_blank(byte) || byte == 0)?;
            text.get(..text.len() - 1)?
        }
    };
    let end = line.iter().position(|&byte| byte == 0).unwrap_or(line.len());
    let line = line.get(..end)?;
    let begin = line.iter().position(|&byte| !is_blank(byte))?;
    let last = line.iter().rposition(|&byte| !is_blank(byte))?;
    let line = line.get(begin..=last)?;
    let name_end = line.iter().position(|&byte| is_blank(byte)).unwrap_or(line.len());
    let (interpreter, rest) = line.split_at_checked(name_end)?;
    let argument = rest.iter().position(|&byte| !is_blank(byte)).and_then(|at| rest.get(at..));
    Some(Line { interpreter, argument })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Option<(String, Option<String>)> {
        let mut start = [0; LINE_MAX];
        let length = text.len().min(LINE_MAX);
        start[..length].copy_from_slice(&text[..length]);
        let string = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        parse(&start).map(|line| (string(line.interpreter), line.argument.map(string)))
    }

    #[test]
    fn lines() {
        let plain = |path: &str| Some((path.to_string(), None));
        let with = |path: &str, argument: &str| Some((path.to_string(), Some(argument.to_string())));
        assert_eq!(read(b"#!/bin/sh\necho"), plain("/bin/sh"));
        assert_eq!(read(b"#! \t/bin/sh \t\n"), plain("/bin/sh"));
        assert_eq!(read(b"#!/usr/bin/env  -S a b \nx"), with("/usr/bin/env", "-S a b"));
        assert_eq!(read(b"#!/bin/sh"), plain("/bin/sh"));
        assert_eq!(read(b"#!/bin/sh -e"), with("/bin/sh", "-e"));
        assert_eq!(read(b"#!\n/bin/sh"), None);
        assert_eq!(read(b"#!   "), None);
        assert_eq!(read(b"/bin/sh\n"), None);
    }

    #[test]
    fn long_lines_are_cut_off_but_not_within_the_path() {
        let mut text = b"#!/bin/x ".to_vec();
        text.resize(300, b'a');
        let (path, argument) = read(&text).unwrap();
        assert_eq!((path.as_str(), argument.unwrap().len()), ("/bin/x", LINE_MAX - 1 - 9));
        text[8] = b'a';
        assert_eq!(read(&text), None);
    }
}
