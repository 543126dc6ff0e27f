//! read, write and lseek in their many forms: positions, vectors, append, holes, limits.

use user::child::fork;
use user::files::*;
use user::signals;
use user::sys;
use user::sys::*;

table!("rw":
    write_then_read_back, read_at_end_is_zero, read_past_end_is_zero, partial_read_at_end, zero_length_calls, pread_keeps_position,
    pwrite_keeps_position, pread_negative_offset_einval, readv_scatters, writev_gathers, vector_count_limits, preadv_pwritev_at_offset,
    vector_length_overflow_einval, lseek_whences, lseek_errors, lseek_beyond_end_leaves_hole, append_writes_at_end, append_ignores_pwrite_offset,
    read_on_write_only_ebadf, write_on_read_only_ebadf, closed_descriptor_ebadf, directory_read_eisdir, size_limit_sends_sigxfsz,
    size_limit_cuts_a_write_short, ftruncate_over_size_limit, sendfile_copies, seek_data_and_hole, fsync_of_a_file, large_write_round_trip,
    range_beyond_the_last_position_einval,
);

fn write_then_read_back() {
    let fd = create("f");
    assert_eq!(write(fd, b"hello, world"), Ok(12));
    assert_eq!(seek(fd, 0, libc::SEEK_SET), Ok(0));
    assert_eq!(read_to_end(fd), b"hello, world");
    assert_eq!(get("f"), b"hello, world");
}

fn read_at_end_is_zero() {
    put("f", b"abc");
    let fd = open("f", libc::O_RDONLY).unwrap();
    assert_eq!(read_some(fd, 10).unwrap(), b"abc");
    assert_eq!(read_some(fd, 10).unwrap(), b"");
}

fn read_past_end_is_zero() {
    put("f", b"abc");
    let fd = open("f", libc::O_RDONLY).unwrap();
    assert_eq!(seek(fd, 100, libc::SEEK_SET), Ok(100));
    assert_eq!(read_some(fd, 10).unwrap(), b"");
    assert_eq!(seek(fd, 0, libc::SEEK_CUR), Ok(100));
}

fn partial_read_at_end() {
    put("f", &[7u8; 5000]);
    let fd = open("f", libc::O_RDONLY).unwrap();
    assert_eq!(seek(fd, 4990, libc::SEEK_SET), Ok(4990));
    assert_eq!(read_some(fd, 4096).unwrap(), [7u8; 10]);
}

fn zero_length_calls() {
    let fd = create("f");
    assert_eq!(sys!(write, fd, 0, 0), Ok(0));
    assert_eq!(sys!(read, fd, 0, 0), Ok(0));
    assert_eq!(fstat(fd).unwrap().st_size, 0);
    assert_eq!(sys!(read, 99, 0, 0), Err(EBADF));
}

fn pread_keeps_position() {
    put("f", b"0123456789");
    let fd = open("f", libc::O_RDONLY).unwrap();
    let mut buffer = [0u8; 3];
    assert_eq!(sys!(pread64, fd, &mut buffer, 3, 5), Ok(3));
    assert_eq!(&buffer, b"567");
    assert_eq!(seek(fd, 0, libc::SEEK_CUR), Ok(0));
}

fn pwrite_keeps_position() {
    let fd = create("f");
    assert_eq!(sys!(pwrite64, fd, b"xyz", 3, 4), Ok(3));
    assert_eq!(seek(fd, 0, libc::SEEK_CUR), Ok(0));
    assert_eq!(get("f"), b"\0\0\0\0xyz");
}

fn pread_negative_offset_einval() {
    let fd = create("f");
    let mut buffer = [0u8; 3];
    assert_eq!(sys!(pread64, fd, &mut buffer, 3, -1i64), Err(EINVAL));
    assert_eq!(sys!(pwrite64, fd, &buffer, 3, -1i64), Err(EINVAL));
    let (reader, _) = pipe(0);
    assert_eq!(sys!(pread64, reader, &mut buffer, 3, 0), Err(ESPIPE));
}

fn vector(parts: &[(usize, usize)]) -> Vec<[usize; 2]> {
    parts.iter().map(|&(address, length)| [address, length]).collect()
}

fn readv_scatters() {
    put("f", b"abcdefgh");
    let fd = open("f", libc::O_RDONLY).unwrap();
    let (mut first, mut second) = ([0u8; 3], [0u8; 10]);
    let parts = vector(&[((&mut first).word(), 3), (0, 0), ((&mut second).word(), 10)]);
    assert_eq!(sys!(readv, fd, parts.as_ptr(), 3), Ok(8));
    assert_eq!((&first, &second[..5]), (b"abc", &b"defgh"[..]));
}

fn writev_gathers() {
    let fd = create("f");
    let parts = vector(&[(b"one".word(), 3), (b"two".word(), 3), (b"three".word(), 5)]);
    assert_eq!(sys!(writev, fd, parts.as_ptr(), 3), Ok(11));
    assert_eq!(get("f"), b"onetwothree");
}

