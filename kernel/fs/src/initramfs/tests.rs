//! Archives that are right, and archives that are not.

use abi::Errno;
use proptest::prelude::*;

use super::{Error, Problem, unpack};
use crate::metadata::DeviceNumber;
use crate::testing::*;
use crate::tmpfs::TmpfsOptions;

/// A writer of archives, as plain as the format.
#[derive(Default)]
struct Archive(Vec<u8>);

impl Archive {
    fn entry(mut self, inode: u32, mode: u32, links: u32, name: &str, data: &[u8]) -> Archive {
        let numbers = [inode, mode, 3, 4, links, 1_000_000, data.len() as u32, 0, 1, 5, 6, name.len() as u32 + 1, 0];
        self.0.extend(b"070701");
        for number in numbers {
            self.0.extend(format!("{number:08x}").bytes());
        }
        self.0.extend(name.bytes());
        self.0.push(0);
        self.pad(4);
        self.0.extend(data);
        self.pad(4);
        self
    }

    fn file(self, name: &str, data: &[u8]) -> Archive {
        self.entry(1, 0o100644, 1, name, data)
    }

    fn pad(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn end(self) -> Archive {
        let mut done = self.entry(0, 0, 1, "TRAILER!!!", b"");
        done.pad(512);
        done
    }
}

fn load(archive: &[u8]) -> (World, Result<super::Unpacked, Error>) {
    let world = World::new();
    let result = unpack(archive, &world.context.root());
    (world, result)
}

#[test]
fn a_small_root() {
    let archive = Archive::default()
        .entry(1, 0o040755, 2, ".", b"")
        .entry(2, 0o040750, 2, "bin", b"")
        .entry(3, 0o100755, 2, "bin/one", b"")
        .entry(3, 0o100755, 2, "bin/two", b"shared contents")
        .entry(4, 0o120777, 1, "bin/sh", b"one")
        .entry(5, 0o020620, 1, "null", b"")
        .entry(6, 0o010644, 1, "fifo", b"")
        .file("deep/er/file", b"x")
        .file("/./absolute", &[9; 10_000])
        .end();
    let (world, result) = load(&archive.0);
    assert_eq!(result.map(|done| (done.entries, done.bytes)), Ok((9, 15 + 3 + 1 + 10_000)));
    assert_eq!(world.text("/bin/sh").unwrap(), b"shared contents");
    assert_eq!(world.find("/bin/one").unwrap().metadata(), world.find("/bin/two").unwrap().metadata());
    assert_eq!(world.find("/bin/one").unwrap().metadata().links, 2);
    let bin = world.find("/bin").unwrap().metadata();
    assert_eq!((bin.mode, bin.uid, bin.gid, bin.modified.seconds), (0o040750, 3, 4, 1_000_000));
    assert_eq!(world.find("/null").unwrap().metadata().rdev, DeviceNumber::new(5, 6));
    assert_eq!(world.find("/null").unwrap().metadata().mode, 0o020620);
    assert_eq!(world.find("/").unwrap().metadata().mode, 0o040755);
    assert_eq!(world.text("/deep/er/file").unwrap(), b"x");
    assert_eq!(world.text("/absolute").unwrap(), [9; 10_000]);
}

#[test]
fn archives_end_to_end() {
    let first = Archive::default().entry(7, 0o100644, 2, "a", b"first").file("replaced", b"old").end();
    let second = Archive::default().entry(7, 0o100644, 2, "b", b"second").file("replaced", b"n").end();
    let (world, result) = load(&[first.0, vec![0; 1024], second.0].concat());
    assert!(result.is_ok());
    assert_eq!(world.text("/a").unwrap(), b"first");
    assert_eq!(world.text("/b").unwrap(), b"second");
    assert_eq!(world.text("/replaced").unwrap(), b"n");
    assert!(load(&[]).1.is_ok());
    assert!(load(&[0; 512]).1.is_ok());
}

#[test]
fn errors_tell_where() {
    let whole = Archive::default().file("one", b"1234").file("two", b"5678");
    let second = Archive::default().file("one", b"1234").0.len();
    let problem = |bytes: &[u8]| load(bytes).1.unwrap_err();
    assert_eq!(problem(&whole.0[..second + 50]), Error { offset: second, problem: Problem::Truncated });
    assert_eq!(problem(&whole.0[..whole.0.len() - 2]), Error { offset: second, problem: Problem::Truncated });
    let mut damaged = whole.0.clone();
    damaged[second + 20] = b'g';
    assert_eq!(problem(&damaged), Error { offset: second, problem: Problem::BadField });
    damaged[second] = b'x';
    assert_eq!(problem(&damaged), Error { offset: second, problem: Problem::BadMagic });
    assert_eq!(problem(b"\x1f\x8b\x08 packed").problem, Problem::Compressed);
    assert_eq!(problem(b"07070").problem, Problem::Truncated);
    assert_eq!(problem(&Archive::default().file("../up", b"").0).problem, Problem::BadName);
    assert_eq!(problem(&Archive::default().file("", b"").0).problem, Problem::BadName);
    assert_eq!(problem(&Archive::default().entry(1, 0o644, 1, "kind", b"").0).problem, Problem::BadMode);
    let twice = Archive::default().entry(1, 0o040755, 2, "dir", b"").file("dir", b"");
    assert_eq!(problem(&twice.0).problem, Problem::Refused(Errno::EEXIST));
    let text = format!("{}", problem(&damaged));
    assert_eq!(text, format!("at byte {second}: not a cpio archive (newc)"));
}

#[test]
fn a_root_that_is_too_small() {
    let world = World::with(&TmpfsOptions { size: Some(4096), ..TmpfsOptions::unlimited() });
    let archive = Archive::default().file("big", &[1; 9000]);
    let result = unpack(&archive.0, &world.context.root());
    assert_eq!(result, Err(Error { offset: 0, problem: Problem::Refused(Errno::ENOSPC) }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_never_panics(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12), cut in any::<prop::sample::Index>()) {
        let mut bytes = Archive::default()
            .entry(2, 0o040755, 2, "dir", b"")
            .entry(3, 0o100644, 2, "dir/one", b"contents")
            .entry(3, 0o100644, 2, "dir/two", b"")
            .entry(4, 0o120777, 1, "link", b"dir")
            .file("link/three", &[1; 5000])
            .end().0;
        for (place, value) in changes {
            let index = place.index(bytes.len());
            bytes[index] = value;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let (_, Err(error)) = load(&bytes) {
            prop_assert!(error.offset <= bytes.len());
        }
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..600), header in any::<bool>()) {
        let start: &[u8] = if header { b"070701" } else { b"" };
        let _ = load(&[start, &bytes].concat());
    }
}
