//! open(2), read, write, seek on regular files and directories.

use abi::Errno;
use memory::IoSource;

use crate::testing::*;
use crate::tmpfs::TmpfsOptions;
use crate::{OpenFlags, PollEvents, Whence};

#[test]
fn creating() {
    let world = World::new();
    assert_eq!(error(world.open("/file", OpenFlags::RDONLY)), Errno::ENOENT);
    let file = world.open("/file", OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::EXCL).unwrap();
    assert_eq!(file.metadata().mode, 0o100644);
    assert_eq!(error(world.open("/file", OpenFlags::CREAT | OpenFlags::EXCL)), Errno::EEXIST);
    assert_eq!(error(world.open("/new/", OpenFlags::CREAT)), Errno::EISDIR);
    assert_eq!(error(world.open("/", OpenFlags::CREAT)), Errno::EISDIR);
    assert_eq!(error(world.open("/.", OpenFlags::CREAT | OpenFlags::EXCL)), Errno::EEXIST);
    assert_eq!(error(world.open("/x/y", OpenFlags::CREAT)), Errno::ENOENT);
    world.mkdir("/dir").unwrap();
    assert_eq!(error(world.open("/dir", OpenFlags::CREAT)), Errno::EISDIR);
    assert_eq!(error(world.open("/dir", OpenFlags::RDWR)), Errno::EISDIR);
    assert_eq!(error(world.open("/dir", OpenFlags::WRONLY)), Errno::EISDIR);
    assert_eq!(error(world.open("/file", OpenFlags::DIRECTORY)), Errno::ENOTDIR);
    assert_eq!(error(world.open("/new", OpenFlags::DIRECTORY | OpenFlags::CREAT)), Errno::EINVAL);
    world.symlink("made", "/dangling").unwrap();
    assert_eq!(error(world.open("/dangling", OpenFlags::RDONLY | OpenFlags::NOFOLLOW)), Errno::ELOOP);
    assert_eq!(error(world.open("/dangling", OpenFlags::CREAT | OpenFlags::EXCL)), Errno::EEXIST);
    assert_eq!(error(world.open("/dangling", OpenFlags::CREAT | OpenFlags::NOFOLLOW)), Errno::ELOOP);
    world.create("/dangling", b"through").unwrap();
    assert_eq!(world.text("/made").unwrap(), b"through");
}

#[test]
fn a_new_file_opens_whatever_its_mode() {
    let world = World::new().as_user(7, 7);
    let opened = world.context.open(&world.who, None, b"/locked", OpenFlags::RDWR | OpenFlags::CREAT, 0).unwrap().now().unwrap();
    write(&opened, b"x").unwrap();
    assert_eq!(error(world.open("/locked", OpenFlags::RDONLY)), Errno::EACCES);
}

#[test]
fn positions() {
    let world = World::new();
    let file = world.create("/file", b"0123456789").unwrap();
    assert_eq!(file.position(), 10);
    assert_eq!(file.seek(2, Whence::Start), Ok(2));
    assert_eq!(read(&file, 3).unwrap(), b"234");
    assert_eq!(file.seek(-1, Whence::End), Ok(9));
    assert_eq!(read(&file, 5).unwrap(), b"9");
    assert_eq!(read(&file, 5).unwrap(), b"");
    assert_eq!(error(file.seek(-11, Whence::End)), Errno::EINVAL);
    assert_eq!(error(file.seek(i64::MAX, Whence::End)), Errno::EINVAL);
    assert_eq!(file.seek(100, Whence::Start), Ok(100));
    assert_eq!(read(&file, 5).unwrap(), b"");
    write(&file, b"x").unwrap();
    assert_eq!(file.metadata().size, 101);
    assert_eq!(read_at(&file, 9, 3).unwrap(), b"9\0\0");
    assert_eq!(file.seek(5, Whence::Data), Ok(5));
    assert_eq!(file.seek(5, Whence::Hole), Ok(101), "the end is a hole");
    assert_eq!(error(file.seek(101, Whence::Data)), Errno::ENXIO);
    assert_eq!(file.poll(), PollEvents::IN | PollEvents::OUT | PollEvents::RDNORM | PollEvents::WRNORM);
}

