//! The nodes of tmpfs without data of their own: symbolic links, FIFOs, sockets and device files.

use alloc::sync::{Arc, Weak};
use core::any::Any;

use abi::time::Timespec;
use abi::{Errno, Result};
use sync::SpinLock;

use super::Shared;
use super::common::Common;
use crate::inode::{Inode, LinkTarget, NewKind, NewNode};
use crate::metadata::{AttributeChange, DeviceNumber, FileType, Metadata, Ownership};
use crate::pipe::Pipe;

enum Body {
    Symlink(Arc<[u8]>),
    /// The pipe lives as long as someone has the FIFO open.
    Fifo(SpinLock<Weak<Pipe>>),
    Device(DeviceNumber),
    Socket,
}

pub(crate) struct SpecialNode {
    common: Common,
    file_type: FileType,
    body: Body,
}

impl SpecialNode {
    /// EINVAL for regular files and directories, which have their own types.
    pub fn create(shared: &Arc<Shared>, new: &NewNode<'_>) -> Result<Arc<SpecialNode>> {
        let body = match new.kind {
            NewKind::Symlink(target) => Body::Symlink(Arc::from(target)),
            NewKind::Fifo => Body::Fifo(SpinLock::new(Weak::new())),
            NewKind::Socket => Body::Socket,
            NewKind::CharDevice(number) | NewKind::BlockDevice(number) => Body::Device(number),
            NewKind::Regular | NewKind::Directory => return Err(Errno::EINVAL),
        };
        Ok(Arc::new(SpecialNode { common: Common::new(shared, new, 1)?, file_type: new.kind.file_type(), body }))
    }

    pub fn common(&self) -> &Common {
        &self.common
    }
}

impl Inode for SpecialNode {
    fn metadata(&self) -> Metadata {
        let (size, rdev) = match &self.body {
            Body::Symlink(target) => (target.len() as u64, DeviceNumber::NONE),
            Body::Device(number) => (0, *number),
            Body::Fifo(_) | Body::Socket => (0, DeviceNumber::NONE),
        };
        self.common.metadata(size, 0, rdev)
    }

    fn ownership(&self) -> Ownership {
        self.common.ownership()
    }

    fn file_type(&self) -> FileType {
        self.file_type
    }

    fn change(&self, change: &AttributeChange) -> Result<()> {
        self.common.change(change);
        Ok(())
    }

    fn accessed(&self, now: Timespec) {
        self.common.accessed(now);
    }

    fn follow(&self) -> Result<LinkTarget> {
        match &self.body {
            Body::Symlink(target) => Ok(LinkTarget::Text(target.clone())),
            _ => Err(Errno::EINVAL),
        }
    }

    fn pipe(self: Arc<Self>) -> Result<Arc<Pipe>> {
        let Body::Fifo(place) = &self.body else { return Err(Errno::ENXIO) };
        let mut place = place.lock();
        if let Some(pipe) = place.upgrade() {
            return Ok(pipe);
        }
        memory::frames::admit()?;
        let pipe = Pipe::for_fifo();
        *place = Arc::downgrade(&pipe);
        Ok(pipe)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
