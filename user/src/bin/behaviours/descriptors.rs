//! Descriptors and the open-file descriptions behind them: dup, fcntl, close-on-exec, sharing after fork.

use user::child::fork;
use user::files::*;
use user::sys;
use user::sys::*;

table!("descriptors":
    lowest_number_first, dup_shares_offset, dup2_replaces_and_closes, dup2_same_number, dup2_errors, dup3_rules, fcntl_dupfd_minimum,
    fcntl_dupfd_cloexec, cloexec_flag_is_per_descriptor, status_flags_are_shared, setfl_changes_only_some, getfl_reports_access_mode,
    separate_opens_have_separate_offsets, offset_shared_after_fork, closing_in_child_keeps_parents, emfile_at_the_limit,
    limit_below_open_descriptors, unlinked_file_lives_while_open, unlinked_while_open_by_two, close_range_closes, fcntl_bad_command_einval,
    o_path_only_names, dup_of_bad_ebadf, pipe_to_bad_address_leaves_no_descriptor,
);

fn lowest_number_first() {
    assert_eq!((create("a"), create("b"), create("c")), (3, 4, 5));
    close(4);
    assert_eq!(create("d"), 4);
    assert_eq!(sys!(dup, 3), Ok(6));
}

fn dup_shares_offset() {
    put("f", b"abcdef");
    let fd = open("f", libc::O_RDONLY).unwrap();
    let copy = sys!(dup, fd).unwrap() as i32;
    assert_eq!(read_some(fd, 2).unwrap(), b"ab");
    assert_eq!(read_some(copy, 2).unwrap(), b"cd");
    close(fd);
    assert_eq!(read_some(copy, 2).unwrap(), b"ef");
}

fn dup2_replaces_and_closes() {
    let (reader, writer) = pipe(0);
    let file = create("f");
    assert_eq!(sys!(dup2, file, writer), Ok(writer as usize));
    assert_eq!(read_some(reader, 1).unwrap(), b"", "the write end must be closed now");
    write(writer, b"to the file").unwrap();
    assert_eq!(get("f"), b"to the file");
}

fn dup2_same_number() {
    let fd = create("f");
    fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC as usize).unwrap();
    assert_eq!(sys!(dup2, fd, fd), Ok(fd as usize));
    assert_eq!(fcntl(fd, libc::F_GETFD, 0), Ok(1), "dup2 to itself changes nothing");
    assert_eq!(sys!(dup2, 77, 77), Err(EBADF));
}

fn dup2_errors() {
    let fd = create("f");
    assert_eq!(sys!(dup2, 77, 5), Err(EBADF));
    assert_eq!(sys!(dup2, fd, -1), Err(EBADF));
    assert_eq!(sys!(dup2, fd, 1 << 30), Err(EBADF));
    assert_eq!(sys!(dup2, 77, fd), Err(EBADF));
    assert_eq!(write(fd, b"x"), Ok(1), "a failed dup2 closes nothing");
}

fn dup3_rules() {
    let fd = create("f");
    assert_eq!(sys!(dup3, fd, 9, libc::O_CLOEXEC), Ok(9));
    assert_eq!(fcntl(9, libc::F_GETFD, 0), Ok(1));
    assert_eq!(sys!(dup3, fd, 9, 0), Ok(9));
    assert_eq!(fcntl(9, libc::F_GETFD, 0), Ok(0));
    assert_eq!(sys!(dup3, fd, fd, 0), Err(EINVAL));
    assert_eq!(sys!(dup3, fd, 9, libc::O_APPEND), Err(EINVAL));
}

fn fcntl_dupfd_minimum() {
    let fd = create("f");
    assert_eq!(fcntl(fd, libc::F_DUPFD, 20), Ok(20));
    assert_eq!(fcntl(fd, libc::F_DUPFD, 20), Ok(21));
    assert_eq!(fcntl(fd, libc::F_DUPFD, usize::MAX), Err(EINVAL));
    assert_eq!(fcntl(99, libc::F_DUPFD, 0), Err(EBADF));
}

