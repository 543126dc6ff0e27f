//! open and openat: flags, and which error for which mistake.

use user::child::as_user;
use user::files::*;
use user::sys;
use user::sys::*;

table!("opens":
    missing_file_enoent, missing_folder_enoent, empty_path_enoent, file_as_folder_enotdir, trailing_slash_on_file_enotdir, folder_for_writing_eisdir,
    creat_on_folder_eisdir, exclusive_create_eexist, exclusive_create_does_not_follow, symlink_loop_eloop, nofollow_eloop, name_too_long,
    path_too_long, trunc_empties, trunc_needs_no_creat, directory_flag_enotdir, create_mode_and_umask, create_mode_ignores_own_access,
    denied_file_eacces, denied_folder_eacces, denied_create_eacces, root_opens_everything, openat_relative, openat_at_fdcwd, openat_absolute_ignores_fd,
    openat_file_enotdir, openat_bad_fd_ebadf, forty_links_work_forty_one_do_not, dot_and_dotdot, many_slashes, dotdot_above_root,
    dangling_symlink_create_makes_target, tmpfile_has_no_name, creat_call, access_mode_three, noatime_and_sync_flags_accepted, device_without_driver_enxio,
);

const READ: i32 = libc::O_RDONLY;
const MAKE: i32 = libc::O_WRONLY | libc::O_CREAT;

fn missing_file_enoent() {
    assert_eq!(open("absent", READ), Err(ENOENT));
    assert_eq!(open("absent", libc::O_RDWR), Err(ENOENT));
}

fn missing_folder_enoent() {
    assert_eq!(open("absent/f", READ), Err(ENOENT));
    assert_eq!(open("absent/f", MAKE), Err(ENOENT));
    assert_eq!(open("absent/../f", MAKE), Err(ENOENT));
}

fn empty_path_enoent() {
    assert_eq!(open("", READ), Err(ENOENT));
    assert_eq!(open("", MAKE), Err(ENOENT));
}

fn file_as_folder_enotdir() {
    put("f", b"");
    assert_eq!(open("f/g", READ), Err(ENOTDIR));
    assert_eq!(open("f/g", MAKE), Err(ENOTDIR));
    assert_eq!(open("f/..", READ), Err(ENOTDIR));
    assert_eq!(open("f/.", READ), Err(ENOTDIR));
}

fn trailing_slash_on_file_enotdir() {
    put("f", b"");
    assert_eq!(open("f/", READ), Err(ENOTDIR));
    assert_eq!(open("new/", MAKE), Err(EISDIR));
    mkdir("d");
    assert!(open("d/", READ).is_ok());
}

fn folder_for_writing_eisdir() {
    mkdir("d");
    assert_eq!(open("d", libc::O_WRONLY), Err(EISDIR));
    assert_eq!(open("d", libc::O_RDWR), Err(EISDIR));
    assert!(open("d", READ).is_ok());
}

fn creat_on_folder_eisdir() {
    mkdir("d");
    assert_eq!(open("d", READ | libc::O_CREAT), Err(EISDIR));
    assert_eq!(open(".", READ | libc::O_CREAT), Err(EISDIR));
    assert_eq!(open("d", MAKE | libc::O_EXCL), Err(EEXIST));
}

fn exclusive_create_eexist() {
    assert!(open("f", MAKE | libc::O_EXCL).is_ok());
    assert_eq!(open("f", MAKE | libc::O_EXCL), Err(EEXIST));
}

fn exclusive_create_does_not_follow() {
    symlink("target", "link").unwrap();
    assert_eq!(open("link", MAKE | libc::O_EXCL), Err(EEXIST));
    assert_eq!(stat("target").err(), Some(ENOENT));
}

fn symlink_loop_eloop() {
    symlink("b", "a").unwrap();
    symlink("a", "b").unwrap();
    assert_eq!(open("a", READ), Err(ELOOP));
    assert_eq!(open("a/x", READ), Err(ELOOP));
    assert_eq!(open("a", MAKE), Err(ELOOP));
    symlink("self", "self").unwrap();
    assert_eq!(stat("self").err(), Some(ELOOP));
}

fn nofollow_eloop() {
    put("f", b"");
    symlink("f", "link").unwrap();
    assert_eq!(open("link", READ | libc::O_NOFOLLOW), Err(ELOOP));
    assert!(open("f", READ | libc::O_NOFOLLOW).is_ok());
    let fd = open("link", libc::O_PATH | libc::O_NOFOLLOW).unwrap();
    assert_eq!(fstat(fd).unwrap().st_mode & libc::S_IFMT, libc::S_IFLNK);
}

