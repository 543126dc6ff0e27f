//! Pipes: end of file, broken pipes, atomic writes, capacity, blocking, being woken, interrupted and killed.

use user::child::{self, fork, pause_ms, until_asleep};
use user::files::*;
use user::signals;
use user::sys;
use user::sys::*;

table!("pipes":
    bytes_come_in_order, end_of_file_when_writers_are_gone, end_of_file_waits_for_every_writer, broken_pipe_kills, broken_pipe_epipe,
    nonblocking_read_eagain, nonblocking_write_eagain, capacity_is_64_kib, small_writes_are_atomic, nonblocking_write_is_all_or_nothing,
    nonblocking_big_write_is_partial, set_capacity, set_capacity_errors, read_blocks_when_empty, write_blocks_when_full,
    writer_wakes_reader_of_another_process, reader_gone_wakes_writer, writer_gone_wakes_reader, read_interrupted_eintr, read_restarts_after_handler,
    write_interrupted_returns_count, killed_while_blocked, pipe2_flags, pipe2_bad_flags_einval, fionread_counts, big_transfer_between_processes,
    big_write_to_slow_reader, many_readers_each_byte_once, read_zero_does_not_block, fstat_says_fifo, packet_mode_keeps_boundaries,
);

fn bytes_come_in_order() {
    let (reader, writer) = pipe(0);
    write(writer, b"abc").unwrap();
    write(writer, b"def").unwrap();
    assert_eq!(read_some(reader, 4).unwrap(), b"abcd");
    assert_eq!(read_some(reader, 4).unwrap(), b"ef");
}

fn end_of_file_when_writers_are_gone() {
    let (reader, writer) = pipe(0);
    write(writer, b"last").unwrap();
    close(writer);
    assert_eq!(read_some(reader, 10).unwrap(), b"last");
    assert_eq!(read_some(reader, 10).unwrap(), b"");
    assert_eq!(read_some(reader, 10).unwrap(), b"");
}

fn end_of_file_waits_for_every_writer() {
    let (reader, writer) = pipe(libc::O_NONBLOCK);
    let copy = sys!(dup, writer).unwrap() as i32;
    close(writer);
    assert_eq!(read_some(reader, 1), Err(EAGAIN));
    close(copy);
    assert_eq!(read_some(reader, 1).unwrap(), b"");
}

fn broken_pipe_kills() {
    let (reader, writer) = pipe(0);
    close(reader);
    let child = fork(|| {
        let _ = write(writer, b"x");
    });
    assert_eq!(child.wait().signal(), Some(libc::SIGPIPE));
}

fn broken_pipe_epipe() {
    let (reader, writer) = pipe(0);
    close(reader);
    signals::record_on(libc::SIGPIPE, 0);
    assert_eq!(write(writer, b"x"), Err(EPIPE));
    assert_eq!(signals::count(libc::SIGPIPE), 1);
    signals::ignore(libc::SIGPIPE);
    assert_eq!(write(writer, b"x"), Err(EPIPE));
    assert_eq!(write(writer, b""), Ok(0), "writing nothing meets no reader");
}

fn nonblocking_read_eagain() {
    let (reader, writer) = pipe(libc::O_NONBLOCK);
    assert_eq!(read_some(reader, 1), Err(EAGAIN));
    write(writer, b"x").unwrap();
    assert_eq!(read_some(reader, 5).unwrap(), b"x");
    assert_eq!(read_some(reader, 1), Err(EAGAIN));
}

fn fill_up(writer: i32) -> usize {
    let mut total = 0;
    for size in [4096, 1] {
        while let Ok(n) = write(writer, &vec![b'.'; size]) {
            total += n;
        }
    }
    total
}

fn nonblocking_write_eagain() {
    let (reader, writer) = pipe(libc::O_NONBLOCK);
    fill_up(writer);
    assert_eq!(write(writer, b"x"), Err(EAGAIN));
    assert_eq!(read_some(reader, 4096).unwrap().len(), 4096);
    assert_eq!(write(writer, b"x"), Ok(1));
}

fn capacity_is_64_kib() {
    let (_reader, writer) = pipe(libc::O_NONBLOCK);
    assert_eq!(fcntl(writer, libc::F_GETPIPE_SZ, 0), Ok(65536));
    assert_eq!(fill_up(writer), 65536);
}

/// Two processes write blocks of PIPE_BUF bytes: none is torn apart.
fn small_writes_are_atomic() {
    let (reader, writer) = pipe(0);
    let writers = [b'a', b'b'].map(|letter| {
        fork(|| {
            for _ in 0..50 {
                assert_eq!(write(writer, &[letter; 4096]), Ok(4096));
            }
        })
    });
    close(writer);
    let everything = read_to_end(reader);
    assert_eq!(everything.len(), 2 * 50 * 4096);
    for block in everything.chunks(4096) {
        assert!(block.iter().all(|&byte| byte == block[0]), "a write of PIPE_BUF bytes was torn");
    }
    writers.into_iter().for_each(child::Child::passed);
}