fn fcntl_dupfd_cloexec() {
    let fd = create("f");
    let copy = fcntl(fd, libc::F_DUPFD_CLOEXEC, 0).unwrap() as i32;
    assert_eq!(fcntl(copy, libc::F_GETFD, 0), Ok(1));
    assert_eq!(fcntl(fd, libc::F_GETFD, 0), Ok(0));
}

fn cloexec_flag_is_per_descriptor() {
    put("f", b"");
    let fd = open("f", libc::O_RDONLY | libc::O_CLOEXEC).unwrap();
    assert_eq!(fcntl(fd, libc::F_GETFD, 0), Ok(1));
    let copy = sys!(dup, fd).unwrap() as i32;
    assert_eq!(fcntl(copy, libc::F_GETFD, 0), Ok(0));
    assert_eq!(fcntl(fd, libc::F_SETFD, 0), Ok(0));
    assert_eq!(fcntl(fd, libc::F_GETFD, 0), Ok(0));
}

fn status_flags_are_shared() {
    let fd = create("f");
    let copy = sys!(dup, fd).unwrap() as i32;
    fcntl(fd, libc::F_SETFL, libc::O_APPEND as usize).unwrap();
    assert_ne!(fcntl(copy, libc::F_GETFL, 0).unwrap() & libc::O_APPEND as usize, 0);
}

fn setfl_changes_only_some() {
    let fd = open("f", libc::O_WRONLY | libc::O_CREAT).unwrap();
    let before = fcntl(fd, libc::F_GETFL, 0).unwrap();
    assert_eq!(fcntl(fd, libc::F_SETFL, (libc::O_RDWR | libc::O_NONBLOCK | libc::O_CREAT) as usize), Ok(0));
    assert_eq!(fcntl(fd, libc::F_GETFL, 0).unwrap(), before | libc::O_NONBLOCK as usize);
    assert_eq!(fcntl(fd, libc::F_SETFL, 0), Ok(0));
    assert_eq!(fcntl(fd, libc::F_GETFL, 0).unwrap(), before);
}

fn getfl_reports_access_mode() {
    put("f", b"");
    for mode in [libc::O_RDONLY, libc::O_WRONLY, libc::O_RDWR] {
        let fd = open("f", mode | libc::O_CLOEXEC | libc::O_CREAT).unwrap();
        assert_eq!(fcntl(fd, libc::F_GETFL, 0).unwrap() as i32 & !libc::O_LARGEFILE & !0o100000, mode);
    }
}

fn separate_opens_have_separate_offsets() {
    put("f", b"abcdef");
    let one = open("f", libc::O_RDONLY).unwrap();
    let two = open("f", libc::O_RDONLY).unwrap();
    assert_eq!(read_some(one, 3).unwrap(), b"abc");
    assert_eq!(read_some(two, 3).unwrap(), b"abc");
}

fn offset_shared_after_fork() {
    put("f", b"abcdef");
    let fd = open("f", libc::O_RDONLY).unwrap();
    fork(|| assert_eq!(read_some(fd, 4).unwrap(), b"abcd")).passed();
    assert_eq!(read_some(fd, 4).unwrap(), b"ef");
}

fn closing_in_child_keeps_parents() {
    let fd = create("f");
    fork(|| close(fd)).passed();
    assert_eq!(write(fd, b"x"), Ok(1));
}

fn limit_descriptors(most: u64) {
    let mut limit = [0u64; 2];
    assert_eq!(sys!(getrlimit, libc::RLIMIT_NOFILE, &mut limit), Ok(0));
    limit[0] = most;
    assert_eq!(sys!(setrlimit, libc::RLIMIT_NOFILE, &limit), Ok(0));
}

