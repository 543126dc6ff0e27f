//! Directory entries: the tree of names that are in use.
//!
//! A [`Dentry`] ties a name to an inode below a parent. A parent knows its children only weakly, so what nobody uses disappears by
//! itself; a ring of the latest few hundred entries keeps the well-trodden paths warm. Two lookups of one name give the same
//! entry as long as it lives, which is what makes mount points and the comparison of places work. There are no entries for
//! names that do not exist: asking an in-memory directory again is as quick.
//!
//! Order of locks: the `turn` of a directory first (parents before children, see `rename`), then `children`, then `link`. No `Arc<Dentry>`
//! is dropped while `children` is held, because dropping the last one takes its parent's `children`.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use abi::{Errno, Result};
use sync::SpinLock;

use crate::inode::Inode;
use crate::metadata::FileType;
use crate::turn::Turn;

/// The longest name of one entry, in bytes (NAME_MAX).
pub const NAME_MAX: usize = 255;

type Name = Arc<[u8]>;
type Children = BTreeMap<Name, Weak<Dentry>>;

/// Something is, or was, mounted on this entry, in some mount.
const MOUNT_POINT: u32 = 1;
/// The name was removed while the entry was in use.
const DELETED: u32 = 2;

struct Link {
    /// `None` for the root of a file system and for nameless files.
    parent: Option<Arc<Dentry>>,
    name: Name,
}

/// One name in use.
pub struct Dentry {
    inode: Arc<dyn Inode>,
    file_type: FileType,
    flags: AtomicU32,
    /// Where in the ring of recent entries it was put; only a hint.
    recent_slot: AtomicU32,
    link: SpinLock<Link>,
    children: SpinLock<Option<Box<Children>>>,
    /// Held while the names in this directory change, and while a name that is not in `children` is looked up.
    pub(crate) turn: Turn,
}

impl Dentry {
    /// The root entry of a file system, or that of a nameless file (pipe, memfd).
    pub fn root(inode: Arc<dyn Inode>) -> Arc<Dentry> {
        Arc::new(Dentry::new(inode, None, Arc::from([])))
    }

    /// The entry of a file that this directory made without a name (O_TMPFILE). No lookup finds it.
    pub(crate) fn unnamed_child(self: &Arc<Dentry>, inode: Arc<dyn Inode>) -> Arc<Dentry> {
        let name = alloc::format!("#{}", inode.metadata().inode);
        let entry = Dentry::new(inode, Some(self.clone()), Arc::from(name.as_bytes()));
        entry.flags.store(DELETED, Ordering::Relaxed);
        Arc::new(entry)
    }

    fn new(inode: Arc<dyn Inode>, parent: Option<Arc<Dentry>>, name: Name) -> Dentry {
        Dentry {
            file_type: inode.file_type(),
            inode,
            flags: AtomicU32::new(0),
            recent_slot: AtomicU32::new(0),
            link: SpinLock::new(Link { parent, name }),
            children: SpinLock::new(None),
            turn: Turn::new(),
        }
    }

    pub fn inode(&self) -> &Arc<dyn Inode> {
        &self.inode
    }

    pub fn file_type(&self) -> FileType {
        self.file_type
    }

    pub fn is_directory(&self) -> bool {
        self.file_type == FileType::Directory
    }

    /// Whether the name was removed; the file lives on while it is open.
    pub fn is_deleted(&self) -> bool {
        self.flags.load(Ordering::Acquire) & DELETED != 0
    }

    pub(crate) fn may_be_mount_point(&self) -> bool {
        self.flags.load(Ordering::Acquire) & MOUNT_POINT != 0
    }

    /// Marks the entry as covered by a mount. The mark is a hint that spares the walk a search; it stays when the mount goes.
    pub(crate) fn mark_mount_point(&self) {
        self.flags.fetch_or(MOUNT_POINT, Ordering::AcqRel);
    }

    /// The directory that holds this name; `None` for a root.
    pub fn parent(&self) -> Option<Arc<Dentry>> {
        self.link.lock().parent.clone()
    }

    /// The name as it is now; empty for a root.
    pub fn name(&self) -> Arc<[u8]> {
        self.link.lock().name.clone()
    }

    /// The entry `name` of this directory, from the cache or from the file system. The caller has checked the right to search, and
    /// that `name` is none of "", "." and "..".
    pub(crate) fn lookup(self: &Arc<Dentry>, name: &[u8]) -> Result<Arc<Dentry>> {
        if let Some(found) = self.cached(name) {
            return Ok(found);
        }
        if name.len() > NAME_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let _turn = self.turn.take();
        self.lookup_in_turn(name)
    }

    /// [`Dentry::lookup`] for a caller that holds the turn of this directory.
    pub(crate) fn lookup_in_turn(self: &Arc<Dentry>, name: &[u8]) -> Result<Arc<Dentry>> {
        if let Some(found) = self.cached(name) {
            return Ok(found);
        }
        if name.len() > NAME_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        if self.is_deleted() {
            return Err(Errno::ENOENT);
        }
        let inode = self.inode.lookup(name)?;
        Ok(self.attach(name, inode))
    }

    fn cached(&self, name: &[u8]) -> Option<Arc<Dentry>> {
        self.children.lock().as_ref()?.get(name)?.upgrade()
    }

