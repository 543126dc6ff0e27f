//! Terminals through a pseudo-terminal pair: line editing, echo, raw mode, control characters, sizes, hang-up.

use user::child::{self, fork, pause_ms};
use user::files::*;
use user::signals;
use user::sys;
use user::sys::*;
use user::terminal::{Pair, Termios, controlling, settings, waiting};

table!("terminals":
    pair_has_a_name, default_settings, echo_and_newline, canonical_waits_for_line, line_is_read_in_parts, erase_and_kill_characters, word_erase,
    end_of_file_character, end_of_file_after_text, end_of_line_character, quoted_control_character, no_echo, echo_of_control_characters, raw_passes_everything,
    vmin_waits_for_count, vtime_times_out, vmin_zero_never_blocks, carriage_return_translation, output_processing, settings_round_trip, settings_drain_and_flush,
    flush_input, canonical_line_limit, nonblocking_read, read_interrupted, many_lines, window_size, hangup_ends_slave_reads, master_sees_slave_close,
    slave_write_reaches_master, locked_slave, bad_ioctl_enotty, is_a_terminal, stop_and_start_output, two_pairs_are_apart, fstat_of_slave, input_queue_count,
);

/// What the slave can read now, waiting for it if need be.
fn read_text(fd: i32) -> String {
    String::from_utf8_lossy(&read_some(fd, 1000).unwrap()).into_owned()
}

/// Types at the master.
fn type_text(pair: &Pair, text: &str) {
    assert_eq!(write(pair.master, text.as_bytes()), Ok(text.len()));
}

/// What has come out at the master; waits until nothing more comes.
fn screen(pair: &Pair) -> String {
    let mut text = String::new();
    loop {
        let mut entry = [pair.master as u64 | 1 << 32];
        if sys!(poll, &mut entry, 1, 50) != Ok(1) {
            return text;
        }
        match read_some(pair.master, 1000) {
            Ok(bytes) if !bytes.is_empty() => text.push_str(&String::from_utf8_lossy(&bytes)),
            _ => return text,
        }
    }
}

fn pair_has_a_name() {
    let pair = Pair::open();
    let s = stat(&format!("/dev/pts/{}", pair.number)).unwrap();
    assert_eq!(s.st_mode & libc::S_IFMT, libc::S_IFCHR);
    assert_eq!(fstat(pair.slave).unwrap().st_rdev, s.st_rdev);
    let again = open(&format!("/dev/pts/{}", pair.number), libc::O_RDWR | libc::O_NOCTTY).unwrap();
    write(again, b"x").unwrap();
    assert_eq!(screen(&pair), "x");
}

fn default_settings() {
    let pair = Pair::open();
    let s = settings(pair.slave);
    let wanted = libc::ICANON | libc::ECHO | libc::ISIG | libc::IEXTEN | libc::ECHOE | libc::ECHOK;
    assert_eq!(s.local & wanted, wanted);
    assert_eq!((s.input & libc::ICRNL, s.output & libc::OPOST, s.output & libc::ONLCR), (libc::ICRNL, libc::OPOST, libc::ONLCR));
    let at = |index: usize| s.characters[index];
    assert_eq!([at(libc::VINTR), at(libc::VQUIT), at(libc::VEOF), at(libc::VSUSP), at(libc::VERASE), at(libc::VKILL)], [3, 28, 4, 26, 127, 21]);
}

fn echo_and_newline() {
    let pair = Pair::open();
    type_text(&pair, "hello\r");
    assert_eq!(read_text(pair.slave), "hello\n");
    assert_eq!(screen(&pair), "hello\r\n");
}

fn canonical_waits_for_line() {
    let pair = Pair::open();
    type_text(&pair, "part");
    let child = fork(|| assert_eq!(read_text(pair.slave), "part and rest\n"));
    child.until_asleep();
    assert!(child.is_running());
    type_text(&pair, " and rest\n");
    child.passed();
}

fn line_is_read_in_parts() {
    let pair = Pair::open();
    type_text(&pair, "abcdef\nsecond\n");
    assert_eq!(read_some(pair.slave, 3).unwrap(), b"abc");
    assert_eq!(read_some(pair.slave, 100).unwrap(), b"def\n", "one line at a time");
    assert_eq!(read_some(pair.slave, 100).unwrap(), b"second\n");
}

fn erase_and_kill_characters() {
    let pair = Pair::open();
    type_text(&pair, "abX\x7fc\n");
    assert_eq!(read_text(pair.slave), "abc\n");
    type_text(&pair, "wrong\x15right\n");
    assert_eq!(read_text(pair.slave), "right\n");
    type_text(&pair, "\x7f\x7fa\n");
    assert_eq!(read_text(pair.slave), "a\n", "nothing to erase is no harm");
    assert!(screen(&pair).contains("\x08 \x08"), "erasing shows");
}

