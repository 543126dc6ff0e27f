//! Making, removing and moving names: the checks of Linux, one by one.

use abi::Errno;

use crate::metadata::{DeviceNumber, FileType, S_ISGID};
use crate::testing::*;
use crate::{Credentials, OpenFlags, Path, RenameMode, TimeChange};

#[test]
fn mkdir_and_rmdir() {
    let world = World::new();
    world.mkdir("/a").unwrap();
    world.mkdir("/a/b/").unwrap();
    assert_eq!(world.find("/a").unwrap().metadata().links, 3);
    assert_eq!(error(world.mkdir("/a")), Errno::EEXIST);
    assert_eq!(error(world.mkdir("/")), Errno::EEXIST);
    assert_eq!(error(world.mkdir("/a/.")), Errno::EEXIST);
    assert_eq!(error(world.mkdir("/x/y")), Errno::ENOENT);
    world.create("/file", b"").unwrap();
    assert_eq!(error(world.mkdir("/file")), Errno::EEXIST);
    assert_eq!(error(world.mkdir("/file/x")), Errno::ENOTDIR);
    world.symlink("/nowhere", "/dangling").unwrap();
    assert_eq!(error(world.mkdir("/dangling")), Errno::EEXIST);
    assert_eq!(error(world.rmdir("/a")), Errno::ENOTEMPTY);
    assert_eq!(error(world.rmdir("/a/b/.")), Errno::EINVAL);
    assert_eq!(error(world.rmdir("/a/b/..")), Errno::ENOTEMPTY);
    assert_eq!(error(world.rmdir("/")), Errno::EBUSY);
    assert_eq!(error(world.rmdir("/file")), Errno::ENOTDIR);
    assert_eq!(error(world.rmdir("/dangling")), Errno::ENOTDIR);
    world.rmdir("/a/b/").unwrap();
    world.rmdir("/a").unwrap();
    assert_eq!(error(world.find("/a")), Errno::ENOENT);
}

#[test]
fn unlink_and_open_files() {
    let world = World::new();
    world.mkdir("/dir").unwrap();
    let file = world.create("/file", b"content").unwrap();
    assert_eq!(error(world.unlink("/dir")), Errno::EISDIR);
    assert_eq!(error(world.unlink("/file/")), Errno::ENOTDIR);
    assert_eq!(error(world.unlink("/")), Errno::EISDIR);
    assert_eq!(error(world.unlink("/nothing")), Errno::ENOENT);
    world.unlink("/file").unwrap();
    assert_eq!(file.metadata().links, 0);
    assert_eq!(read_at(&file, 0, 100).unwrap(), b"content");
    assert_eq!(world.absolute(file.path()), "/file (deleted)");
    world.create("/file", b"new").unwrap();
    assert_eq!(world.text("/file").unwrap(), b"new");
    assert_eq!(read_at(&file, 0, 100).unwrap(), b"content");
    world.symlink("/dir", "/link").unwrap();
    world.unlink("/link").unwrap();
    assert!(world.find("/dir").is_ok());
}

#[test]
fn hard_links() {
    let world = World::new();
    world.create("/one", b"shared").unwrap();
    world.link("/one", "/two").unwrap();
    assert_eq!(world.find("/one").unwrap().metadata(), world.find("/two").unwrap().metadata());
    assert_eq!(world.find("/two").unwrap().metadata().links, 2);
    assert_eq!(error(world.link("/one", "/two")), Errno::EEXIST);
    assert_eq!(error(world.link("/one", "/three/")), Errno::ENOENT);
    world.mkdir("/dir").unwrap();
    assert_eq!(error(world.link("/dir", "/again")), Errno::EPERM);
    let open = world.open("/one", OpenFlags::RDONLY).unwrap();
    world.unlink("/one").unwrap();
    assert_eq!(world.text("/two").unwrap(), b"shared");
    world.unlink("/two").unwrap();
    assert_eq!(error(world.context.link(&world.who, open.path(), None, b"/back")), Errno::ENOENT);
}

