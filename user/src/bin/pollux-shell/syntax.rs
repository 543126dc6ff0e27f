//! From tokens to commands.
//!
//! list: chain ((`;` | `&` | newline) chain)* · chain: pipeline ((`&&` | `||`) pipeline)* · pipeline: [`!`] command (`|` command)* ·
//! command: (name=word)* word* | `(` list `)`, each with redirections.

use crate::words::{Kind, Piece, Token, Word, tokens};

/// What a redirection does with the file that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Read,
    Write,
    Append,
    /// The name is the number of a descriptor.
    Copy,
}

#[derive(Clone, Debug)]
pub struct Redirection {
    pub fd: usize,
    pub direction: Direction,
    pub target: Word,
}

#[derive(Clone, Debug)]
pub enum Body {
    Simple {
        assignments: Vec<(String, Word)>,
        words: Vec<Word>,
    },
    /// `( list )`: what it changes in the shell ends with it.
    Group(Vec<Item>),
}

#[derive(Clone, Debug)]
pub struct Command {
    pub body: Body,
    pub redirections: Vec<Redirection>,
}

#[derive(Clone, Debug)]
pub struct Pipeline {
    pub negated: bool,
    pub commands: Vec<Command>,
}

/// When a pipeline of a chain runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Always,
    /// `&&`: after success.
    Success,
    /// `||`: after failure.
    Failure,
}

/// A chain, and whether the shell waits for it.
#[derive(Clone, Debug)]
pub struct Item {
    pub chain: Vec<(Condition, Pipeline)>,
    pub background: bool,
    /// As it was typed.
    pub text: String,
}

/// Reads a whole text.
pub fn parse(text: &str) -> Result<Vec<Item>, String> {
    let tokens = tokens(text)?;
    let mut parser = Parser { text, tokens: &tokens, at: 0 };
    let list = parser.list()?;
    match parser.tokens.get(parser.at) {
        None => Ok(list),
        Some(token) => Err(format!("unexpected {}", text[token.start..token.end].trim())),
    }
}

/// Whether a text looks as if more were to come: a quote or a parenthesis is open, or the line ends in `|`, `&&`, `||` or `\`.
pub fn is_unfinished(text: &str) -> bool {
    let line = text.trim_end();
    let open = matches!(parse(text), Err(why) if why.ends_with("is missing"));
    open || line.ends_with(['|', '\\']) || line.ends_with("&&")
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
}

