//! The file of an opened directory: it can only be listed (which the open-file description does through the inode) and seeked.

use alloc::sync::Arc;

use abi::{Errno, Result};
use memory::{IoSink, IoSource};

use crate::file::{File, Io, SeekKind};
use crate::inode::Inode;

pub(crate) struct DirectoryFile {
    inode: Arc<dyn Inode>,
}

impl DirectoryFile {
    pub fn new(inode: Arc<dyn Inode>) -> DirectoryFile {
        DirectoryFile { inode }
    }
}

impl File for DirectoryFile {
    fn try_read(&self, _io: &mut Io, _sink: &mut IoSink<'_>) -> Result<usize> {
        Err(Errno::EISDIR)
    }

    fn try_write(&self, _io: &mut Io, _source: &mut IoSource<'_>) -> Result<usize> {
        Err(Errno::EBADF)
    }

    fn seek_kind(&self) -> SeekKind {
        SeekKind::Positioned
    }

    fn size(&self) -> u64 {
        self.inode.metadata().size
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}
