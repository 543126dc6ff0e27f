//! What every node of tmpfs has: a number, attributes, and a place in the accounts.

use alloc::sync::Arc;

use abi::Result;
use abi::time::Timespec;
use memory::PAGE_SIZE;
use sync::SpinLock;

use super::Shared;
use crate::inode::NewNode;
use crate::metadata::{AttributeChange, DeviceNumber, Metadata, Ownership, S_PERMISSIONS};
use crate::wall_clock;

/// The changing part.
pub(super) struct Attributes {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub links: u32,
    pub accessed: Timespec,
    pub modified: Timespec,
    pub changed: Timespec,
}

/// The common part of all nodes.
pub(super) struct Common {
    pub shared: Arc<Shared>,
    pub inode: u64,
    pub attributes: SpinLock<Attributes>,
    born: Timespec,
}

/// After this time an access time is brought up to date even if the file did not change (relatime): one day.
const ACCESS_TIME_LAG: i64 = 24 * 60 * 60;

impl Common {
    /// ENOSPC when the inodes are used up.
    pub fn new(shared: &Arc<Shared>, new: &NewNode<'_>, links: u32) -> Result<Common> {
        let inode = shared.take_inode()?;
        let now = wall_clock::now();
        let mode = new.kind.file_type().mode_bits() | (new.mode & S_PERMISSIONS);
        let attributes = Attributes { mode, uid: new.uid, gid: new.gid, links, accessed: now, modified: now, changed: now };
        Ok(Common { shared: shared.clone(), inode, attributes: SpinLock::new(attributes), born: now })
    }

    pub fn ownership(&self) -> Ownership {
        let attributes = self.attributes.lock();
        Ownership { mode: attributes.mode, uid: attributes.uid, gid: attributes.gid }
    }

    pub fn metadata(&self, size: u64, blocks: u64, rdev: DeviceNumber) -> Metadata {
        let attributes = self.attributes.lock();
        Metadata {
            device: self.shared.device,
            inode: self.inode,
            mode: attributes.mode,
            links: attributes.links,
            uid: attributes.uid,
            gid: attributes.gid,
            rdev,
            size,
            block_size: PAGE_SIZE as u32,
            blocks,
            accessed: attributes.accessed,
            modified: attributes.modified,
            changed: attributes.changed,
            born: self.born,
        }
    }

    pub fn change(&self, change: &AttributeChange) {
        let mut attributes = self.attributes.lock();
        if let Some(mode) = change.mode {
            attributes.mode = (attributes.mode & !S_PERMISSIONS) | (mode & S_PERMISSIONS);
        }
        attributes.uid = change.uid.unwrap_or(attributes.uid);
        attributes.gid = change.gid.unwrap_or(attributes.gid);
        attributes.accessed = change.accessed.unwrap_or(attributes.accessed);
        attributes.modified = change.modified.unwrap_or(attributes.modified);
        attributes.changed = change.changed.unwrap_or(attributes.changed);
    }

    /// relatime: the access time moves when it is not later than the last change, or a day old.
    pub fn accessed(&self, now: Timespec) {
        let order = |time: Timespec| (time.seconds, time.nanoseconds);
        let mut attributes = self.attributes.lock();
        let last = order(attributes.accessed);
        if last <= order(attributes.modified) || last <= order(attributes.changed) || now.seconds - last.0 >= ACCESS_TIME_LAG {
            attributes.accessed = now;
        }
    }

    /// The content changed.
    pub fn modified(&self) {
        let now = wall_clock::now();
        let mut attributes = self.attributes.lock();
        (attributes.modified, attributes.changed) = (now, now);
    }

    /// Adds to the count of names, which also is a change.
    pub fn add_links(&self, count: i32) {
        let now = wall_clock::now();
        let mut attributes = self.attributes.lock();
        attributes.links = attributes.links.saturating_add_signed(count);
        attributes.changed = now;
    }
}

impl Drop for Common {
    fn drop(&mut self) {
        self.shared.give_inode();
    }
}