#[test]
fn access_modes() {
    let world = World::new();
    world.create("/file", b"x").unwrap();
    let reader = world.open("/file", OpenFlags::RDONLY).unwrap();
    let writer = world.open("/file", OpenFlags::WRONLY).unwrap();
    let place = world.open("/file", OpenFlags::PATH | OpenFlags::RDWR).unwrap();
    assert_eq!(error(write(&reader, b"y")), Errno::EBADF);
    assert_eq!(error(read(&writer, 1)), Errno::EBADF);
    assert_eq!(error(read(&place, 1)), Errno::EBADF);
    assert_eq!(error(write(&place, b"y")), Errno::EBADF);
    assert_eq!(error(reader.truncate(0)), Errno::EINVAL);
    assert_eq!(place.metadata().size, 1);
    let directory = world.open("/", OpenFlags::RDONLY).unwrap();
    assert_eq!(error(read(&directory, 1)), Errno::EISDIR);
}

#[test]
fn append_truncate_limits() {
    let world = World::new();
    world.create("/file", b"start").unwrap();
    let file = world.open("/file", OpenFlags::RDWR | OpenFlags::APPEND).unwrap();
    write(&file, b"+1").unwrap();
    write_at(&file, 0, b"+2").unwrap();
    assert_eq!(world.text("/file").unwrap(), b"start+1+2");
    file.truncate(3).unwrap();
    assert_eq!(world.text("/file").unwrap(), b"sta");
    file.truncate(6).unwrap();
    assert_eq!(world.text("/file").unwrap(), b"sta\0\0\0");
    assert_eq!(error(file.truncate(u64::MAX)), Errno::EFBIG);
    world.open("/file", OpenFlags::WRONLY | OpenFlags::TRUNC).unwrap();
    assert_eq!(world.text("/file").unwrap(), b"");
    let limited = |bytes: &[u8]| file.write(&mut IoSource::kernel(bytes), 4);
    assert_eq!(limited(b"123"), Ok(3));
    assert_eq!(limited(b"456"), Ok(1));
    assert_eq!(error(limited(b"5")), Errno::EFBIG);
    assert_eq!(world.text("/file").unwrap(), b"1234");
    assert_eq!(error(world.find("/").unwrap().truncate(&world.who, 0, u64::MAX)), Errno::EISDIR);
}

#[test]
fn a_full_file_system() {
    let world = World::with(&TmpfsOptions { size: Some(8 * 4096), inodes: Some(4), ..TmpfsOptions::unlimited() });
    let file = world.create("/file", b"").unwrap();
    let big = vec![7; 64 * 1024];
    assert_eq!(write(&file, &big), Ok(8 * 4096));
    assert_eq!(error(write(&file, b"x")), Errno::ENOSPC);
    assert_eq!(file.metadata().blocks, 64);
    file.truncate(4096).unwrap();
    let statistics = crate::FileSystem::statistics(&*world.fs);
    assert_eq!((statistics.blocks, statistics.blocks_free), (8, 7));
    assert_eq!(error(file.allocate(0..20 * 4096, false, false)), Errno::ENOSPC);
    assert_eq!(crate::FileSystem::statistics(&*world.fs).blocks_free, 7, "a failed allocation takes nothing");
    world.mkdir("/a").unwrap();
    world.symlink("x", "/b").unwrap();
    assert_eq!(error(world.mkdir("/c")), Errno::ENOSPC);
    world.unlink("/b").unwrap();
    world.mkdir("/c").unwrap();
    world.unlink("/file").unwrap();
    assert_eq!(error(world.create("/d", b"")), Errno::ENOSPC, "an open file keeps its inode");
    drop(file);
    assert!(world.create("/d", b"").is_ok());
    assert_eq!(crate::FileSystem::statistics(&*world.fs).blocks_free, 8);
}

