//! Bad pointers, in every call that takes one: EFAULT, or the right partial count, and never anything worse.

use user::child::fork;
use user::files::*;
use user::memory::*;
use user::signals;
use user::sys;
use user::sys::*;

table!("pointers":
    write_from_bad_memory, read_into_bad_memory, write_half_mapped_is_partial, read_half_mapped_is_partial, pipe_write_half_mapped, pipe_read_half_mapped,
    vectors_with_bad_parts, vector_array_itself_bad, paths_at_bad_addresses, path_ends_at_page_border, structures_half_mapped, read_only_targets,
    lengths_that_wrap, null_everywhere, none_protection, huge_counts_are_cut, stat_family, time_family, signal_family, argument_over_two_pages,
    read_into_fresh_pages, read_into_copy_on_write_pages, write_from_untouched_pages, zero_length_with_bad_pointer, getdents_to_bad_memory,
    kernel_memory_never_changes_hands,
);

/// Addresses that every call must refuse.
fn bad_addresses() -> Vec<usize> {
    let mut all = KERNEL_ADDRESSES.to_vec();
    all.extend([8, nowhere(), map(PAGE, libc::PROT_NONE, PRIVATE).unwrap()]);
    all
}

fn write_from_bad_memory() {
    let fd = create("f");
    for address in bad_addresses() {
        assert_eq!(sys!(write, fd, address, 10), Err(EFAULT), "{address:#x}");
        assert_eq!(sys!(pwrite64, fd, address, 10, 0), Err(EFAULT));
    }
    assert_eq!(fstat(fd).unwrap().st_size, 0);
}

fn read_into_bad_memory() {
    put("f", b"content");
    let fd = open("f", libc::O_RDONLY).unwrap();
    for address in bad_addresses() {
        assert_eq!(sys!(read, fd, address, 10), Err(EFAULT), "{address:#x}");
        assert_eq!(sys!(pread64, fd, address, 10, 0), Err(EFAULT));
    }
    assert_eq!(seek(fd, 0, libc::SEEK_CUR), Ok(0), "a read that failed moves nothing");
    let read_only = map(PAGE, libc::PROT_READ, PRIVATE).unwrap();
    assert_eq!(sys!(read, fd, read_only, 10), Err(EFAULT));
}

fn write_half_mapped_is_partial() {
    let end = border();
    fill(end - 10, b"0123456789");
    let fd = create("f");
    let answer = sys!(write, fd, end - 10, 20);
    // Linux file systems take whole pages or nothing of one: tmpfs and ext4 give the ten bytes or EFAULT.
    assert!(answer == Ok(10) || answer == Err(EFAULT), "{answer:?}");
    assert_eq!(fstat(fd).unwrap().st_size, answer.unwrap_or(0) as i64);
}

fn read_half_mapped_is_partial() {
    put("f", b"0123456789abcdefghij");
    let fd = open("f", libc::O_RDONLY).unwrap();
    let end = border();
    assert_eq!(sys!(read, fd, end - 10, 20), Ok(10));
    assert_eq!(bytes(end - 10, 10), b"0123456789");
    assert_eq!(seek(fd, 0, libc::SEEK_CUR), Ok(10));
}

fn pipe_write_half_mapped() {
    let (reader, writer) = pipe(libc::O_NONBLOCK);
    let end = border();
    let answer = sys!(write, writer, end - 10, 20);
    assert!(answer == Ok(10) || answer == Err(EFAULT), "{answer:?}");
    assert_eq!(sys!(write, writer, end, 20), Err(EFAULT));
    assert_eq!(user::terminal::waiting(reader) as usize, answer.unwrap_or(0));
}

fn pipe_read_half_mapped() {
    let (reader, writer) = pipe(libc::O_NONBLOCK);
    write(writer, &[5; 100]).unwrap();
    assert_eq!(sys!(read, reader, nowhere(), 50), Err(EFAULT));
    let end = border();
    let answer = sys!(read, reader, end - 10, 20);
    assert!(answer == Ok(10) || answer == Err(EFAULT), "{answer:?}");
}

fn vectors_with_bad_parts() {
    let fd = create("f");
    let good = b"good".word();
    assert_eq!(sys!(writev, fd, &[[good, 4], [nowhere(), 4], [good, 4]], 3), Ok(4), "up to the bad part");
    assert_eq!(sys!(writev, fd, &[[nowhere(), 4], [good, 4]], 2), Err(EFAULT));
    seek(fd, 0, libc::SEEK_SET).unwrap();
    let target = pages(1);
    assert_eq!(sys!(readv, fd, &[[target, 2], [nowhere(), 4]], 2), Ok(2));
    assert_eq!(bytes(target, 2), b"go");
}

fn vector_array_itself_bad() {
    let fd = create("f");
    for address in bad_addresses() {
        assert_eq!(sys!(writev, fd, address, 2), Err(EFAULT), "{address:#x}");
        assert_eq!(sys!(readv, fd, address, 2), Err(EFAULT));
    }
    let end = border();
    assert_eq!(sys!(writev, fd, end - 16, 2), Err(EFAULT), "the second vector is missing");
}

