//! Pipes: Linux's arithmetic, the ends, FIFOs, and random traffic against a byte queue.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;

use abi::Errno;
use proptest::prelude::*;

use super::{PIPE_MAX_SIZE, pipe, set_size, size};
use crate::metadata::DeviceNumber;
use crate::testing::*;
use crate::{OpenFile, OpenFlags, Opened, PollEvents, Side, Whence};

fn new_pipe() -> (Arc<OpenFile>, Arc<OpenFile>) {
    memory();
    pipe(0, 0, OpenFlags::empty()).unwrap()
}

/// Writes `piece` until the pipe is full; how many bytes went in.
fn fill(writer: &OpenFile, piece: &[u8]) -> usize {
    let mut total = 0;
    loop {
        match write(writer, piece) {
            Ok(count) => total += count,
            Err(error) => {
                assert_eq!(error, Errno::EAGAIN);
                return total;
            }
        }
    }
}

#[test]
fn capacities_are_those_of_linux() {
    for (piece, expected) in [(1, 65536), (4096, 65536), (1000, 16 * 4000), (3000, 16 * 3000), (65536, 65536), (100_000, 65536)] {
        let (_reader, writer) = new_pipe();
        assert_eq!(fill(&writer, &vec![1; piece]), expected, "writes of {piece}");
    }
}

#[test]
fn small_writes_are_never_split() {
    let (reader, writer) = new_pipe();
    assert_eq!(fill(&writer, &[1; 4096]), 65536);
    assert_eq!(read(&reader, 4095).unwrap().len(), 4095);
    assert_eq!(error(write(&writer, &[2; 2])), Errno::EAGAIN, "the first page still holds a byte");
    assert!(!writer.poll().contains(PollEvents::OUT));
    assert_eq!(read(&reader, 1).unwrap().len(), 1);
    assert!(writer.poll().contains(PollEvents::OUT));
    assert_eq!(write(&writer, &[2; 4096]), Ok(4096));
    read(&reader, 8192).unwrap();
    assert_eq!(write(&writer, &[3; 10_000]), Ok(8192), "a large one takes what room there is");
}

#[test]
fn packets() {
    memory();
    let (reader, writer) = pipe(0, 0, OpenFlags::DIRECT).unwrap();
    for packet in [b"first".as_slice(), b"second", &[7; 5000]] {
        write(&writer, packet).unwrap();
    }
    assert_eq!(read(&reader, 100).unwrap(), b"first");
    assert_eq!(read(&reader, 3).unwrap(), b"sec", "the rest of a packet is dropped");
    assert_eq!(read(&reader, 9000).unwrap().len(), 4096);
    assert_eq!(read(&reader, 9000).unwrap().len(), 904);
    assert_eq!(fill(&writer, b"x"), 16, "each packet takes a slot");
}

#[test]
fn end_of_file_and_broken_pipe() {
    let (reader, writer) = new_pipe();
    assert_eq!(error(read(&reader, 10)), Errno::EAGAIN);
    assert_eq!(read(&reader, 0).unwrap(), b"");
    assert_eq!(write(&writer, b""), Ok(0));
    write(&writer, b"last words").unwrap();
    assert_eq!(reader.poll(), PollEvents::IN | PollEvents::RDNORM);
    drop(writer);
    assert_eq!(reader.poll(), PollEvents::IN | PollEvents::RDNORM | PollEvents::HUP);
    assert_eq!(read(&reader, 100).unwrap(), b"last words");
    assert_eq!(read(&reader, 100).unwrap(), b"");
    assert_eq!(reader.poll(), PollEvents::HUP);
    let (reader, writer) = new_pipe();
    drop(reader);
    assert_eq!(error(write(&writer, b"x")), Errno::EPIPE);
    assert_eq!(writer.poll(), PollEvents::OUT | PollEvents::WRNORM | PollEvents::ERR);
}

#[test]
fn ends_have_one_direction_and_no_position() {
    let (reader, writer) = new_pipe();
    assert_eq!(error(write(&reader, b"x")), Errno::EBADF);
    assert_eq!(error(read(&writer, 1)), Errno::EBADF);
    assert_eq!(error(reader.seek(0, Whence::Start)), Errno::ESPIPE);
    assert_eq!(error(read_at(&reader, 0, 1)), Errno::ESPIPE);
    assert_eq!(error(write_at(&writer, 0, b"x")), Errno::ESPIPE);
    assert_eq!(error(writer.truncate(0)), Errno::EINVAL);
    assert_eq!(error(writer.allocate(0..1, false, false)), Errno::ESPIPE);
    assert_eq!(reader.metadata().mode, 0o010600);
    assert_eq!(reader.metadata().inode, writer.metadata().inode);
    assert_eq!(reader.path().display(), format!("pipe:[{}]", reader.metadata().inode).into_bytes());
}

#[test]
fn sizes_can_be_changed() {
    let (reader, writer) = new_pipe();
    assert_eq!(size(&writer), Ok(65536));
    assert_eq!(set_size(&writer, 5000, false), Ok(8192));
    assert_eq!(fill(&writer, &[1; 4096]), 8192);
    assert_eq!(error(set_size(&writer, 1, false)), Errno::EBUSY);
    assert_eq!(set_size(&reader, PIPE_MAX_SIZE, false), Ok(PIPE_MAX_SIZE));
    assert_eq!(error(set_size(&reader, PIPE_MAX_SIZE + 1, false)), Errno::EPERM);
    assert_eq!(set_size(&reader, PIPE_MAX_SIZE + 1, true), Ok(2 * PIPE_MAX_SIZE));
    assert_eq!(error(set_size(&reader, usize::MAX, true)), Errno::EINVAL);
    assert_eq!(fill(&writer, &[1; 4096]), 2 * PIPE_MAX_SIZE - 8192);
    let file = World::new().create("/file", b"").unwrap();
    assert_eq!(error(size(&file)), Errno::EBADF);
}

