//! stat in its forms, access, chmod, chown, times.

use user::child::{as_user, become_user, fork};
use user::files::*;
use user::sys;
use user::sys::*;

table!("stats":
    regular_file_fields, folder_fields, hard_link_count, stat_follows_lstat_does_not, fstatat_flags, fstatat_bad_flags_einval, statx_basics,
    statx_empty_path, stat_errors, access_modes, access_uses_real_uid, access_bad_mode_einval, access_root_execute_needs_a_bit, chmod_changes,
    chmod_keeps_type_and_ignores_it, chmod_by_other_eperm, fchmod_and_fchmodat, chown_changes, chown_minus_one_keeps, chown_clears_setuid,
    chown_by_user_eperm, lchown_changes_the_link, write_by_user_clears_setuid, utimensat_sets, utimensat_omit_and_now, utimensat_errors,
    utimensat_symlink, write_moves_mtime, chmod_moves_ctime, umask_returns_old, statfs_answers, sticky_folder, setgid_folder_inherits,
    group_permission_by_supplementary_group, owner_class_decides_first, chmod_without_group_drops_setgid,
);

fn mode(path: &str) -> u32 {
    lstat(path).unwrap().st_mode
}

fn regular_file_fields() {
    put("f", &[1; 5000]);
    let s = stat("f").unwrap();
    assert_eq!((s.st_mode, s.st_size, s.st_nlink, s.st_uid, s.st_gid), (libc::S_IFREG | 0o644, 5000, 1, 0, 0));
    assert!(s.st_blocks >= 10 && s.st_blksize >= 512);
    assert_ne!(s.st_ino, 0);
    let fd = open("f", libc::O_RDONLY).unwrap();
    let t = fstat(fd).unwrap();
    assert_eq!((s.st_dev, s.st_ino, s.st_mtime), (t.st_dev, t.st_ino, t.st_mtime));
}

fn folder_fields() {
    mkdir("d");
    assert_eq!(mode("d"), libc::S_IFDIR | 0o755);
    assert_eq!(stat("d").unwrap().st_nlink, 2);
    mkdir("d/e");
    mkdir("d/f");
    assert_eq!(stat("d").unwrap().st_nlink, 4);
    rmdir("d/e").unwrap();
    assert_eq!(stat("d").unwrap().st_nlink, 3);
}

fn hard_link_count() {
    put("f", b"");
    link("f", "g").unwrap();
    assert_eq!(stat("f").unwrap().st_nlink, 2);
    assert_eq!(stat("f").unwrap().st_ino, stat("g").unwrap().st_ino);
    unlink("f").unwrap();
    assert_eq!(stat("g").unwrap().st_nlink, 1);
}

fn stat_follows_lstat_does_not() {
    put("f", b"12345");
    symlink("f", "link").unwrap();
    assert_eq!(stat("link").unwrap().st_size, 5);
    let l = lstat("link").unwrap();
    assert_eq!((l.st_mode, l.st_size), (libc::S_IFLNK | 0o777, 1));
}

fn fstatat(fd: i32, path: &str, flags: i32) -> Result<(u32, i64)> {
    // SAFETY: all-zero is a valid `stat`.
    let mut answer: libc::stat = unsafe { core::mem::zeroed() };
    sys!(newfstatat, fd, c(path).as_c_str(), &mut answer, flags)?;
    Ok((answer.st_mode & libc::S_IFMT, answer.st_size))
}

fn fstatat_flags() {
    mkdir("d");
    put("d/f", b"abc");
    symlink("f", "d/link").unwrap();
    let folder = open("d", libc::O_RDONLY).unwrap();
    assert_eq!(fstatat(folder, "link", 0), Ok((libc::S_IFREG, 3)));
    assert_eq!(fstatat(folder, "link", libc::AT_SYMLINK_NOFOLLOW), Ok((libc::S_IFLNK, 1)));
    let file = open("d/f", libc::O_RDONLY).unwrap();
    assert_eq!(fstatat(file, "", libc::AT_EMPTY_PATH), Ok((libc::S_IFREG, 3)));
    assert_eq!(fstatat(file, "", 0), Err(ENOENT));
    assert_eq!(fstatat(libc::AT_FDCWD, "", libc::AT_EMPTY_PATH).unwrap().0, libc::S_IFDIR);
}

