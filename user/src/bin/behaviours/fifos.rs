//! Named pipes: who waits for whom when they are opened.

use user::child::fork;
use user::files::*;
use user::signals;
use user::sys;
use user::sys::*;

table!("fifos":
    reader_waits_for_writer, writer_waits_for_reader, nonblocking_reader_opens_at_once, nonblocking_writer_enxio, read_write_open_never_waits,
    bytes_travel_by_name, end_of_file_then_new_writer, open_interrupted_eintr, broken_when_last_reader_goes, unlinked_fifo_still_works,
);

fn make() {
    assert_eq!(sys!(mknod, c"fifo", libc::S_IFIFO | 0o666, 0), Ok(0));
}

fn reader_waits_for_writer() {
    make();
    let child = fork(|| {
        let fd = open("fifo", libc::O_RDONLY).unwrap();
        assert_eq!(read_some(fd, 10).unwrap(), b"hello");
    });
    child.until_asleep();
    assert!(child.is_running());
    let fd = open("fifo", libc::O_WRONLY).unwrap();
    write(fd, b"hello").unwrap();
    child.passed();
}

fn writer_waits_for_reader() {
    make();
    let child = fork(|| {
        let fd = open("fifo", libc::O_WRONLY).unwrap();
        write(fd, b"hello").unwrap();
    });
    child.until_asleep();
    assert!(child.is_running());
    let fd = open("fifo", libc::O_RDONLY).unwrap();
    assert_eq!(read_to_end(fd), b"hello");
    child.passed();
}

fn nonblocking_reader_opens_at_once() {
    make();
    let fd = open("fifo", libc::O_RDONLY | libc::O_NONBLOCK).unwrap();
    assert_eq!(read_some(fd, 1).unwrap(), b"", "no writer: end of file, not EAGAIN");
    let writer = open("fifo", libc::O_WRONLY).unwrap();
    assert_eq!(read_some(fd, 1), Err(EAGAIN));
    write(writer, b"x").unwrap();
    assert_eq!(read_some(fd, 1).unwrap(), b"x");
}

fn nonblocking_writer_enxio() {
    make();
    assert_eq!(open("fifo", libc::O_WRONLY | libc::O_NONBLOCK), Err(ENXIO));
    let _reader = open("fifo", libc::O_RDONLY | libc::O_NONBLOCK).unwrap();
    assert!(open("fifo", libc::O_WRONLY | libc::O_NONBLOCK).is_ok());
}

fn read_write_open_never_waits() {
    make();
    let fd = open("fifo", libc::O_RDWR).unwrap();
    write(fd, b"to myself").unwrap();
    assert_eq!(read_some(fd, 20).unwrap(), b"to myself");
}

fn bytes_travel_by_name() {
    make();
    let child = fork(|| {
        let fd = open("fifo", libc::O_WRONLY).unwrap();
        assert_eq!(write(fd, &[9u8; 100_000]), Ok(100_000));
    });
    let fd = open("fifo", libc::O_RDONLY).unwrap();
    assert_eq!(read_to_end(fd).len(), 100_000);
    child.passed();
}

fn end_of_file_then_new_writer() {
    make();
    let reader = open("fifo", libc::O_RDONLY | libc::O_NONBLOCK).unwrap();
    for text in [b"one", b"two"] {
        let writer = open("fifo", libc::O_WRONLY).unwrap();
        write(writer, text).unwrap();
        close(writer);
        assert_eq!(read_some(reader, 10).unwrap(), text);
        assert_eq!(read_some(reader, 10).unwrap(), b"");
    }
}

fn open_interrupted_eintr() {
    make();
    signals::record_on(libc::SIGALRM, 0);
    signals::ring_every_ms(20);
    assert_eq!(open("fifo", libc::O_RDONLY), Err(EINTR));
    assert_eq!(open("fifo", libc::O_WRONLY), Err(EINTR));
    signals::stop_ringing();
    assert_eq!(open("fifo", libc::O_WRONLY | libc::O_NONBLOCK), Err(ENXIO), "an interrupted open leaves no reader behind");
}

fn broken_when_last_reader_goes() {
    make();
    let reader = open("fifo", libc::O_RDONLY | libc::O_NONBLOCK).unwrap();
    let writer = open("fifo", libc::O_WRONLY).unwrap();
    close(reader);
    signals::ignore(libc::SIGPIPE);
    assert_eq!(write(writer, b"x"), Err(EPIPE));
}

fn unlinked_fifo_still_works() {
    make();
    let reader = open("fifo", libc::O_RDONLY | libc::O_NONBLOCK).unwrap();
    let writer = open("fifo", libc::O_WRONLY).unwrap();
    unlink("fifo").unwrap();
    write(writer, b"x").unwrap();
    assert_eq!(read_some(reader, 1).unwrap(), b"x");
}
