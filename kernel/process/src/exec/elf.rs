//! Reading the headers of a program file (elf(5)), which may hold anything.
//!
//! What comes out of here has been checked: each segment lies in user addresses, its sizes and offsets don't overflow and fit each other and the file.

use abi::{Errno, Result};
use alloc::vec::Vec;
use memory::PAGE_SIZE;
use zerocopy::{FromBytes, Immutable, KnownLayout};

/// `Elf64_Ehdr`.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
struct FileHeader {
    magic: [u8; 4],
    class: u8,
    data: u8,
    version: u8,
    system: u8,
    padding: [u8; 8],
    kind: u16,
    machine: u16,
    file_version: u32,
    entry: u64,
    program_headers: u64,
    section_headers: u64,
    flags: u32,
    header_size: u16,
    program_header_size: u16,
    program_header_count: u16,
    section_header_size: u16,
    section_header_count: u16,
    names: u16,
}

/// `Elf64_Phdr`.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
struct ProgramHeader {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    physical: u64,
    file_size: u64,
    memory_size: u64,
    alignment: u64,
}

const EXECUTABLE: u16 = 2;
const SHARED_OBJECT: u16 = 3;
const X86_64: u16 = 62;
const LOAD: u32 = 1;
const INTERPRETER: u32 = 3;
const GNU_STACK: u32 = 0x6474_e551;
/// Linux's limit on the size of the table: one page of 64 KiB.
const MAX_TABLE: usize = 65_536;
const PATH_MAX: u64 = 4096;
/// The largest alignment that a position-independent program may ask for; more is ignored.
const MAX_ALIGNMENT: u64 = 1 << 30;

/// Size of one program header (AT_PHENT).
pub const PROGRAM_HEADER_SIZE: usize = size_of::<ProgramHeader>();

/// A PT_LOAD segment; addresses are relative to the program's base if it is position-independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub address: usize,
    pub offset: u64,
    pub file_size: usize,
    pub memory_size: usize,
    pub readable: bool,
    pub writable: bool,
    pub executable: bool,
}

/// The headers of a program file.
#[derive(Debug)]
pub struct Program {
    /// May be loaded anywhere.
    pub relocatable: bool,
    pub entry: usize,
    pub segments: Vec<Segment>,
    /// Where in the file the path of the interpreter lies, its NUL included.
    pub interpreter: Option<(u64, usize)>,
    pub header_count: usize,
    /// Where the program headers lie once the program is loaded (relative as `Segment::address`); 0 if no segment holds them.
    pub headers_address: usize,
    pub executable_stack: bool,
    pub alignment: usize,
    /// A segment that cannot be mapped. Linux finds that out when it maps, and so when the old program is gone already.
    pub broken: Option<Errno>,
}

/// Reads bytes of the file at a position; a file that is too short is ENOEXEC.
pub trait Source {
    fn read_exact(&self, position: u64, bytes: &mut [u8]) -> Result<()>;
}

