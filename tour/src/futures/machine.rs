//! One small program three times: as an `async fn`, with combinators, and as the state machine that the compiler makes of the first.
//!
//! It reads a file, and if that is too short, a second one. Between two polls it is a value that remembers where it was: that value, with
//! one state for each place where it may wait, is all there is to a task's stack.

use alloc::string::String;
use core::mem;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};

use super::combinators::{Either, map, ready, then};
use super::disk::{ReadFile, read_file};

/// As one writes it.
pub async fn example(min: usize) -> String {
    let content = read_file("foo.txt").await;
    if content.len() < min { content + &read_file("bar.txt").await } else { content }
}

/// As one had to write it before `async`.
pub fn with_combinators(min: usize) -> impl Future<Output = String> {
    then(read_file("foo.txt"), move |content| {
        if content.len() < min {
            Either::left(map(read_file("bar.txt"), move |more| content + &more))
        } else {
            Either::right(ready(content))
        }
    })
}

/// As the compiler sees it: the variables that live across each wait, and nothing else.
#[derive(Debug)]
pub enum ExampleStateMachine {
    Start { min: usize },
    WaitingOnFoo { min: usize, file: ReadFile },
    WaitingOnBar { content: String, file: ReadFile },
    End,
}

impl ExampleStateMachine {
    /// Calling an `async fn` runs nothing of it: it makes this.
    pub fn new(min: usize) -> ExampleStateMachine {
        ExampleStateMachine::Start { min }
    }
}

impl Future for ExampleStateMachine {
    type Output = String;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<String> {
        loop {
            // The states hold nothing that points into them, so the machine may be taken apart in each poll.
            match mem::replace(&mut *self, ExampleStateMachine::End) {
                ExampleStateMachine::Start { min } => {
                    *self = ExampleStateMachine::WaitingOnFoo { min, file: read_file("foo.txt") };
                }
                ExampleStateMachine::WaitingOnFoo { min, mut file } => match pin!(&mut file).poll(context) {
                    Poll::Pending => {
                        *self = ExampleStateMachine::WaitingOnFoo { min, file };
                        return Poll::Pending;
                    }
                    Poll::Ready(content) if content.len() < min => {
                        *self = ExampleStateMachine::WaitingOnBar { content, file: read_file("bar.txt") };
                    }
                    Poll::Ready(content) => return Poll::Ready(content),
                },
                ExampleStateMachine::WaitingOnBar { content, mut file } => match pin!(&mut file).poll(context) {
                    Poll::Pending => {
                        *self = ExampleStateMachine::WaitingOnBar { content, file };
                        return Poll::Pending;
                    }
                    Poll::Ready(more) => return Poll::Ready(content + &more),
                },
                ExampleStateMachine::End => panic!("polled again after it was ready"),
            }
        }
    }
}
