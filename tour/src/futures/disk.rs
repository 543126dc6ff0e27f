//! A pretended disk with two files: reading one takes a second poll.

use alloc::string::String;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};

pub const FOO: &str = "foo: a few words";
pub const BAR: &str = ", and bar: a few more";

/// The read of a file. A leaf: it waits for something that isn't a future.
#[derive(Debug)]
pub struct ReadFile {
    name: &'static str,
    asked: bool,
}

/// Reads `foo.txt` or `bar.txt`; all other files are empty.
pub fn read_file(name: &'static str) -> ReadFile {
    ReadFile { name, asked: false }
}

impl Future for ReadFile {
    type Output = String;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<String> {
        if !self.asked {
            self.asked = true;
            // A real disk would keep the waker and use it in its interrupt handler. This one is as quick as the executor.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(String::from(match self.name {
            "foo.txt" => FOO,
            "bar.txt" => BAR,
            _ => "",
        }))
    }
}

/// Is pending so many times, without ever waking.
pub fn waits_for_polls(count: usize) -> impl Future<Output = ()> {
    let mut left = count;
    poll_fn(move |_| match left {
        0 => Poll::Ready(()),
        _ => {
            left -= 1;
            Poll::Pending
        }
    })
}
