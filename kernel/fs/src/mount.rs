//! Mounts: file systems put onto places of the tree (mount(2), umount2(2)).
//!
//! The tree hangs together both ways: a mount knows the place that it covers, and the mount below knows which of its entries are
//! covered. Unmounting breaks both links. "In use" is the count of references: the tree itself holds one, everything beyond it is a working
//! directory, a root or an open file.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use abi::{Errno, Result};
use bitflags::bitflags;
use sync::{Once, SpinLock};

use crate::dentry::{Dentry, recent};
use crate::inode::FileSystem;
use crate::path::Path;

bitflags! {
    /// Properties of one mount, with the values of mount(2).
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct MountFlags: u32 {
        const READ_ONLY = 1;
        const NO_SUID = 2;
        const NO_DEV = 4;
        const NO_EXEC = 8;
        const NO_ATIME = 1024;
        const NO_DIR_ATIME = 2048;
        const RELATIME = 1 << 21;
        const STRICT_ATIME = 1 << 24;
    }
}

impl MountFlags {
    /// As /proc/mounts shows them: "rw,nosuid,relatime".
    pub fn describe(self) -> String {
        let mut text = String::from(if self.contains(MountFlags::READ_ONLY) { "ro" } else { "rw" });
        let words = [
            (MountFlags::NO_SUID, ",nosuid"),
            (MountFlags::NO_DEV, ",nodev"),
            (MountFlags::NO_EXEC, ",noexec"),
            (MountFlags::NO_ATIME, ",noatime"),
            (MountFlags::NO_DIR_ATIME, ",nodiratime"),
        ];
        for (flag, word) in words {
            if self.contains(flag) {
                text.push_str(word);
            }
        }
        if !self.intersects(MountFlags::NO_ATIME | MountFlags::STRICT_ATIME) {
            text.push_str(",relatime");
        }
        text
    }
}

/// One file system at one place.
pub struct Mount {
    id: u32,
    fs: Arc<dyn FileSystem>,
    root: Arc<Dentry>,
    /// The first field of /proc/mounts: a device or any word.
    source: String,
    flags: AtomicU32,
    attached: SpinLock<Option<Path>>,
    /// The mounts on entries of this one, the latest last.
    children: SpinLock<Vec<(Arc<Dentry>, Arc<Mount>)>>,
}

/// Held while the shape of the tree of mounts changes.
static TREE: crate::turn::Turn = crate::turn::Turn::new();
static NEXT_ID: AtomicU32 = AtomicU32::new(1);

impl Mount {
    /// A mount that is not attached anywhere yet: the root of a tree.
    pub fn new(fs: Arc<dyn FileSystem>, source: &str, flags: MountFlags) -> Arc<Mount> {
        let root = fs.root().clone();
        Mount::with_root(fs, root, source, flags)
    }

    fn with_root(fs: Arc<dyn FileSystem>, root: Arc<Dentry>, source: &str, flags: MountFlags) -> Arc<Mount> {
        Arc::new(Mount {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            fs,
            root,
            source: String::from(source),
            flags: AtomicU32::new(flags.bits()),
            attached: SpinLock::new(None),
            children: SpinLock::new(Vec::new()),
        })
    }

    /// Its number, as in /proc/self/mountinfo.
    pub fn id(&self) -> u32 {
        self.id
    }

    pub fn fs(&self) -> &Arc<dyn FileSystem> {
        &self.fs
    }

