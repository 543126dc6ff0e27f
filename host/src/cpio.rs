//! The "newc" cpio format: what Linux, and Pollux, take as an initial root file system. Each entry is a header of
//! hexadecimal fields, the name and the content, both padded to four bytes; an entry named `TRAILER!!!` ends the archive.
//!
//! Writing is deterministic: the same entries give the same bytes, with inode numbers counted from 1.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};

const MAGIC: &[u8] = b"070701";
/// The same with a checksum over the content, which readers may ignore.
const MAGIC_CHECKED: &[u8] = b"070702";
const TRAILER: &[u8] = b"TRAILER!!!";
const HEADER: usize = 110;
/// Archives are padded to whole blocks of this size, as GNU cpio pads them.
const BLOCK: usize = 512;

/// The file type bits of a mode, see inode(7).
pub const TYPE: u32 = 0o170000;
pub const DIRECTORY: u32 = 0o040000;
pub const REGULAR: u32 = 0o100000;
pub const SYMLINK: u32 = 0o120000;
pub const CHARACTER: u32 = 0o020000;
pub const BLOCK_DEVICE: u32 = 0o060000;
pub const FIFO: u32 = 0o010000;

/// One file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path without a leading slash; the root itself is `.`.
    pub name: Vec<u8>,
    /// Type and permissions.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: u32,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Entries of the same group are names of one file (hard links) and share its content.
    pub link_group: Option<u64>,
    /// Content of a file, target of a symbolic link.
    pub data: Arc<[u8]>,
}

impl Entry {
    /// An entry of root's, without content.
    pub fn new(name: &[u8], mode: u32, mtime: u32) -> Entry {
        Entry { name: name.to_vec(), mode, uid: 0, gid: 0, mtime, device: (0, 0), link_group: None, data: Arc::from([]) }
    }

    pub fn is(&self, file_type: u32) -> bool {
        self.mode & TYPE == file_type
    }
}

/// The archive of `entries`, in their order. Fails when a file is too large for the format (4 GiB).
pub fn write<'a>(entries: impl Iterator<Item = &'a Entry> + Clone) -> Result<Vec<u8>> {
    // Per group of hard links: inode number, how many names, and how many of them are still to come.
    let mut groups: HashMap<u64, (u32, u32, u32)> = HashMap::new();
    for group in entries.clone().filter_map(|entry| entry.link_group) {
        let counts = groups.entry(group).or_insert((0, 0, 0));
        counts.1 += 1;
        counts.2 += 1;
    }
    let mut archive = Vec::new();
    let mut next_inode = 1;
    for entry in entries {
        let mut inode = next_inode;
        let (mut links, mut last) = (if entry.is(DIRECTORY) { 2 } else { 1 }, true);
        if let Some((number, names, left)) = entry.link_group.and_then(|group| groups.get_mut(&group)) {
            if *number == 0 {
                *number = next_inode;
            }
            *left -= 1;
            (inode, links, last) = (*number, *names, *left == 0);
        }
        if inode == next_inode {
            next_inode += 1;
        }
        // All names of a file but the last come without content, as GNU cpio writes them.
        let data: &[u8] = if last { &entry.data } else { &[] };
        write_entry(&mut archive, entry, inode, links, data).with_context(|| format!("cannot archive {}", show(&entry.name)))?;
    }
    write_entry(&mut archive, &Entry::new(TRAILER, 0, 0), 0, 1, &[])?;
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    Ok(archive)
}

