//! Making the address space of a new program, while the old one is still there.

use alloc::boxed::Box;
use alloc::sync::Arc;

use abi::{Errno, Result};
use core::ops::Range;
use fs::{Credentials, FsContext};
use memory::{AddressSpace, Backing, MapFlags, MapRequest, PAGE_SIZE, Protection};

use super::arguments::Arguments;
use super::elf::{Program, Segment};
use super::file::Executable;
use super::script::{self, DEPTH_MAX, LINE_MAX};
use super::stack::{self, Facts};
use crate::image::Image;
use crate::limits::Limits;
use crate::process::memory_limits;

/// Where position-independent programs go: two thirds up, as on Linux.
const PROGRAM_BASE: usize = 0x5555_5555_4000;

/// A program that is known to be one; everything that execve(2) can still refuse is behind us.
pub(super) struct Plan {
    file: Executable,
    program: Program,
    interpreter: Option<(Executable, Program)>,
    arguments: Arguments,
    /// The name by which it was called.
    name: Box<[u8]>,
    pub credentials: Credentials,
    pub secure: bool,
}

/// A program in an address space of its own, ready to run.
pub(super) struct Loaded {
    pub space: Arc<AddressSpace>,
    pub entry: usize,
    pub stack: usize,
    pub image: Image,
}

/// Who wants to execute.
pub(super) struct Caller<'a> {
    pub credentials: &'a Credentials,
    pub fs: &'a FsContext,
    pub no_new_privileges: bool,
}

impl Plan {
    /// Follows `#!` lines to a program and reads its headers and its interpreter's.
    ///
    /// EACCES, ENOEXEC; ELOOP for too many scripts in a row; ELIBBAD for an interpreter that isn't a program; whatever resolving a path says.
    pub fn make(caller: &Caller<'_>, mut file: Executable, name: &[u8], mut arguments: Arguments) -> Result<Plan> {
        let mut called: Box<[u8]> = name.into();
        let mut depth = 0;
        loop {
            let mut start = [0; LINE_MAX];
            file.read(0, &mut start)?;
            if !start.starts_with(b"#!") {
                break;
            }
            depth += 1;
            if depth > DEPTH_MAX {
                return Err(Errno::ELOOP);
            }
            let line = script::parse(&start).ok_or(Errno::ENOEXEC)?;
            arguments = arguments.for_script(line.interpreter, line.argument, &called)?;
            file = Executable::find(caller.credentials, caller.fs, line.interpreter)?;
            called = line.interpreter.into();
        }
        let program = Program::read(&file)?;
        let interpreter = match program.interpreter {
            Some((offset, length)) => Some(find_interpreter(caller, &file, offset, length)?),
            None => None,
        };
        let credentials = file.credentials(caller.credentials, caller.no_new_privileges);
        let secure = credentials.euid != credentials.uid || credentials.egid != credentials.gid;
        let name = terminated(name);
        Ok(Plan { file, program, interpreter, arguments, name, credentials, secure })
    }

    /// Builds the address space. Linux does this when the old program is gone, so an error here is the end of the process.
    pub fn load(&self, limits: &Limits) -> Result<Loaded> {
        let space = AddressSpace::new()?;
        space.set_limits(memory_limits(limits));
        let mut protection = Protection::READ | Protection::WRITE;
        if self.program.executable_stack {
            protection |= Protection::EXECUTE;
        }
        let top = space.map_stack(protection)?;
        let bias = self.bias(&space)?;
        map_program(&space, &self.file, &self.program, bias)?;
        let extent = shifted(self.program.extent(), bias);
        space.set_brk_start(extent.end);
        let entry = self.program.entry.wrapping_add(bias);
        let (base, start) = match &self.interpreter {
            None => (0, entry),
            Some((file, program)) => {
                let base = if program.relocatable { find_room(&space, program)? } else { 0 };
                map_program(&space, file, program, base)?;
                (base, program.entry.wrapping_add(base))
            }
        };
        let headers_address = match self.program.headers_address {
            0 => 0,
            address => address.wrapping_add(bias),
        };
        let facts = Facts { headers_address, header_count: self.program.header_count, base, entry, secure: self.secure };
        let stack = stack::build(&space, top, &self.arguments, &self.name, &self.credentials, &facts)?;
        let range_of = |wanted: fn(&Segment) -> bool| {
            let parts = || self.program.segments.iter().filter(|segment| wanted(segment));
            let start = parts().map(|segment| segment.address).min().unwrap_or(0);
            let end = parts().map(|segment| segment.address + segment.file_size).max().unwrap_or(0);
            shifted(start..end, bias)
        };
        let image = Image {
            executable: Some(self.file.path.clone()),
            text: Some(self.file.text.clone()),
            arguments: stack.arguments,
            environment: stack.environment,
            code: range_of(|segment| segment.executable),
            data: range_of(|segment| segment.writable),
            stack: stack.pointer,
            auxiliary: stack.auxiliary,
        };
        Ok(Loaded { space, entry: start, stack: stack.pointer, image })
    }

