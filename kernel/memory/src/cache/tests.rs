//! The page cache against a plain vector of bytes.

use super::*;
use crate::testing::{Random, rounds, serial};
use crate::{IoSink, IoSource, PAGE_SIZE, frames};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64 as Count, Ordering::SeqCst};

#[test]
fn reads_and_writes_like_a_vector() {
    let _serial = serial();
    let before = frames::stats();
    let random = Random::new(5);
    let cache = PageCache::new(None, None);
    let mut model: Vec<u8> = Vec::new();
    let most = 12 * PAGE_SIZE;
    for round in 0..rounds(3000) {
        let pos = random.below(most);
        let len = random.below(if random.chance(2) { 3 * PAGE_SIZE } else { 300 });
        match random.below(8) {
            0..3 => {
                let bytes: Vec<u8> = (0..len).map(|at| (at * 7 + round) as u8 | 1).collect();
                let mut source = IoSource::kernel(&bytes);
                assert_eq!(cache.write_at(pos as u64, &mut source), Ok(len));
                assert_eq!((source.done(), source.remaining()), (len, 0));
                if pos + len > model.len() && len > 0 {
                    model.resize(pos + len, 0);
                }
                if len > 0 {
                    model[pos..pos + len].copy_from_slice(&bytes);
                }
            }
            3..6 => {
                let mut bytes = vec![0xaa; len];
                let mut sink = IoSink::kernel(&mut bytes);
                let expected = model.len().saturating_sub(pos).min(len);
                assert_eq!(cache.read_at(pos as u64, model.len() as u64, &mut sink), Ok(expected));
                if expected > 0 {
                    assert_eq!(bytes[..expected], model[pos..pos + expected]);
                }
            }
            6 => {
                let new = random.below(most);
                cache.truncate(new as u64);
                model.resize(new, 0);
            }
            _ => {
                let end = (pos + len).min(model.len());
                cache.punch(pos as u64..(pos + len) as u64);
                if pos < end {
                    model[pos..end].fill(0);
                }
            }
        }
        assert!(cache.resident() as usize <= model.len().max(most).div_ceil(PAGE_SIZE) + 3);
    }
    drop(cache);
    assert_eq!(frames::stats(), before);
}

/// Counts pages up to a limit.
struct Quota {
    left: Count,
}

impl PageLimit for Quota {
    fn charge(&self, pages: u64) -> Result<()> {
        self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(pages)).map(|_| ()).map_err(|_| Errno::ENOSPC)
    }

    fn release(&self, pages: u64) {
        self.left.fetch_add(pages, SeqCst);
    }
}

#[test]
fn a_limit_ends_writes_and_is_paid_back() {
    let _serial = serial();
    let quota = Arc::new(Quota { left: Count::new(3) });
    let cache = PageCache::new(None, Some(quota.clone()));
    let bytes = vec![1; 5 * PAGE_SIZE];
    assert_eq!(cache.write_at(100, &mut IoSource::kernel(&bytes)), Ok(3 * PAGE_SIZE - 100));
    assert_eq!(cache.write_at(4 * PAGE_SIZE as u64, &mut IoSource::kernel(&bytes)), Err(Errno::ENOSPC));
    assert_eq!(cache.write_at(50, &mut IoSource::kernel(&bytes[..10])), Ok(10), "pages that are there need no more");
    assert_eq!(cache.write_at(u64::MAX - 5, &mut IoSource::kernel(&bytes)), Err(Errno::EFBIG));
    cache.truncate(PAGE_SIZE as u64);
    assert_eq!(quota.left.load(SeqCst), 2);
    cache.truncate(0);
    assert_eq!(quota.left.load(SeqCst), 3);
    cache.write_at(0, &mut IoSource::kernel(&bytes[..1])).unwrap();
    drop(cache);
    assert_eq!(quota.left.load(SeqCst), 3);
}

/// A source that answers later, or never well.
#[derive(Default)]
struct Slow {
    asked: Mutex<Vec<(u64, Page)>>,
    bad: Option<u64>,
}

impl PageSource for Slow {
    fn fill(&self, index: u64, page: &Page) -> Result<Fill> {
        if self.bad == Some(index) {
            return Err(Errno::EIO);
        }
        if index.is_multiple_of(2) {
            page.fill(0, PAGE_SIZE, index as u8 + 1);
            return Ok(Fill::Done);
        }
        self.asked.lock().unwrap().push((index, page.clone()));
        Ok(Fill::Pending)
    }
}

#[test]
fn pages_that_are_on_their_way() {
    let _serial = serial();
    let source = Arc::new(Slow { bad: Some(5), ..Slow::default() });
    let cache = PageCache::new(Some(source.clone()), None);
    let size = 6 * PAGE_SIZE as u64;
    let mut bytes = vec![0; 3 * PAGE_SIZE];
    assert_eq!(cache.read_at(0, size, &mut IoSink::kernel(&mut bytes)), Ok(PAGE_SIZE), "stops where a page is not there yet");
    assert_eq!(cache.read_at(PAGE_SIZE as u64, size, &mut IoSink::kernel(&mut bytes)), Err(Errno::EAGAIN));
    assert!(cache.is_loading(1));
    let (index, page) = source.asked.lock().unwrap().remove(0);
    page.fill(0, PAGE_SIZE, 0x55);
    cache.filled(index, Ok(()));
    assert_eq!(cache.read_at(PAGE_SIZE as u64, size, &mut IoSink::kernel(&mut bytes)), Ok(2 * PAGE_SIZE));
    assert_eq!((bytes[0], bytes[PAGE_SIZE]), (0x55, 3));
    assert_eq!(cache.get_or_create(5).unwrap_err(), Errno::EIO);
    assert_eq!(cache.get_or_create(3).unwrap_err(), Errno::EAGAIN);
    cache.filled(3, Err(Errno::EIO));
    assert!(!cache.is_loading(3) && cache.get(3).is_none(), "a page that failed can be tried again");
    assert_eq!(source.asked.lock().unwrap().len(), 1);
}