fn fstatat_bad_flags_einval() {
    assert_eq!(fstatat(libc::AT_FDCWD, ".", 0x4000_0000), Err(EINVAL));
    assert_eq!(fstatat(77, "x", 0), Err(EBADF));
}

fn statx(fd: i32, path: &str, flags: i32, mask: u32) -> Result<libc::statx> {
    // SAFETY: all-zero is a valid `statx`.
    let mut answer: libc::statx = unsafe { core::mem::zeroed() };
    sys!(statx, fd, c(path).as_c_str(), flags, mask, &mut answer).map(|_| answer)
}

fn statx_basics() {
    put("f", b"abc");
    let (x, s) = (statx(libc::AT_FDCWD, "f", 0, libc::STATX_BASIC_STATS).unwrap(), stat("f").unwrap());
    assert_eq!((u32::from(x.stx_mode), x.stx_size, x.stx_ino, x.stx_nlink), (s.st_mode, 3, s.st_ino, 1));
    assert_eq!(x.stx_mtime.tv_sec, s.st_mtime);
    assert_eq!(x.stx_mask & libc::STATX_BASIC_STATS, libc::STATX_BASIC_STATS);
    assert_eq!(statx(libc::AT_FDCWD, "absent", 0, libc::STATX_BASIC_STATS).err(), Some(ENOENT));
    assert_eq!(statx(libc::AT_FDCWD, "f", 0, 1 << 31).err(), Some(EINVAL));
}

fn statx_empty_path() {
    put("f", b"abc");
    let fd = open("f", libc::O_RDONLY).unwrap();
    assert_eq!(statx(fd, "", libc::AT_EMPTY_PATH, libc::STATX_SIZE).unwrap().stx_size, 3);
    symlink("f", "link").unwrap();
    let x = statx(libc::AT_FDCWD, "link", libc::AT_SYMLINK_NOFOLLOW, libc::STATX_TYPE).unwrap();
    assert_eq!(u32::from(x.stx_mode) & libc::S_IFMT, libc::S_IFLNK);
}

fn stat_errors() {
    put("f", b"");
    assert_eq!(stat("absent").err(), Some(ENOENT));
    assert_eq!(stat("f/x").err(), Some(ENOTDIR));
    assert_eq!(stat("").err(), Some(ENOENT));
    assert_eq!(stat(&"x".repeat(300)).err(), Some(ENAMETOOLONG));
    assert_eq!(fstat(77).err(), Some(EBADF));
    assert_eq!(sys!(stat, c"f", 8), Err(EFAULT));
    assert_eq!(sys!(stat, 8, 8), Err(EFAULT));
    assert_eq!(lstat("f/").err(), Some(ENOTDIR));
}

fn access(path: &str, mode: i32) -> Result {
    sys!(access, c(path).as_c_str(), mode)
}

fn access_modes() {
    put("f", b"");
    chmod("f", 0o604).unwrap();
    as_user(1000, || {
        assert_eq!(access("f", libc::F_OK), Ok(0));
        assert_eq!(access("f", libc::R_OK), Ok(0));
        assert_eq!(access("f", libc::W_OK), Err(EACCES));
        assert_eq!(access("f", libc::R_OK | libc::W_OK), Err(EACCES));
        assert_eq!(access("f", libc::X_OK), Err(EACCES));
        assert_eq!(access("absent", libc::F_OK), Err(ENOENT));
    })
    .passed();
}

fn access_uses_real_uid() {
    put("f", b"");
    chmod("f", 0o600).unwrap();
    fork(|| {
        assert_eq!(sys!(setresuid, 1000, 0, 0), Ok(0));
        assert_eq!(access("f", libc::R_OK), Err(EACCES));
        assert_eq!(sys!(faccessat2, libc::AT_FDCWD, c"f", libc::R_OK, libc::AT_EACCESS), Ok(0));
        assert!(open("f", libc::O_RDONLY).is_ok());
    })
    .passed();
}

