//! Pairs: the two ends against each other, as programs would use them. What is expected was seen on Linux.

use std::sync::Arc;
use std::vec::Vec;

use abi::termios::{Local, Termios, Winsize, packet};
use abi::{Errno, Result};
use fs::{File, Io, OpenFlags, PollEvents};
use memory::{IoSink, IoSource};

use super::MasterFile;
use crate::discipline::Effects;
use crate::tty::TtyFile;

const BLOCKING: OpenFlags = OpenFlags::RDWR;

fn open_master() -> Arc<MasterFile> {
    memory::frames::init_hosted(16 << 20);
    MasterFile::open(0).unwrap()
}

fn pair() -> (Arc<MasterFile>, Arc<TtyFile>) {
    let master = open_master();
    let slave = master.pty().slave().open(BLOCKING | OpenFlags::NOCTTY, false).unwrap();
    (master, slave)
}

fn read_with(file: &dyn File, size: usize, flags: OpenFlags) -> Result<Vec<u8>> {
    let mut buffer = std::vec![0; size];
    let mut io = Io { flags, ..Io::at(0) };
    let count = file.try_read(&mut io, &mut IoSink::kernel(&mut buffer))?;
    buffer.truncate(count);
    Ok(buffer)
}

fn read(file: &dyn File) -> Result<Vec<u8>> {
    read_with(file, 100_000, BLOCKING)
}

fn write(file: &dyn File, bytes: &[u8]) -> Result<usize> {
    file.try_write(&mut Io::at(0), &mut IoSource::kernel(bytes))
}

fn set(slave: &TtyFile, change: impl FnOnce(&mut Termios)) {
    slave.tty().with_effects(|state, effects: &mut Effects| {
        let mut termios = *state.discipline.termios();
        change(&mut termios);
        state.discipline.set_termios(termios, effects);
    });
}

fn make_raw(slave: &TtyFile) {
    set(slave, |termios| (termios.iflag, termios.oflag, termios.lflag) = (0, 0, 0));
}

#[test]
fn line_goes_in_and_echo_and_output_come_out() {
    let (master, slave) = pair();
    assert_eq!(read(&*master), Err(Errno::EAGAIN));
    assert_eq!(write(&*master, b"hello\n"), Ok(6));
    assert_eq!(read(&*slave), Ok(b"hello\n".to_vec()));
    assert_eq!(read(&*slave), Err(Errno::EAGAIN));
    assert_eq!(write(&*slave, b"out\n"), Ok(4));
    assert_eq!(read(&*master), Ok(b"hello\r\nout\r\n".to_vec()));
}

#[test]
fn input_waits_for_the_first_opening() {
    let master = open_master();
    assert_eq!(write(&*master, b"early\n"), Ok(6));
    assert_eq!(read(&*master), Ok(b"early\r\n".to_vec()));
    let slave = master.pty().slave().open(BLOCKING, false).unwrap();
    assert_eq!(read(&*slave), Ok(b"early\n".to_vec()));
}

#[test]
fn master_sees_the_slave_close_and_open_again() {
    let (master, slave) = pair();
    write(&*slave, b"last").unwrap();
    drop(slave);
    assert!(master.poll().contains(PollEvents::IN | PollEvents::HUP));
    assert_eq!(read(&*master), Ok(b"last".to_vec()));
    assert_eq!(read(&*master), Err(Errno::EIO));
    let slave = master.pty().slave().open(BLOCKING, false).unwrap();
    assert_eq!(read(&*master), Err(Errno::EAGAIN));
    assert!(!master.poll().contains(PollEvents::HUP));
    drop(slave);
}

#[test]
fn closing_the_master_hangs_the_slave_up() {
    let (master, slave) = pair();
    let number = master.pty().number;
    write(&*master, b"unread\n").unwrap();
    drop(master);
    assert!(slave.is_hung_up());
    assert_eq!(read(&*slave), Ok(Vec::new()));
    assert_eq!(write(&*slave, b"x"), Err(Errno::EIO));
    assert!(slave.poll().contains(PollEvents::IN | PollEvents::OUT | PollEvents::ERR | PollEvents::HUP));
    assert_eq!(slave.ioctl(abi::termios::ioctl::TCGETS, 0), Err(Errno::EIO));
    assert_eq!(slave.ioctl(abi::termios::ioctl::TIOCSPGRP, 0), Err(Errno::ENOTTY));
    assert!(super::find(number).is_none());
}

#[test]
fn numbers_are_not_used_twice_at_a_time() {
    let (master, slave) = pair();
    let number = master.pty().number;
    drop(master);
    let other = open_master();
    assert_ne!(other.pty().number, number, "the old slave is still open");
    drop(slave);
    assert!(!super::PAIRS.lock().contains_key(&number));
}

