//! The file of an O_PATH descriptor: it marks a place and can do nothing.

use abi::{Errno, Result};
use memory::{IoSink, IoSource};

use crate::file::{File, Io, PollEvents};

pub(crate) struct PathFile;

impl File for PathFile {
    fn try_read(&self, _io: &mut Io, _sink: &mut IoSink<'_>) -> Result<usize> {
        Err(Errno::EBADF)
    }

    fn try_write(&self, _io: &mut Io, _source: &mut IoSource<'_>) -> Result<usize> {
        Err(Errno::EBADF)
    }

    fn poll(&self) -> PollEvents {
        PollEvents::NVAL
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}
