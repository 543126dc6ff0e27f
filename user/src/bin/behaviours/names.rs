//! Names of files: link, unlink, rename, symlink, mknod, truncate.

use user::child::as_user;
use user::files::*;
use user::sys;
use user::sys::*;

table!("names":
    link_and_unlink, link_errors, linkat_symlink_follow, unlink_errors, unlinkat_removedir, rename_moves, rename_replaces_file, rename_folder,
    rename_over_folder_rules, rename_into_itself_einval, rename_same_file_does_nothing, rename_errors, rename_keeps_open_files, renameat2_noreplace,
    renameat2_exchange, renameat2_bad_flags, renameat_between_folders, symlink_and_readlink, readlink_truncates, readlink_errors, symlink_errors,
    symlink_in_middle_of_path, mknod_kinds, mknod_errors, truncate_shrinks_and_grows, truncate_errors, truncate_zeroes_the_tail,
    fallocate_extends,
);

fn inode(path: &str) -> u64 {
    lstat(path).unwrap().st_ino
}

fn list(path: &str) -> Vec<String> {
    let fd = open(path, libc::O_RDONLY | libc::O_DIRECTORY).unwrap();
    let mut found: Vec<String> = names(fd).into_iter().map(|(name, _)| name).filter(|name| name != "." && name != "..").collect();
    close(fd);
    found.sort();
    found
}

fn link_and_unlink() {
    put("a", b"shared");
    assert_eq!(link("a", "b"), Ok(0));
    let fd = open("b", libc::O_WRONLY | libc::O_APPEND).unwrap();
    write(fd, b" content").unwrap();
    assert_eq!(get("a"), b"shared content");
    assert_eq!(unlink("a"), Ok(0));
    assert_eq!(get("b"), b"shared content");
}

fn link_errors() {
    put("f", b"");
    mkdir("d");
    assert_eq!(link("f", "d"), Err(EEXIST));
    assert_eq!(link("f", "f"), Err(EEXIST));
    assert_eq!(link("absent", "g"), Err(ENOENT));
    assert_eq!(link("d", "e"), Err(EPERM));
    assert_eq!(link("f", "f/g"), Err(ENOTDIR));
    assert_eq!(link("f", "absent/g"), Err(ENOENT));
    assert_eq!(link("f", "/dev/g"), Err(EXDEV));
}

fn linkat_symlink_follow() {
    put("f", b"");
    symlink("f", "s").unwrap();
    assert_eq!(link("s", "plain"), Ok(0));
    assert_eq!(inode("plain"), inode("s"), "link does not follow");
    assert_eq!(sys!(linkat, libc::AT_FDCWD, c"s", libc::AT_FDCWD, c"followed", libc::AT_SYMLINK_FOLLOW), Ok(0));
    assert_eq!(inode("followed"), inode("f"));
    assert_eq!(sys!(linkat, libc::AT_FDCWD, c"s", libc::AT_FDCWD, c"x", 0x8000), Err(EINVAL));
}

fn unlink_errors() {
    put("f", b"");
    mkdir("d");
    assert_eq!(unlink("absent"), Err(ENOENT));
    assert_eq!(unlink("d"), Err(EISDIR));
    assert_eq!(unlink("f/x"), Err(ENOTDIR));
    assert_eq!(unlink("f/"), Err(ENOTDIR));
    assert_eq!(unlink(""), Err(ENOENT));
    assert_eq!(unlink("."), Err(EISDIR));
    as_user(1000, || assert_eq!(unlink("f"), Err(EACCES))).passed();
}

fn unlinkat_removedir() {
    mkdir("d");
    put("d/f", b"");
    let fd = open("d", libc::O_RDONLY).unwrap();
    assert_eq!(sys!(unlinkat, fd, c"f", libc::AT_REMOVEDIR), Err(ENOTDIR));
    assert_eq!(sys!(unlinkat, fd, c"f", 1), Err(EINVAL));
    assert_eq!(sys!(unlinkat, fd, c"f", 0), Ok(0));
    assert_eq!(sys!(unlinkat, libc::AT_FDCWD, c"d", libc::AT_REMOVEDIR), Ok(0));
}

fn rename_moves() {
    put("a", b"x");
    mkdir("d");
    let before = inode("a");
    assert_eq!(rename("a", "d/b"), Ok(0));
    assert_eq!((stat("a").err(), inode("d/b")), (Some(ENOENT), before));
}

fn rename_replaces_file() {
    put("a", b"new");
    put("b", b"old");
    let fd = open("b", libc::O_RDONLY).unwrap();
    assert_eq!(rename("a", "b"), Ok(0));
    assert_eq!(get("b"), b"new");
    assert_eq!(read_to_end(fd), b"old", "the replaced file lives while open");
    assert_eq!(fstat(fd).unwrap().st_nlink, 0);
}