fn access_bad_mode_einval() {
    assert_eq!(access(".", 8), Err(EINVAL));
    assert_eq!(sys!(faccessat2, libc::AT_FDCWD, c".", 0, 0x4000), Err(EINVAL));
}

fn access_root_execute_needs_a_bit() {
    put("f", b"");
    assert_eq!(access("f", libc::X_OK), Err(EACCES));
    assert_eq!(access("f", libc::W_OK), Ok(0));
    chmod("f", 0o001).unwrap();
    assert_eq!(access("f", libc::X_OK), Ok(0));
}

fn chmod_changes() {
    put("f", b"");
    for bits in [0o0, 0o7777, 0o4755, 0o123] {
        assert_eq!(chmod("f", bits), Ok(0));
        assert_eq!(mode("f"), libc::S_IFREG | bits);
    }
    assert_eq!(chmod("absent", 0o644), Err(ENOENT));
}

fn chmod_keeps_type_and_ignores_it() {
    put("f", b"");
    assert_eq!(chmod("f", libc::S_IFDIR | 0o600), Ok(0));
    assert_eq!(mode("f"), libc::S_IFREG | 0o600);
    symlink("f", "link").unwrap();
    assert_eq!(chmod("link", 0o640), Ok(0));
    assert_eq!((mode("f") & 0o777, mode("link") & 0o777), (0o640, 0o777));
}

fn chmod_by_other_eperm() {
    put("f", b"");
    as_user(1000, || assert_eq!(chmod("f", 0o777), Err(EPERM))).passed();
    chown("f", 1000, 1000).unwrap();
    as_user(1000, || assert_eq!(chmod("f", 0o600), Ok(0))).passed();
}

fn fchmod_and_fchmodat() {
    let fd = create("f");
    assert_eq!(sys!(fchmod, fd, 0o111), Ok(0));
    assert_eq!(mode("f") & 0o7777, 0o111);
    assert_eq!(sys!(fchmodat, libc::AT_FDCWD, c"f", 0o222), Ok(0));
    assert_eq!(mode("f") & 0o7777, 0o222);
    assert_eq!(sys!(fchmod, 77, 0o111), Err(EBADF));
}

fn owner(path: &str) -> (u32, u32) {
    let s = lstat(path).unwrap();
    (s.st_uid, s.st_gid)
}

fn chown_changes() {
    let fd = create("f");
    assert_eq!(chown("f", 12, 34), Ok(0));
    assert_eq!(owner("f"), (12, 34));
    assert_eq!(sys!(fchown, fd, 56, 78), Ok(0));
    assert_eq!(owner("f"), (56, 78));
    assert_eq!(sys!(fchownat, fd, c"", 1, 2, libc::AT_EMPTY_PATH), Ok(0));
    assert_eq!(owner("f"), (1, 2));
}

fn chown_minus_one_keeps() {
    put("f", b"");
    chown("f", 12, 34).unwrap();
    assert_eq!(chown("f", u32::MAX, 99), Ok(0));
    assert_eq!(owner("f"), (12, 99));
    assert_eq!(chown("f", 7, u32::MAX), Ok(0));
    assert_eq!(owner("f"), (7, 99));
}

fn chown_clears_setuid() {
    put("f", b"");
    chmod("f", 0o6755).unwrap();
    chown("f", 0, 0).unwrap();
    assert_eq!(mode("f") & 0o7777, 0o755);
    chmod("f", 0o2745).unwrap();
    chown("f", 0, 0).unwrap();
    assert_eq!(mode("f") & 0o7777, 0o2745, "setgid without group execute means mandatory locking, and stays");
}

fn chown_by_user_eperm() {
    put("f", b"");
    chown("f", 1000, 1000).unwrap();
    as_user(1000, || {
        assert_eq!(chown("f", 1001, u32::MAX), Err(EPERM));
        assert_eq!(chown("f", u32::MAX, 1001), Err(EPERM));
        assert_eq!(chown("f", 1000, 1000), Ok(0));
    })
    .passed();
    fork(|| {
        assert_eq!(sys!(setgroups, 1, &[1001u32]), Ok(0));
        assert_eq!(sys!(setresgid, 1000, 1000, 1000), Ok(0));
        assert_eq!(sys!(setresuid, 1000, 1000, 1000), Ok(0));
        assert_eq!(chown("f", u32::MAX, 1001), Ok(0), "an owner may give the file to a group of his");
    })
    .passed();
}