    pub fn root(&self) -> &Arc<Dentry> {
        &self.root
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    pub fn flags(&self) -> MountFlags {
        MountFlags::from_bits_truncate(self.flags.load(Ordering::Relaxed))
    }

    /// EROFS on a read-only mount.
    pub fn check_writable(&self) -> Result<()> {
        if self.flags().contains(MountFlags::READ_ONLY) { Err(Errno::EROFS) } else { Ok(()) }
    }

    /// The place that this mount covers; `None` for the top of a tree and after unmounting.
    pub fn attached_at(&self) -> Option<Path> {
        self.attached.lock().clone()
    }

    pub(crate) fn is_top(&self) -> bool {
        self.attached.lock().is_none()
    }

    /// What is mounted on `dentry` of this mount.
    pub(crate) fn mounted_on(&self, dentry: &Arc<Dentry>) -> Option<Arc<Mount>> {
        self.children.lock().iter().rev().find(|(at, _)| Arc::ptr_eq(at, dentry)).map(|(_, mount)| mount.clone())
    }

    /// MS_REMOUNT: changes the flags.
    pub fn set_flags(&self, flags: MountFlags) {
        self.flags.store(flags.bits(), Ordering::Relaxed);
    }

    fn attach(self: &Arc<Mount>, at: &Path) {
        let _tree = TREE.take();
        *self.attached.lock() = Some(at.clone());
        at.dentry.mark_mount_point();
        at.mount.children.lock().push((at.dentry.clone(), self.clone()));
    }

    fn detach(self: &Arc<Mount>) -> Option<Path> {
        let at = self.attached.lock().take()?;
        let removed = {
            let mut children = at.mount.children.lock();
            let index = children.iter().position(|(_, mount)| Arc::ptr_eq(mount, self))?;
            children.remove(index)
        };
        drop(removed);
        Some(at)
    }
}

/// Mounts `fs` on the directory `at` (or a file, for bind mounts of files). ENOTDIR unless both or neither are directories; ENOENT when `at` was removed.
pub fn mount(fs: Arc<dyn FileSystem>, at: &Path, source: &str, flags: MountFlags) -> Result<Arc<Mount>> {
    let root = fs.root().clone();
    put(Mount::with_root(fs, root, source, flags), at)
}

/// MS_BIND: shows the tree below `from` also at `at`. Mounts inside it are not taken along.
pub fn bind(from: &Path, at: &Path) -> Result<Arc<Mount>> {
    put(Mount::with_root(from.mount.fs.clone(), from.dentry.clone(), &from.mount.source, from.mount.flags()), at)
}

fn put(mount: Arc<Mount>, at: &Path) -> Result<Arc<Mount>> {
    if at.dentry.is_deleted() {
        return Err(Errno::ENOENT);
    }
    if at.is_directory() != mount.root.is_directory() {
        return Err(Errno::ENOTDIR);
    }
    memory::frames::admit()?;
    mount.attach(at);
    Ok(mount)
}

/// MS_MOVE: moves the mount whose root is `from` to `at`. EINVAL when `from` is no mount's root, ELOOP when `at` lies inside it.
pub fn move_mount(from: &Path, at: &Path) -> Result<()> {
    if !Arc::ptr_eq(&from.dentry, &from.mount.root) || from.mount.is_top() {
        return Err(Errno::EINVAL);
    }
    if at.is_directory() != from.is_directory() {
        return Err(Errno::ENOTDIR);
    }
    let mut above = Some(at.clone());
    while let Some(place) = above {
        if Arc::ptr_eq(&place.mount, &from.mount) {
            return Err(Errno::ELOOP);
        }
        above = place.mount.attached_at();
    }
    {
        let _tree = TREE.take();
        from.mount.detach();
    }
    from.mount.attach(at);
    Ok(())
}

/// MS_REMOUNT: new flags for the mount whose root is `at`; EINVAL when it is no mount's root.
pub fn remount(at: &Path, flags: MountFlags) -> Result<()> {
    if !Arc::ptr_eq(&at.dentry, &at.mount.root) {
        return Err(Errno::EINVAL);
    }
    at.mount.set_flags(flags);
    Ok(())
}

/// umount2(2) of the mount whose root `path` is: EINVAL if it is no such root, EBUSY while in use unless `lazy` (MNT_DETACH).
/// The caller must hold no other reference to the place: `path` is taken so that it does not count as a user.
pub fn unmount(path: Path, lazy: bool) -> Result<()> {
    let Path { mount, dentry } = path;
    if !Arc::ptr_eq(&dentry, &mount.root) || mount.is_top() {
        return Err(Errno::EINVAL);
    }
    drop(dentry);
    let _tree = TREE.take();
    // One reference is the tree's, one is ours.
    if !lazy && (!mount.children.lock().is_empty() || Arc::strong_count(&mount) > 2) {
        return Err(Errno::EBUSY);
    }
    // What is mounted below goes as well: parent and child refer to each other, so nobody could ever free them.
    let detached: Vec<Option<Path>> = list(&mount).iter().rev().map(Mount::detach).collect();
    drop(detached);
    recent::forget_all();
    Ok(())
}

/// All mounts of the tree below `top`, parents before children: the order of /proc/mounts.
pub fn list(top: &Arc<Mount>) -> Vec<Arc<Mount>> {
    let mut found = alloc::vec![top.clone()];
    let mut next = 0;
    while let Some(mount) = found.get(next).cloned() {
        found.extend(mount.children.lock().iter().map(|(_, child)| child.clone()));
        next += 1;
    }
    found.sort_by_key(|mount| mount.id);
    found
}

/// The text of /proc/mounts as seen from `root` ("source place kind options 0 0" lines); mounts that `root` does not reach are left out.
pub fn mounts_text(root: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    let mut top = root.mount.clone();
    while let Some(below) = top.attached_at() {
        top = below.mount;
    }
    for mount in list(&top) {
        let place = Path::root_of(&mount).absolute(root);
        if place.starts_with(b"(unreachable)") {
            continue;
        }
        escape(mount.source.as_bytes(), &mut text);
        text.push(b' ');
        escape(&place, &mut text);
        text.push(b' ');
        text.extend_from_slice(mount.fs.name().as_bytes());
        text.push(b' ');
        text.extend_from_slice(mount.flags().describe().as_bytes());
        text.extend_from_slice(mount.fs.options().as_bytes());
        text.extend_from_slice(b" 0 0\n");
    }
    text
}

/// Blanks, newlines and backslashes as octal, as getmntent(3) expects.
fn escape(word: &[u8], text: &mut Vec<u8>) {
    for &byte in word {
        match byte {
            b' ' => text.extend_from_slice(b"\\040"),
            b'\t' => text.extend_from_slice(b"\\011"),
            b'\n' => text.extend_from_slice(b"\\012"),
            b'\\' => text.extend_from_slice(b"\\134"),
            _ => text.push(byte),
        }
    }
}

/// The mount that nameless files (pipes, event files) belong to; it is in no tree.
pub(crate) fn nameless() -> Arc<Mount> {
    static NAMELESS: Once<Arc<Mount>> = Once::new();
    NAMELESS.get_or_init(|| Mount::new(crate::anonymous::file_system(), "none", MountFlags::empty())).clone()
}
