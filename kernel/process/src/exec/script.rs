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