fn paths_at_bad_addresses() {
    for address in bad_addresses() {
        assert_eq!(sys!(open, address, 0, 0), Err(EFAULT), "{address:#x}");
        assert_eq!(sys!(stat, address, pages(1)), Err(EFAULT));
        assert_eq!(sys!(mkdir, address, 0o755), Err(EFAULT));
        assert_eq!(sys!(rename, c"x", address), Err(EFAULT));
        assert_eq!(sys!(rename, address, c"x"), Err(EFAULT));
        assert_eq!(sys!(chdir, address), Err(EFAULT));
        assert_eq!(sys!(execve, address, 0, 0), Err(EFAULT));
        assert_eq!(sys!(readlink, address, pages(1), 10), Err(EFAULT));
        assert_eq!(sys!(symlink, address, c"x"), Err(EFAULT));
    }
}

fn path_ends_at_page_border() {
    put("f", b"");
    let end = border();
    fill(end - 2, b"f\0");
    assert!(sys!(open, end - 2, libc::O_RDONLY, 0).is_ok(), "the NUL is the last byte that is there");
    fill(end - 2, b"ff");
    assert_eq!(sys!(open, end - 2, libc::O_RDONLY, 0), Err(EFAULT), "no NUL before the border");
}

fn structures_half_mapped() {
    let end = border();
    assert_eq!(sys!(nanosleep, end - 8, 0), Err(EFAULT));
    assert_eq!(sys!(stat, c".", end - 100), Err(EFAULT));
    assert_eq!(sys!(clock_gettime, libc::CLOCK_MONOTONIC, end - 8), Err(EFAULT));
    assert_eq!(sys!(uname, end - 100), Err(EFAULT));
    assert_eq!(sys!(rt_sigaction, libc::SIGUSR1, end - 16, 0, 8), Err(EFAULT));
    assert_eq!(sys!(pipe2, end - 4, 0), Err(EFAULT));
    assert_eq!(sys!(getrlimit, libc::RLIMIT_CORE, end - 8), Err(EFAULT));
}

fn read_only_targets() {
    let page = map(PAGE, libc::PROT_READ, PRIVATE).unwrap();
    assert_eq!(sys!(stat, c".", page), Err(EFAULT));
    assert_eq!(sys!(pipe2, page, 0), Err(EFAULT));
    assert_eq!(sys!(clock_gettime, libc::CLOCK_MONOTONIC, page), Err(EFAULT));
    assert_eq!(sys!(getcwd, page, PAGE), Err(EFAULT));
    assert_eq!(sys!(getrandom, page, 10, 0), Err(EFAULT));
    assert!(bytes(page, 256).iter().all(|&byte| byte == 0), "and nothing was written");
}

fn lengths_that_wrap() {
    let fd = create("f");
    let page = border() - PAGE;
    for length in [usize::MAX, usize::MAX - page, 1 << 63, isize::MAX as usize] {
        let answer = sys!(read, fd, page, length);
        assert!(answer == Ok(0) || answer == Err(EFAULT) || answer == Err(EINVAL), "{length:#x}: {answer:?}");
        let answer = sys!(getrandom, page, length, 0);
        assert!(answer.is_err() || answer.unwrap() <= PAGE, "{length:#x}: {answer:?}");
    }
    assert_eq!(sys!(write, fd, usize::MAX - 3, 10), Err(EFAULT));
}

fn null_everywhere() {
    let fd = create("f");
    assert_eq!(sys!(write, fd, 0, 1), Err(EFAULT));
    assert_eq!(sys!(open, 0, 0, 0), Err(EFAULT));
    assert_eq!(sys!(pipe, 0), Err(EFAULT));
    assert_eq!(sys!(fstat, fd, 0), Err(EFAULT));
    assert_eq!(sys!(nanosleep, 0, 0), Err(EFAULT));
    assert_eq!(sys!(getdents64, open(".", 0).unwrap(), 0, 100), Err(EFAULT));
    assert_eq!(sys!(clock_gettime, 0, 0), Err(EFAULT));
    assert_eq!(sys!(execve, 0, 0, 0), Err(EFAULT));
    assert_eq!(sys!(poll, 0, 1, 0), Err(EFAULT));
}

fn none_protection() {
    let page = pages(1);
    fill(page, b"secret\0");
    protect(page, PAGE, libc::PROT_NONE).unwrap();
    let fd = create("f");
    assert_eq!(sys!(write, fd, page, 6), Err(EFAULT), "the kernel reads no page that the program may not read");
    assert_eq!(sys!(open, page, 0, 0), Err(EFAULT));
}

fn huge_counts_are_cut() {
    let fd = open("/dev/null", libc::O_WRONLY).unwrap();
    let page = pages(1);
    assert_eq!(sys!(write, fd, page, PAGE), Ok(PAGE));
    let zero = open("/dev/zero", libc::O_RDONLY).unwrap();
    let big = map(64 << 20, RW, PRIVATE | libc::MAP_NORESERVE).unwrap();
    assert_eq!(sys!(read, zero, big, 8 << 20), Ok(8 << 20));
    assert_eq!(peek(big + (8 << 20) - 1), 0);
}