fn nonblocking_write_is_all_or_nothing() {
    let (reader, writer) = pipe(libc::O_NONBLOCK);
    fill_up(writer);
    read_some(reader, 4096).unwrap();
    write(writer, b"x").unwrap();
    assert_eq!(write(writer, &[1; 4096]), Err(EAGAIN), "PIPE_BUF bytes do not fit, so none is written");
}

fn nonblocking_big_write_is_partial() {
    let (_reader, writer) = pipe(libc::O_NONBLOCK);
    assert_eq!(write(writer, &vec![1u8; 100_000]), Ok(65536));
    assert_eq!(write(writer, &vec![1u8; 100_000]), Err(EAGAIN));
}

fn set_capacity() {
    let (reader, writer) = pipe(libc::O_NONBLOCK);
    assert_eq!(fcntl(writer, libc::F_SETPIPE_SZ, 100_000), Ok(131_072), "rounded up to a power of two pages");
    assert_eq!(fcntl(reader, libc::F_GETPIPE_SZ, 0), Ok(131_072));
    assert_eq!(fill_up(writer), 131_072);
    read_to_half(reader);
    assert_eq!(fcntl(writer, libc::F_SETPIPE_SZ, 1), Ok(4096));
    assert_eq!(fill_up(writer), 4096);
}

fn read_to_half(reader: i32) {
    while read_some(reader, 65536).is_ok() {}
}

fn set_capacity_errors() {
    let (_reader, writer) = pipe(libc::O_NONBLOCK);
    fill_up(writer);
    assert_eq!(fcntl(writer, libc::F_SETPIPE_SZ, 4096), Err(EBUSY));
    let file = create("f");
    assert_eq!(fcntl(file, libc::F_GETPIPE_SZ, 0), Err(EBADF));
}

fn read_blocks_when_empty() {
    let (reader, writer) = pipe(0);
    let child = fork(|| assert_eq!(read_some(reader, 10).unwrap(), b"now"));
    child.until_asleep();
    assert!(child.is_running());
    write(writer, b"now").unwrap();
    child.passed();
}

fn write_blocks_when_full() {
    let (reader, writer) = pipe(0);
    assert_eq!(write(writer, &[b'.'; 65536]), Ok(65536));
    let child = fork(|| assert_eq!(write(writer, b"late"), Ok(4)));
    child.until_asleep();
    assert!(child.is_running());
    assert_eq!(read_some(reader, 65536).unwrap().len(), 65536);
    child.passed();
    assert_eq!(read_some(reader, 10).unwrap(), b"late");
}

fn writer_wakes_reader_of_another_process() {
    let (question_reader, question) = pipe(0);
    let (answer_reader, answer) = pipe(0);
    let child = fork(|| {
        close(question);
        loop {
            let byte = read_some(question_reader, 1).unwrap();
            match byte.first() {
                None => return,
                Some(byte) => assert_eq!(write(answer, &[byte + 1]), Ok(1)),
            }
        }
    });
    for i in 0..100 {
        write(question, &[i]).unwrap();
        assert_eq!(read_some(answer_reader, 1).unwrap(), [i + 1]);
    }
    close(question);
    child.passed();
}

fn reader_gone_wakes_writer() {
    let (reader, writer) = pipe(0);
    write(writer, &[0; 65536]).unwrap();
    let child = fork(|| {
        close(reader);
        signals::ignore(libc::SIGPIPE);
        assert_eq!(write(writer, b"x"), Err(EPIPE));
    });
    child.until_asleep();
    close(reader);
    child.passed();
}

fn writer_gone_wakes_reader() {
    let (reader, writer) = pipe(0);
    let child = fork(|| {
        close(writer);
        assert_eq!(read_some(reader, 1).unwrap(), b"");
    });
    child.until_asleep();
    close(writer);
    child.passed();
}

fn read_interrupted_eintr() {
    let (reader, _writer) = pipe(0);
    signals::record_on(libc::SIGALRM, 0);
    signals::ring_every_ms(20);
    assert_eq!(read_some(reader, 1), Err(EINTR));
    assert!(signals::count(libc::SIGALRM) >= 1);
}

fn read_restarts_after_handler() {
    let (reader, writer) = pipe(0);
    let child = fork(|| {
        signals::record_on(libc::SIGUSR1, libc::SA_RESTART);
        write(writer, b"r").unwrap();
        pause_ms(10);
        assert_eq!(read_some(reader, 1).unwrap(), b"!");
        assert!(signals::count(libc::SIGUSR1) >= 1);
    });
    assert_eq!(read_some(reader, 1).unwrap(), b"r");
    child.until_asleep();
    for _ in 0..3 {
        child.kill(libc::SIGUSR1);
        pause_ms(20);
    }
    assert!(child.is_running());
    write(writer, b"!").unwrap();
    child.passed();
}