fn write_entry(archive: &mut Vec<u8>, entry: &Entry, inode: u32, links: u32, data: &[u8]) -> Result<()> {
    let size = u32::try_from(data.len()).context("the file is larger than 4 GiB")?;
    let name_size = u32::try_from(entry.name.len() + 1)?;
    archive.extend_from_slice(MAGIC);
    let (major, minor) = entry.device;
    for field in [inode, entry.mode, entry.uid, entry.gid, links, entry.mtime, size, 0, 0, major, minor, name_size, 0] {
        archive.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    archive.extend_from_slice(&entry.name);
    archive.push(0);
    pad(archive);
    archive.extend_from_slice(data);
    pad(archive);
    Ok(())
}

fn pad(archive: &mut Vec<u8>) {
    archive.resize(archive.len().next_multiple_of(4), 0);
}

/// The entries of an archive, or of several ones after each other, as Linux reads them.
pub fn read(archive: &[u8]) -> Result<Vec<Entry>> {
    ensure!(!archive.starts_with(&[0x1f, 0x8b]), "the archive is compressed: unpack it first (gunzip)");
    let mut entries: Vec<Entry> = Vec::new();
    let mut position = 0;
    // Inode numbers are unique within one archive of a chain only.
    let mut part: u64 = 0;
    while position < archive.len() {
        if archive[position] == 0 {
            position += 1;
            continue;
        }
        let (entry, next) = read_entry(&archive[position..], part).with_context(|| format!("at byte {position}"))?;
        position += next;
        if entry.name == TRAILER {
            part += 1;
        } else {
            entries.push(entry);
        }
    }
    share_links(&mut entries);
    Ok(entries)
}

/// Reads the entry at the start of `bytes`; also tells where the next one starts.
fn read_entry(bytes: &[u8], part: u64) -> Result<(Entry, usize)> {
    let header = bytes.get(..HEADER).context("the archive ends within a header")?;
    if !header.starts_with(MAGIC) && !header.starts_with(MAGIC_CHECKED) {
        bail!("this is no cpio archive of the newc format");
    }
    let field = |index: usize| -> Result<u32> {
        let digits = std::str::from_utf8(&header[6 + index * 8..14 + index * 8])?;
        u32::from_str_radix(digits, 16).context("a header field is no hexadecimal number")
    };
    let name_size = field(11)? as usize;
    ensure!(name_size > 0, "an entry has no name");
    let name = bytes.get(HEADER..HEADER + name_size - 1).context("the archive ends within a name")?;
    let start = (HEADER + name_size).next_multiple_of(4);
    let end = start + field(6)? as usize;
    let data = bytes.get(start..end).context("the archive ends within a file")?;
    let name = name.strip_prefix(b"./").unwrap_or(name);
    let name = if name.len() > 1 { name.strip_prefix(b"/").unwrap_or(name) } else { name };
    let mode = field(1)?;
    let linked = field(4)? > 1 && mode & TYPE == REGULAR;
    let entry = Entry {
        name: name.to_vec(),
        mode,
        uid: field(2)?,
        gid: field(3)?,
        mtime: field(5)?,
        device: (field(9)?, field(10)?),
        link_group: linked.then_some(part << 32 | u64::from(field(0)?)),
        data: Arc::from(data),
    };
    Ok((entry, end.next_multiple_of(4)))
}

/// Gives all names of a file its content, which came with one of them.
fn share_links(entries: &mut [Entry]) {
    let mut contents: HashMap<u64, Arc<[u8]>> = HashMap::new();
    for entry in entries.iter().filter(|entry| !entry.data.is_empty()) {
        if let Some(group) = entry.link_group {
            contents.insert(group, entry.data.clone());
        }
    }
    for entry in entries {
        if let Some(content) = entry.link_group.and_then(|group| contents.get(&group)) {
            entry.data = content.clone();
        }
    }
}

fn show(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<Entry> {
        let file = |name: &str, data: &[u8]| Entry { data: Arc::from(data), ..Entry::new(name.as_bytes(), REGULAR | 0o644, 7) };
        vec![
            Entry::new(b".", DIRECTORY | 0o755, 7),
            Entry::new(b"bin", DIRECTORY | 0o755, 7),
            file("bin/a", b"hello"),
            Entry { link_group: Some(9), ..file("bin/b", b"shared") },
            Entry { link_group: Some(9), ..file("bin/c", b"shared") },
            Entry { data: Arc::from(&b"a"[..]), ..Entry::new(b"bin/l", SYMLINK | 0o777, 7) },
            Entry { device: (1, 3), uid: 5, gid: 6, ..Entry::new(b"null", CHARACTER | 0o666, 7) },
        ]
    }

    #[test]
    fn reads_back_what_it_wrote() {
        let archive = write(sample().iter()).unwrap();
        assert_eq!(archive.len() % BLOCK, 0);
        let mut back = read(&archive).unwrap();
        for entry in &mut back {
            entry.link_group = entry.link_group.map(|_| 9);
        }
        assert_eq!(back, sample());
    }

    #[test]
    fn the_same_entries_give_the_same_bytes() {
        assert_eq!(write(sample().iter()).unwrap(), write(sample().iter()).unwrap());
    }

    #[test]
    fn content_of_hard_links_is_stored_once() {
        let archive = write(sample().iter()).unwrap();
        assert_eq!(archive.windows(6).filter(|bytes| bytes == b"shared").count(), 1);
    }

    #[test]
    fn archives_can_follow_each_other() {
        let mut archive = write(sample().iter()).unwrap();
        archive.extend(write([Entry::new(b"late", FIFO | 0o600, 1)].iter()).unwrap());
        let entries = read(&archive).unwrap();
        assert_eq!(entries.len(), 8);
        assert!(entries[7].is(FIFO));
    }

    #[test]
    fn damaged_archives_are_errors() {
        let archive = write(sample().iter()).unwrap();
        assert!(read(&archive[..300]).is_err());
        assert!(
            read(b"not a cpio archive, but long enough to hold a header of one, with all its one hundred and ten bytes of text").is_err()
        );
        assert!(read(&[0x1f, 0x8b, 8, 0]).unwrap_err().to_string().contains("compressed"));
        let mut broken = archive;
        broken[14] = b'x';
        assert!(read(&broken).is_err());
    }

    #[test]
    fn the_systems_cpio_agrees() {
        let Some(cpio) = crate::packages::search_path("cpio") else { return };
        use std::io::Write;
        let mut child = std::process::Command::new(cpio)
            .args(["-t", "--quiet"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&write(sample().iter()).unwrap()).unwrap();
        let listed = child.wait_with_output().unwrap().stdout;
        assert_eq!(String::from_utf8(listed).unwrap(), ".\nbin\nbin/a\nbin/b\nbin/c\nbin/l\nnull\n");
    }
}
