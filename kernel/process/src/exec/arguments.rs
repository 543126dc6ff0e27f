//! Argument and environment strings on their way from one program to the next.

use abi::{Errno, Result};
use alloc::vec::Vec;
use memory::UserPtr;
use memory::user::read_c_string_into;

/// The longest string, its NUL included (MAX_ARG_STRLEN).
const STRING_MAX: usize = 128 << 10;
/// All strings and pointers may take this much in any case (ARG_MAX) …
const TOTAL_MIN: usize = 128 << 10;
/// … and this much at most (three quarters of the usual stack limit), else a quarter of the stack limit.
const TOTAL_MAX: usize = 6 << 20;
/// Bytes of a string that are fetched at once.
const PIECE: usize = 256;

/// The strings of argv and, behind them, of envp, each with its NUL.
#[derive(Debug)]
pub struct Arguments {
    strings: Vec<u8>,
    arguments: usize,
    environment: usize,
    /// What strings and pointers may take, in bytes.
    limit: usize,
}

impl Arguments {
    fn new(stack_limit: u64) -> Arguments {
        let quarter = usize::try_from(stack_limit / 4).unwrap_or(usize::MAX);
        Arguments { strings: Vec::new(), arguments: 0, environment: 0, limit: quarter.clamp(TOTAL_MIN, TOTAL_MAX) }
    }

    /// Copies both arrays from the calling program's memory; a null pointer stands for an empty array. `stack_limit` is RLIMIT_STACK, in bytes.
    ///
    /// EFAULT; E2BIG for a string above 128 KiB, or for more than a quarter of the stack limit in all; ENOMEM.
    pub fn from_user(argv: usize, envp: usize, stack_limit: u64) -> Result<Arguments> {
        let mut all = Arguments::new(stack_limit);
        all.arguments = all.copy_array(argv)?;
        if all.arguments == 0 {
            // As Linux: a program always has a name, even an empty one.
            all.push(b"")?;
            all.arguments = 1;
        }
        all.environment = all.copy_array(envp)?;
        Ok(all)
    }

    /// Takes strings of the kernel's own.
    pub fn from_kernel(argv: &[impl AsRef<[u8]>], envp: &[impl AsRef<[u8]>], stack_limit: u64) -> Result<Arguments> {
        let mut all = Arguments::new(stack_limit);
        for string in argv.iter().map(AsRef::as_ref) {
            all.push(string)?;
        }
        for string in envp.iter().map(AsRef::as_ref) {
            all.push(string)?;
        }
        (all.arguments, all.environment) = (argv.len(), envp.len());
        Ok(all)
    }

    pub(super) fn argument_count(&self) -> usize {
        self.arguments
    }

    /// The strings, and how many bytes of them are arguments.
    pub(super) fn strings(&self) -> (&[u8], usize) {
        let end = self.end_of(self.arguments);
        (&self.strings, end)
    }

    /// Bytes that the first `count` strings take.
    fn end_of(&self, count: usize) -> usize {
        let ends = self.strings.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(at, _)| at + 1);
        if count == 0 { 0 } else { ends.clone().nth(count - 1).unwrap_or(self.strings.len()) }
    }

    fn copy_array(&mut self, array: usize) -> Result<usize> {
        if array == 0 {
            return Ok(0);
        }
        let mut count = 0;
        loop {
            let address = UserPtr::<u64>::new(array).offset(count).read()? as usize;
            if address == 0 {
                return Ok(count);
            }
            self.copy_string(address)?;
            count += 1;
            self.check(count)?;
        }
    }

    fn copy_string(&mut self, mut address: usize) -> Result<()> {
        let begin = self.strings.len();
        loop {
            let mut piece = [0; PIECE];
            // A piece must not reach into the next page, which may not be there.
            let room = PIECE.min(memory::PAGE_SIZE - address % memory::PAGE_SIZE);
            let wanted = piece.get_mut(..room).ok_or(Errno::EFAULT)?;
            match read_c_string_into(address, wanted) {
                Ok(length) => {
                    self.append(piece.get(..length).unwrap_or_default())?;
                    self.append(&[0])?;
                    return self.check_string(begin);
                }
                Err(Errno::ENAMETOOLONG) => self.append(piece.get(..room).unwrap_or_default())?,
                Err(error) => return Err(error),
            }
            self.check_string(begin)?;
            address = address.checked_add(room).ok_or(Errno::EFAULT)?;
        }
    }

    fn check_string(&self, begin: usize) -> Result<()> {
        if self.strings.len() - begin > STRING_MAX { Err(Errno::E2BIG) } else { self.check(0) }
    }

    /// Whether all still fits, with `more` strings counted besides those that are complete.
    fn check(&self, more: usize) -> Result<()> {
        let pointers = (self.arguments + self.environment + more).max(1) * size_of::<u64>();
        if self.strings.len().saturating_add(pointers) > self.limit { Err(Errno::E2BIG) } else { Ok(()) }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        if self.strings.capacity() - self.strings.len() < bytes.len() {
            memory::frames::admit_many(self.strings.len() / memory::PAGE_SIZE)?;
        }
        self.strings.try_reserve(bytes.len()).map_err(|_| Errno::ENOMEM)?;
        self.strings.extend_from_slice(bytes);
        Ok(())
    }

    fn push(&mut self, string: &[u8]) -> Result<()> {
        let begin = self.strings.len();
        self.append(string)?;
        self.append(&[0])?;
        self.check_string(begin)
    }

    /// The arguments of a script's interpreter: its own path, what stands behind it, the script's name, and the script's arguments.
    pub(super) fn for_script(self, interpreter: &[u8], argument: Option<&[u8]>, script: &[u8]) -> Result<Arguments> {
        let mut new = Arguments { strings: Vec::new(), arguments: 0, environment: 0, limit: self.limit };
        new.push(interpreter)?;
        if let Some(argument) = argument {
            new.push(argument)?;
        }
        new.push(script)?;
        let first = self.end_of(1);
        new.append(self.strings.get(first..).unwrap_or_default())?;
        new.arguments = self.arguments.saturating_sub(1) + 2 + usize::from(argument.is_some());
        new.environment = self.environment;
        new.check(0)?;
        Ok(new)
    }
}
