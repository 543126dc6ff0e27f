//! The page cache: the pages of one file, by index.
//!
//! `read`, `write` and every mapping of a file work on the same pages, so they agree by construction. A memory file system has nothing else:
//! its page cache *is* the file, and an absent page is a hole of zeros. A disk file system adds a [`PageSource`], which fills absent pages.
//!
//! The lock covers only the index. Data is copied with the lock released and a reference to the page held, because copying to a program may
//! fault and come back here. The pages are not themselves locked: a reader may see half of a concurrent write, as on Linux.

mod mappers;
mod transfer;
mod truncate;

pub(crate) use mappers::Registration;

use crate::mapped::MappedFile;
use crate::page::Page;
use abi::{Errno, Result};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::ops::{ControlFlow, Range};
use core::sync::atomic::{AtomicU64, Ordering};
use mappers::Mappers;
use sync::{SpinLock, WaitQueue};

/// What a [`PageSource`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// The page has its data.
    Done,
    /// A read was started; the source calls [`PageCache::filled`] when it is over.
    Pending,
}

/// Where absent pages of a file come from.
pub trait PageSource: Send + Sync {
    /// Puts the file's data into `page`, which is full of zeros, or starts to. Called without locks held.
    fn fill(&self, index: u64, page: &Page) -> Result<Fill>;
}

/// Who pays for the pages of a cache: a file system with a size limit.
pub trait PageLimit: Send + Sync {
    /// Takes `pages` more, or refuses (ENOSPC).
    fn charge(&self, pages: u64) -> Result<()>;
    /// Gives `pages` back.
    fn release(&self, pages: u64);
}

/// A page and how far it is.
struct Slot {
    page: Page,
    /// Its data is still on the way.
    loading: bool,
}

/// The pages of one file.
pub struct PageCache {
    id: u64,
    slots: SpinLock<BTreeMap<u64, Slot>>,
    source: Option<Arc<dyn PageSource>>,
    limit: Option<Arc<dyn PageLimit>>,
    /// The address spaces that map the file.
    mappers: Mappers,
    /// Who waits for a page that is loading.
    loaded: WaitQueue,
}

impl PageCache {
    /// An empty cache. Without a source, absent pages are zeros; without a limit, only memory is one.
    pub fn new(source: Option<Arc<dyn PageSource>>, limit: Option<Arc<dyn PageLimit>>) -> PageCache {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        PageCache {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            slots: SpinLock::new(BTreeMap::new()),
            source,
            limit,
            mappers: Mappers::new(),
            loaded: WaitQueue::new(),
        }
    }

    /// A number that no other cache has or will have.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How many pages there are now.
    pub fn resident(&self) -> u64 {
        self.slots.lock().len() as u64
    }

    /// The page at `index` (byte position / page size) if it is there with its data.
    pub fn get(&self, index: u64) -> Option<Page> {
        self.slots.lock().get(&index).filter(|slot| !slot.loading).map(|slot| slot.page.clone())
    }

    /// The index of the first page at `from` or after it that is there: what is before it is a hole (SEEK_DATA, SEEK_HOLE).
    pub fn next_resident(&self, from: u64) -> Option<u64> {
        self.slots.lock().range(from..).next().map(|(index, _)| *index)
    }

    /// The page at `index`, made if it is absent. EAGAIN while its data is on the way (see [`PageCache::wait_queue`]), ENOSPC when the
    /// limit is reached, ENOMEM, or what the source reports.
    pub fn get_or_create(&self, index: u64) -> Result<Page> {
        if let Some(slot) = self.slots.lock().get(&index) {
            return if slot.loading { Err(Errno::EAGAIN) } else { Ok(slot.page.clone()) };
        }
        let page = Page::zeroed()?;
        match &self.source {
            None => self.insert(index, page, false),
            Some(source) => self.load(index, page, source.as_ref()),
        }
    }

    /// Where to wait for a page that is loading. Check again after each wake: it is shared by all pages of the file.
    pub fn wait_queue(&self) -> &WaitQueue {
        &self.loaded
    }

    /// Whether the page at `index` is still loading.
    pub fn is_loading(&self, index: u64) -> bool {
        self.slots.lock().get(&index).is_some_and(|slot| slot.loading)
    }

    /// Says that the read that [`Fill::Pending`] announced is over. A failed page vanishes, so that the next access tries again.
    pub fn filled(&self, index: u64, result: Result<()>) {
        let failed = {
            let mut slots = self.slots.lock();
            match (slots.get_mut(&index), result) {
                (Some(slot), Ok(())) => {
                    slot.loading = false;
                    None
                }
                (Some(slot), Err(_)) if slot.loading => slots.remove(&index),
                _ => None,
            }
        };
        if failed.is_some() {
            self.release(1);
        }
        self.loaded.wake_all();
    }

    /// Calls `visit` for the pages of `range` that are there with their data, in rising order, until it breaks. The index is locked meanwhile:
    /// `visit` must be short and must not use this cache.
    pub(crate) fn visit(&self, range: Range<u64>, mut visit: impl FnMut(u64, &Page) -> ControlFlow<()>) {
        if range.is_empty() {
            return;
        }
        for (index, slot) in self.slots.lock().range(range) {
            if !slot.loading && visit(*index, &slot.page).is_break() {
                break;
            }
        }
    }

    /// Adds a page unless one came first, and returns the one that is there now.
    fn insert(&self, index: u64, page: Page, loading: bool) -> Result<Page> {
        if let Some(limit) = &self.limit {
            limit.charge(1)?;
        }
        let first = {
            let mut slots = self.slots.lock();
            let first = slots.get(&index).map(|slot| if slot.loading { Err(Errno::EAGAIN) } else { Ok(slot.page.clone()) });
            if first.is_none() {
                page.mark_cached();
                slots.insert(index, Slot { page: page.clone(), loading });
            }
            first
        };
        match first {
            None => Ok(page),
            Some(other) => {
                self.release(1);
                other
            }
        }
    }

    fn load(&self, index: u64, page: Page, source: &dyn PageSource) -> Result<Page> {
        let page = self.insert(index, page, true)?;
        match source.fill(index, &page) {
            Ok(Fill::Done) => {
                self.filled(index, Ok(()));
                Ok(page)
            }
            Ok(Fill::Pending) => Err(Errno::EAGAIN),
            Err(error) => {
                self.filled(index, Err(error));
                Err(error)
            }
        }
    }

    fn release(&self, pages: u64) {
        if let Some(limit) = &self.limit
            && pages > 0
        {
            limit.release(pages);
        }
    }
}

impl Drop for PageCache {
    fn drop(&mut self) {
        let pages = self.resident();
        self.release(pages);
    }
}

/// A page that an access waits for.
pub struct PageWait {
    file: Arc<dyn MappedFile>,
    index: u64,
}

impl PageWait {
    pub(crate) fn new(file: Arc<dyn MappedFile>, index: u64) -> PageWait {
        PageWait { file, index }
    }

    /// Waits until the page has its data or failed to get it; the access that was deferred is then done again.
    pub async fn wait(self) {
        let cache = self.file.cache();
        cache.wait_queue().wait_until(|| (!cache.is_loading(self.index)).then_some(())).await;
    }
}

impl core::fmt::Debug for PageWait {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PageWait({})", self.index)
    }
}

#[cfg(test)]
mod tests;
