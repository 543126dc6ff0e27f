//! Mapped files: coherence with read and write, privacy, the end of the file.

use user::child::fork;
use user::files::*;
use user::memory::*;
use user::signals;
use user::sys;
use user::sys::*;

table!("file_mappings":
    content_appears, tail_of_last_page_is_zero, beyond_end_sigbus, beyond_end_siginfo, shared_write_reaches_file, write_call_reaches_mapping,
    private_write_stays_private, private_sees_file_until_written, shared_between_processes, two_mappings_one_page, mapping_outlives_close_and_unlink,
    offset_into_file, offset_beyond_end, growing_file_becomes_readable, truncated_file_sigbus, truncated_private_copy_goes_too,
    access_mode_eacces, protect_cannot_exceed_open_mode, directory_enodev, pipe_enodev, msync_after_write, fork_of_private_file_mapping,
    executable_mapping_runs, read_into_mapped_page_of_same_file, remap_keeps_file, unmap_middle_of_file, dontneed_rereads_file, maps_names_the_file,
);

fn map_file(fd: i32, length: usize, protection: i32, flags: i32, offset: usize) -> Result {
    sys!(mmap, 0, length, protection, flags, fd, offset)
}

fn shared(fd: i32, length: usize) -> usize {
    map_file(fd, length, RW, libc::MAP_SHARED, 0).unwrap()
}

fn private(fd: i32, length: usize) -> usize {
    map_file(fd, length, RW, libc::MAP_PRIVATE, 0).unwrap()
}

/// A file of two and a half pages, each page with its own letter.
fn sample() -> i32 {
    let fd = create("f");
    let mut content = vec![b'a'; PAGE];
    content.extend(vec![b'b'; PAGE]);
    content.extend(vec![b'c'; PAGE / 2]);
    write(fd, &content).unwrap();
    fd
}

fn content_appears() {
    let start = map_file(sample(), 3 * PAGE, libc::PROT_READ, libc::MAP_PRIVATE, 0).unwrap();
    assert_eq!([0, PAGE - 1, PAGE, 2 * PAGE].map(|at| peek(start + at)), *b"aabc");
}

fn tail_of_last_page_is_zero() {
    let start = shared(sample(), 3 * PAGE);
    assert_eq!(peek(start + 2 * PAGE + PAGE / 2 - 1), b'c');
    assert!(bytes(start + 2 * PAGE + PAGE / 2, PAGE / 2).iter().all(|&byte| byte == 0));
    poke(start + 3 * PAGE - 1, b'x');
    assert_eq!(get("f").len(), 2 * PAGE + PAGE / 2, "bytes behind the end never get into the file");
}

fn beyond_end_sigbus() {
    let start = shared(sample(), 5 * PAGE);
    for write in [false, true] {
        let child = fork(|| {
            if write {
                poke(start + 3 * PAGE, 1)
            } else {
                peek(start + 3 * PAGE);
            }
        });
        assert_eq!(child.wait().signal(), Some(libc::SIGBUS));
    }
}

extern "C" fn record_and_leave(signal: i32, info: *mut libc::siginfo_t, _: *mut core::ffi::c_void) {
    signals::record(signal, info);
    let seen = signals::last();
    let right = seen.code == 2 && seen.address == WANTED.load(core::sync::atomic::Ordering::SeqCst);
    user::child::exit(if right { 0 } else { 1 });
}

static WANTED: core::sync::atomic::AtomicU64 = core::sync::atomic::AtomicU64::new(0);

fn beyond_end_siginfo() {
    let start = private(sample(), 5 * PAGE);
    fork(|| {
        WANTED.store((start + 4 * PAGE + 12) as u64, core::sync::atomic::Ordering::SeqCst);
        signals::handle(libc::SIGBUS, record_and_leave, 0);
        peek(start + 4 * PAGE + 12);
        panic!("no SIGBUS");
    })
    .passed();
}

fn shared_write_reaches_file() {
    let fd = sample();
    let start = shared(fd, PAGE);
    fill(start + 10, b"hello");
    let mut buffer = [0u8; 7];
    sys!(pread64, fd, &mut buffer, 7, 9).unwrap();
    assert_eq!(&buffer, b"ahelloa");
    unmap(start, PAGE).unwrap();
    assert_eq!(&get("f")[10..15], b"hello");
}

fn write_call_reaches_mapping() {
    let fd = sample();
    let start = shared(fd, PAGE);
    peek(start);
    sys!(pwrite64, fd, b"changed", 7, 100).unwrap();
    assert_eq!(bytes(start + 99, 9), b"achangeda");
}