impl<'a> Parser<'a> {
    fn operator(&self) -> Option<&'static str> {
        match self.tokens.get(self.at)?.kind {
            Kind::Operator(operator) => Some(operator),
            Kind::Word(_) => None,
        }
    }

    fn word(&self) -> Option<&'a Word> {
        match &self.tokens.get(self.at)?.kind {
            Kind::Word(word) => Some(word),
            Kind::Operator(_) => None,
        }
    }

    /// Goes on if the next token is that operator.
    fn accept(&mut self, operator: &str) -> bool {
        let found = self.operator() == Some(operator);
        self.at += usize::from(found);
        found
    }

    fn skip_lines(&mut self) {
        while self.accept("\n") {}
    }

    fn list(&mut self) -> Result<Vec<Item>, String> {
        let mut items = Vec::new();
        loop {
            self.skip_lines();
            if matches!(self.operator(), Some(")")) || self.at == self.tokens.len() {
                return Ok(items);
            }
            let start = self.tokens[self.at].start;
            let chain = self.chain()?;
            let text = self.text[start..self.tokens[self.at - 1].end].to_owned();
            let background = self.accept("&");
            items.push(Item { chain, background, text });
            if !background && !self.accept(";") && !matches!(self.operator(), Some("\n")) {
                return Ok(items);
            }
        }
    }

    fn chain(&mut self) -> Result<Vec<(Condition, Pipeline)>, String> {
        let mut chain = vec![(Condition::Always, self.pipeline()?)];
        loop {
            let condition = match self.operator() {
                Some("&&") => Condition::Success,
                Some("||") => Condition::Failure,
                _ => return Ok(chain),
            };
            self.at += 1;
            self.skip_lines();
            chain.push((condition, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline, String> {
        let mut negated = false;
        while self.accept("!") {
            negated = !negated;
        }
        let mut commands = vec![self.command()?];
        while self.accept("|") {
            self.skip_lines();
            commands.push(self.command()?);
        }
        Ok(Pipeline { negated, commands })
    }

    fn command(&mut self) -> Result<Command, String> {
        let mut redirections = Vec::new();
        if self.accept("(") {
            let list = self.list()?;
            if !self.accept(")") {
                return Err("a ) is missing".into());
            }
            while let Some(redirection) = self.redirection()? {
                redirections.push(redirection);
            }
            return Ok(Command { body: Body::Group(list), redirections });
        }
        let (mut assignments, mut words) = (Vec::new(), Vec::new());
        loop {
            if let Some(redirection) = self.redirection()? {
                redirections.push(redirection);
            } else if let Some(word) = self.word() {
                self.at += 1;
                match assignment(word).filter(|_| words.is_empty()) {
                    Some(pair) => assignments.push(pair),
                    None => words.push(word.clone()),
                }
            } else if assignments.is_empty() && words.is_empty() && redirections.is_empty() {
                return Err("a command is missing".into());
            } else {
                return Ok(Command { body: Body::Simple { assignments, words }, redirections });
            }
        }
    }

    fn redirection(&mut self) -> Result<Option<Redirection>, String> {
        let start = self.at;
        // A number counts only if the operator follows it without a gap.
        let number = self.word().and_then(Word::plain).and_then(|text| text.parse::<usize>().ok());
        let joined = self.tokens.get(self.at + 1).is_some_and(|next| next.start == self.tokens[self.at].end);
        let number = number.filter(|_| joined);
        self.at += usize::from(number.is_some());
        let (own, direction) = match self.operator() {
            Some("<") => (0, Direction::Read),
            Some(">") => (1, Direction::Write),
            Some(">>") => (1, Direction::Append),
            Some(">&") => (1, Direction::Copy),
            Some("<&") => (0, Direction::Copy),
            _ => {
                self.at = start;
                return Ok(None);
            }
        };
        self.at += 1;
        let target = self.word().ok_or("a file name is missing")?.clone();
        self.at += 1;
        let fd = number.unwrap_or(own);
        if fd > 2 { Err(format!("descriptor {fd} is not known here")) } else { Ok(Some(Redirection { fd, direction, target })) }
    }
}

/// Whether a text can name a variable.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// `name=value` in front of a command.
fn assignment(word: &Word) -> Option<(String, Word)> {
    let Some(Piece::Text(first)) = word.pieces.first() else { return None };
    let (name, rest) = first.split_once('=').filter(|(name, _)| is_name(name))?;
    let mut value = Word { pieces: vec![Piece::Text(rest.to_owned())], quoted: true };
    value.pieces.extend_from_slice(&word.pieces[1..]);
    Some((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> String {
        let list = parse(text).unwrap();
        let one = |item: &Item| {
            let counts: Vec<String> = item.chain.iter().map(|(condition, line)| format!("{condition:?}:{}", line.commands.len())).collect();
            format!("{}{}", counts.join(","), if item.background { "&" } else { "" })
        };
        list.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lists_chains_and_pipelines() {
        assert_eq!(shape("a | b && c || d; e & f\ng"), "Always:2,Success:1,Failure:1 Always:1& Always:1 Always:1");
        assert_eq!(shape("(a; b) | c # comment | d"), "Always:2");
        assert_eq!(shape("a |\n b &&\n c"), "Always:2,Success:1");
    }

    #[test]
    fn words_keep_their_quoting() {
        let list = parse(r#"X=1 echo "a $b"'c'\ d 2>&1 >f"#).unwrap();
        let command = &list[0].chain[0].1.commands[0];
        let Body::Simple { assignments, words } = &command.body else { panic!("not simple") };
        assert_eq!((assignments.len(), words.len(), command.redirections.len()), (1, 2, 2));
        let expected = [Piece::Text("a ".into()), Piece::Variable { name: "b".into(), quoted: true }, Piece::Text("c d".into())];
        assert_eq!(words[1].pieces, expected);
        assert_eq!((command.redirections[0].fd, command.redirections[0].direction), (2, Direction::Copy));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, why) in [("a |", "command"), ("'x", "'"), ("(a", ")"), ("a > ", "file name"), ("a)", ")"), ("&& a", "command")] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(is_unfinished("echo 'a") && is_unfinished("a |") && is_unfinished("(a") && !is_unfinished("a; b"));
    }
}
