//! The example that async/await is usually taught with, on the real file system: read a file, and if it is too short, a second one.
//!
//! Files here never wait by themselves; [`read_file`] is the loop that the system calls have, in its simplest form. On a regular file it is
//! ready at its first poll. On a FIFO it waits, for a writer that is another task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use abi::{Errno, Result};
use memory::IoSource;

use crate::metadata::DeviceNumber;
use crate::testing::*;
use crate::{OpenFile, OpenFlags, Side};

/// Does `attempt` again and again, until it doesn't say EAGAIN; in between, waits for the file's side to change.
async fn wait_for<T>(file: &OpenFile, side: Side, attempt: impl Fn() -> Result<T>) -> Result<T> {
    let attempt = || match attempt() {
        Err(Errno::EAGAIN) => None,
        result => Some(result),
    };
    match file.file().wait_queue(side) {
        Some(queue) => queue.wait_until(attempt).await,
        None => attempt().expect("a file without a queue never has to wait"),
    }
}

async fn read_file(world: &World, name: &str) -> Result<String> {
    let file = world.open(name, OpenFlags::RDONLY | OpenFlags::NONBLOCK)?;
    let mut content = Vec::new();
    loop {
        let piece = wait_for(&file, Side::Read, || read(&file, 10)).await?;
        if piece.is_empty() {
            return String::from_utf8(content).map_err(|_| Errno::EILSEQ);
        }
        content.extend(piece);
    }
}

async fn write_file(file: &OpenFile, content: &[u8]) -> Result<()> {
    let mut written = 0;
    while written < content.len() {
        written += wait_for(file, Side::Write, || file.write(&mut IoSource::kernel(&content[written..]), u64::MAX)).await?;
    }
    Ok(())
}

/// The example.
async fn example(world: &World, min: usize) -> Result<String> {
    let content = read_file(world, "/foo.txt").await?;
    if content.len() < min { Ok(content + &read_file(world, "/bar.txt").await?) } else { Ok(content) }
}

#[test]
fn foo_and_bar_are_ready_at_once() {
    let world = World::new();
    let foo = world.open("/foo.txt", OpenFlags::WRONLY | OpenFlags::CREAT).unwrap();
    let bar = world.open("/bar.txt", OpenFlags::WRONLY | OpenFlags::CREAT).unwrap();
    now(write_file(&foo, b"twelve bytes")).unwrap();
    now(write_file(&bar, b", and more than ten of them")).unwrap();
    assert_eq!(now(example(&world, 12)).unwrap(), "twelve bytes");
    assert_eq!(now(example(&world, 13)).unwrap(), "twelve bytes, and more than ten of them");
    world.unlink("/bar.txt").unwrap();
    assert_eq!(error(now(example(&world, 13))), Errno::ENOENT);
}

/// The same function over FIFOs, as a task: it waits for bytes, and a second task writes more of them than a FIFO holds.
#[test]
fn foo_and_bar_come_from_another_task() {
    const LONG: usize = 200_000;
    let world = Arc::new(World::new());
    for name in [b"/foo.txt", b"/bar.txt"] {
        world.context.make_node(&world.who, None, name, 0o010_666, DeviceNumber::NONE).unwrap();
    }
    // Readers that keep the FIFOs open, so that a writer may come at any time.
    let keepers = ["/foo.txt", "/bar.txt"].map(|name| world.open(name, OpenFlags::RDONLY | OpenFlags::NONBLOCK).unwrap());
    let writers = ["/foo.txt", "/bar.txt"].map(|name| world.open(name, OpenFlags::WRONLY | OpenFlags::NONBLOCK).unwrap());
    let go = Arc::new((sync::WaitQueue::new(), AtomicBool::new(false)));
    let shared = world.clone();
    let reader = executor::spawn("example", async move { example(&shared, 100).await.unwrap() }).unwrap();
    let gate = go.clone();
    let writer = executor::spawn("writer", async move {
        gate.0.wait_until(|| gate.1.load(Ordering::SeqCst).then_some(())).await;
        let [foo, bar] = writers;
        write_file(&foo, b"short").await.unwrap();
        // The last writer's end is the end of the file.
        drop(foo);
        write_file(&bar, &vec![b'x'; LONG]).await.unwrap();
    })
    .unwrap();
    executor::run_until_idle();
    assert!(!reader.is_finished() && !writer.is_finished(), "there is nothing to read yet");
    go.1.store(true, Ordering::SeqCst);
    go.0.wake_all();
    executor::run_until_idle();
    assert!(writer.is_finished());
    let text = now(reader).unwrap();
    assert!(text.len() == 5 + LONG && text.starts_with("shortxx"));
    drop(keepers);
}