fn rename_folder() {
    mkdir("a");
    put("a/f", b"x");
    mkdir("target");
    assert_eq!(rename("a", "target/b"), Ok(0));
    assert_eq!(get("target/b/f"), b"x");
    assert_eq!(inode("target/b/.."), inode("target"));
    assert_eq!(stat("target").unwrap().st_nlink, 3);
}

fn rename_over_folder_rules() {
    mkdir("empty");
    mkdir("full");
    put("full/f", b"");
    put("file", b"");
    assert_eq!(rename("empty", "full"), Err(ENOTEMPTY));
    assert_eq!(rename("file", "empty"), Err(EISDIR));
    assert_eq!(rename("empty", "file"), Err(ENOTDIR));
    assert_eq!(rename("full", "empty"), Ok(0));
    assert_eq!(list("empty"), ["f"]);
}

fn rename_into_itself_einval() {
    mkdir("d");
    mkdir("d/e");
    assert_eq!(rename("d", "d/e/x"), Err(EINVAL));
    assert_eq!(rename("d", "d/x"), Err(EINVAL));
    assert_eq!(rename("d/e", "d"), Err(ENOTEMPTY));
}

fn rename_same_file_does_nothing() {
    put("a", b"");
    link("a", "b").unwrap();
    assert_eq!(rename("a", "b"), Ok(0));
    assert_eq!(list("."), ["a", "b"], "two names of one file both stay");
    assert_eq!(rename("a", "a"), Ok(0));
}

fn rename_errors() {
    put("f", b"");
    assert_eq!(rename("absent", "x"), Err(ENOENT));
    assert_eq!(rename("f", "absent/x"), Err(ENOENT));
    assert_eq!(rename("f", "f/x"), Err(ENOTDIR));
    assert_eq!(rename("f", ""), Err(ENOENT));
    assert_eq!(rename("f", "x/"), Err(ENOTDIR));
    assert_eq!(rename("f", "."), Err(EBUSY));
    assert_eq!(rename("f", "/proc/x"), Err(EXDEV));
    assert_eq!(rename("f", &"n".repeat(256)), Err(ENAMETOOLONG));
}

fn rename_keeps_open_files() {
    let fd = create("a");
    rename("a", "b").unwrap();
    write(fd, b"later").unwrap();
    assert_eq!(get("b"), b"later");
}

fn renameat2(old: &str, new: &str, flags: u32) -> Result {
    sys!(renameat2, libc::AT_FDCWD, c(old).as_c_str(), libc::AT_FDCWD, c(new).as_c_str(), flags)
}

fn renameat2_noreplace() {
    put("a", b"a");
    put("b", b"b");
    assert_eq!(renameat2("a", "b", libc::RENAME_NOREPLACE), Err(EEXIST));
    assert_eq!(renameat2("a", "c", libc::RENAME_NOREPLACE), Ok(0));
    assert_eq!(list("."), ["b", "c"]);
}

fn renameat2_exchange() {
    put("a", b"a");
    mkdir("d");
    put("d/f", b"f");
    assert_eq!(renameat2("a", "d", libc::RENAME_EXCHANGE), Ok(0));
    assert_eq!((get("d"), get("a/f")), (b"a".to_vec(), b"f".to_vec()));
    assert_eq!(renameat2("a", "absent", libc::RENAME_EXCHANGE), Err(ENOENT));
}

fn renameat2_bad_flags() {
    put("a", b"a");
    assert_eq!(renameat2("a", "b", libc::RENAME_EXCHANGE | libc::RENAME_NOREPLACE), Err(EINVAL));
    assert_eq!(renameat2("a", "b", 1 << 20), Err(EINVAL));
}

fn renameat_between_folders() {
    mkdir("d");
    mkdir("e");
    put("d/f", b"x");
    let (from, to) = (open("d", libc::O_RDONLY).unwrap(), open("e", libc::O_RDONLY).unwrap());
    assert_eq!(sys!(renameat, from, c"f", to, c"g"), Ok(0));
    assert_eq!(get("e/g"), b"x");
}

fn read_link(path: &str) -> Vec<u8> {
    let mut buffer = [0u8; 5000];
    let n = sys!(readlink, c(path).as_c_str(), &mut buffer, 5000).unwrap();
    buffer[..n].to_vec()
}

fn symlink_and_readlink() {
    for target in ["f", "/absolute/path", "../..", "does not exist", &"long/".repeat(200)] {
        assert_eq!(symlink(target, "link"), Ok(0));
        assert_eq!(read_link("link"), target.as_bytes());
        unlink("link").unwrap();
    }
}

fn readlink_truncates() {
    symlink("0123456789", "link").unwrap();
    let mut buffer = [b'#'; 6];
    assert_eq!(sys!(readlink, c"link", &mut buffer, 4), Ok(4));
    assert_eq!(&buffer, b"0123##");
}