#[test]
fn full_queues_push_back_and_lose_nothing() {
    let (master, slave) = pair();
    make_raw(&slave);
    let mut sent = 0usize;
    loop {
        let chunk: Vec<u8> = (0..100).map(|at| (sent + at) as u8).collect();
        match write(&*master, &chunk) {
            Ok(count) => sent += count,
            Err(error) => {
                assert_eq!(error, Errno::EAGAIN);
                break;
            }
        }
    }
    assert!(sent >= 12_000 && !master.poll().contains(PollEvents::OUT));
    let mut received = Vec::new();
    while let Ok(part) = read_with(&*slave, 1000, BLOCKING) {
        received.extend(part);
    }
    assert_eq!(received, (0..sent).map(|at| at as u8).collect::<Vec<_>>());
    assert!(master.poll().contains(PollEvents::OUT));

    let mut written = 0;
    while let Ok(count) = write(&*slave, &[b'y'; 100]) {
        written += count;
    }
    assert!(!slave.poll().contains(PollEvents::OUT));
    assert_eq!(read(&*master).unwrap().len(), written);
    assert!(slave.poll().contains(PollEvents::OUT));
}

#[test]
fn echo_waits_for_a_slow_master() {
    let (master, slave) = pair();
    set(&slave, |termios| termios.oflag = 0);
    while write(&*slave, &[b'z'; 100]).is_ok() {}
    write(&*master, b"typed").unwrap();
    let screen = read(&*master).unwrap();
    assert!(screen.ends_with(b"z"));
    assert_eq!(read(&*master), Ok(b"typed".to_vec()));
}

#[test]
fn minimum_and_timer() {
    let (master, slave) = pair();
    let limit = |min: u8, time: u8| {
        set(&slave, |termios| {
            (termios.iflag, termios.oflag, termios.lflag) = (0, 0, 0);
            termios.cc[abi::termios::cc::VMIN] = min;
            termios.cc[abi::termios::cc::VTIME] = time;
        });
    };
    limit(0, 0);
    assert_eq!(read(&*slave), Ok(Vec::new()), "a poll");
    limit(0, 5);
    assert_eq!(read(&*slave), Err(Errno::EAGAIN));
    assert_eq!(slave.read_deadline(1_000), Some(500_001_000));
    limit(3, 0);
    write(&*master, b"ab").unwrap();
    assert_eq!(read(&*slave), Err(Errno::EAGAIN));
    assert_eq!(slave.read_deadline(1_000), None);
    assert_eq!(read_with(&*slave, 10, BLOCKING | OpenFlags::NONBLOCK), Ok(b"ab".to_vec()));
    limit(3, 2);
    assert_eq!(slave.read_deadline(1_000), None, "the timer starts with the first byte");
    write(&*master, b"c").unwrap();
    assert!(slave.read_deadline(1_000).is_some_and(|deadline| deadline >= 200_001_000));
}

#[test]
fn packet_mode_tells_what_happens() {
    let (master, slave) = pair();
    master.pty().driver.set_packet(true);
    write(&*slave, b"hello").unwrap();
    assert_eq!(read(&*master), Ok(b"\0hello".to_vec()));
    write(&*master, &[0x13]).unwrap();
    assert!(master.poll().contains(PollEvents::PRI | PollEvents::IN));
    assert_eq!(read(&*master), Ok(std::vec![packet::STOP]));
    write(&*master, &[0x11, 3]).unwrap();
    assert_eq!(read(&*master), Ok(std::vec![packet::START | packet::FLUSHREAD | packet::FLUSHWRITE]));
    assert_eq!(read(&*master), Ok(b"\0^C".to_vec()));
    assert_eq!(read(&*master), Err(Errno::EAGAIN));
}

#[test]
fn exclusive_use_and_last_close() {
    let (master, slave) = pair();
    slave.ioctl(abi::termios::ioctl::TIOCEXCL, 0).unwrap();
    let second = slave.tty().open(BLOCKING, false);
    assert!(second.is_ok(), "privileged");
    slave.tty().set_winsize(Winsize { rows: 10, columns: 20, xpixel: 0, ypixel: 0 });
    assert_eq!(master.pty().slave().winsize().columns, 20);
}

#[test]
fn echo_off_hides_a_password() {
    let (master, slave) = pair();
    set(&slave, |termios| termios.lflag = (termios.lflag & !Local::ECHO.bits()) | Local::ECHONL.bits());
    write(&*master, b"secret\n").unwrap();
    assert_eq!(read(&*master), Ok(b"\r\n".to_vec()));
    assert_eq!(read(&*slave), Ok(b"secret\n".to_vec()));
}

#[test]
fn readers_take_parts_of_a_line() {
    let (master, slave) = pair();
    write(&*master, b"abcdef\nnext\n").unwrap();
    assert_eq!(read_with(&*slave, 4, BLOCKING), Ok(b"abcd".to_vec()));
    assert_eq!(read_with(&*slave, 4, BLOCKING), Ok(b"ef\n".to_vec()));
    assert_eq!(read(&*slave), Ok(b"next\n".to_vec()));
    // A line longer than what passes through the stack at a time still comes in one read.
    let mut long = std::vec![b'l'; 3000];
    long.push(b'\n');
    write(&*master, &long).unwrap();
    assert_eq!(read(&*slave), Ok(long));
}

#[test]
fn a_long_write_to_a_full_line_comes_in_steps() {
    let (master, slave) = pair();
    let step = write(&*master, &std::vec![b'x'; 1 << 20]).unwrap();
    assert!(step < 1 << 17, "{step} bytes at once");
    assert_eq!(write(&*master, b"\n"), Ok(1));
    assert_eq!(read(&*slave).map(|line| line.len()), Ok(4096));
}