#[test]
fn holes() {
    let world = World::new();
    let file = world.create("/sparse", b"").unwrap();
    write_at(&file, 1 << 40, b"far").unwrap();
    assert_eq!(file.metadata().size, (1 << 40) + 3);
    assert_eq!(file.metadata().blocks, 8);
    assert_eq!(file.seek(0, Whence::Data), Ok(1 << 40));
    assert_eq!(file.seek(5, Whence::Hole), Ok(5));
    assert_eq!(file.seek((1 << 40) + 1, Whence::Hole), Ok((1 << 40) + 3));
    assert_eq!(file.seek((1 << 40) + 1, Whence::Data), Ok((1 << 40) + 1));
    let empty = world.create("/empty", b"").unwrap();
    empty.truncate(10_000).unwrap();
    assert_eq!(error(empty.seek(0, Whence::Data)), Errno::ENXIO);
    assert_eq!(empty.seek(5000, Whence::Hole), Ok(5000));
    assert_eq!(read_at(&file, (1 << 40) - 2, 5).unwrap(), b"\0\0far");
    file.allocate(0..5000, true, false).unwrap();
    assert_eq!(file.metadata().blocks, 24);
    write_at(&file, 0, &[1; 8192]).unwrap();
    file.allocate(4096..8192, true, true).unwrap();
    assert_eq!(file.metadata().blocks, 16);
    assert_eq!(read_at(&file, 4095, 2).unwrap(), [1, 0]);
}

#[test]
fn listing_survives_changes() {
    let world = World::new();
    for name in ["a", "b", "c", "d"] {
        world.create(name, b"").unwrap();
    }
    let directory = world.open("/", OpenFlags::RDONLY).unwrap();
    let next = |most: usize| {
        let mut names = Vec::new();
        let take = &mut |entry: crate::DirectoryEntry<'_>| {
            let room = names.len() < most;
            if room {
                names.push(String::from_utf8_lossy(entry.name).into_owned());
            }
            room
        };
        directory.read_directory(take).unwrap();
        names
    };
    assert_eq!(next(1), ["."]);
    assert_eq!(next(2), ["..", "a"]);
    world.unlink("/b").unwrap();
    world.create("/e", b"").unwrap();
    let place = directory.position();
    assert_eq!(next(10), ["c", "d", "e"]);
    assert_eq!(next(10), [""; 0]);
    directory.seek(place as i64, Whence::Start).unwrap();
    assert_eq!(next(1), ["c"]);
    directory.seek(0, Whence::Start).unwrap();
    assert_eq!(next(10), [".", "..", "a", "c", "d", "e"]);
}

#[test]
fn writers_and_execution() {
    let world = World::new();
    let writer = world.create("/program", b"x").unwrap();
    let place = world.find("/program").unwrap();
    assert_eq!(error(place.hold_text()), Errno::ETXTBSY);
    drop(writer);
    let (one, two) = (place.hold_text().unwrap(), place.hold_text().unwrap());
    assert_eq!(error(world.open("/program", OpenFlags::WRONLY)), Errno::ETXTBSY);
    assert_eq!(error(place.truncate(&world.who, 0, u64::MAX)), Errno::ETXTBSY);
    assert_eq!(world.text("/program").unwrap(), b"x");
    drop((one, two));
    world.open("/program", OpenFlags::RDWR).unwrap();
}

#[test]
fn memory_files() {
    memory();
    let file = crate::tmpfs::memory_file(b"name", 0, 0).unwrap();
    write(&file, b"inside").unwrap();
    assert_eq!(read_at(&file, 2, 10).unwrap(), b"side");
    assert_eq!(file.path().display(), b"/memfd:name (deleted)");
    assert!(file.mapping().is_ok());
}