#[test]
fn waiting_ends_when_something_happens() {
    let (reader, writer) = new_pipe();
    let mut waiting = pin!(reader.ready(Side::Read, PollEvents::IN));
    assert!(poll_once(waiting.as_mut()).is_none());
    write(&writer, b"x").unwrap();
    assert!(poll_once(waiting.as_mut()).is_some());
    let (reader, writer) = new_pipe();
    fill(&writer, &[0; 4096]);
    let mut waiting = pin!(writer.ready(Side::Write, PollEvents::OUT));
    assert!(poll_once(waiting.as_mut()).is_none());
    drop(reader);
    assert!(poll_once(waiting.as_mut()).is_some(), "a writer without readers has to be told");
    let (reader, writer) = new_pipe();
    let queue = reader.queue(Side::Read).unwrap();
    let mut waiting = pin!(sync::Wait::new(queue));
    assert!(poll_once(waiting.as_mut()).is_none());
    drop(writer);
    assert!(poll_once(waiting.as_mut()).is_some(), "the end of the last writer is an event for readers");
}

fn with_fifo() -> World {
    let world = World::new();
    world.context.make_node(&world.who, None, b"/fifo", 0o010666, DeviceNumber::NONE).unwrap();
    world
}

fn open_fifo(world: &World, flags: OpenFlags) -> abi::Result<Opened> {
    world.context.open(&world.who, None, b"/fifo", flags, 0)
}

#[test]
fn fifo_openers_meet() {
    let world = with_fifo();
    let Opened::Waiting(reader) = open_fifo(&world, OpenFlags::RDONLY).unwrap() else { panic!("nobody writes yet") };
    let mut waiting = pin!(reader.wait());
    assert!(poll_once(waiting.as_mut()).is_none());
    let Opened::Ready(writer) = open_fifo(&world, OpenFlags::WRONLY).unwrap() else { panic!("a reader is there") };
    let reader = poll_once(waiting.as_mut()).unwrap();
    write(&writer, b"through").unwrap();
    assert_eq!(read(&reader, 100).unwrap(), b"through");
    assert_eq!(reader.metadata().inode, world.find("/fifo").unwrap().metadata().inode);
    drop(writer);
    assert_eq!(read(&reader, 100).unwrap(), b"");
    // A writer that came and went at once still lets the reader go on.
    drop(reader);
    let Opened::Waiting(reader) = open_fifo(&world, OpenFlags::RDONLY).unwrap() else { panic!("nobody writes now") };
    drop(open_fifo(&world, OpenFlags::WRONLY).unwrap());
    assert!(reader.is_ready());
}

#[test]
fn fifo_without_waiting() {
    let world = with_fifo();
    assert_eq!(error(open_fifo(&world, OpenFlags::WRONLY | OpenFlags::NONBLOCK)), Errno::ENXIO);
    let reader = open_fifo(&world, OpenFlags::RDONLY | OpenFlags::NONBLOCK).unwrap().now().unwrap();
    assert_eq!(read(&reader, 10).unwrap(), b"");
    assert_eq!(reader.poll(), PollEvents::empty(), "no hang-up before there was a writer");
    let writer = open_fifo(&world, OpenFlags::WRONLY | OpenFlags::NONBLOCK).unwrap().now().unwrap();
    assert_eq!(error(read(&reader, 10)), Errno::EAGAIN);
    drop(writer);
    assert_eq!(reader.poll(), PollEvents::HUP);
    drop(reader);
    let both = open_fifo(&world, OpenFlags::RDWR).unwrap().now().unwrap();
    write(&both, b"echo").unwrap();
    assert_eq!(read(&both, 10).unwrap(), b"echo");
    drop(both);
    // An opener that gives up is no longer there for others.
    let waiting = open_fifo(&world, OpenFlags::RDONLY).unwrap();
    drop(waiting);
    assert_eq!(error(open_fifo(&world, OpenFlags::WRONLY | OpenFlags::NONBLOCK)), Errno::ENXIO);
}

#[test]
fn a_pipe_opened_again_by_its_place() {
    let (reader, writer) = new_pipe();
    let world = World::new();
    let place = reader.path().clone();
    let again = world.context.open_path(&world.who, place, OpenFlags::RDONLY).unwrap().now().unwrap();
    write(&writer, b"ab").unwrap();
    assert_eq!(read(&again, 1).unwrap(), b"a");
    drop(reader);
    assert_eq!(write(&writer, b"c"), Ok(1));
    assert_eq!(read(&again, 9).unwrap(), b"bc");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_come_out_as_they_went_in(steps in prop::collection::vec((any::<bool>(), 1usize..9000), 1..200)) {
        let (reader, writer) = new_pipe();
        let mut model: VecDeque<u8> = VecDeque::new();
        let mut next = 0u8;
        for (writes, count) in steps {
            if writes {
                let bytes: Vec<u8> = (0..count).map(|i| next.wrapping_add(i as u8)).collect();
                match write(&writer, &bytes) {
                    Ok(done) => {
                        prop_assert!(done == count || count > 4096);
                        model.extend(&bytes[..done]);
                        next = next.wrapping_add(done as u8);
                    }
                    Err(error) => prop_assert_eq!(error, Errno::EAGAIN),
                }
            } else {
                let expected: Vec<u8> = model.drain(..count.min(model.len())).collect();
                let found = match read(&reader, count) {
                    Err(Errno::EAGAIN) => Vec::new(),
                    other => other.unwrap(),
                };
                prop_assert_eq!(found, expected);
            }
            prop_assert!(model.len() <= 65536);
        }
    }
}