fn emfile_at_the_limit() {
    limit_descriptors(6);
    assert_eq!((create("a"), create("b")), (3, 4));
    let mut ends = [-1i32; 2];
    assert_eq!(sys!(pipe2, &mut ends, 0), Err(EMFILE));
    assert_eq!(ends, [-1, -1]);
    assert_eq!(create("c"), 5, "a failed pipe gives its first descriptor back");
    assert_eq!(open("a", libc::O_RDONLY), Err(EMFILE));
    assert_eq!(sys!(dup, 3), Err(EMFILE));
    assert_eq!(sys!(dup2, 3, 6), Err(EBADF));
    assert_eq!(fcntl(3, libc::F_DUPFD, 0), Err(EMFILE));
    close(4);
    assert_eq!(sys!(dup, 3), Ok(4));
}

fn limit_below_open_descriptors() {
    let fd = create("f");
    assert_eq!(fcntl(fd, libc::F_DUPFD, 50), Ok(50));
    limit_descriptors(10);
    assert_eq!(write(50, b"x"), Ok(1), "open descriptors above a new limit stay");
    assert_eq!(fcntl(fd, libc::F_DUPFD, 50), Err(EINVAL));
}

fn unlinked_file_lives_while_open() {
    let fd = create("f");
    write(fd, b"still here").unwrap();
    assert_eq!(unlink("f"), Ok(0));
    assert_eq!(open("f", libc::O_RDONLY), Err(ENOENT));
    assert_eq!(fstat(fd).unwrap().st_nlink, 0);
    assert_eq!(seek(fd, 0, libc::SEEK_SET), Ok(0));
    assert_eq!(read_to_end(fd), b"still here");
    assert_eq!(write(fd, b"!"), Ok(1));
    put("f", b"another");
    assert_eq!(fstat(fd).unwrap().st_size, 11);
}

fn unlinked_while_open_by_two() {
    let one = create("f");
    let two = open("f", libc::O_RDONLY).unwrap();
    unlink("f").unwrap();
    write(one, b"shared").unwrap();
    close(one);
    assert_eq!(read_to_end(two), b"shared");
}

fn close_range_closes() {
    for name in ["a", "b", "c", "d"] {
        create(name);
    }
    assert_eq!(sys!(close_range, 4, 5, 0), Ok(0));
    assert_eq!([3, 4, 5, 6].map(|fd| fcntl(fd, libc::F_GETFD, 0).is_ok()), [true, false, false, true]);
    assert_eq!(sys!(close_range, 5, 4, 0), Err(EINVAL));
    assert_eq!(sys!(close_range, 3, u32::MAX, 4), Ok(0), "CLOSE_RANGE_CLOEXEC");
    assert_eq!(fcntl(3, libc::F_GETFD, 0), Ok(1));
}

fn fcntl_bad_command_einval() {
    let fd = create("f");
    assert_eq!(fcntl(fd, 9999, 0), Err(EINVAL));
    assert_eq!(fcntl(99, 9999, 0), Err(EBADF));
}

fn o_path_only_names() {
    put("f", b"abc");
    let fd = open("f", libc::O_PATH).unwrap();
    assert_eq!(read_some(fd, 1), Err(EBADF));
    assert_eq!(fstat(fd).unwrap().st_size, 3);
    assert_eq!(sys!(ftruncate, fd, 0), Err(EBADF));
    mkdir("d");
    let folder = open("d", libc::O_PATH | libc::O_DIRECTORY).unwrap();
    let inside = sys!(openat, folder, c"g", libc::O_CREAT | libc::O_WRONLY, 0o600).unwrap();
    assert_eq!(write(inside as i32, b"x"), Ok(1));
    assert_eq!(stat("d/g").unwrap().st_size, 1);
}

fn dup_of_bad_ebadf() {
    assert_eq!(sys!(dup, 77), Err(EBADF));
    assert_eq!(sys!(dup, -1), Err(EBADF));
    assert_eq!(fcntl(77, libc::F_GETFD, 0), Err(EBADF));
}

fn pipe_to_bad_address_leaves_no_descriptor() {
    assert_eq!(sys!(pipe2, 8, 0), Err(EFAULT));
    assert_eq!(create("f"), 3);
}
