//! /dev/pts: the directory of the slaves. Entries come and go with their masters; the file system itself holds nothing.

use alloc::sync::Arc;

use abi::time::Timespec;
use abi::{Errno, Result};
use fs::inode::{DirectorySink, FIRST_ENTRY};
use fs::metadata::AttributeChange;
use fs::{Dentry, DeviceNumber, DirectoryEntry, FileSystem, FileType, FsStatistics, Inode, Metadata, Path};
use sync::{Lazy, Once, SpinLock};

use super::{Pty, SLAVE_MAJOR};

/// DEVPTS_SUPER_MAGIC.
const MAGIC: u64 = 0x1cd1;

/// The group that owns terminals, and what it may: write to them (`tty` has number 5 on Debian; mount -o gid=5,mode=620).
const TTY_GROUP: u32 = 5;
const SLAVE_MODE: u32 = 0o620;

/// Inode numbers: the root, /dev/pts/ptmx, then the slaves by number.
const ROOT_INODE: u64 = 1;
const PTMX_INODE: u64 = 2;
const FIRST_SLAVE: u64 = 3;

/// Directory positions of the entries, after "." and "..".
const PTMX_POSITION: u64 = FIRST_ENTRY;
const SLAVE_POSITION: u64 = FIRST_ENTRY + 1;

/// Owner, permissions and times of an entry.
pub(super) struct Attributes(SpinLock<Fields>);

#[derive(Clone, Copy)]
struct Fields {
    mode: u32,
    uid: u32,
    gid: u32,
    accessed: Timespec,
    modified: Timespec,
    changed: Timespec,
}

impl Attributes {
    pub(super) fn new(uid: u32) -> Attributes {
        Attributes::with(SLAVE_MODE, uid, TTY_GROUP)
    }

    fn with(mode: u32, uid: u32, gid: u32) -> Attributes {
        let now = fs::wall_clock::now();
        Attributes(SpinLock::new(Fields { mode, uid, gid, accessed: now, modified: now, changed: now }))
    }

    fn change(&self, change: &AttributeChange) {
        let mut fields = self.0.lock();
        let Fields { mode, uid, gid, accessed, modified, changed } = &mut *fields;
        *mode = change.mode.unwrap_or(*mode);
        *uid = change.uid.unwrap_or(*uid);
        *gid = change.gid.unwrap_or(*gid);
        *accessed = change.accessed.unwrap_or(*accessed);
        *modified = change.modified.unwrap_or(*modified);
        *changed = change.changed.unwrap_or(*changed);
    }

    fn metadata(&self, inode: u64, file_type: FileType, links: u32, rdev: DeviceNumber) -> Metadata {
        let fields = *self.0.lock();
        Metadata {
            device: *DEVICE,
            inode,
            mode: file_type.mode_bits() | fields.mode,
            links,
            uid: fields.uid,
            gid: fields.gid,
            rdev,
            size: 0,
            block_size: 1024,
            blocks: 0,
            accessed: fields.accessed,
            modified: fields.modified,
            changed: fields.changed,
            born: Timespec::default(),
        }
    }
}

/// The device number of the file system itself.
static DEVICE: Lazy<DeviceNumber> = Lazy::new(fs::anonymous::new_device);

struct Devpts {
    root: Arc<Dentry>,
}

static DEVPTS: Once<Arc<Devpts>> = Once::new();

fn instance() -> &'static Arc<Devpts> {
    DEVPTS.get_or_init(|| Arc::new(Devpts { root: Dentry::root(Arc::new(Root(Attributes::with(0o755, 0, 0)))) }))
}

/// The file system to be mounted on /dev/pts. There is one instance, wherever it is mounted.
pub fn devpts() -> Arc<dyn FileSystem> {
    instance().clone()
}

/// A path to a slave for a descriptor that was opened without one (TIOCGPTPEER).
pub(super) fn path_of(pty: &Arc<Pty>) -> Result<Path> {
    Ok(Path::nameless(Arc::new(Slave(pty.clone()))))
}