fn stat_family() {
    let fd = create("f");
    for address in bad_addresses() {
        assert_eq!(sys!(stat, c".", address), Err(EFAULT), "{address:#x}");
        assert_eq!(sys!(lstat, c".", address), Err(EFAULT));
        assert_eq!(sys!(fstat, fd, address), Err(EFAULT));
        assert_eq!(sys!(newfstatat, libc::AT_FDCWD, c".", address, 0), Err(EFAULT));
        assert_eq!(sys!(statx, libc::AT_FDCWD, c".", 0, libc::STATX_BASIC_STATS, address), Err(EFAULT));
        assert_eq!(sys!(statfs, c".", address), Err(EFAULT));
    }
}

fn time_family() {
    for address in bad_addresses() {
        assert_eq!(sys!(clock_gettime, libc::CLOCK_REALTIME, address), Err(EFAULT), "{address:#x}");
        assert_eq!(sys!(gettimeofday, address, 0), Err(EFAULT));
        assert_eq!(sys!(nanosleep, address, 0), Err(EFAULT));
        assert_eq!(sys!(times, address), Err(EFAULT));
        assert_eq!(sys!(getrusage, 0, address), Err(EFAULT));
        assert_eq!(sys!(setitimer, 0, address, 0), Err(EFAULT));
        assert_eq!(sys!(getitimer, 0, address), Err(EFAULT));
    }
}

fn signal_family() {
    for address in bad_addresses() {
        assert_eq!(sys!(rt_sigprocmask, 0, address, 0, 8), Err(EFAULT), "{address:#x}");
        assert_eq!(sys!(rt_sigaction, 10, address, 0, 8), Err(EFAULT));
        assert_eq!(sys!(rt_sigpending, address, 8), Err(EFAULT));
        assert_eq!(sys!(sigaltstack, address, 0), Err(EFAULT));
        assert_eq!(sys!(rt_sigqueueinfo, std::process::id(), 10, address), Err(EFAULT));
        assert_eq!(sys!(wait4, -1, address, libc::WNOHANG, 0), Err(ECHILD), "no child, so nothing is written");
    }
    assert_eq!(signals::current_mask(), 0);
}

fn argument_over_two_pages() {
    let start = pages(2);
    let at = start + PAGE - 4;
    fill(at, b"long-name\0");
    assert!(sys!(open, at, libc::O_CREAT | libc::O_RDWR, 0o644).is_ok());
    assert!(stat("long-name").is_ok());
    assert_eq!(sys!(clock_gettime, libc::CLOCK_MONOTONIC, start + PAGE - 8), Ok(0));
}

fn read_into_fresh_pages() {
    put("f", &[7; 20_000]);
    let fd = open("f", libc::O_RDONLY).unwrap();
    let start = pages(8);
    assert_eq!(sys!(read, fd, start + 100, 20_000), Ok(20_000));
    assert!(bytes(start + 100, 20_000).iter().all(|&byte| byte == 7));
    assert_eq!((peek(start + 99), peek(start + 20_100)), (0, 0));
}

fn read_into_copy_on_write_pages() {
    put("f", &[7; 100]);
    let fd = open("f", libc::O_RDONLY).unwrap();
    let start = pages(1);
    poke(start, 1);
    fork(|| {
        assert_eq!(sys!(pread64, fd, start, 100, 0), Ok(100));
        assert_eq!(peek(start), 7);
    })
    .passed();
    assert_eq!(peek(start), 1, "the kernel's write breaks the sharing like any other");
}

fn write_from_untouched_pages() {
    let fd = create("f");
    assert_eq!(sys!(write, fd, pages(3), 3 * PAGE), Ok(3 * PAGE));
    assert!(get("f").iter().all(|&byte| byte == 0));
}

fn zero_length_with_bad_pointer() {
    let fd = create("f");
    assert_eq!(sys!(write, fd, 8, 0), Ok(0));
    assert_eq!(sys!(read, fd, 8, 0), Ok(0));
    assert_eq!(sys!(getrandom, 8, 0, 0), Ok(0));
    assert_eq!(sys!(writev, fd, 8, 0), Ok(0));
}

fn getdents_to_bad_memory() {
    let fd = open(".", libc::O_RDONLY).unwrap();
    for address in bad_addresses() {
        assert_eq!(sys!(getdents64, fd, address, 1000), Err(EFAULT), "{address:#x}");
    }
    assert_eq!(names(fd).len(), 2, "no name was lost to the failures");
}

/// No call may read kernel memory into a file for a program.
fn kernel_memory_never_changes_hands() {
    let (_reader, writer) = pipe(libc::O_NONBLOCK);
    let fd = create("f");
    for address in (0..64).map(|bit| 0xffff_8000_0000_0000usize.wrapping_add(1 << bit)).filter(|&address| address >> 47 != 0) {
        assert_eq!(sys!(write, fd, address, 64), Err(EFAULT), "{address:#x}");
        assert_eq!(sys!(write, writer, address, 64), Err(EFAULT), "{address:#x}");
    }
}
