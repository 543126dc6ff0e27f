//! What can stand behind a mapping: a file with a page cache, or shared anonymous memory, which is a page cache without a file.

use crate::cache::PageCache;
use abi::Result;
use alloc::string::String;
use alloc::sync::Arc;

/// How /proc/PID/maps names a mapped file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedName {
    /// Device number as in `st_dev`.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Absolute path, with " (deleted)" behind it if the file has no name any more.
    pub path: String,
}

/// A file as an address space sees it.
///
/// `cache` and `size` are called in page faults, with the address space locked: they must not take any lock that anyone holds while copying
/// to or from user memory. An atomic does.
pub trait MappedFile: Send + Sync {
    /// The pages of the file.
    fn cache(&self) -> &PageCache;
    /// Its length in bytes. An access to a page that begins at or beyond it is a bus error.
    fn size(&self) -> u64;
    /// Its name.
    fn describe(&self) -> MappedName;
}

/// Memory shared by `mmap(MAP_SHARED | MAP_ANONYMOUS)`: it lives as long as an address space maps it.
pub struct AnonymousObject {
    cache: PageCache,
    size: u64,
}

impl AnonymousObject {
    /// An object of `size` bytes, all zero; pages are made when they are touched.
    pub fn new(size: u64) -> Result<Arc<AnonymousObject>> {
        crate::frames::admit()?;
        Ok(Arc::new(AnonymousObject { cache: PageCache::new(None, None), size }))
    }
}

impl MappedFile for AnonymousObject {
    fn cache(&self) -> &PageCache {
        &self.cache
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn describe(&self) -> MappedName {
        MappedName { device: 1, inode: self.cache.id(), path: String::from("/dev/zero (deleted)") }
    }
}