impl FileSystem for Devpts {
    fn name(&self) -> &'static str {
        "devpts"
    }

    fn root(&self) -> &Arc<Dentry> {
        &self.root
    }

    fn statistics(&self) -> FsStatistics {
        FsStatistics { kind: MAGIC, block_size: 4096, name_max: 255, ..FsStatistics::default() }
    }

    fn options(&self) -> alloc::string::String {
        alloc::string::String::from(",gid=5,mode=620,ptmxmode=000")
    }
}

/// The directory.
struct Root(Attributes);

/// /dev/pts/ptmx: the same as /dev/ptmx, for nobody but those whom root lets.
struct Ptmx(Attributes);

/// One slave.
struct Slave(Arc<Pty>);

/// A name as Linux writes it: decimal, without sign or leading zeros.
fn parse_number(name: &[u8]) -> Option<u32> {
    let number: u32 = core::str::from_utf8(name).ok()?.parse().ok()?;
    let plain = name.first() != Some(&b'+') && (name.len() == 1 || name.first() != Some(&b'0'));
    plain.then_some(number)
}

impl Inode for Root {
    fn metadata(&self) -> Metadata {
        self.0.metadata(ROOT_INODE, FileType::Directory, 2, DeviceNumber::NONE)
    }

    fn file_type(&self) -> FileType {
        FileType::Directory
    }

    fn change(&self, change: &AttributeChange) -> Result<()> {
        self.0.change(change);
        Ok(())
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        if name == b"ptmx" {
            return Ok(ptmx());
        }
        let pty = parse_number(name).and_then(super::find).ok_or(Errno::ENOENT)?;
        Ok(Arc::new(Slave(pty)))
    }

    fn read_directory(&self, position: u64, sink: &mut DirectorySink<'_>) -> Result<()> {
        if position <= PTMX_POSITION {
            let entry = DirectoryEntry { name: b"ptmx", inode: PTMX_INODE, file_type: FileType::CharDevice, next: SLAVE_POSITION };
            if !sink(entry) {
                return Ok(());
            }
        }
        let mut next = u32::try_from(position.saturating_sub(SLAVE_POSITION)).unwrap_or(u32::MAX);
        while let Some(number) = super::next_from(next) {
            let name = alloc::format!("{number}");
            let entry = DirectoryEntry {
                name: name.as_bytes(),
                inode: FIRST_SLAVE + u64::from(number),
                file_type: FileType::CharDevice,
                next: SLAVE_POSITION + u64::from(number) + 1,
            };
            if !sink(entry) {
                return Ok(());
            }
            next = number.saturating_add(1);
        }
        Ok(())
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}

fn ptmx() -> Arc<Ptmx> {
    static PTMX: Once<Arc<Ptmx>> = Once::new();
    PTMX.get_or_init(|| Arc::new(Ptmx(Attributes::with(0, 0, 0)))).clone()
}

impl Inode for Ptmx {
    fn metadata(&self) -> Metadata {
        self.0.metadata(PTMX_INODE, FileType::CharDevice, 1, DeviceNumber::new(5, 2))
    }

    fn file_type(&self) -> FileType {
        FileType::CharDevice
    }

    fn change(&self, change: &AttributeChange) -> Result<()> {
        self.0.change(change);
        Ok(())
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}

impl Inode for Slave {
    fn metadata(&self) -> Metadata {
        let rdev = DeviceNumber::new(SLAVE_MAJOR, self.0.number);
        self.0.attributes.metadata(FIRST_SLAVE + u64::from(self.0.number), FileType::CharDevice, 1, rdev)
    }

    fn file_type(&self) -> FileType {
        FileType::CharDevice
    }

    fn change(&self, change: &AttributeChange) -> Result<()> {
        self.0.attributes.change(change);
        Ok(())
    }

    /// The name goes when the master is closed.
    fn cacheable(&self) -> bool {
        false
    }

    fn as_any(&self) -> &dyn core::any::Any {
        self
    }
}