fn private_write_stays_private() {
    let fd = sample();
    let start = private(fd, PAGE);
    poke(start, b'!');
    assert_eq!(peek(start), b'!');
    assert_eq!(get("f")[0], b'a');
    sys!(pwrite64, fd, b"?", 1, 0).unwrap();
    assert_eq!(peek(start), b'!', "once copied, the file no longer shows");
}

fn private_sees_file_until_written() {
    let fd = sample();
    let start = private(fd, PAGE);
    assert_eq!(peek(start), b'a');
    sys!(pwrite64, fd, b"Z", 1, 0).unwrap();
    assert_eq!(peek(start), b'Z');
}

fn shared_between_processes() {
    let fd = sample();
    let start = shared(fd, PAGE);
    fork(|| poke(start + 5, b'#')).passed();
    assert_eq!(peek(start + 5), b'#');
    fork(|| {
        let again = open("f", libc::O_RDWR).unwrap();
        assert_eq!(peek(shared(again, PAGE) + 5), b'#');
    })
    .passed();
}

fn two_mappings_one_page() {
    let fd = sample();
    let (one, two) = (shared(fd, PAGE), shared(fd, PAGE));
    assert_ne!(one, two);
    poke(one + 7, b'7');
    assert_eq!(peek(two + 7), b'7');
}

fn mapping_outlives_close_and_unlink() {
    let fd = sample();
    let start = shared(fd, PAGE);
    close(fd);
    unlink("f").unwrap();
    poke(start, b'k');
    assert_eq!((peek(start), peek(start + 1)), (b'k', b'a'));
}

fn offset_into_file() {
    let fd = sample();
    let start = map_file(fd, PAGE, libc::PROT_READ, libc::MAP_SHARED, PAGE).unwrap();
    assert_eq!(peek(start), b'b');
    assert_eq!(map_file(fd, PAGE, libc::PROT_READ, libc::MAP_SHARED, 100), Err(EINVAL));
}

fn offset_beyond_end() {
    let start = map_file(sample(), PAGE, RW, libc::MAP_SHARED, 100 * PAGE).unwrap();
    assert_eq!(
        fork(|| {
            peek(start);
        })
        .wait()
        .signal(),
        Some(libc::SIGBUS)
    );
}

fn growing_file_becomes_readable() {
    let fd = sample();
    let start = shared(fd, 5 * PAGE);
    sys!(ftruncate, fd, 5 * PAGE).unwrap();
    assert_eq!(peek(start + 4 * PAGE), 0);
    poke(start + 4 * PAGE, b'e');
    assert_eq!(get("f")[4 * PAGE], b'e');
}

fn truncated_file_sigbus() {
    let fd = sample();
    let start = shared(fd, 3 * PAGE);
    assert_eq!(peek(start + PAGE), b'b');
    sys!(ftruncate, fd, 10).unwrap();
    assert_eq!(bytes(start, 11), b"aaaaaaaaaa\0");
    let child = fork(|| {
        peek(start + PAGE);
    });
    assert_eq!(child.wait().signal(), Some(libc::SIGBUS), "a page that was there is gone with the truncation");
}

fn truncated_private_copy_goes_too() {
    let fd = sample();
    let start = private(fd, 3 * PAGE);
    poke(start + PAGE, b'!');
    sys!(ftruncate, fd, 10).unwrap();
    let child = fork(|| {
        peek(start + PAGE);
    });
    assert_eq!(child.wait().signal(), Some(libc::SIGBUS));
}

fn access_mode_eacces() {
    sample();
    let reader = open("f", libc::O_RDONLY).unwrap();
    let writer = open("f", libc::O_WRONLY).unwrap();
    assert_eq!(map_file(reader, PAGE, RW, libc::MAP_SHARED, 0), Err(EACCES));
    assert!(map_file(reader, PAGE, RW, libc::MAP_PRIVATE, 0).is_ok());
    assert_eq!(map_file(writer, PAGE, libc::PROT_READ, libc::MAP_SHARED, 0), Err(EACCES));
    assert_eq!(map_file(writer, PAGE, libc::PROT_WRITE, libc::MAP_PRIVATE, 0), Err(EACCES));
}