fn vector_count_limits() {
    let fd = create("f");
    let parts = vector(&[(b"x".word(), 1); 1025]);
    assert_eq!(sys!(writev, fd, parts.as_ptr(), 1025), Err(EINVAL));
    assert_eq!(sys!(writev, fd, parts.as_ptr(), 1024), Ok(1024));
    assert_eq!(sys!(writev, fd, parts.as_ptr(), -1), Err(EINVAL));
    assert_eq!(sys!(writev, fd, parts.as_ptr(), 0), Ok(0));
    assert_eq!(sys!(readv, fd, parts.as_ptr(), 1025), Err(EINVAL));
}

fn preadv_pwritev_at_offset() {
    let fd = create("f");
    let parts = vector(&[(b"ab".word(), 2), (b"cd".word(), 2)]);
    assert_eq!(sys!(pwritev, fd, parts.as_ptr(), 2, 3, 0), Ok(4));
    let mut buffer = [0u8; 4];
    let into = vector(&[((&mut buffer).word(), 4)]);
    assert_eq!(sys!(preadv, fd, into.as_ptr(), 1, 2, 0), Ok(4));
    assert_eq!(&buffer, b"\0abc");
    assert_eq!(seek(fd, 0, libc::SEEK_CUR), Ok(0));
}

fn vector_length_overflow_einval() {
    let fd = create("f");
    let parts = vector(&[(b"x".word(), 1), (b"x".word(), usize::MAX)]);
    assert_eq!(sys!(writev, fd, parts.as_ptr(), 2), Err(EINVAL));
    assert_eq!(fstat(fd).unwrap().st_size, 0);
}

fn lseek_whences() {
    put("f", b"0123456789");
    let fd = open("f", libc::O_RDONLY).unwrap();
    assert_eq!(seek(fd, 4, libc::SEEK_SET), Ok(4));
    assert_eq!(seek(fd, 2, libc::SEEK_CUR), Ok(6));
    assert_eq!(seek(fd, -5, libc::SEEK_CUR), Ok(1));
    assert_eq!(seek(fd, -1, libc::SEEK_END), Ok(9));
    assert_eq!(read_some(fd, 5).unwrap(), b"9");
}

fn lseek_errors() {
    let fd = create("f");
    assert_eq!(seek(fd, -1, libc::SEEK_SET), Err(EINVAL));
    assert_eq!(seek(fd, -1, libc::SEEK_CUR), Err(EINVAL));
    assert_eq!(seek(fd, 0, 77), Err(EINVAL));
    assert_eq!(seek(99, 0, libc::SEEK_SET), Err(EBADF));
    let (reader, writer) = pipe(0);
    assert_eq!(seek(reader, 0, libc::SEEK_SET), Err(ESPIPE));
    assert_eq!(seek(writer, 0, libc::SEEK_CUR), Err(ESPIPE));
}

fn lseek_beyond_end_leaves_hole() {
    let fd = create("f");
    write(fd, b"start").unwrap();
    assert_eq!(seek(fd, 10000, libc::SEEK_SET), Ok(10000));
    assert_eq!(fstat(fd).unwrap().st_size, 5);
    write(fd, b"end").unwrap();
    let content = get("f");
    assert_eq!(content.len(), 10003);
    assert!(content[5..10000].iter().all(|&byte| byte == 0));
    assert_eq!(&content[10000..], b"end");
}

fn append_writes_at_end() {
    put("f", b"one");
    let fd = open("f", libc::O_WRONLY | libc::O_APPEND).unwrap();
    let other = open("f", libc::O_WRONLY | libc::O_APPEND).unwrap();
    assert_eq!(write(fd, b"two"), Ok(3));
    assert_eq!(write(other, b"three"), Ok(5));
    assert_eq!(seek(fd, 0, libc::SEEK_SET), Ok(0));
    assert_eq!(write(fd, b"four"), Ok(4));
    assert_eq!(seek(fd, 0, libc::SEEK_CUR), Ok(15));
    assert_eq!(get("f"), b"onetwothreefour");
}

/// A known wart of Linux, which programs have met: with O_APPEND pwrite appends whatever its offset.
fn append_ignores_pwrite_offset() {
    put("f", b"abc");
    let fd = open("f", libc::O_WRONLY | libc::O_APPEND).unwrap();
    assert_eq!(sys!(pwrite64, fd, b"XY", 2, 0), Ok(2));
    assert_eq!(get("f"), b"abcXY");
}

fn read_on_write_only_ebadf() {
    put("f", b"abc");
    let fd = open("f", libc::O_WRONLY).unwrap();
    assert_eq!(read_some(fd, 1), Err(EBADF));
    let (_, writer) = pipe(0);
    assert_eq!(read_some(writer, 1), Err(EBADF));
}

fn write_on_read_only_ebadf() {
    put("f", b"abc");
    let fd = open("f", libc::O_RDONLY).unwrap();
    assert_eq!(write(fd, b"x"), Err(EBADF));
    assert_eq!(sys!(ftruncate, fd, 0), Err(EINVAL));
    let (reader, _) = pipe(0);
    assert_eq!(write(reader, b"x"), Err(EBADF));
}