fn name_too_long() {
    assert!(open(&"n".repeat(255), MAKE).is_ok());
    assert_eq!(open(&"n".repeat(256), MAKE), Err(ENAMETOOLONG));
    assert_eq!(open(&"n".repeat(256), READ), Err(ENAMETOOLONG));
}

fn path_too_long() {
    put("f", b"");
    let path = |length: usize| format!("{}f", "./".repeat((length - 1) / 2));
    assert!(open(&path(4095), READ).is_ok());
    assert_eq!(open(&path(4097), READ), Err(ENAMETOOLONG));
}

fn trunc_empties() {
    put("f", b"something");
    let fd = open("f", libc::O_RDWR | libc::O_TRUNC).unwrap();
    assert_eq!(fstat(fd).unwrap().st_size, 0);
}

fn trunc_needs_no_creat() {
    assert_eq!(open("f", libc::O_RDWR | libc::O_TRUNC), Err(ENOENT));
    put("f", b"x");
    assert!(open("f", MAKE).is_ok());
    assert_eq!(get("f"), b"x", "O_CREAT on a file that exists changes nothing");
}

fn directory_flag_enotdir() {
    put("f", b"");
    mkdir("d");
    symlink("d", "link").unwrap();
    assert_eq!(open("f", READ | libc::O_DIRECTORY), Err(ENOTDIR));
    assert!(open("d", READ | libc::O_DIRECTORY).is_ok());
    assert!(open("link", READ | libc::O_DIRECTORY).is_ok());
    assert_eq!(open("link", READ | libc::O_DIRECTORY | libc::O_NOFOLLOW), Err(ENOTDIR));
}

fn create_mode_and_umask() {
    sys!(umask, 0o027).unwrap();
    open_mode("f", MAKE, 0o777).unwrap();
    assert_eq!(stat("f").unwrap().st_mode & 0o7777, 0o750);
    sys!(umask, 0).unwrap();
    open_mode("g", MAKE, 0o6666).unwrap();
    assert_eq!(stat("g").unwrap().st_mode & 0o7777, 0o6666);
}

/// The mode given to a creating open counts for later opens, not for this one.
fn create_mode_ignores_own_access() {
    chmod(".", 0o777).unwrap();
    as_user(1000, || {
        let fd = open_mode("f", libc::O_RDWR | libc::O_CREAT, 0).unwrap();
        assert_eq!(write(fd, b"x"), Ok(1));
        assert_eq!(open("f", READ), Err(EACCES));
    })
    .passed();
}

fn denied_file_eacces() {
    put("f", b"x");
    chmod("f", 0o640).unwrap();
    as_user(1000, || {
        assert_eq!(open("f", READ), Err(EACCES));
        assert_eq!(open("f", libc::O_WRONLY), Err(EACCES));
        assert_eq!(open("f", READ | libc::O_TRUNC), Err(EACCES));
    })
    .passed();
    chmod("f", 0o604).unwrap();
    as_user(1000, || {
        assert!(open("f", READ).is_ok());
        assert_eq!(open("f", libc::O_RDWR), Err(EACCES));
    })
    .passed();
}

fn denied_folder_eacces() {
    mkdir("d");
    put("d/f", b"x");
    chmod("d", 0o744).unwrap();
    as_user(1000, || {
        assert_eq!(open("d/f", READ), Err(EACCES));
        assert_eq!(open("d/absent", READ), Err(EACCES));
        assert!(open("d", READ).is_ok(), "r without x lists the names");
    })
    .passed();
    chmod("d", 0o711).unwrap();
    as_user(1000, || {
        assert!(open("d/f", READ).is_ok());
        assert_eq!(open("d", READ), Err(EACCES));
    })
    .passed();
}

fn denied_create_eacces() {
    mkdir("d");
    as_user(1000, || {
        assert_eq!(open("d/f", MAKE), Err(EACCES));
        assert_eq!(sys!(mkdir, c"d/e", 0o755), Err(EACCES));
        assert_eq!(symlink("x", "d/l"), Err(EACCES));
    })
    .passed();
}

fn root_opens_everything() {
    put("f", b"secret");
    chmod("f", 0).unwrap();
    assert!(open("f", libc::O_RDWR).is_ok());
    mkdir("d");
    chmod("d", 0).unwrap();
    put("d/f", b"");
}