fn readlink_errors() {
    put("f", b"");
    let mut buffer = [0u8; 10];
    assert_eq!(sys!(readlink, c"f", &mut buffer, 10), Err(EINVAL));
    assert_eq!(sys!(readlink, c"absent", &mut buffer, 10), Err(ENOENT));
    symlink("x", "link").unwrap();
    assert_eq!(sys!(readlink, c"link", &mut buffer, 0), Err(EINVAL));
    assert_eq!(sys!(readlink, c"link", &mut buffer, -1), Err(EINVAL));
    assert_eq!(sys!(readlink, c"link", 8, 10), Err(EFAULT));
}

fn symlink_errors() {
    put("f", b"");
    assert_eq!(symlink("x", "f"), Err(EEXIST));
    assert_eq!(symlink("", "l"), Err(ENOENT));
    assert_eq!(symlink("x", ""), Err(ENOENT));
    assert_eq!(symlink("x", "f/l"), Err(ENOTDIR));
    assert_eq!(symlink(&"x".repeat(4096), "l"), Err(ENAMETOOLONG));
}

fn symlink_in_middle_of_path() {
    mkdir("d");
    mkdir("d/e");
    put("d/e/f", b"x");
    symlink("d/e", "short").unwrap();
    assert_eq!(get("short/f"), b"x");
    assert_eq!(inode("short/.."), inode("d"), "dotdot goes to the parent of the link's target");
    symlink("/tmp/../tmp", "absolute").unwrap();
    assert_eq!(inode("absolute/."), inode("/tmp"));
}

fn mknod_kinds() {
    assert_eq!(mknod("fifo", libc::S_IFIFO | 0o600, 0), Ok(0));
    assert_eq!(lstat("fifo").unwrap().st_mode, libc::S_IFIFO | 0o600);
    assert_eq!(mknod("file", libc::S_IFREG | 0o600, 0), Ok(0));
    assert_eq!(mknod("plain", 0o600, 0), Ok(0));
    assert_eq!(lstat("plain").unwrap().st_mode, libc::S_IFREG | 0o600);
    assert_eq!(mknod("null", libc::S_IFCHR | 0o666, 0x103), Ok(0));
    let s = lstat("null").unwrap();
    assert_eq!((s.st_mode, s.st_rdev), (libc::S_IFCHR | 0o644, 0x103));
}

fn mknod_errors() {
    put("f", b"");
    assert_eq!(mknod("f", libc::S_IFIFO, 0), Err(EEXIST));
    assert_eq!(mknod("d", libc::S_IFDIR, 0), Err(EPERM));
    assert_eq!(mknod("x", 0o170000, 0), Err(EINVAL));
    assert_eq!(mknod("absent/x", libc::S_IFIFO, 0), Err(ENOENT));
    chmod(".", 0o777).unwrap();
    as_user(1000, || {
        assert_eq!(mknod("device", libc::S_IFCHR | 0o666, 0x103), Err(EPERM));
        assert_eq!(mknod("fifo", libc::S_IFIFO | 0o600, 0), Ok(0));
    })
    .passed();
}

fn truncate_shrinks_and_grows() {
    put("f", b"0123456789");
    assert_eq!(sys!(truncate, c"f", 4), Ok(0));
    assert_eq!(get("f"), b"0123");
    let fd = open("f", libc::O_RDWR).unwrap();
    assert_eq!(sys!(ftruncate, fd, 6), Ok(0));
    assert_eq!(get("f"), b"0123\0\0");
    assert_eq!(seek(fd, 0, libc::SEEK_CUR), Ok(0));
}

fn truncate_errors() {
    mkdir("d");
    put("f", b"");
    assert_eq!(sys!(truncate, c"d", 0), Err(EISDIR));
    assert_eq!(sys!(truncate, c"absent", 0), Err(ENOENT));
    assert_eq!(sys!(truncate, c"f", -1), Err(EINVAL));
    let (reader, _) = pipe(0);
    assert_eq!(sys!(ftruncate, reader, 0), Err(EINVAL));
    assert_eq!(sys!(ftruncate, 77, 0), Err(EBADF));
    as_user(1000, || assert_eq!(sys!(truncate, c"f", 0), Err(EACCES))).passed();
}

fn truncate_zeroes_the_tail() {
    put("f", &[b'x'; 6000]);
    sys!(truncate, c"f", 100).unwrap();
    sys!(truncate, c"f", 6000).unwrap();
    let content = get("f");
    assert!(content[..100].iter().all(|&byte| byte == b'x'));
    assert!(content[100..].iter().all(|&byte| byte == 0), "old bytes came back after truncation");
}

fn fallocate_extends() {
    let fd = create("f");
    assert_eq!(sys!(fallocate, fd, 0, 0, 5000), Ok(0));
    assert_eq!(fstat(fd).unwrap().st_size, 5000);
    assert_eq!(sys!(fallocate, fd, libc::FALLOC_FL_KEEP_SIZE, 0, 10000), Ok(0));
    assert_eq!(fstat(fd).unwrap().st_size, 5000);
    assert_eq!(sys!(fallocate, fd, 0, 0, 0), Err(EINVAL));
    assert_eq!(sys!(fallocate, fd, 0, -1, 10), Err(EINVAL));
}
