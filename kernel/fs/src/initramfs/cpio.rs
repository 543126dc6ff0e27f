//! Reader of "newc" cpio archives (cpio(5)): entries of a byte slice, with the offset of everything that is wrong.

use core::fmt;

use abi::Errno;

/// What is wrong with an archive, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Error {
    /// Bytes from the start of the archive.
    pub offset: usize,
    pub problem: Problem,
}

/// The kinds of trouble.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Problem {
    /// No header where one should be.
    BadMagic,
    /// A compressed archive, which must be unpacked before.
    Compressed,
    /// A header field that is no hexadecimal number.
    BadField,
    /// The archive ends inside a header, a name or a file.
    Truncated,
    /// An empty or endless name, one with a zero byte inside, or one that leads upwards ("..").
    BadName,
    /// The contents do not have the sum that the header tells.
    BadChecksum,
    /// A mode that names no kind of file.
    BadMode,
    /// The file system refused the entry.
    Refused(Errno),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.problem {
            Problem::BadMagic => "not a cpio archive (newc)",
            Problem::Compressed => "a compressed archive; unpack it first",
            Problem::BadField => "a header field is no hexadecimal number",
            Problem::Truncated => "the archive ends too early",
            Problem::BadName => "a bad file name",
            Problem::BadChecksum => "wrong checksum",
            Problem::BadMode => "an unknown kind of file",
            Problem::Refused(errno) => return write!(f, "at byte {}: cannot make the entry: {}", self.offset, errno.text()),
        };
        write!(f, "at byte {}: {what}", self.offset)
    }
}

/// One entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// Where its header starts.
    pub offset: usize,
    /// Identity of the file in the archive, for hard links: inode number and device.
    pub identity: (u32, u32, u32),
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub links: u32,
    /// Seconds since 1970.
    pub modified: u32,
    pub device: (u32, u32),
    /// Without leading slashes; "." for the root.
    pub name: &'a [u8],
    pub data: &'a [u8],
}

/// What comes next in the archive.
pub enum Item<'a> {
    Entry(Entry<'a>),
    /// "TRAILER!!!": identities start anew after it.
    Trailer,
}

const HEADER: usize = 110;
/// The longest name, with its zero byte.
const NAME_MAX: usize = 4096;

/// Walks over the items of one or several archives laid end to end.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    fn fail(&self, problem: Problem) -> Error {
        Error { offset: self.at, problem }
    }

    fn piece(&self, start: usize, length: usize) -> Result<&'a [u8], Error> {
        let end = start.checked_add(length).ok_or(self.fail(Problem::Truncated))?;
        self.bytes.get(start..end).ok_or(self.fail(Problem::Truncated))
    }

    /// The next item; `None` at the end (zeros may follow a trailer).
    pub fn next_item(&mut self) -> Result<Option<Item<'a>>, Error> {
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        match rest.iter().position(|&byte| byte != 0) {
            None => return Ok(None),
            Some(zeros) => self.at += zeros,
        }
        let header = self.header()?;
        let [inode, mode, uid, gid, links, modified, size, dev_major, dev_minor, rdev_major, rdev_minor, name_size, sum] = header.fields;
        let (size, name_size) = (size as usize, name_size as usize);
        if !(2..=NAME_MAX).contains(&name_size) {
            return Err(self.fail(Problem::BadName));
        }
        let name_start = self.at + HEADER;
        let name = self.piece(name_start, name_size)?;
        let Some((0, name)) = name.split_last() else { return Err(self.fail(Problem::BadName)) };
        if name.contains(&0) {
            return Err(self.fail(Problem::BadName));
        }
        let data_start = (name_start + name_size).next_multiple_of(4);
        if name == b"TRAILER!!!" {
            self.at = data_start.min(self.bytes.len());
            return Ok(Some(Item::Trailer));
        }
        let data = self.piece(data_start, size)?;
        if header.checked && data.iter().fold(0u32, |total, &byte| total.wrapping_add(u32::from(byte))) != sum {
            return Err(self.fail(Problem::BadChecksum));
        }
        let name = self.clean_name(name)?;
        let entry = Entry {
            offset: self.at,
            identity: (inode, dev_major, dev_minor),
            mode,
            uid,
            gid,
            links,
            modified,
            device: (rdev_major, rdev_minor),
            name,
            data,
        };
        self.at = (data_start + size).next_multiple_of(4).min(self.bytes.len());
        Ok(Some(Item::Entry(entry)))
    }

    /// Takes off leading slashes and "./"; refuses ".." components.
    fn clean_name(&self, name: &'a [u8]) -> Result<&'a [u8], Error> {
        let mut name = name;
        while let Some(rest) = name.strip_prefix(b"/").or_else(|| name.strip_prefix(b"./")) {
            name = rest;
        }
        if name.split(|&byte| byte == b'/').any(|part| part == b"..") {
            return Err(self.fail(Problem::BadName));
        }
        Ok(if name.is_empty() { b"." } else { name })
    }

    fn header(&self) -> Result<Header, Error> {
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        let compressed: [&[u8]; 6] = [b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"\x02\x21\x4c\x18"];
        if compressed.iter().any(|magic| rest.starts_with(magic)) {
            return Err(self.fail(Problem::Compressed));
        }
        let checked = match rest.get(..6) {
            Some(b"070701") => false,
            Some(b"070702") => true,
            Some(_) => return Err(self.fail(Problem::BadMagic)),
            None => return Err(self.fail(if b"070701".starts_with(rest) { Problem::Truncated } else { Problem::BadMagic })),
        };
        let mut fields = [0; 13];
        for (index, field) in fields.iter_mut().enumerate() {
            let digits = self.piece(self.at + 6 + 8 * index, 8)?;
            *field = hexadecimal(digits).ok_or(self.fail(Problem::BadField))?;
        }
        Ok(Header { fields, checked })
    }
}

struct Header {
    fields: [u32; 13],
    checked: bool,
}

/// Eight digits, nothing else.
fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |value, &digit| Some((value << 4) | char::from(digit).to_digit(16)?))
}
