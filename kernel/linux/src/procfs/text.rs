//! Writing the text of a file.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use abi::{Errno, Result};

/// Formats into a vector and runs out of memory in good order, unlike the formatting of the standard library.
pub(super) struct Text<'a> {
    bytes: &'a mut Vec<u8>,
}

impl<'a> Text<'a> {
    pub(super) fn new(bytes: &'a mut Vec<u8>) -> Text<'a> {
        Text { bytes }
    }

    /// Runs `write`; the only way for formatting to fail is lack of memory: ENOMEM.
    pub(super) fn fill(bytes: &'a mut Vec<u8>, write: impl FnOnce(&mut Text<'a>) -> fmt::Result) -> Result<()> {
        write(&mut Text::new(bytes)).map_err(|fmt::Error| Errno::ENOMEM)
    }

    /// Adds bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> fmt::Result {
        self.bytes.try_reserve(bytes.len()).map_err(|_| fmt::Error)?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Adds bytes and a newline.
    pub(super) fn line(&mut self, bytes: &[u8]) -> fmt::Result {
        self.bytes(bytes)?;
        self.bytes(b"\n")
    }

    /// Adds bytes with those in `special`, and the backslash, as octal escapes, as Linux does for names in its tables.
    pub(super) fn escaped(&mut self, bytes: &[u8], special: &[u8]) -> fmt::Result {
        for &byte in bytes {
            if byte == b'\\' || special.contains(&byte) {
                write!(self, "\\{byte:03o}")?;
            } else {
                self.bytes(&[byte])?;
            }
        }
        Ok(())
    }

    /// Where the text ends now.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Fills up with blanks to `column`, counted from `start`, and adds one more.
    pub(super) fn pad(&mut self, start: usize, column: usize) -> fmt::Result {
        while self.len() - start < column {
            self.bytes(b" ")?;
        }
        self.bytes(b" ")
    }
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes())
    }
}