#[test]
fn unnamed_file_gets_a_name() {
    let world = World::new();
    let flags = OpenFlags::RDWR | OpenFlags::UNNAMED | OpenFlags::DIRECTORY;
    let file = world.open("/", flags).unwrap();
    write(&file, b"hidden").unwrap();
    assert_eq!(file.metadata().links, 0);
    assert_eq!(world.absolute(file.path()), format!("/#{} (deleted)", file.metadata().inode));
    assert_eq!(world.list("/").unwrap(), [".", ".."]);
    world.context.link(&world.who, file.path(), None, b"/named").unwrap();
    assert_eq!(world.text("/named").unwrap(), b"hidden");
    world.unlink("/named").unwrap();
    assert_eq!(error(world.context.link(&world.who, file.path(), None, b"/again")), Errno::ENOENT);
    assert_eq!(error(world.open("/", OpenFlags::UNNAMED | OpenFlags::DIRECTORY)), Errno::EINVAL);
}

#[test]
fn rename_rules() {
    let world = World::new();
    for directory in ["/a", "/a/b", "/empty", "/full", "/full/x"] {
        world.mkdir(directory).unwrap();
    }
    world.create("/file", b"file").unwrap();
    world.create("/other", b"other").unwrap();
    assert_eq!(error(world.rename("/nothing", "/x")), Errno::ENOENT);
    assert_eq!(error(world.rename("/a", "/a/b/c")), Errno::EINVAL);
    assert_eq!(error(world.rename("/a/b", "/a")), Errno::ENOTEMPTY);
    assert_eq!(error(world.rename("/a", "/full")), Errno::ENOTEMPTY);
    assert_eq!(error(world.rename("/a", "/file")), Errno::ENOTDIR);
    assert_eq!(error(world.rename("/file", "/a")), Errno::EISDIR);
    assert_eq!(error(world.rename("/file", "/new/")), Errno::ENOTDIR);
    assert_eq!(error(world.rename("/file/", "/new")), Errno::ENOTDIR);
    assert_eq!(error(world.rename("/", "/new")), Errno::EBUSY);
    assert_eq!(error(world.rename("/a/.", "/new")), Errno::EBUSY);
    assert_eq!(error(world.rename("/a", "/empty/..")), Errno::EBUSY);
    let old = world.find("/a").unwrap();
    world.rename("/a", "/empty").unwrap();
    assert_eq!(world.absolute(&old), "/empty");
    assert!(world.find("/empty/b").is_ok());
    assert_eq!(error(world.find("/a")), Errno::ENOENT);
    world.rename("/empty/b", "/full/b").unwrap();
    assert_eq!(world.find("/empty").unwrap().metadata().links, 2);
    assert_eq!(world.find("/full").unwrap().metadata().links, 4);
    world.rename("/file", "/other").unwrap();
    assert_eq!(world.text("/other").unwrap(), b"file");
    world.rename("/other", "/other").unwrap();
    world.link("/other", "/same").unwrap();
    world.rename("/other", "/same").unwrap();
    assert!(world.find("/other").is_ok(), "two names of one file stay as they are");
}

#[test]
fn rename_without_replacing_and_exchange() {
    let world = World::new();
    world.create("/one", b"1").unwrap();
    world.mkdir("/two").unwrap();
    world.mkdir("/dir").unwrap();
    assert_eq!(error(world.rename_as("/one", "/two", RenameMode::NoReplace)), Errno::EEXIST);
    assert_eq!(error(world.rename_as("/one", "/three", RenameMode::Exchange)), Errno::ENOENT);
    assert_eq!(error(world.rename_as("/", "/three", RenameMode::Exchange)), Errno::EBUSY);
    world.rename_as("/one", "/two", RenameMode::Exchange).unwrap();
    assert_eq!(world.text("/two").unwrap(), b"1");
    assert!(world.find("/one").unwrap().is_directory());
    world.rename_as("/one", "/dir/one", RenameMode::NoReplace).unwrap();
    assert_eq!(error(world.rename_as("/dir/one", "/dir", RenameMode::Exchange)), Errno::EINVAL);
    world.rename_as("/dir/one", "/two", RenameMode::Exchange).unwrap();
    assert_eq!(world.text("/dir/one").unwrap(), b"1");
    assert_eq!(world.find("/dir").unwrap().metadata().links, 2);
    assert_eq!(world.find("/").unwrap().metadata().links, 4);
    assert_eq!(RenameMode::from_flags(3), Err(Errno::EINVAL));
}