    /// What is added to the program's addresses.
    fn bias(&self, space: &AddressSpace) -> Result<usize> {
        if let Some(error) = self.program.broken {
            return Err(error);
        }
        if !self.program.relocatable {
            return Ok(0);
        }
        let extent = self.program.extent();
        let base = PROGRAM_BASE.next_multiple_of(self.program.alignment);
        match base.checked_add(extent.len()).filter(|&end| end < arch::USER_END) {
            Some(_) => Ok(base.wrapping_sub(extent.start)),
            None => find_room(space, &self.program),
        }
    }

    /// The last component of the name, without its NUL.
    pub fn short_name(&self) -> &[u8] {
        let name = self.name.strip_suffix(b"\0").unwrap_or(&self.name);
        name.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }
}

fn shifted(range: Range<usize>, by: usize) -> Range<usize> {
    range.start.wrapping_add(by)..range.end.wrapping_add(by)
}

fn terminated(name: &[u8]) -> Box<[u8]> {
    let mut with_nul = alloc::vec::Vec::with_capacity(name.len() + 1);
    with_nul.extend_from_slice(name);
    with_nul.push(0);
    with_nul.into_boxed_slice()
}

fn find_interpreter(caller: &Caller<'_>, file: &Executable, offset: u64, length: usize) -> Result<(Executable, Program)> {
    let mut bytes = alloc::vec![0; length];
    if file.read(offset, &mut bytes)? < length {
        return Err(Errno::EIO);
    }
    let path = bytes.strip_suffix(b"\0").ok_or(Errno::ENOEXEC)?;
    let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
    let interpreter = Executable::find(caller.credentials, caller.fs, path)?;
    let program = Program::read(&interpreter).map_err(|error| if error == Errno::ENOEXEC { Errno::ELIBBAD } else { error })?;
    Ok((interpreter, program))
}

/// A place for a position-independent program below everything else.
fn find_room(space: &AddressSpace, program: &Program) -> Result<usize> {
    let extent = program.extent();
    let slack = program.alignment - PAGE_SIZE;
    let length = extent.len().checked_add(slack).ok_or(Errno::ENOMEM)?;
    let at = space.map(MapRequest::anonymous(length, Protection::empty()))?;
    space.unmap(at, length)?;
    Ok(at.next_multiple_of(program.alignment).wrapping_sub(extent.start))
}

fn map_program(space: &AddressSpace, file: &Executable, program: &Program, bias: usize) -> Result<()> {
    if let Some(error) = program.broken {
        return Err(error);
    }
    program.segments.iter().try_for_each(|segment| map_segment(space, file, segment, bias))
}

/// The part that the file fills is a private mapping of its page cache; the rest is zeros.
fn map_segment(space: &AddressSpace, file: &Executable, segment: &Segment, bias: usize) -> Result<()> {
    let address = segment.address.wrapping_add(bias);
    let end = address.checked_add(segment.memory_size).filter(|&end| end <= arch::USER_END).ok_or(Errno::ENOMEM)?;
    let first = address & !(PAGE_SIZE - 1);
    let file_end = address + segment.file_size;
    let mapped_end = if segment.file_size == 0 { first } else { file_end.next_multiple_of(PAGE_SIZE) };
    let mut protection = Protection::empty();
    protection.set(Protection::READ, segment.readable);
    protection.set(Protection::WRITE, segment.writable);
    protection.set(Protection::EXECUTE, segment.executable);
    let request = |from: usize, to: usize, backing| MapRequest {
        address: from,
        len: to - from,
        protection,
        may: Protection::all(),
        flags: MapFlags::FIXED,
        backing,
    };
    if mapped_end > first {
        let offset = segment.offset - (address - first) as u64;
        space.map(request(first, mapped_end, Backing::File { file: file.content.clone(), offset }))?;
    }
    let anonymous_end = end.next_multiple_of(PAGE_SIZE);
    if anonymous_end > mapped_end {
        space.map(request(mapped_end, anonymous_end, Backing::Anonymous))?;
    }
    // What the file has behind the segment must not show. A segment that cannot be written keeps it, as on Linux.
    let rest = mapped_end.min(end).saturating_sub(file_end);
    if segment.memory_size > segment.file_size && segment.file_size > 0 && segment.writable && mapped_end > file_end {
        let tail = mapped_end - file_end;
        if space.zero_remote(file_end, tail)? < tail.min(rest) {
            return Err(Errno::EFAULT);
        }
    }
    Ok(())
}
