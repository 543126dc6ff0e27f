//! Mounts: crossing, flags, being busy, the list.

use abi::Errno;

use crate::mount::{self, MountFlags};
use crate::testing::*;
use crate::tmpfs::TmpfsOptions;
use crate::{OpenFlags, Tmpfs, Whence, devices};

#[test]
fn crossing_both_ways() {
    let world = World::new();
    let at = world.mkdir("/mnt").unwrap();
    world.create("/mnt/below", b"").unwrap();
    let inner = Tmpfs::new(&TmpfsOptions::unlimited()).unwrap();
    mount::mount(inner, &at, "in ner", MountFlags::NO_SUID).unwrap();
    assert_eq!(error(world.find("/mnt/below")), Errno::ENOENT);
    world.mkdir("/mnt/dir").unwrap();
    assert_eq!(world.absolute(&world.find("/mnt/dir").unwrap()), "/mnt/dir");
    assert!(world.find("/mnt/dir/../..").unwrap() == world.context.root());
    assert_ne!(world.find("/mnt").unwrap().metadata().device, world.find("/").unwrap().metadata().device);
    world.create("/file", b"x").unwrap();
    assert_eq!(error(world.rename("/file", "/mnt/file")), Errno::EXDEV);
    assert_eq!(error(world.link("/file", "/mnt/file")), Errno::EXDEV);
    assert_eq!(error(world.rmdir("/mnt")), Errno::EBUSY);
    assert_eq!(error(world.rename("/mnt", "/other")), Errno::EBUSY);
    let text = String::from_utf8(mount::mounts_text(&world.context.root())).unwrap();
    assert_eq!(text, "root / tmpfs rw,relatime 0 0\nin\\040ner /mnt tmpfs rw,nosuid,relatime 0 0\n");
    assert_eq!(world.list("/mnt").unwrap(), [".", "..", "dir"]);
}

#[test]
fn unmounting() {
    let world = World::new();
    let at = world.mkdir("/mnt").unwrap();
    mount::mount(Tmpfs::new(&TmpfsOptions::unlimited()).unwrap(), &at, "t", MountFlags::empty()).unwrap();
    let file = world.create("/mnt/file", b"x").unwrap();
    assert_eq!(error(mount::unmount(world.find("/mnt").unwrap(), false)), Errno::EBUSY);
    assert_eq!(error(mount::unmount(world.find("/mnt/file").unwrap(), false)), Errno::EINVAL);
    assert_eq!(error(mount::unmount(world.find("/").unwrap(), true)), Errno::EINVAL);
    drop(file);
    mount::unmount(world.find("/mnt").unwrap(), false).unwrap();
    assert_eq!(world.list("/mnt").unwrap(), [".", ".."]);
    world.rmdir("/mnt").unwrap();
    let at = world.mkdir("/mnt").unwrap();
    mount::mount(Tmpfs::new(&TmpfsOptions::unlimited()).unwrap(), &at, "t", MountFlags::empty()).unwrap();
    let file = world.create("/mnt/file", b"kept").unwrap();
    mount::unmount(world.find("/mnt").unwrap(), true).unwrap();
    assert_eq!(read_at(&file, 0, 9).unwrap(), b"kept");
    assert_eq!(error(world.find("/mnt/file")), Errno::ENOENT);
}

#[test]
fn read_only_and_no_devices() {
    let world = World::new();
    let at = world.mkdir("/mnt").unwrap();
    let inner = Tmpfs::new(&TmpfsOptions::unlimited()).unwrap();
    mount::mount(inner, &at, "t", MountFlags::NO_DEV | MountFlags::NO_EXEC).unwrap();
    let file = world.create("/mnt/file", b"x").unwrap();
    file.path().set_mode(&world.who, 0o755).unwrap();
    world.context.make_node(&world.who, None, b"/mnt/null", 0o020666, crate::DeviceNumber::new(1, 3)).unwrap();
    assert_eq!(error(world.open("/mnt/null", OpenFlags::RDONLY)), Errno::EACCES);
    assert_eq!(error(file.path().check_executable(&world.who)), Errno::EACCES);
    drop(file);
    mount::remount(&world.find("/mnt").unwrap(), MountFlags::READ_ONLY).unwrap();
    assert_eq!(error(world.open("/mnt/file", OpenFlags::WRONLY)), Errno::EROFS);
    assert_eq!(error(world.create("/mnt/new", b"")), Errno::EROFS);
    assert_eq!(error(world.mkdir("/mnt/dir")), Errno::EROFS);
    assert_eq!(error(world.mkdir("/mnt/file")), Errno::EEXIST);
    assert_eq!(error(world.unlink("/mnt/file")), Errno::EROFS);
    assert_eq!(error(world.unlink("/mnt/nothing")), Errno::EROFS);
    assert_eq!(error(world.rename("/mnt/file", "/mnt/new")), Errno::EROFS);
    assert_eq!(error(world.find("/mnt/file").unwrap().set_mode(&world.who, 0)), Errno::EROFS);
    assert_eq!(error(mount::remount(&world.find("/mnt/file").unwrap(), MountFlags::empty())), Errno::EINVAL);
    assert!(world.open("/mnt/file", OpenFlags::RDONLY).is_ok());
}