fn lchown_changes_the_link() {
    put("f", b"");
    symlink("f", "link").unwrap();
    assert_eq!(sys!(lchown, c"link", 5, 6), Ok(0));
    assert_eq!((owner("link"), owner("f")), ((5, 6), (0, 0)));
    assert_eq!(chown("link", 7, 8), Ok(0));
    assert_eq!((owner("link"), owner("f")), ((5, 6), (7, 8)));
}

fn write_by_user_clears_setuid() {
    put("f", b"");
    chown("f", 1000, 1000).unwrap();
    chmod("f", 0o6777).unwrap();
    as_user(1001, || {
        let fd = open("f", libc::O_WRONLY).unwrap();
        write(fd, b"x").unwrap();
    })
    .passed();
    assert_eq!(mode("f") & 0o7777, 0o777);
}

fn utimensat(path: &str, times: [i64; 4], flags: i32) -> Result {
    sys!(utimensat, libc::AT_FDCWD, c(path).as_c_str(), &times, flags)
}

fn times(path: &str) -> [i64; 4] {
    let s = lstat(path).unwrap();
    [s.st_atime, s.st_atime_nsec, s.st_mtime, s.st_mtime_nsec]
}

fn utimensat_sets() {
    put("f", b"");
    assert_eq!(utimensat("f", [1000, 500, 2000, 999_999_999], 0), Ok(0));
    assert_eq!(times("f"), [1000, 500, 2000, 999_999_999]);
    let fd = open("f", libc::O_RDONLY).unwrap();
    assert_eq!(sys!(utimensat, fd, 0, &[7i64, 0, 8, 0], 0), Ok(0));
    assert_eq!(times("f"), [7, 0, 8, 0]);
}

fn utimensat_omit_and_now() {
    put("f", b"");
    utimensat("f", [1000, 0, 2000, 0], 0).unwrap();
    assert_eq!(utimensat("f", [0, libc::UTIME_OMIT, 3000, 0], 0), Ok(0));
    assert_eq!(times("f"), [1000, 0, 3000, 0]);
    assert_eq!(utimensat("f", [0, libc::UTIME_NOW, 0, libc::UTIME_OMIT], 0), Ok(0));
    assert!(times("f")[0] > 1_000_000_000, "UTIME_NOW is now");
    assert_eq!(times("f")[2], 3000);
    assert_eq!(sys!(utimensat, libc::AT_FDCWD, c"f", 0, 0), Ok(0));
    assert!(times("f")[2] > 1_000_000_000);
}

fn utimensat_errors() {
    put("f", b"");
    assert_eq!(utimensat("f", [0, 1_000_000_000, 0, 0], 0), Err(EINVAL));
    assert_eq!(utimensat("f", [0, -1, 0, 0], 0), Err(EINVAL));
    assert_eq!(utimensat("absent", [0; 4], 0), Err(ENOENT));
    as_user(1000, || {
        assert_eq!(utimensat("f", [1, 0, 1, 0], 0), Err(EPERM));
        assert_eq!(sys!(utimensat, libc::AT_FDCWD, c"f", 0, 0), Err(EACCES));
    })
    .passed();
}

fn utimensat_symlink() {
    put("f", b"");
    symlink("f", "link").unwrap();
    utimensat("f", [9, 0, 9, 0], 0).unwrap();
    assert_eq!(utimensat("link", [5, 0, 6, 0], libc::AT_SYMLINK_NOFOLLOW), Ok(0));
    assert_eq!((times("link")[2], times("f")[2]), (6, 9));
}

fn write_moves_mtime() {
    let fd = create("f");
    utimensat("f", [1000, 0, 2000, 0], 0).unwrap();
    write(fd, b"x").unwrap();
    assert!(times("f")[2] > 2000);
    mkdir("d");
    utimensat("d", [1000, 0, 2000, 0], 0).unwrap();
    put("d/new", b"");
    assert!(times("d")[2] > 2000, "a new name changes its folder");
}