impl Program {
    /// Reads the headers. ENOEXEC for what isn't a program for this machine, ENOMEM.
    pub fn read(file: &impl Source) -> Result<Program> {
        let mut bytes = [0; size_of::<FileHeader>()];
        file.read_exact(0, &mut bytes)?;
        let header = FileHeader::read_from_bytes(&bytes).map_err(|_| Errno::ENOEXEC)?;
        let count = usize::from(header.program_header_count);
        let supported = header.magic == *b"\x7fELF"
            && header.class == 2
            && header.data == 1
            && header.machine == X86_64
            && matches!(header.kind, EXECUTABLE | SHARED_OBJECT)
            && usize::from(header.program_header_size) == PROGRAM_HEADER_SIZE
            && count > 0
            && count * PROGRAM_HEADER_SIZE <= MAX_TABLE;
        if !supported {
            return Err(Errno::ENOEXEC);
        }
        let mut program = Program {
            relocatable: header.kind == SHARED_OBJECT,
            entry: usize::try_from(header.entry).map_err(|_| Errno::ENOEXEC)?,
            segments: Vec::new(),
            interpreter: None,
            header_count: count,
            headers_address: 0,
            executable_stack: false,
            alignment: PAGE_SIZE,
            broken: None,
        };
        for number in 0..count as u64 {
            let mut bytes = [0; PROGRAM_HEADER_SIZE];
            let position = header.program_headers.checked_add(number * PROGRAM_HEADER_SIZE as u64).ok_or(Errno::ENOEXEC)?;
            file.read_exact(position, &mut bytes)?;
            let entry = ProgramHeader::read_from_bytes(&bytes).map_err(|_| Errno::ENOEXEC)?;
            program.add(&entry, header.program_headers)?;
        }
        if program.segments.is_empty() {
            program.broken = program.broken.or(Some(Errno::ENOEXEC));
        }
        Ok(program)
    }

    fn add(&mut self, entry: &ProgramHeader, table: u64) -> Result<()> {
        match entry.kind {
            LOAD => {
                let segment = match Segment::new(entry) {
                    Ok(Some(segment)) => segment,
                    Ok(None) => return Ok(()),
                    Err(error) => {
                        self.broken = self.broken.or(Some(error));
                        return Ok(());
                    }
                };
                if entry.alignment.is_power_of_two() && entry.alignment <= MAX_ALIGNMENT {
                    self.alignment = self.alignment.max(entry.alignment as usize);
                }
                let within = table.checked_sub(entry.offset).filter(|&at| at < entry.file_size);
                if let (0, Some(at)) = (self.headers_address, within) {
                    self.headers_address = segment.address + at as usize;
                }
                self.segments.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
                self.segments.push(segment);
            }
            INTERPRETER if self.interpreter.is_none() => {
                if entry.file_size < 2 || entry.file_size > PATH_MAX {
                    return Err(Errno::ENOEXEC);
                }
                self.interpreter = Some((entry.offset, entry.file_size as usize));
            }
            GNU_STACK => self.executable_stack = entry.flags & 1 != 0,
            _ => {}
        }
        Ok(())
    }

    /// The addresses from the first segment's page to the end of the last.
    pub fn extent(&self) -> core::ops::Range<usize> {
        let start = self.segments.iter().map(Segment::first_page).min().unwrap_or(0);
        let end = self.segments.iter().map(|segment| segment.address + segment.memory_size).max().unwrap_or(0);
        start..end.next_multiple_of(PAGE_SIZE)
    }
}

impl Segment {
    /// None for an empty one. EINVAL if it cannot be mapped, ENOMEM if it isn't in user addresses, as mmap would answer on Linux.
    fn new(entry: &ProgramHeader) -> Result<Option<Segment>> {
        if entry.memory_size == 0 {
            return Ok(None);
        }
        let end = entry.address.checked_add(entry.memory_size).filter(|&end| end <= arch::USER_END as u64);
        if entry.file_size > entry.memory_size || entry.offset % PAGE_SIZE as u64 != entry.address % PAGE_SIZE as u64 {
            return Err(Errno::EINVAL);
        }
        if end.is_none() {
            return Err(Errno::ENOMEM);
        }
        entry.offset.checked_add(entry.file_size).filter(|&end| end <= i64::MAX as u64).ok_or(Errno::EINVAL)?;
        Ok(Some(Segment {
            address: entry.address as usize,
            offset: entry.offset,
            file_size: entry.file_size as usize,
            memory_size: entry.memory_size as usize,
            readable: entry.flags & 4 != 0,
            writable: entry.flags & 2 != 0,
            executable: entry.flags & 1 != 0,
        }))
    }

    /// The address of the page in which it begins.
    pub fn first_page(&self) -> usize {
        self.address & !(PAGE_SIZE - 1)
    }
}
