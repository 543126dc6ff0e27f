//! One opened end of a pipe.

use alloc::sync::Arc;

use abi::{Errno, Result};
use memory::{IoSink, IoSource, UserPtr};
use sync::WaitQueue;

use super::Pipe;
use crate::file::{File, Io, OpenFlags, PollEvents, Side};

/// FIONREAD of ioctl(2).
const FIONREAD: u32 = 0x541b;

/// An end: the reading one, the writing one, or both (a FIFO opened O_RDWR). Dropping it closes it.
pub struct PipeEnd {
    pipe: Arc<Pipe>,
    reads: bool,
    writes: bool,
    /// The writers' count of openings when this end was opened without any writer: until it changes, poll(2) shows no hang-up.
    quiet: Option<u32>,
}

impl PipeEnd {
    pub(super) fn new(pipe: &Arc<Pipe>, reads: bool, writes: bool) -> PipeEnd {
        let quiet = {
            let mut state = pipe.state.lock();
            if reads {
                state.readers += 1;
                state.reader_openings = state.reader_openings.wrapping_add(1);
            }
            if writes {
                state.writers += 1;
                state.writer_openings = state.writer_openings.wrapping_add(1);
            }
            (state.writers == 0).then_some(state.writer_openings)
        };
        if writes {
            pipe.readable.wake_all();
        }
        if reads {
            pipe.writable.wake_all();
        }
        PipeEnd { pipe: pipe.clone(), reads, writes, quiet }
    }

    /// The pipe, for F_GETPIPE_SZ and F_SETPIPE_SZ.
    pub fn pipe(&self) -> &Arc<Pipe> {
        &self.pipe
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        {
            let mut state = self.pipe.state.lock();
            state.readers -= u32::from(self.reads);
            state.writers -= u32::from(self.writes);
        }
        if self.writes {
            self.pipe.readable.wake_all();
        }
        if self.reads {
            self.pipe.writable.wake_all();
        }
    }
}

impl File for PipeEnd {
    fn try_read(&self, _io: &mut Io, sink: &mut IoSink<'_>) -> Result<usize> {
        if self.reads { self.pipe.read(sink) } else { Err(Errno::EBADF) }
    }

    fn try_write(&self, io: &mut Io, source: &mut IoSource<'_>) -> Result<usize> {
        if self.writes { self.pipe.write(source, io.flags.contains(OpenFlags::DIRECT)) } else { Err(Errno::EBADF) }
    }

    fn poll(&self) -> PollEvents {
        let state = self.pipe.state.lock();
        let mut events = PollEvents::empty();
        if self.reads {
            if !state.slots.is_empty() {
                events |= PollEvents::IN | PollEvents::RDNORM;
            }
            if state.writers == 0 && self.quiet != Some(state.writer_openings) {
                events |= PollEvents::HUP;
            }
        }
        if self.writes {
            if state.slots.len() < state.capacity {
                events |= PollEvents::OUT | PollEvents::WRNORM;
            }
            if state.readers == 0 {
                events |= PollEvents::ERR;
            }
        }
        events
    }

    fn wait_queue(&self, side: Side) -> Option<&WaitQueue> {
        Some(match side {
            Side::Read => &self.pipe.readable,
            Side::Write => &self.pipe.writable,
        })
    }

    fn signals(&self, side: Side) -> bool {
        if side == Side::Read { self.reads } else { self.writes }
    }

    fn ioctl(&self, command: u32, argument: usize) -> Result<usize> {
        match command {
            FIONREAD => {
                UserPtr::<i32>::new(argument).write(&(self.pipe.available() as i32))?;
                Ok(0)
            }
            _ => Err(Errno::ENOTTY),
        }
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}
