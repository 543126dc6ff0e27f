//! From text to tokens: words with their quoting, and operators.

use std::iter::Peekable;
use std::str::CharIndices;

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text as it stands.
    Text(String),
    /// `$name`: with quotes around it its value stays in one piece.
    Variable { name: String, quoted: bool },
    /// `$(commands)`.
    Output { commands: String, quoted: bool },
}

/// A word before expansion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    pub pieces: Vec<Piece>,
    /// Has quotes: it stays a word even if nothing is in it.
    pub quoted: bool,
}

impl Word {
    /// The word, if it is plain text without quotes: only such can be an operator's number, a keyword or the start of an assignment.
    pub fn plain(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Text(text)] if !self.quoted => Some(text),
            _ => None,
        }
    }

    fn push(&mut self, letter: char) {
        match self.pieces.last_mut() {
            Some(Piece::Text(text)) => text.push(letter),
            _ => self.pieces.push(Piece::Text(letter.into())),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Word(Word),
    /// `&&`, `|`, `>` … and `\n`.
    Operator(&'static str),
}

/// A token and where it stands in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

/// The longer ones first.
const OPERATORS: [&str; 14] = ["&&", "||", ">>", ">&", "<&", "&", "|", ";", ">", "<", "(", ")", "\n", "!"];

type Letters<'a> = Peekable<CharIndices<'a>>;

/// Cuts a text into tokens; an error for quotes that do not end.
pub fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut letters = text.char_indices().peekable();
    while let Some(&(start, letter)) = letters.peek() {
        match letter {
            ' ' | '\t' => {
                letters.next();
            }
            '#' => while letters.next_if(|&(_, letter)| letter != '\n').is_some() {},
            '\\' if text[start..].starts_with("\\\n") => {
                letters.nth(1);
            }
            _ => {
                let operator =
                    OPERATORS.into_iter().find(|operator| text[start..].starts_with(operator) && stands_alone(operator, text, start));
                let kind = match operator {
                    Some(operator) => {
                        letters.nth(operator.len() - 1);
                        Kind::Operator(operator)
                    }
                    None => Kind::Word(word(text, &mut letters)?),
                };
                tokens.push(Token { kind, start, end: letters.peek().map_or(text.len(), |&(at, _)| at) });
            }
        }
    }
    Ok(tokens)
}

/// `!` is an operator only as a word of its own.
fn stands_alone(operator: &str, text: &str, start: usize) -> bool {
    operator != "!" || text[start + 1..].starts_with([' ', '\t'])
}

fn word(text: &str, letters: &mut Letters<'_>) -> Result<Word, String> {
    let mut word = Word::default();
    while let Some(&(_, letter)) = letters.peek() {
        match letter {
            ' ' | '\t' | '\n' | '&' | '|' | ';' | '<' | '>' | '(' | ')' => break,
            _ => letters.next(),
        };
        match letter {
            '\'' => {
                word.quoted = true;
                loop {
                    match letters.next().ok_or("a ' is missing")?.1 {
                        '\'' => break,
                        letter => word.push(letter),
                    }
                }
            }
            '"' => {
                word.quoted = true;
                double_quoted(text, letters, &mut word)?;
            }
            '\\' => match letters.next().ok_or("nothing follows \\")?.1 {
                '\n' => {}
                letter => {
                    word.quoted = true;
                    word.push(letter);
                }
            },
            '$' => dollar(text, letters, &mut word, false)?,
            letter => word.push(letter),
        }
    }
    Ok(word)
}

fn double_quoted(text: &str, letters: &mut Letters<'_>, word: &mut Word) -> Result<(), String> {
    loop {
        match letters.next().ok_or("a \" is missing")?.1 {
            '"' => return Ok(()),
            '$' => dollar(text, letters, word, true)?,
            '\\' => match letters.next().ok_or("a \" is missing")?.1 {
                '\n' => {}
                letter @ ('"' | '\\' | '$' | '`') => word.push(letter),
                letter => {
                    word.push('\\');
                    word.push(letter);
                }
            },
            letter => word.push(letter),
        }
    }
}

/// What follows a `$`.
fn dollar(text: &str, letters: &mut Letters<'_>, word: &mut Word, quoted: bool) -> Result<(), String> {
    let Some(&(start, letter)) = letters.peek() else {
        word.push('$');
        return Ok(());
    };
    let name = match letter {
        '(' => {
            letters.next();
            let end = closing(text, start + 1)?;
            while letters.next_if(|&(at, _)| at <= end).is_some() {}
            word.pieces.push(Piece::Output { commands: text[start + 1..end].to_owned(), quoted });
            return Ok(());
        }
        '{' => {
            letters.next();
            let end = start + text[start..].find('}').ok_or("a } is missing")?;
            while letters.next_if(|&(at, _)| at <= end).is_some() {}
            text[start + 1..end].to_owned()
        }
        '?' | '$' | '!' | '#' | '@' | '0'..='9' => {
            letters.next();
            letter.to_string()
        }
        _ => {
            let end =
                text[start..].find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').map_or(text.len(), |at| start + at);
            while letters.next_if(|&(at, _)| at < end).is_some() {}
            text[start..end].to_owned()
        }
    };
    if name.is_empty() {
        word.push('$');
    } else {
        word.pieces.push(Piece::Variable { name, quoted });
    }
    Ok(())
}

/// Where the parenthesis that was opened before `start` is closed.
fn closing(text: &str, start: usize) -> Result<usize, String> {
    let mut depth = 1;
    let mut quote = None;
    let mut escaped = false;
    for (at, letter) in text[start..].char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quote != Some('\'') => escaped = true,
            _ if quote == Some(letter) => quote = None,
            _ if quote.is_some() => {}
            '\'' | '"' => quote = Some(letter),
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Ok(start + at);
        }
    }
    Err("a ) is missing".into())
}