fn closed_descriptor_ebadf() {
    let fd = create("f");
    close(fd);
    assert_eq!(write(fd, b"x"), Err(EBADF));
    assert_eq!(read_some(fd, 1), Err(EBADF));
    assert_eq!(sys!(close, fd), Err(EBADF));
    assert_eq!(sys!(fstat, fd, 0), Err(EBADF));
    assert_eq!(sys!(fsync, -1), Err(EBADF));
    assert_eq!(sys!(close, i32::MAX), Err(EBADF));
}

fn directory_read_eisdir() {
    let fd = open(".", libc::O_RDONLY | libc::O_DIRECTORY).unwrap();
    assert_eq!(read_some(fd, 10), Err(EISDIR));
    assert_eq!(write(fd, b"x"), Err(EBADF));
}

fn limit_file_size(bytes: u64) {
    let limit = [bytes, bytes];
    assert_eq!(sys!(setrlimit, libc::RLIMIT_FSIZE, &limit), Ok(0));
}

fn size_limit_sends_sigxfsz() {
    let child = fork(|| {
        let fd = create("f");
        limit_file_size(1000);
        let _ = sys!(pwrite64, fd, b"x", 1, 1000);
    });
    assert_eq!(child.wait().signal(), Some(libc::SIGXFSZ));
    fork(|| {
        signals::record_on(libc::SIGXFSZ, 0);
        let fd = create("g");
        limit_file_size(1000);
        assert_eq!(sys!(pwrite64, fd, b"x", 1, 1000), Err(EFBIG));
        assert_eq!(signals::count(libc::SIGXFSZ), 1);
        assert_eq!(sys!(pwrite64, fd, b"x", 1, 999), Ok(1));
    })
    .passed();
}

fn size_limit_cuts_a_write_short() {
    fork(|| {
        signals::record_on(libc::SIGXFSZ, 0);
        let fd = create("f");
        limit_file_size(1000);
        assert_eq!(write(fd, &[1u8; 1500]), Ok(1000));
        assert_eq!(signals::count(libc::SIGXFSZ), 0);
        assert_eq!(write(fd, b"x"), Err(EFBIG));
        assert_eq!(signals::count(libc::SIGXFSZ), 1);
    })
    .passed();
}

fn ftruncate_over_size_limit() {
    fork(|| {
        signals::record_on(libc::SIGXFSZ, 0);
        let fd = create("f");
        limit_file_size(1000);
        assert_eq!(sys!(ftruncate, fd, 1001), Err(EFBIG));
        assert_eq!(signals::count(libc::SIGXFSZ), 1);
        assert_eq!(sys!(ftruncate, fd, 1000), Ok(0));
    })
    .passed();
}

fn sendfile_copies() {
    put("from", b"0123456789");
    let from = open("from", libc::O_RDONLY).unwrap();
    let to = create("to");
    assert_eq!(sys!(sendfile, to, from, 0, 4), Ok(4));
    assert_eq!(seek(from, 0, libc::SEEK_CUR), Ok(4));
    let mut offset = 7i64;
    assert_eq!(sys!(sendfile, to, from, &mut offset, 100), Ok(3));
    assert_eq!((offset, seek(from, 0, libc::SEEK_CUR)), (10, Ok(4)));
    assert_eq!(get("to"), b"0123789");
}

fn seek_data_and_hole() {
    let fd = create("f");
    assert_eq!(sys!(ftruncate, fd, 1 << 20), Ok(0));
    assert_eq!(seek(fd, 0, libc::SEEK_DATA), Err(ENXIO));
    assert_eq!(seek(fd, 1 << 20, libc::SEEK_HOLE), Err(ENXIO));
    sys!(pwrite64, fd, b"data", 4, 512 * 1024).unwrap();
    let data = seek(fd, 0, libc::SEEK_DATA).unwrap();
    assert!(data <= 512 * 1024 && data > 0, "data at {data}");
    let hole = seek(fd, 512 * 1024, libc::SEEK_HOLE).unwrap();
    assert!(hole > 512 * 1024 && hole <= 1 << 20, "hole at {hole}");
}

fn fsync_of_a_file() {
    let fd = create("f");
    write(fd, b"x").unwrap();
    assert_eq!(sys!(fsync, fd), Ok(0));
    assert_eq!(sys!(fdatasync, fd), Ok(0));
    let (reader, _) = pipe(0);
    assert_eq!(sys!(fsync, reader), Err(EINVAL));
}

fn large_write_round_trip() {
    let content: Vec<u8> = (0..300_000u32).map(|i| (i * 7 + i / 4096) as u8).collect();
    put("f", &content);
    assert!(get("f") == content, "300,000 bytes came back changed");
}

fn range_beyond_the_last_position_einval() {
    let fd = create("f");
    assert_eq!(write(fd, b"abc"), Ok(3));
    let mut buffer = [0u8; 16];
    let last = i64::MAX as usize - 8;
    assert_eq!(sys!(pread64, fd, &mut buffer, 16, last), Err(EINVAL));
    assert_eq!(sys!(pwrite64, fd, &buffer, 16, last), Err(EINVAL));
    assert_eq!(sys!(pread64, fd, &mut buffer, 8, last), Ok(0));
}