fn chmod_moves_ctime() {
    put("f", b"");
    let before = stat("f").unwrap();
    utimensat("f", [1000, 0, 2000, 0], 0).unwrap();
    user::child::pause_ms(20);
    chmod("f", 0o600).unwrap();
    let after = stat("f").unwrap();
    assert!((after.st_ctime, after.st_ctime_nsec) > (before.st_ctime, before.st_ctime_nsec));
    assert_eq!(after.st_mtime, 2000);
}

fn umask_returns_old() {
    assert_eq!(sys!(umask, 0o77777), Ok(0o022));
    assert_eq!(sys!(umask, 0o002), Ok(0o777));
    assert_eq!(sys!(mkdir, c"d", 0o777), Ok(0));
    assert_eq!(mode("d") & 0o7777, 0o775);
}

fn statfs_answers() {
    let mut by_path = [0u64; 15];
    assert_eq!(sys!(statfs, c"/tmp", &mut by_path), Ok(0));
    let (kind, block, name_length) = (by_path[0], by_path[1], by_path[8]);
    assert!(kind != 0 && block >= 512 && name_length == 255, "{by_path:?}");
    let fd = open("/proc", libc::O_RDONLY).unwrap();
    assert_eq!(sys!(fstatfs, fd, &mut by_path), Ok(0));
    assert_eq!(by_path[0], 0x9fa0, "the magic of proc");
    assert_eq!(sys!(statfs, c"absent", &mut by_path), Err(ENOENT));
    assert_eq!(sys!(fstatfs, 77, &mut by_path), Err(EBADF));
}

fn sticky_folder() {
    mkdir("d");
    chmod("d", 0o1777).unwrap();
    put("d/roots", b"");
    as_user(1000, || {
        assert_eq!(unlink("d/roots"), Err(EPERM));
        assert_eq!(rename("d/roots", "d/stolen"), Err(EPERM));
        put("d/mine", b"");
        assert_eq!(rename("d/mine", "d/roots"), Err(EPERM));
        assert_eq!(unlink("d/mine"), Ok(0));
    })
    .passed();
    chmod("d", 0o777).unwrap();
    as_user(1000, || assert_eq!(unlink("d/roots"), Ok(0))).passed();
}

fn setgid_folder_inherits() {
    mkdir("d");
    chown("d", 0, 77).unwrap();
    chmod("d", 0o2777).unwrap();
    put("d/f", b"");
    mkdir("d/e");
    assert_eq!(owner("d/f"), (0, 77));
    assert_eq!((owner("d/e"), mode("d/e") & 0o7000), ((0, 77), 0o2000));
    as_user(1000, || put("d/theirs", b"")).passed();
    assert_eq!(owner("d/theirs"), (1000, 77));
}

fn group_permission_by_supplementary_group() {
    put("f", b"x");
    chown("f", 0, 77).unwrap();
    chmod("f", 0o040).unwrap();
    as_user(1000, || assert_eq!(open("f", libc::O_RDONLY), Err(EACCES))).passed();
    fork(|| {
        sys!(setgroups, 2, &[55u32, 77]).unwrap();
        sys!(setresgid, 1000, 1000, 1000).unwrap();
        sys!(setresuid, 1000, 1000, 1000).unwrap();
        assert!(open("f", libc::O_RDONLY).is_ok());
        assert_eq!(open("f", libc::O_WRONLY), Err(EACCES));
    })
    .passed();
}

/// Only the first class that fits counts: an owner without permission isn't helped by what others may do.
fn owner_class_decides_first() {
    put("f", b"x");
    chown("f", 1000, 1000).unwrap();
    chmod("f", 0o077).unwrap();
    fork(|| {
        become_user(1000);
        assert_eq!(open("f", libc::O_RDONLY), Err(EACCES));
    })
    .passed();
    as_user(1001, || assert!(open("f", libc::O_RDONLY).is_ok())).passed();
}

fn chmod_without_group_drops_setgid() {
    put("f", b"");
    chown("f", 1000, 77).unwrap();
    as_user(1000, || assert_eq!(chmod("f", 0o2755), Ok(0))).passed();
    assert_eq!(mode("f") & 0o7777, 0o755);
}