fn write_interrupted_returns_count() {
    let (_reader, writer) = pipe(0);
    signals::record_on(libc::SIGALRM, 0);
    signals::ring_every_ms(20);
    let mut total = 0;
    loop {
        match write(writer, &[1u8; 10 * 4096]) {
            Ok(n) => total += n,
            Err(error) => {
                assert_eq!(error, EINTR);
                break;
            }
        }
        assert!(total <= 65536);
    }
    assert_eq!(total, 65536, "what was written before the signal is counted");
}

fn killed_while_blocked() {
    let (reader, writer) = pipe(0);
    for signal in [libc::SIGKILL, libc::SIGTERM] {
        let child = fork(|| {
            let _ = read_some(reader, 1);
        });
        child.until_asleep();
        child.kill(signal);
        assert_eq!(child.wait().signal(), Some(signal));
    }
    write(writer, &[0; 65536]).unwrap();
    let child = fork(|| {
        let _ = write(writer, b"x");
    });
    child.until_asleep();
    child.kill(libc::SIGKILL);
    assert_eq!(child.wait().signal(), Some(libc::SIGKILL));
}

fn pipe2_flags() {
    let (reader, writer) = pipe(libc::O_CLOEXEC | libc::O_NONBLOCK);
    for fd in [reader, writer] {
        assert_eq!(fcntl(fd, libc::F_GETFD, 0), Ok(1));
        assert_ne!(fcntl(fd, libc::F_GETFL, 0).unwrap() & libc::O_NONBLOCK as usize, 0);
    }
    let mut ends = [0i32; 2];
    assert_eq!(sys!(pipe, &mut ends), Ok(0));
    assert_eq!(fcntl(ends[0], libc::F_GETFD, 0), Ok(0));
    assert_eq!(fcntl(ends[0], libc::F_GETFL, 0).unwrap() & 0o3, libc::O_RDONLY as usize);
    assert_eq!(fcntl(ends[1], libc::F_GETFL, 0).unwrap() & 0o3, libc::O_WRONLY as usize);
}

fn pipe2_bad_flags_einval() {
    let mut ends = [0i32; 2];
    assert_eq!(sys!(pipe2, &mut ends, libc::O_APPEND), Err(EINVAL));
    assert_eq!(sys!(pipe2, 0, 1), Err(EINVAL), "flags are looked at before the address");
}

fn fionread_counts() {
    let (reader, writer) = pipe(0);
    assert_eq!(user::terminal::waiting(reader), 0);
    write(writer, &[0; 5000]).unwrap();
    assert_eq!(user::terminal::waiting(reader), 5000);
    read_some(reader, 1000).unwrap();
    assert_eq!(user::terminal::waiting(reader), 4000);
}

fn big_transfer_between_processes() {
    let (reader, writer) = pipe(0);
    let content: Vec<u8> = (0..1_000_000u32).map(|i| (i ^ (i >> 8)) as u8).collect();
    let child = fork(|| {
        close(reader);
        assert_eq!(write(writer, &content), Ok(content.len()), "a blocking write writes everything");
    });
    close(writer);
    assert!(read_to_end(reader) == content, "a million bytes came through changed");
    child.passed();
}

fn big_write_to_slow_reader() {
    let (reader, writer) = pipe(0);
    let child = fork(|| {
        close(reader);
        assert_eq!(write(writer, &vec![5u8; 70_000]), Ok(70_000));
    });
    close(writer);
    until_asleep(child.0);
    let mut total = 0;
    loop {
        let n = read_some(reader, 777).unwrap().len();
        if n == 0 {
            break;
        }
        total += n;
    }
    assert_eq!(total, 70_000);
    child.passed();
}

fn many_readers_each_byte_once() {
    let (reader, writer) = pipe(0);
    let (sums, sum) = pipe(0);
    let readers: Vec<_> = (0..5)
        .map(|_| {
            fork(|| {
                close(writer);
                let mut count = 0u32;
                while !read_some(reader, 1).unwrap().is_empty() {
                    count += 1;
                }
                write(sum, &count.to_le_bytes()).unwrap();
            })
        })
        .collect();
    close(sum);
    for _ in 0..100 {
        write(writer, &[1; 10]).unwrap();
    }
    close(writer);
    let counts = read_to_end(sums);
    let total: u32 = counts.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).sum();
    assert_eq!(total, 1000);
    readers.into_iter().for_each(child::Child::passed);
}

fn read_zero_does_not_block() {
    let (reader, _writer) = pipe(0);
    assert_eq!(sys!(read, reader, 0, 0), Ok(0));
}

fn fstat_says_fifo() {
    let (reader, _writer) = pipe(0);
    assert_eq!(fstat(reader).unwrap().st_mode & libc::S_IFMT, libc::S_IFIFO);
}

fn packet_mode_keeps_boundaries() {
    let (reader, writer) = pipe(libc::O_DIRECT);
    write(writer, b"first packet").unwrap();
    write(writer, b"second").unwrap();
    assert_eq!(read_some(reader, 5).unwrap(), b"first", "the rest of a packet is dropped");
    assert_eq!(read_some(reader, 100).unwrap(), b"second");
}
