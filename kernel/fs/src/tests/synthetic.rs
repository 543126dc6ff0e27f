//! The frame of /proc.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use abi::{Errno, Result};

use crate::mount::{self, MountFlags};
use crate::synthetic::{Content, Directory, FixedDirectory, Listed, Node, SyntheticFs};
use crate::testing::*;
use crate::{FileType, LinkTarget, OpenFlags, Whence};

/// Numbered directories that come and go: the bits of a number.
struct Numbers(AtomicU64);

impl Directory for Numbers {
    fn lookup(&self, name: &[u8]) -> Option<Node> {
        let number: u64 = std::str::from_utf8(name).ok()?.parse().ok()?;
        let there = number < 64 && self.0.load(Ordering::Relaxed) >> number & 1 == 1;
        let inner = FixedDirectory::new().with(
            "name",
            Node::file(
                1000 + number,
                Arc::new(move |text: &mut Vec<u8>| {
                    text.extend(number.to_string().bytes());
                    Ok(())
                }),
            ),
        );
        there.then(|| Node::directory(100 + number, Arc::new(inner)).owner(7, 7))
    }

    fn entry(&self, from: u64) -> Option<Listed> {
        let number = (from..64).find(|number| self.0.load(Ordering::Relaxed) >> number & 1 == 1)?;
        Some(Listed { name: number.to_string().into_bytes(), inode: 100 + number, file_type: FileType::Directory, next: number + 1 })
    }
}

struct Setting(AtomicU64);

impl Content for Setting {
    fn generate(&self, text: &mut Vec<u8>) -> Result<()> {
        text.extend(format!("{}\n", self.0.load(Ordering::Relaxed)).bytes());
        Ok(())
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        let number = std::str::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok()).ok_or(Errno::EINVAL)?;
        self.0.store(number, Ordering::Relaxed);
        Ok(())
    }
}

#[test]
fn a_small_proc() {
    let world = World::new();
    let at = world.mkdir("/proc").unwrap();
    let target = world.create("/target", b"reached").unwrap().path().clone();
    let numbers = Arc::new(Numbers(AtomicU64::new(0b1010)));
    let root = FixedDirectory::new()
        .with("setting", Node::file(2, Arc::new(Setting(AtomicU64::new(5)))).mode(0o644))
        .with("self", Node::link(3, Arc::new(|| Ok(LinkTarget::Text(Arc::from(b"3".as_slice()))))))
        .with("magic", Node::link(4, Arc::new(move || Ok(LinkTarget::Jump(target.clone())))))
        .with_more(numbers.clone());
    let proc = SyntheticFs::new("proc", 0x9fa0, Node::directory(1, Arc::new(root)));
    mount::mount(proc, &at, "proc", MountFlags::empty()).unwrap();

    assert_eq!(world.list("/proc").unwrap(), [".", "..", "setting", "self", "magic", "1", "3"]);
    assert_eq!(world.text("/proc/self/name").unwrap(), b"3");
    assert_eq!(world.find("/proc/self/").unwrap().metadata().uid, 7);
    assert_eq!(world.absolute(&world.find("/proc/3/name").unwrap()), "/proc/3/name");
    assert_eq!(world.text("/proc/magic").unwrap(), b"reached");
    // A shell's ">/dev/stderr" opens a magic link with O_CREAT.
    let through = world.open("/proc/magic", OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::TRUNC).unwrap();
    write(&through, b"written").unwrap();
    assert_eq!(world.text("/target").unwrap(), b"written");
    assert_eq!(error(world.open("/proc/magic", OpenFlags::CREAT | OpenFlags::EXCL)), Errno::EEXIST);
    assert_eq!(error(world.open("/proc/magic/", OpenFlags::CREAT)), Errno::EISDIR);
    assert_eq!(&world.context.read_link(&world.who, None, b"/proc/magic").unwrap()[..], b"/target");
    numbers.0.store(0b10, Ordering::Relaxed);
    assert_eq!(error(world.find("/proc/self/name")), Errno::ENOENT);
    assert_eq!(error(world.find("/proc/2")), Errno::ENOENT);

    let setting = world.open("/proc/setting", OpenFlags::RDWR | OpenFlags::TRUNC).unwrap();
    assert_eq!(read(&setting, 100).unwrap(), b"5\n");
    write(&setting, b"17\n").unwrap();
    assert_eq!(error(write(&setting, b"many")), Errno::EINVAL);
    setting.seek(0, Whence::Start).unwrap();
    assert_eq!(read(&setting, 1).unwrap(), b"1");
    assert_eq!(read(&setting, 100).unwrap(), b"7\n");
    assert_eq!(read(&setting, 100).unwrap(), b"");
    assert_eq!(error(world.unlink("/proc/setting")), Errno::EPERM);
    assert_eq!(error(world.create("/proc/new", b"")), Errno::ENOENT);
    assert_eq!(world.find("/proc/setting").unwrap().metadata().size, 0);
}