    /// Ties `inode` to `name` in this directory. The caller holds the turn and knows that no living entry has that name.
    pub(crate) fn attach(self: &Arc<Dentry>, name: &[u8], inode: Arc<dyn Inode>) -> Arc<Dentry> {
        let name: Name = Arc::from(name);
        let cacheable = inode.cacheable();
        let child = Arc::new(Dentry::new(inode, Some(self.clone()), name.clone()));
        if cacheable {
            let replaced = self.children.lock().get_or_insert_with(Box::default).insert(name, Arc::downgrade(&child));
            drop(replaced);
            recent::remember(&child);
        }
        child
    }

    /// Takes the name away from `child`; its users keep it as a deleted file. The caller holds the turn.
    pub(crate) fn detach(&self, child: &Arc<Dentry>) {
        child.flags.fetch_or(DELETED, Ordering::AcqRel);
        // Else the ring would keep the file's storage.
        recent::forget(child);
        self.forget(&child.name(), Arc::as_ptr(child));
    }

    /// Takes `child` out of the map, or whoever had the name and lives no more.
    fn forget(&self, name: &[u8], child: *const Dentry) {
        let removed = {
            let mut children = self.children.lock();
            let Some(map) = children.as_mut() else { return };
            match map.get(name) {
                Some(weak) if core::ptr::eq(weak.as_ptr(), child) || weak.strong_count() == 0 => map.remove_entry(name),
                _ => None,
            }
        };
        drop(removed);
    }

    /// Gives `child`, an entry of this directory, the name `to` in `directory`. The caller holds the turns of both.
    pub(crate) fn move_child(&self, child: &Arc<Dentry>, directory: &Arc<Dentry>, to: &[u8]) {
        self.forget(&child.name(), Arc::as_ptr(child));
        let name: Name = Arc::from(to);
        let old = core::mem::replace(&mut *child.link.lock(), Link { parent: Some(directory.clone()), name: name.clone() });
        drop(old);
        if child.inode.cacheable() {
            let replaced = directory.children.lock().get_or_insert_with(Box::default).insert(name, Arc::downgrade(child));
            drop(replaced);
        }
    }

    /// Whether `self` is `ancestor` or lies below it, in one file system.
    pub(crate) fn is_within(self: &Arc<Dentry>, ancestor: &Arc<Dentry>) -> bool {
        let mut at = self.clone();
        loop {
            if Arc::ptr_eq(&at, ancestor) {
                return true;
            }
            let Some(parent) = at.parent() else { return false };
            at = parent;
        }
    }

    /// How many names the map of children holds, whether they live or not.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.children.lock().as_ref().map_or(0, |map| map.len())
    }

    /// The living children; for tests and for the unmounting of a tree.
    pub fn children(&self) -> Vec<Arc<Dentry>> {
        self.children.lock().as_ref().map(|map| map.values().filter_map(Weak::upgrade).collect()).unwrap_or_default()
    }
}

impl Drop for Dentry {
    /// Leaves the parent's map. A chain of parents that only hung on this entry is taken down in a loop: a directory tree may be deeper than
    /// the kernel's stack.
    fn drop(&mut self) {
        let me: *const Dentry = self;
        let (mut parent, name) = {
            let mut link = self.link.lock();
            (link.parent.take(), link.name.clone())
        };
        if let Some(parent) = &parent {
            parent.forget(&name, me);
        }
        while let Some(last) = parent.take().and_then(Arc::into_inner) {
            let (next, name) = {
                let mut link = last.link.lock();
                (link.parent.take(), link.name.clone())
            };
            if let Some(next) = &next {
                next.forget(&name, core::ptr::null());
            }
            parent = next;
        }
    }
}

/// The ring of entries that were looked up lately.
pub(crate) mod recent {
    use super::*;

    /// How many entries stay warm: enough for the paths of a shell session, about 100 KiB of memory.
    const SLOTS: usize = 512;

    static RING: SpinLock<[Option<Arc<Dentry>>; SLOTS]> = SpinLock::new([const { None }; SLOTS]);
    static NEXT: AtomicUsize = AtomicUsize::new(0);

    /// Keeps `dentry` alive until [`SLOTS`] others were looked up after it.
    pub fn remember(dentry: &Arc<Dentry>) {
        let slot = NEXT.fetch_add(1, Ordering::Relaxed) % SLOTS;
        dentry.recent_slot.store(slot as u32, Ordering::Relaxed);
        let old = RING.lock().get_mut(slot).and_then(|place| place.replace(dentry.clone()));
        drop(old);
    }

    /// Lets `dentry` go, if it is in the ring.
    pub fn forget(dentry: &Arc<Dentry>) {
        let slot = dentry.recent_slot.load(Ordering::Relaxed) as usize;
        let old = RING.lock().get_mut(slot).and_then(|place| place.take_if(|kept| Arc::ptr_eq(kept, dentry)));
        drop(old);
    }

    /// Lets all of them go: when a file system is unmounted, and for tests that count.
    pub fn forget_all() {
        for slot in 0..SLOTS {
            let old = RING.lock().get_mut(slot).and_then(Option::take);
            drop(old);
        }
    }
}
