//! Folders: making and removing, listing, the working directory, chroot.

use user::child::{as_user, fork};
use user::files::*;
use user::sys;
use user::sys::*;

table!("folders":
    mkdir_errors, rmdir_errors, rmdir_of_working_directory, removed_folder_takes_no_names, getdents_lists_everything, getdents_types, getdents_rewinds, getdents_small_buffer_einval, getdents_many_names, getdents_survives_unlinking, getcwd_follows_chdir, getcwd_errors, chdir_errors, fchdir_works, cwd_is_per_process, chroot_confines, dotdot_after_rename,
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

fn mkdir_errors() {
    put("f", b"");
    mkdir("d");
    let make = |path: &str| sys!(mkdir, c(path).as_c_str(), 0o755);
    assert_eq!(make("d"), Err(EEXIST));
    assert_eq!(make("f"), Err(EEXIST));
    assert_eq!(make("."), Err(EEXIST));
    assert_eq!(make("/"), Err(EEXIST));
    assert_eq!(make("absent/e"), Err(ENOENT));
    assert_eq!(make("f/e"), Err(ENOTDIR));
    assert_eq!(make(""), Err(ENOENT));
    assert_eq!(make(&"n".repeat(256)), Err(ENAMETOOLONG));
    assert_eq!(make("trailing/"), Ok(0));
    symlink("nothing", "dangling").unwrap();
    assert_eq!(make("dangling"), Err(EEXIST));
}

fn rmdir_errors() {
    put("f", b"");
    mkdir("d");
    mkdir("d/e");
    assert_eq!(rmdir("d"), Err(ENOTEMPTY));
    assert_eq!(rmdir("f"), Err(ENOTDIR));
    assert_eq!(rmdir("absent"), Err(ENOENT));
    assert_eq!(rmdir("d/."), Err(EINVAL));
    assert_eq!(rmdir("d/e/.."), Err(ENOTEMPTY));
    assert_eq!(rmdir("/"), Err(EBUSY));
    assert_eq!(rmdir("d/e/"), Ok(0));
    assert_eq!(rmdir("d"), Ok(0));
}

fn rmdir_of_working_directory() {
    mkdir("d");
    assert_eq!(sys!(chdir, c"d"), Ok(0));
    assert_eq!(rmdir("../d"), Ok(0));
    let mut buffer = [0u8; 100];
    assert_eq!(sys!(getcwd, &mut buffer, 100), Err(ENOENT));
    assert_eq!(open("f", libc::O_CREAT | libc::O_WRONLY), Err(ENOENT));
    assert!(stat(".").is_ok());
}

fn removed_folder_takes_no_names() {
    mkdir("d");
    let fd = open("d", libc::O_RDONLY).unwrap();
    rmdir("d").unwrap();
    assert_eq!(sys!(openat, fd, c"f", libc::O_CREAT | libc::O_WRONLY, 0o644), Err(ENOENT));
    assert_eq!(sys!(mkdirat, fd, c"e", 0o755), Err(ENOENT));
    assert_eq!(fstat(fd).unwrap().st_nlink, 0);
}

fn getdents_lists_everything() {
    mkdir("d");
    for name in ["one", "two", "three"] {
        put(&format!("d/{name}"), b"");
    }
    let fd = open("d", libc::O_RDONLY).unwrap();
    let mut found: Vec<String> = names(fd).into_iter().map(|(name, _)| name).collect();
    found.sort();
    assert_eq!(found, [".", "..", "one", "three", "two"]);
    assert_eq!(sys!(getdents64, create("f"), &mut [0u8; 100], 100), Err(ENOTDIR));
    assert_eq!(sys!(getdents64, 77, &mut [0u8; 100], 100), Err(EBADF));
}

fn getdents_types() {
    put("file", b"");
    mkdir("folder");
    symlink("x", "link").unwrap();
    mknod("fifo", libc::S_IFIFO | 0o600, 0).unwrap();
    let fd = open(".", libc::O_RDONLY).unwrap();
    for (name, kind) in names(fd) {
        let expected = match name.as_str() {
            "file" => libc::DT_REG,
            "link" => libc::DT_LNK,
            "fifo" => libc::DT_FIFO,
            _ => libc::DT_DIR,
        };
        assert!(kind == expected || kind == libc::DT_UNKNOWN, "{name} has type {kind}");
    }
}

fn getdents_rewinds() {
    put("f", b"");
    let fd = open(".", libc::O_RDONLY).unwrap();
    assert_eq!(names(fd).len(), 3);
    assert_eq!(names(fd).len(), 0);
    put("g", b"");
    assert_eq!(seek(fd, 0, libc::SEEK_SET), Ok(0));
    assert_eq!(names(fd).len(), 4);
}

fn getdents_small_buffer_einval() {
    put("f", b"");
    let fd = open(".", libc::O_RDONLY).unwrap();
    let mut buffer = [0u8; 10];
    assert_eq!(sys!(getdents64, fd, &mut buffer, 10), Err(EINVAL));
    assert_eq!(names(fd).len(), 3);
}

fn getdents_many_names() {
    mkdir("d");
    for i in 0..500 {
        put(&format!("d/file-{i:04}"), b"");
    }
    let found = list("d");
    assert_eq!(found.len(), 500);
    assert!((0..500).all(|i| found[i] == format!("file-{i:04}")));
}

/// What `rm -r` does: read some names, unlink them, read on; nothing may be skipped.
fn getdents_survives_unlinking() {
    mkdir("d");
    for i in 0..200 {
        put(&format!("d/{i}"), b"");
    }
    let fd = open("d", libc::O_RDONLY).unwrap();
    let mut buffer = [0u8; 200];
    let mut removed = 0;
    loop {
        let n = sys!(getdents64, fd, &mut buffer, 200).unwrap();
        if n == 0 {
            break;
        }
        let mut rest = &buffer[..n];
        while !rest.is_empty() {
            let length = u16::from_le_bytes([rest[16], rest[17]]) as usize;
            let name: Vec<u8> = rest[19..length].iter().copied().take_while(|&byte| byte != 0).collect();
            if !name.starts_with(b".") {
                unlink(&format!("d/{}", String::from_utf8(name).unwrap())).unwrap();
                removed += 1;
            }
            rest = &rest[length..];
        }
    }
    assert_eq!(removed, 200);
    assert_eq!(rmdir("d"), Ok(0));
}

fn cwd() -> String {
    let mut buffer = [0u8; 4096];
    let n = sys!(getcwd, &mut buffer, 4096).unwrap();
    String::from_utf8_lossy(&buffer[..n - 1]).into_owned()
}

fn getcwd_follows_chdir() {
    let start = cwd();
    assert!(start.starts_with("/tmp/behaviours-"), "{start}");
    mkdir("d");
    symlink("d", "link").unwrap();
    assert_eq!(sys!(chdir, c"link"), Ok(0));
    assert_eq!(cwd(), format!("{start}/d"), "the real path, not the link");
    rename("../d", "../renamed").unwrap();
    assert_eq!(cwd(), format!("{start}/renamed"));
    sys!(chdir, c"..").unwrap();
    assert_eq!(cwd(), start);
    sys!(chdir, c"/").unwrap();
    assert_eq!(cwd(), "/");
}

fn getcwd_errors() {
    let mut buffer = [0u8; 4096];
    let n = sys!(getcwd, &mut buffer, 4096).unwrap();
    assert_eq!(sys!(getcwd, &mut buffer, n - 1), Err(ERANGE));
    assert_eq!(sys!(getcwd, &mut buffer, n), Ok(n));
    assert_eq!(sys!(getcwd, 8, 4096), Err(EFAULT));
}

fn chdir_errors() {
    put("f", b"");
    mkdir("d");
    chmod("d", 0o644).unwrap();
    assert_eq!(sys!(chdir, c"f"), Err(ENOTDIR));
    assert_eq!(sys!(chdir, c"absent"), Err(ENOENT));
    as_user(1000, || assert_eq!(sys!(chdir, c"d"), Err(EACCES))).passed();
    assert_eq!(sys!(fchdir, create("g")), Err(ENOTDIR));
    assert_eq!(sys!(fchdir, 77), Err(EBADF));
}

fn fchdir_works() {
    mkdir("d");
    let start = cwd();
    let fd = open("d", libc::O_RDONLY).unwrap();
    assert_eq!(sys!(fchdir, fd), Ok(0));
    assert_eq!(cwd(), format!("{start}/d"));
}

fn cwd_is_per_process() {
    mkdir("d");
    let start = cwd();
    fork(|| {
        sys!(chdir, c"d").unwrap();
        put("made-in-d", b"");
    })
    .passed();
    assert_eq!(cwd(), start);
    assert_eq!(list("d"), ["made-in-d"]);
}

fn chroot_confines() {
    mkdir("d");
    put("d/f", b"inside");
    fork(|| {
        assert_eq!(sys!(chroot, c"d"), Ok(0));
        sys!(chdir, c"/").unwrap();
        assert_eq!(get("/f"), b"inside");
        assert_eq!(get("/../../f"), b"inside");
        assert_eq!(stat("/tmp").err(), Some(ENOENT));
    })
    .passed();
    as_user(1000, || assert_eq!(sys!(chroot, c"d"), Err(EPERM))).passed();
}

fn dotdot_after_rename() {
    mkdir("a");
    mkdir("b");
    mkdir("a/d");
    let fd = open("a/d", libc::O_RDONLY).unwrap();
    rename("a/d", "b/d").unwrap();
    sys!(fchdir, fd).unwrap();
    assert_eq!(inode(".."), inode("../../b"));
}