fn word_erase() {
    let pair = Pair::open();
    type_text(&pair, "one two three\x17four\n");
    assert_eq!(read_text(pair.slave), "one two four\n");
}

fn end_of_file_character() {
    let pair = Pair::open();
    type_text(&pair, "\x04");
    assert_eq!(read_some(pair.slave, 10).unwrap(), b"");
    type_text(&pair, "more\n");
    assert_eq!(read_text(pair.slave), "more\n", "the terminal goes on");
}

fn end_of_file_after_text() {
    let pair = Pair::open();
    type_text(&pair, "text\x04");
    assert_eq!(read_text(pair.slave), "text", "pushed without a newline");
    type_text(&pair, "\x04");
    assert_eq!(read_some(pair.slave, 10).unwrap(), b"");
}

fn end_of_line_character() {
    let pair = Pair::open();
    pair.change(|s| s.characters[libc::VEOL] = b';');
    type_text(&pair, "one;two\n");
    assert_eq!(read_text(pair.slave), "one;");
    assert_eq!(read_text(pair.slave), "two\n");
}

fn quoted_control_character() {
    let pair = Pair::open();
    type_text(&pair, "a\x16\x03b\n");
    assert_eq!(read_text(pair.slave), "a\x03b\n");
}

fn no_echo() {
    let pair = Pair::open();
    pair.change(|s| s.local &= !libc::ECHO);
    type_text(&pair, "secret\n");
    assert_eq!(read_text(pair.slave), "secret\n");
    assert_eq!(screen(&pair), "");
}

fn echo_of_control_characters() {
    let pair = Pair::open();
    type_text(&pair, "\x01\n");
    assert_eq!(read_text(pair.slave), "\x01\n");
    assert_eq!(screen(&pair), "^A\r\n");
}

fn raw_passes_everything() {
    let pair = Pair::open();
    pair.raw();
    let all: Vec<u8> = (0..=255).collect();
    write(pair.master, &all).unwrap();
    let mut seen = Vec::new();
    while seen.len() < 256 {
        seen.extend(read_some(pair.slave, 300).unwrap());
    }
    assert_eq!(seen, all);
    write(pair.slave, b"a\nb").unwrap();
    assert_eq!(screen(&pair), "a\nb");
}

fn vmin_waits_for_count() {
    let pair = Pair::open();
    pair.raw();
    pair.change(|s| s.characters[libc::VMIN] = 5);
    type_text(&pair, "abc");
    let child = fork(|| assert_eq!(read_text(pair.slave), "abcde"));
    child.until_asleep();
    assert!(child.is_running());
    type_text(&pair, "de");
    child.passed();
}

fn vtime_times_out() {
    let pair = Pair::open();
    pair.raw();
    pair.change(|s| (s.characters[libc::VMIN], s.characters[libc::VTIME]) = (0, 1));
    assert_eq!(read_some(pair.slave, 10).unwrap(), b"", "a tenth of a second without a byte");
    type_text(&pair, "x");
    assert_eq!(read_text(pair.slave), "x");
    pair.change(|s| (s.characters[libc::VMIN], s.characters[libc::VTIME]) = (10, 1));
    type_text(&pair, "abc");
    assert_eq!(read_text(pair.slave), "abc", "the gap after the first byte ends the read");
}

fn vmin_zero_never_blocks() {
    let pair = Pair::open();
    pair.raw();
    pair.change(|s| (s.characters[libc::VMIN], s.characters[libc::VTIME]) = (0, 0));
    assert_eq!(read_some(pair.slave, 10).unwrap(), b"");
    type_and_wait(&pair, "xy", 2);
    assert_eq!(read_text(pair.slave), "xy");
}

/// Types, and waits until so many bytes can be read: the terminal works in its own time, and the settings must not change before.
fn type_and_wait(pair: &Pair, text: &str, bytes: i32) {
    type_text(pair, text);
    child::eventually("the bytes arrive", || waiting(pair.slave) == bytes);
}

fn carriage_return_translation() {
    let pair = Pair::open();
    pair.raw();
    for (flag, seen) in [(0, "a\rb\n"), (libc::ICRNL, "a\nb\n"), (libc::INLCR, "a\rb\r"), (libc::IGNCR, "ab\n"), (libc::INLCR | libc::IGNCR, "ab\r")] {
        pair.change(|s| s.input = flag);
        type_and_wait(&pair, "a\rb\n", seen.len() as i32);
        assert_eq!(read_text(pair.slave), seen);
    }
}

