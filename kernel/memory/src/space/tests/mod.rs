//! Address spaces on the host: the calls one by one, and random calls against a simple model.

mod calls;
mod faults;
mod files;
mod model;

use super::*;
use crate::cache::PageCache;
use crate::mapped::{MappedFile, MappedName};
use crate::testing::serial;
use crate::{IoSource, frames};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

pub const RW: Protection = Protection::READ.union(Protection::WRITE);
pub const R: Protection = Protection::READ;
pub const NONE: Protection = Protection::empty();
pub const P: usize = PAGE_SIZE;

/// A memory file as a file system would make it.
pub struct TestFile {
    cache: PageCache,
    size: AtomicU64,
}

impl TestFile {
    pub fn new(bytes: &[u8]) -> Arc<TestFile> {
        let file = TestFile { cache: PageCache::new(None, None), size: AtomicU64::new(0) };
        file.write(0, bytes);
        Arc::new(file)
    }

    pub fn write(&self, pos: u64, bytes: &[u8]) {
        let count = self.cache.write_at(pos, &mut IoSource::kernel(bytes)).unwrap();
        assert_eq!(count, bytes.len());
        self.size.fetch_max(pos + count as u64, SeqCst);
    }

    pub fn truncate(&self, len: u64) {
        self.size.store(len, SeqCst);
        self.cache.truncate(len);
    }

    pub fn byte(&self, pos: u64) -> u8 {
        let mut byte = [0];
        self.cache.read_at(pos, self.size(), &mut crate::IoSink::kernel(&mut byte)).unwrap();
        byte[0]
    }
}

impl MappedFile for TestFile {
    fn cache(&self) -> &PageCache {
        &self.cache
    }

    fn size(&self) -> u64 {
        self.size.load(SeqCst)
    }

    fn describe(&self) -> MappedName {
        MappedName { device: 7, inode: 1, path: "/file".into() }
    }
}

/// A private anonymous mapping at a fixed place.
pub fn fixed(address: usize, len: usize, protection: Protection) -> MapRequest {
    MapRequest { address, flags: MapFlags::FIXED, ..MapRequest::anonymous(len, protection) }
}

/// A mapping of a file wherever there is room.
pub fn of_file(file: &Arc<TestFile>, offset: u64, len: usize, protection: Protection, flags: MapFlags) -> MapRequest {
    MapRequest { flags, backing: Backing::File { file: file.clone(), offset }, ..MapRequest::anonymous(len, protection) }
}

/// The byte at an address, as the program would read it.
pub fn peek(space: &AddressSpace, address: usize) -> Result<u8> {
    let mut byte = [0];
    space.read_remote(address, &mut byte).map(|_| byte[0])
}

/// Writes a byte, as the program would.
pub fn poke(space: &AddressSpace, address: usize, byte: u8) -> Result<()> {
    space.write_remote(address, &[byte]).map(|_| ())
}

/// The areas as (start, end, protection) in pages above `base`.
pub fn shape(space: &AddressSpace, base: usize) -> Vec<(usize, usize, Protection)> {
    let mut list = Vec::new();
    space.areas(&mut |area| list.push(((area.range.start - base) / P, (area.range.end - base) / P, area.protection))).unwrap();
    list
}

#[test]
fn spaces_go_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<AddressSpace>();
    check::<crate::PageCache>();
    check::<crate::PageWait>();
    check::<crate::IoSink<'_>>();
    check::<crate::IoSource<'_>>();
    check::<crate::UserPtr<u32>>();
}

#[test]
fn everything_comes_back() {
    let _serial = serial();
    let before = frames::stats();
    let (rounds, pages) = if cfg!(miri) { (2, 20) } else { (10, 100) };
    for _ in 0..rounds {
        let space = AddressSpace::new().unwrap();
        let address = space.map(MapRequest::anonymous(pages * P, RW)).unwrap();
        for page in 0..pages {
            poke(&space, address + page * P, 1).unwrap();
        }
        let child = space.fork().unwrap();
        poke(&child, address + 5 * P, 2).unwrap();
        assert_eq!(child.usage().resident_pages, pages);
        assert!(!space.clear_some(10));
        drop(space);
        assert_eq!((peek(&child, address), peek(&child, address + 5 * P)), (Ok(1), Ok(2)));
    }
    assert_eq!(frames::stats(), before);
}