fn openat_relative() {
    mkdir("d");
    put("d/f", b"inside");
    let folder = open("d", READ).unwrap();
    let fd = sys!(openat, folder, c"f", READ, 0).unwrap() as i32;
    assert_eq!(read_to_end(fd), b"inside");
    assert_eq!(sys!(openat, folder, c"../d/f", READ, 0), Ok(fd as usize + 1));
}

fn openat_at_fdcwd() {
    put("f", b"");
    assert!(sys!(openat, libc::AT_FDCWD, c"f", READ, 0).is_ok());
}

fn openat_absolute_ignores_fd() {
    assert!(sys!(openat, 12345, c"/tmp", READ, 0).is_ok());
}

fn openat_file_enotdir() {
    let fd = create("f");
    assert_eq!(sys!(openat, fd, c"x", READ, 0), Err(ENOTDIR));
    assert_eq!(sys!(openat, fd, c"x", MAKE, 0), Err(ENOTDIR));
}

fn openat_bad_fd_ebadf() {
    assert_eq!(sys!(openat, 77, c"x", READ, 0), Err(EBADF));
    assert_eq!(sys!(openat, -1, c"x", READ, 0), Err(EBADF));
}

fn forty_links_work_forty_one_do_not() {
    put("l0", b"end");
    for i in 1..=41 {
        symlink(&format!("l{}", i - 1), &format!("l{i}")).unwrap();
    }
    assert!(open("l40", READ).is_ok());
    assert_eq!(open("l41", READ), Err(ELOOP));
}

fn dot_and_dotdot() {
    mkdir("d");
    mkdir("d/e");
    put("f", b"top");
    assert_eq!(get("d/e/../../f"), b"top");
    assert_eq!(get("./d/./e/.././../f"), b"top");
    assert_eq!(stat("d/e/..").unwrap().st_ino, stat("d").unwrap().st_ino);
}

fn many_slashes() {
    mkdir("d");
    put("d/f", b"x");
    assert_eq!(get(".//d////f"), b"x");
    assert_eq!(stat("///tmp").unwrap().st_ino, stat("/tmp").unwrap().st_ino);
}

fn dotdot_above_root() {
    assert_eq!(stat("/..").unwrap().st_ino, stat("/").unwrap().st_ino);
    assert_eq!(stat("/../../tmp").unwrap().st_ino, stat("/tmp").unwrap().st_ino);
}

fn dangling_symlink_create_makes_target() {
    symlink("target", "link").unwrap();
    assert_eq!(open("link", READ), Err(ENOENT));
    put("link", b"through");
    assert_eq!(get("target"), b"through");
}

fn tmpfile_has_no_name() {
    let fd = open_mode(".", libc::O_TMPFILE | libc::O_RDWR, 0o600).unwrap();
    assert_eq!(write(fd, b"x"), Ok(1));
    assert_eq!(fstat(fd).unwrap().st_nlink, 0);
    let folder = open(".", READ).unwrap();
    assert_eq!(names(folder).len(), 2);
    assert_eq!(open(".", libc::O_TMPFILE | READ), Err(EINVAL));
}

fn creat_call() {
    put("f", b"old");
    let fd = sys!(creat, c"f", 0o600).unwrap() as i32;
    assert_eq!(fstat(fd).unwrap().st_size, 0);
    assert_eq!(read_some(fd, 1), Err(EBADF));
    assert_eq!(write(fd, b"new"), Ok(3));
}

/// Access mode 3 means: check for reading and writing, but allow neither; only ioctl.
fn access_mode_three() {
    put("f", b"x");
    let fd = open("f", 3).unwrap();
    assert_eq!(read_some(fd, 1), Err(EBADF));
    assert_eq!(write(fd, b"y"), Err(EBADF));
}

fn noatime_and_sync_flags_accepted() {
    let fd = open("f", libc::O_RDWR | libc::O_CREAT | libc::O_SYNC | libc::O_NOATIME | libc::O_NOCTTY).unwrap();
    assert_eq!(write(fd, b"x"), Ok(1));
}

fn device_without_driver_enxio() {
    assert_eq!(sys!(mknod, c"device", libc::S_IFCHR | 0o666, 0xff00u32 | 0xf9), Ok(0));
    let error = open("device", READ).unwrap_err();
    // Where /tmp is mounted nodev, the mount answers first.
    assert!(error == ENXIO || error == EACCES, "{error:?}");
}