fn protect_cannot_exceed_open_mode() {
    sample();
    let reader = open("f", libc::O_RDONLY).unwrap();
    let start = map_file(reader, PAGE, libc::PROT_READ, libc::MAP_SHARED, 0).unwrap();
    assert_eq!(protect(start, PAGE, RW), Err(EACCES));
    let copy = map_file(reader, PAGE, libc::PROT_READ, libc::MAP_PRIVATE, 0).unwrap();
    assert_eq!(protect(copy, PAGE, RW), Ok(0));
}

fn directory_enodev() {
    let fd = open(".", libc::O_RDONLY).unwrap();
    assert_eq!(map_file(fd, PAGE, libc::PROT_READ, libc::MAP_PRIVATE, 0), Err(ENODEV));
}

fn pipe_enodev() {
    let (reader, _) = pipe(0);
    assert_eq!(map_file(reader, PAGE, libc::PROT_READ, libc::MAP_PRIVATE, 0), Err(ENODEV));
}

fn msync_after_write() {
    let fd = sample();
    let start = shared(fd, PAGE);
    poke(start, b'm');
    for flags in [libc::MS_SYNC, libc::MS_ASYNC, libc::MS_SYNC | libc::MS_INVALIDATE] {
        assert_eq!(sys!(msync, start, PAGE, flags), Ok(0));
    }
    assert_eq!(get("f")[0], b'm');
}

fn fork_of_private_file_mapping() {
    let fd = sample();
    let start = private(fd, PAGE);
    poke(start, b'1');
    fork(|| {
        assert_eq!(peek(start), b'1');
        poke(start, b'2');
        poke(start + 1, b'2');
    })
    .passed();
    assert_eq!((peek(start), peek(start + 1)), (b'1', b'a'));
}

fn executable_mapping_runs() {
    let fd = create("code");
    write(fd, &[0xb8, 42, 0, 0, 0, 0xc3]).unwrap(); // mov eax, 42; ret
    let start = map_file(fd, PAGE, libc::PROT_READ | libc::PROT_EXEC, libc::MAP_PRIVATE, 0).unwrap();
    // SAFETY: the two instructions just written follow the C calling convention.
    let code: extern "C" fn() -> i32 = unsafe { core::mem::transmute(start) };
    assert_eq!(code(), 42);
    let data = map_file(fd, PAGE, libc::PROT_READ, libc::MAP_PRIVATE, 0).unwrap();
    // SAFETY: as above; this page may not be executed, which is what the child dies of.
    let code: extern "C" fn() -> i32 = unsafe { core::mem::transmute(data) };
    let child = fork(|| {
        code();
    });
    assert_eq!(child.wait().signal(), Some(libc::SIGSEGV));
}

/// The page that is read from is the page that is written to: no deadlock, right content.
fn read_into_mapped_page_of_same_file() {
    let fd = sample();
    let start = shared(fd, 2 * PAGE);
    assert_eq!(sys!(pread64, fd, start + 100, 50, PAGE), Ok(50));
    assert_eq!(bytes(start + 99, 52), [vec![b'a'], vec![b'b'; 50], vec![b'a']].concat());
    assert_eq!(sys!(pwrite64, fd, start + PAGE, 10, 0), Ok(10));
    assert_eq!(bytes(start, 11), b"bbbbbbbbbba");
}

fn remap_keeps_file() {
    let fd = sample();
    let start = shared(fd, PAGE);
    let moved = sys!(mremap, start, PAGE, 2 * PAGE, libc::MREMAP_MAYMOVE, 0).unwrap();
    assert_eq!(peek(moved + PAGE), b'b');
    poke(moved + PAGE, b'B');
    assert_eq!(get("f")[PAGE], b'B');
}

fn unmap_middle_of_file() {
    let fd = sample();
    let start = shared(fd, 3 * PAGE);
    unmap(start + PAGE, PAGE).unwrap();
    assert_eq!((peek(start), peek(start + 2 * PAGE)), (b'a', b'c'));
    assert_eq!(sys!(mmap, start + PAGE, PAGE, RW, libc::MAP_SHARED | libc::MAP_FIXED, fd, 0), Ok(start + PAGE));
    assert_eq!(peek(start + PAGE), b'a');
}

fn dontneed_rereads_file() {
    let fd = sample();
    let start = private(fd, PAGE);
    poke(start, b'!');
    sys!(madvise, start, PAGE, libc::MADV_DONTNEED).unwrap();
    assert_eq!(peek(start), b'a');
}

fn maps_names_the_file() {
    let start = shared(sample(), PAGE);
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps.lines().find(|line| line.starts_with(&format!("{start:x}-"))).expect("a line of the mapping");
    assert!(line.contains("rw-s") && line.ends_with("/f"), "{line}");
}