fn output_processing() {
    let pair = Pair::open();
    write(pair.slave, b"one\ntwo\n").unwrap();
    assert_eq!(screen(&pair), "one\r\ntwo\r\n");
    pair.change(|s| s.output &= !libc::ONLCR);
    write(pair.slave, b"one\n").unwrap();
    assert_eq!(screen(&pair), "one\n");
    pair.change(|s| s.output |= libc::ONLCR | libc::XTABS);
    write(pair.slave, b"\ra\tb\n").unwrap();
    assert_eq!(screen(&pair), "\ra       b\r\n");
    pair.change(|s| s.output = libc::OPOST | libc::XTABS);
    write(pair.slave, b"one\na\t").unwrap();
    assert_eq!(screen(&pair), "one\na    ", "a bare newline leaves the column where it is");
}

fn settings_round_trip() {
    let pair = Pair::open();
    let mut wanted = settings(pair.slave);
    wanted.local ^= libc::ECHO | libc::NOFLSH;
    wanted.characters[libc::VINTR] = b'z';
    assert_eq!(sys!(ioctl, pair.slave, libc::TCSETS, &wanted), Ok(0));
    assert_eq!(settings(pair.slave), wanted);
    assert_eq!(settings(pair.master), wanted, "the master speaks of the slave's settings");
    assert_eq!(sys!(ioctl, pair.slave, libc::TCSETS, 8), Err(EFAULT));
    assert_eq!(sys!(ioctl, pair.slave, libc::TCGETS, 8), Err(EFAULT));
}

fn settings_drain_and_flush() {
    let pair = Pair::open();
    let current: Termios = settings(pair.slave);
    assert_eq!(sys!(ioctl, pair.slave, libc::TCSETSW, &current), Ok(0));
    type_and_wait(&pair, "typed ahead\n", 12);
    assert_eq!(sys!(ioctl, pair.slave, libc::TCSETSF, &current), Ok(0));
    type_text(&pair, "after\n");
    assert_eq!(read_text(pair.slave), "after\n", "TCSETSF throws typed text away");
}

fn flush_input() {
    let pair = Pair::open();
    type_and_wait(&pair, "gone\n", 5);
    assert_eq!(sys!(ioctl, pair.slave, libc::TCFLSH, libc::TCIFLUSH), Ok(0));
    assert_eq!(waiting(pair.slave), 0);
    assert_eq!(sys!(ioctl, pair.slave, libc::TCFLSH, 77), Err(EINVAL));
    assert_eq!(sys!(ioctl, pair.slave, libc::TCSBRK, 1), Ok(0), "tcdrain");
}

/// A line holds 4095 bytes and its newline; what is typed beyond is lost, the newline isn't.
fn canonical_line_limit() {
    let pair = Pair::open();
    pair.change(|s| s.local &= !libc::ECHO);
    for _ in 0..50 {
        type_text(&pair, &"x".repeat(100));
    }
    type_text(&pair, "\n");
    let line = read_some(pair.slave, 10_000).unwrap();
    assert_eq!((line.len(), line.last()), (4096, Some(&b'\n')));
}

fn nonblocking_read() {
    let pair = Pair::open();
    fcntl(pair.slave, libc::F_SETFL, libc::O_NONBLOCK as usize).unwrap();
    assert_eq!(read_some(pair.slave, 10), Err(EAGAIN));
    type_text(&pair, "no line yet");
    assert_eq!(read_some(pair.slave, 10), Err(EAGAIN));
    fcntl(pair.master, libc::F_SETFL, libc::O_NONBLOCK as usize).unwrap();
    screen(&pair);
    assert_eq!(read_some(pair.master, 10), Err(EAGAIN));
}

fn read_interrupted() {
    let pair = Pair::open();
    signals::record_on(libc::SIGALRM, 0);
    signals::ring_every_ms(20);
    assert_eq!(read_some(pair.slave, 10), Err(EINTR));
    assert_eq!(read_some(pair.master, 10), Err(EINTR));
}

fn many_lines() {
    let pair = Pair::open();
    pair.change(|s| s.local &= !libc::ECHO);
    for i in 0..500 {
        let line = format!("line number {i}\n");
        type_text(&pair, &line);
        assert_eq!(read_text(pair.slave), line);
    }
}

fn window_size() {
    let pair = Pair::open();
    let mut size = [9u16; 4];
    assert_eq!(sys!(ioctl, pair.slave, libc::TIOCGWINSZ, &mut size), Ok(0));
    assert_eq!(size, [0; 4]);
    assert_eq!(sys!(ioctl, pair.master, libc::TIOCSWINSZ, &[24u16, 80, 640, 480]), Ok(0));
    assert_eq!(sys!(ioctl, pair.slave, libc::TIOCGWINSZ, &mut size), Ok(0));
    assert_eq!(size, [24, 80, 640, 480]);
    assert_eq!(sys!(ioctl, pair.slave, libc::TIOCGWINSZ, 8), Err(EFAULT));
}