#[test]
fn nodes_and_their_modes() {
    let world = World::new();
    let mknod = |path: &str, mode| world.context.make_node(&world.who, None, path.as_bytes(), mode, DeviceNumber::new(1, 3));
    assert_eq!(mknod("/device", 0o020666).unwrap().metadata().rdev, DeviceNumber::new(1, 3));
    assert_eq!(mknod("/fifo", 0o010644).unwrap().file_type(), FileType::Fifo);
    assert_eq!(mknod("/plain", 0o666).unwrap().metadata().mode, 0o100644);
    assert_eq!(error(mknod("/dir", 0o040755)), Errno::EPERM);
    assert_eq!(error(mknod("/what", 0o170755)), Errno::EINVAL);
    let user = World { who: Credentials::user(7, 7), ..world.as_user(7, 7) };
    assert_eq!(error(user.context.make_node(&user.who, None, b"/mine", 0o020666, DeviceNumber::new(1, 3))), Errno::EPERM);
    assert_eq!(error(user.context.make_node(&user.who, None, b"/fifo", 0o020666, DeviceNumber::new(1, 3))), Errno::EEXIST);
    assert!(user.context.make_node(&user.who, None, b"/pipe", 0o010666, DeviceNumber::NONE).is_ok());
    world.context.set_umask(0o077);
    assert_eq!(world.mkdir("/private").unwrap().metadata().mode, 0o040700);
}

#[test]
fn set_group_id_directories_pass_their_group_on() {
    let world = World::new();
    let shared = world.mkdir("/shared").unwrap();
    shared.set_owner(&world.who, None, Some(50)).unwrap();
    shared.set_mode(&world.who, 0o2777).unwrap();
    let user = world.as_user(7, 7);
    let file = user.create("/shared/file", b"").unwrap();
    assert_eq!((file.metadata().uid, file.metadata().gid), (7, 50));
    let sub = user.mkdir("/shared/sub").unwrap();
    assert_eq!(sub.metadata().mode & S_ISGID, S_ISGID);
    assert_eq!(sub.metadata().gid, 50);
}

#[test]
fn times() {
    let world = World::new();
    let file = world.create("/file", b"x").unwrap();
    let then = abi::time::Timespec { seconds: 1_000, nanoseconds: 123_456_789 };
    file.path().set_times(&world.who, TimeChange::To(then), TimeChange::To(then)).unwrap();
    assert_eq!((file.metadata().accessed, file.metadata().modified), (then, then));
    file.path().set_times(&world.who, TimeChange::Keep, TimeChange::Now).unwrap();
    assert_eq!(file.metadata().accessed, then);
    assert!(file.metadata().modified.seconds > 1_000_000);
    // relatime: the first read after a change moves the access time, the next does not.
    read_at(&file, 0, 1).unwrap();
    let first = file.metadata().accessed;
    assert_ne!(first, then);
    read_at(&file, 0, 1).unwrap();
    assert_eq!(file.metadata().accessed, first);
    let before = world.find("/").unwrap().metadata().modified;
    world.create("/another", b"").unwrap();
    assert_ne!(world.find("/").unwrap().metadata().modified, before);
}

#[test]
fn paths_are_shown_up_to_the_longest() {
    let world = World::new();
    let name = "n".repeat(255);
    let mut at = world.context.root();
    for _ in 0..16 {
        at = world.context.make_directory(&world.who, Some(&at), name.as_bytes(), 0o777).unwrap();
    }
    assert_eq!(at.try_absolute(&world.context.root()), Err(Errno::ENAMETOOLONG));
    let above = at.dentry().parent().unwrap();
    let above = Path::new(at.mount().clone(), above);
    assert_eq!(world.absolute(&above).len(), 15 * 256);
}

#[test]
fn entries_that_nobody_uses_leave_nothing_behind() {
    let world = World::new();
    let top = world.mkdir("/top").unwrap();
    world.mkdir("/top/middle").unwrap();
    let low = world.mkdir("/top/middle/low").unwrap();
    crate::dentry::recent::forget_all();
    assert_eq!(top.dentry().remembered(), 1);
    drop(low);
    assert_eq!(top.dentry().remembered(), 0, "of a chain that goes at once, each parent forgets its child");
}
