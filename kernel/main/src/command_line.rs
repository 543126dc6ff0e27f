//! The kernel's command line, split as Linux splits it (kernel-parameters documentation).
//!
//! Words are separated by blanks; double quotes keep blanks together and vanish. `name=value` and `name` before a lone `--` are
//! for the kernel; those it doesn't know go to init, as environment and as arguments, unless their name has a dot. All words behind
//! the `--` are init's arguments.

/// One word: its name and, behind a `=`, its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'a> {
    /// What is before the first `=`.
    pub name: &'a str,
    /// What is behind it.
    pub value: Option<&'a str>,
    /// Whether the word stands behind `--`: none of the kernel's business.
    pub for_init: bool,
    /// The whole word, without quotes.
    pub text: &'a str,
}

/// The words of a command line, one after another.
#[derive(Debug, Clone)]
pub struct Words<'a> {
    rest: &'a str,
    behind_dashes: bool,
}

/// Splits a command line.
pub fn words(line: &str) -> Words<'_> {
    Words { rest: line, behind_dashes: false }
}

/// The value without the quotes around it or around the whole word; quotes inside stay, as in Linux.
fn unquote(text: &str) -> &str {
    let text = text.strip_prefix('"').unwrap_or(text);
    text.strip_suffix('"').unwrap_or(text)
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        loop {
            let rest = self.rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
            if rest.is_empty() {
                self.rest = rest;
                return None;
            }
            let mut quoted = false;
            let end = rest.find(|c: char| {
                quoted ^= c == '"';
                c.is_ascii_whitespace() && !quoted
            });
            let (word, rest) = rest.split_at(end.unwrap_or(rest.len()));
            self.rest = rest;
            if word == "--" && !self.behind_dashes {
                self.behind_dashes = true;
                continue;
            }
            let text = unquote(word);
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(if word.starts_with('"') { value } else { unquote(value) })),
                None => (text, None),
            };
            // `name="a b"` lost its closing quote above together with the word's.
            return Some(Word { name, value, for_init: self.behind_dashes, text });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<(&str, Option<&str>, bool)> {
        words(line).map(|word| (word.name, word.value, word.for_init)).collect()
    }

    #[test]
    fn splits_words_names_and_values() {
        assert_eq!(
            split("  a b=c\td==e f= "),
            [("a", None, false), ("b", Some("c"), false), ("d", Some("=e"), false), ("f", Some(""), false)]
        );
        assert_eq!(split(""), []);
    }

    #[test]
    fn quotes_keep_blanks_together() {
        assert_eq!(split(r#"a="b c" "d=e f" g"#), [("a", Some("b c"), false), ("d", Some("e f"), false), ("g", None, false)]);
        assert_eq!(split(r#"a="open end"#), [("a", Some("open end"), false)]);
        assert_eq!(split(r#"""#), [("", None, false)]);
    }

    #[test]
    fn what_follows_two_dashes_is_for_init() {
        assert_eq!(split("a -- b -- c=d"), [("a", None, false), ("b", None, true), ("--", None, true), ("c", Some("d"), true)]);
        assert_eq!(split("--"), []);
    }
}