#[test]
fn bind_and_move() {
    let world = World::new();
    let source = world.mkdir("/source").unwrap();
    world.create("/source/file", b"x").unwrap();
    let at = world.mkdir("/at").unwrap();
    let other = world.mkdir("/other").unwrap();
    mount::bind(&source, &at).unwrap();
    assert_eq!(world.text("/at/file").unwrap(), b"x");
    assert!(world.find("/at/..").unwrap() == world.context.root());
    mount::move_mount(&world.find("/at").unwrap(), &other).unwrap();
    assert_eq!(world.text("/other/file").unwrap(), b"x");
    assert_eq!(world.list("/at").unwrap(), [".", ".."]);
    assert_eq!(error(mount::move_mount(&source, &at)), Errno::EINVAL);
    mount::unmount(world.find("/other").unwrap(), false).unwrap();
    assert_eq!(world.text("/source/file").unwrap(), b"x");
}

#[test]
fn dev_and_its_devices() {
    let world = World::new();
    devices::register_memory_devices();
    let at = world.mkdir("/dev").unwrap();
    let pts = Tmpfs::fixed("devpts").unwrap();
    mount::mount(devices::create_devfs().unwrap(), &at, "dev", MountFlags::empty()).unwrap();
    mount::mount(pts.clone(), &world.find("/dev/pts").unwrap(), "devpts", MountFlags::empty()).unwrap();
    assert_eq!(world.text("/dev/null").unwrap(), b"");
    let zero = world.open("/dev/zero", OpenFlags::RDWR).unwrap();
    assert_eq!(read(&zero, 5).unwrap(), [0; 5]);
    assert_eq!(write(&zero, b"123"), Ok(3));
    assert_eq!(zero.seek(100, Whence::Start), Ok(0));
    let full = world.open("/dev/full", OpenFlags::RDWR).unwrap();
    assert_eq!(error(write(&full, b"x")), Errno::ENOSPC);
    assert_eq!(read(&full, 2).unwrap(), [0; 2]);
    let random = world.open("/dev/urandom", OpenFlags::RDWR).unwrap();
    assert_ne!(read(&random, 32).unwrap(), read(&random, 32).unwrap());
    assert_eq!(write(&random, &[1; 1000]), Ok(1000));
    assert_eq!(world.find("/dev/null").unwrap().metadata().rdev, crate::DeviceNumber::new(1, 3));
    assert_eq!(&world.context.read_link(&world.who, None, b"/dev/fd").unwrap()[..], b"/proc/self/fd");
    let node = crate::NewNode { kind: crate::NewKind::CharDevice(crate::DeviceNumber::new(136, 0)), mode: 0o620, uid: 7, gid: 5 };
    pts.add_node(b"0", &node).unwrap();
    assert_eq!(world.list("/dev/pts").unwrap(), [".", "..", "0"]);
    assert_eq!(error(world.open("/dev/pts/0", OpenFlags::RDWR)), Errno::ENXIO);
    assert_eq!(error(world.create("/dev/pts/1", b"")), Errno::EPERM);
    world.find("/dev/pts/0").unwrap().set_mode(&world.who, 0o600).unwrap();
    pts.remove_node(b"0").unwrap();
    assert_eq!(error(world.find("/dev/pts/0")), Errno::ENOENT);
}

#[test]
fn lazy_unmounting_frees_what_is_mounted_below() {
    let world = World::new();
    let mount_at = |path: &str| {
        let at = world.mkdir(path).unwrap();
        let fs = Tmpfs::new(&TmpfsOptions::unlimited()).unwrap();
        let weak = std::sync::Arc::downgrade(&fs);
        mount::mount(fs, &at, "t", MountFlags::empty()).unwrap();
        weak
    };
    let (outer, inner) = (mount_at("/mnt"), mount_at("/mnt/below"));
    mount::unmount(world.find("/mnt").unwrap(), true).unwrap();
    assert_eq!((outer.strong_count(), inner.strong_count()), (0, 0));
}