fn hangup_ends_slave_reads() {
    let pair = Pair::open();
    let child = fork(|| {
        close(pair.master);
        // The read that was under way may be told EIO; every later one meets the end of file.
        let first = read_some(pair.slave, 10);
        assert!(first == Ok(Vec::new()) || first == Err(EIO), "{first:?}");
        child::eventually("end of file", || read_some(pair.slave, 10) == Ok(Vec::new()));
        assert_eq!(write(pair.slave, b"x"), Err(EIO));
        assert_eq!(sys!(ioctl, pair.slave, libc::TCGETS, &mut Termios::default()), Err(EIO));
    });
    child.until_asleep();
    close(pair.master);
    child.passed();
}

fn master_sees_slave_close() {
    let pair = Pair::open();
    write(pair.slave, b"last words").unwrap();
    close(pair.slave);
    assert_eq!(read_some(pair.master, 100).unwrap(), b"last words");
    assert_eq!(read_some(pair.master, 100), Err(EIO));
    let slave = open(&format!("/dev/pts/{}", pair.number), libc::O_RDWR | libc::O_NOCTTY).unwrap();
    write(slave, b"back").unwrap();
    assert_eq!(read_some(pair.master, 100).unwrap(), b"back");
}

fn slave_write_reaches_master() {
    let pair = Pair::open();
    pair.raw();
    let text = "0123456789".repeat(2000);
    let child = fork(|| {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            rest = &rest[write(pair.slave, rest).unwrap()..];
        }
    });
    let mut seen = Vec::new();
    while seen.len() < text.len() {
        seen.extend(read_some(pair.master, 4096).unwrap());
    }
    assert!(seen == text.as_bytes());
    child.passed();
}

fn locked_slave() {
    let master = open("/dev/ptmx", libc::O_RDWR | libc::O_NOCTTY).unwrap();
    let mut number = 0u32;
    sys!(ioctl, master, libc::TIOCGPTN, &mut number).unwrap();
    let path = format!("/dev/pts/{number}");
    assert_eq!(open(&path, libc::O_RDWR | libc::O_NOCTTY), Err(EIO), "a new slave is locked");
    sys!(ioctl, master, libc::TIOCSPTLCK, &0i32).unwrap();
    close(open(&path, libc::O_RDWR | libc::O_NOCTTY).unwrap());
    close(master);
    assert_eq!(open(&path, libc::O_RDWR | libc::O_NOCTTY), Err(ENOENT), "the name goes with the master");
}

fn bad_ioctl_enotty() {
    let pair = Pair::open();
    assert_eq!(sys!(ioctl, pair.slave, 0x1234_5678, 0), Err(ENOTTY));
    assert_eq!(sys!(ioctl, pair.slave, libc::TIOCGPTN, 0), Err(ENOTTY), "only the master has a number to tell");
}

fn is_a_terminal() {
    let pair = Pair::open();
    // SAFETY: asks about open descriptors.
    let (terminal, pipe_end) = unsafe { (libc::isatty(pair.slave), libc::isatty(pipe(0).0)) };
    assert_eq!((terminal, pipe_end), (1, 0));
    fork(|| {
        sys!(setsid).unwrap();
        assert_eq!(controlling(), Err(ENXIO));
    })
    .passed();
}

fn stop_and_start_output() {
    let pair = Pair::open();
    type_text(&pair, "\x13");
    pause_ms(20);
    let child = fork(|| assert_eq!(write(pair.slave, b"held"), Ok(4)));
    child.until_asleep();
    assert!(child.is_running(), "^S holds the output");
    type_text(&pair, "\x11");
    child.passed();
    assert_eq!(screen(&pair), "held");
}

fn two_pairs_are_apart() {
    let (one, two) = (Pair::open(), Pair::open());
    assert_ne!(one.number, two.number);
    type_text(&one, "for one\n");
    type_text(&two, "for two\n");
    assert_eq!((read_text(one.slave), read_text(two.slave)), ("for one\n".into(), "for two\n".into()));
}

fn fstat_of_slave() {
    let pair = Pair::open();
    let s = fstat(pair.slave).unwrap();
    assert_eq!((s.st_mode & libc::S_IFMT, s.st_rdev >> 8), (libc::S_IFCHR, 136));
    assert_eq!(std::fs::read_link(format!("/proc/self/fd/{}", pair.slave)).unwrap().to_str(), Some(&*format!("/dev/pts/{}", pair.number)));
}

fn input_queue_count() {
    let pair = Pair::open();
    type_text(&pair, "abc");
    assert_eq!(waiting(pair.slave), 0, "no whole line yet");
    type_and_wait(&pair, "d\n", 5);
    pair.change(|s| s.local &= !libc::ICANON);
    assert_eq!(waiting(pair.slave), 5);
}
