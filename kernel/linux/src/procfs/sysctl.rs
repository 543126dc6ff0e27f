//! /proc/sys: the settings that programs look up. What can't be changed here has no write permission.

use alloc::sync::Arc;
use core::fmt::{self, Write};

use fs::synthetic::{FixedDirectory, Node};

use super::text::Text;
use super::{Writer, file};
use crate::calls::system::{DOMAIN_NAME, HOST_NAME, RELEASE, VERSION};

/// Gives out inode numbers in the order in which nodes are made.
struct Maker(u64);

impl Maker {
    fn inode(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }

    fn files(&mut self, files: &[(&'static str, Writer)]) -> FixedDirectory {
        files.iter().fold(FixedDirectory::new(), |directory, &(name, writer)| directory.with(name, file(self.inode(), writer)))
    }

    fn directory(&mut self, directory: FixedDirectory) -> Node {
        Node::directory(self.inode(), Arc::new(directory))
    }
}

/// /proc/sys, with inode numbers from `first` on.
pub(super) fn directory(first: u64) -> Node {
    let mut make = Maker(first);
    let random = make.files(&RANDOM);
    let random = make.directory(random);
    let pty = make.files(&PTY);
    let pty = make.directory(pty);
    let kernel = make.files(&KERNEL).with("random", random).with("pty", pty);
    let kernel = make.directory(kernel);
    let vm = make.files(&VM);
    let vm = make.directory(vm);
    let files = make.files(&FS);
    let files = make.directory(files);
    Node::directory(first, Arc::new(FixedDirectory::new().with("kernel", kernel).with("vm", vm).with("fs", files)))
}

const KERNEL: [(&str, Writer); 12] = [
    ("hostname", |text| text.line(HOST_NAME.lock().bytes())),
    ("domainname", |text| text.line(DOMAIN_NAME.lock().bytes())),
    ("ostype", |text| text.line(b"Linux")),
    ("osrelease", |text| text.line(RELEASE.as_bytes())),
    ("version", |text| text.line(VERSION.as_bytes())),
    ("pid_max", |text| writeln!(text, "{}", process::tree::PID_MAX)),
    ("threads-max", |text| writeln!(text, "{}", process::tree::PID_MAX)),
    ("ngroups_max", |text| text.line(b"65536")),
    ("cap_last_cap", |text| text.line(b"40")),
    ("overflowuid", |text| text.line(b"65534")),
    ("overflowgid", |text| text.line(b"65534")),
    ("tainted", |text| text.line(b"0")),
];

const RANDOM: [(&str, Writer); 4] = [
    ("boot_id", boot_id),
    ("uuid", |text| uuid(text, random_bytes())),
    ("entropy_avail", |text| text.line(b"256")),
    ("poolsize", |text| text.line(b"256")),
];

const PTY: [(&str, Writer); 2] =
    [("max", |text| writeln!(text, "{}", terminal::pty::MAX_PAIRS)), ("nr", |text| writeln!(text, "{}", terminal::pty::count()))];

const VM: [(&str, Writer); 3] = [
    // Memory is given out without a promise, like Linux's mode 1: only touching it uses it up.
    ("overcommit_memory", |text| text.line(b"1")),
    ("swappiness", |text| text.line(b"0")),
    ("mmap_min_addr", |text| text.line(b"65536")),
];

const FS: [(&str, Writer); 3] = [
    ("file-max", |text| text.line(b"9223372036854775807")),
    ("nr_open", |text| writeln!(text, "{}", fs::NR_OPEN)),
    ("pipe-max-size", |text| text.line(b"1048576")),
];

fn random_bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    fs::random::fill(&mut bytes);
    bytes
}

fn boot_id(text: &mut Text<'_>) -> fmt::Result {
    static BOOT: sync::Once<[u8; 16]> = sync::Once::new();
    uuid(text, *BOOT.get_or_init(random_bytes))
}

/// A random UUID (RFC 4122, version 4).
pub(super) fn uuid(text: &mut Text<'_>, mut bytes: [u8; 16]) -> fmt::Result {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.write_str("-")?;
        }
        write!(text, "{byte:02x}")?;
    }
    text.write_str("\n")
}
