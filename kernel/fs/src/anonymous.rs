//! Files that are in no directory: pipes, event files and their kin. They share one file system that nobody can mount.

use alloc::string::String;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use abi::Result;
use abi::time::Timespec;
use sync::{Once, SpinLock};

use crate::dentry::Dentry;
use crate::inode::{FileSystem, Inode};
use crate::metadata::{AttributeChange, DeviceNumber, FileType, FsStatistics, Metadata, Ownership, S_PERMISSIONS};
use crate::wall_clock;

/// A device number for one more file system without a device (major 0).
pub fn new_device() -> DeviceNumber {
    static NEXT: AtomicU32 = AtomicU32::new(2);
    DeviceNumber::new(0, NEXT.fetch_add(1, Ordering::Relaxed))
}

struct NamelessFs {
    root: Arc<Dentry>,
    device: DeviceNumber,
}

fn nameless_fs() -> &'static Arc<NamelessFs> {
    static FS: Once<Arc<NamelessFs>> = Once::new();
    FS.get_or_init(|| {
        let device = new_device();
        let root = Arc::new(LabelInode { attributes: NamelessAttributes::on(device, FileType::Regular, 0o600, 0, 0), label: "" });
        Arc::new(NamelessFs { root: Dentry::root(root), device })
    })
}

pub(crate) fn file_system() -> Arc<dyn FileSystem> {
    nameless_fs().clone()
}

impl FileSystem for NamelessFs {
    fn name(&self) -> &'static str {
        "anon_inodefs"
    }

    fn root(&self) -> &Arc<Dentry> {
        &self.root
    }

    fn statistics(&self) -> FsStatistics {
        const ANON_INODE_FS_MAGIC: u64 = 0x0904_1934;
        FsStatistics { kind: ANON_INODE_FS_MAGIC, block_size: 4096, name_max: 255, ..Default::default() }
    }
}

/// What stat(2) shows of a nameless file.
pub(crate) struct NamelessAttributes {
    device: DeviceNumber,
    inode: u64,
    time: Timespec,
    ownership: SpinLock<Ownership>,
}

impl NamelessAttributes {
    pub fn new(kind: FileType, mode: u32, uid: u32, gid: u32) -> NamelessAttributes {
        Self::on(nameless_fs().device, kind, mode, uid, gid)
    }

    fn on(device: DeviceNumber, kind: FileType, mode: u32, uid: u32, gid: u32) -> NamelessAttributes {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NamelessAttributes {
            device,
            inode: NEXT.fetch_add(1, Ordering::Relaxed),
            time: wall_clock::now(),
            ownership: SpinLock::new(Ownership { mode: kind.mode_bits() | mode, uid, gid }),
        }
    }

    pub fn inode(&self) -> u64 {
        self.inode
    }

    pub fn ownership(&self) -> Ownership {
        *self.ownership.lock()
    }

    /// Mode and owner are kept, times are not.
    pub fn change(&self, change: &AttributeChange) {
        let mut ownership = self.ownership.lock();
        if let Some(mode) = change.mode {
            ownership.mode = (ownership.mode & !S_PERMISSIONS) | (mode & S_PERMISSIONS);
        }
        ownership.uid = change.uid.unwrap_or(ownership.uid);
        ownership.gid = change.gid.unwrap_or(ownership.gid);
    }

    pub fn metadata(&self, block_size: u32) -> Metadata {
        let Ownership { mode, uid, gid } = self.ownership();
        Metadata {
            device: self.device,
            inode: self.inode,
            mode,
            links: 1,
            uid,
            gid,
            rdev: DeviceNumber::NONE,
            size: 0,
            block_size,
            blocks: 0,
            accessed: self.time,
            modified: self.time,
            changed: self.time,
            born: self.time,
        }
    }
}

/// The inode of an event file: it only has a label.
struct LabelInode {
    attributes: NamelessAttributes,
    label: &'static str,
}

/// A new inode that /proc shows as `label`. ENOMEM.
pub(crate) fn inode(label: &'static str) -> Result<Arc<dyn Inode>> {
    memory::frames::admit()?;
    Ok(Arc::new(LabelInode { attributes: NamelessAttributes::new(FileType::Regular, 0o600, 0, 0), label }))
}

impl Inode for LabelInode {
    fn metadata(&self) -> Metadata {
        // Linux shows these files without a kind.
        let all = self.attributes.metadata(4096);
        Metadata { mode: all.mode & S_PERMISSIONS, ..all }
    }

    fn ownership(&self) -> Ownership {
        self.attributes.ownership()
    }

    fn file_type(&self) -> FileType {
        FileType::Regular
    }

    fn change(&self, change: &AttributeChange) -> Result<()> {
        self.attributes.change(change);
        Ok(())
    }

    fn label(&self) -> Option<String> {
        Some(String::from(self.label))
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}
