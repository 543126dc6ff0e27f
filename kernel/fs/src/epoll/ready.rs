//! The list of items that may have something to report.
//!
//! It is what makes epoll_wait(2) cost what it reports and not what it watches. Items are linked through themselves, so that putting one in
//! neither allocates nor frees: it happens inside wakes, some of which come from interrupt handlers.

use alloc::sync::Arc;

use sync::{SpinLock, WaitQueue};

use super::item::Item;

/// An item's place in the list.
#[derive(Default)]
pub(super) struct Link {
    queued: bool,
    next: Option<Arc<Item>>,
    previous: Option<Arc<Item>>,
}

#[derive(Default)]
struct List {
    first: Option<Arc<Item>>,
    last: Option<Arc<Item>>,
    length: usize,
    /// The instance is gone: nothing goes in any more.
    closed: bool,
}

/// The ready list of one epoll instance, and who waits for it.
#[derive(Default)]
pub(super) struct Ready {
    list: SpinLock<List>,
    /// Threads in epoll_wait(2): an item that becomes ready wakes one of them.
    pub waiters: WaitQueue,
    /// poll(2), select(2) and instances that watch this one: all are told.
    pub pollers: WaitQueue,
}

impl Ready {
    /// Puts `item` at the end of its list, unless it is in it, and wakes those who wait. Allowed in an interrupt handler.
    pub fn push(item: &Arc<Item>) {
        if item.ready.link(item) {
            item.ready.wake();
        }
    }

    /// Puts an item that still has something to report back, without waking anybody.
    pub fn put_back(&self, item: &Arc<Item>) {
        self.link(item);
    }

    /// Tells those who wait that the list isn't empty.
    pub fn wake(&self) {
        self.waiters.wake_one();
        self.pollers.wake_all();
    }

    pub fn len(&self) -> usize {
        self.list.lock().length
    }

    fn link(&self, item: &Arc<Item>) -> bool {
        let mut list = self.list.lock();
        let mut link = item.link.lock();
        if link.queued || list.closed {
            return false;
        }
        link.queued = true;
        link.previous = list.last.take();
        match &link.previous {
            Some(last) => last.link.lock().next = Some(item.clone()),
            None => list.first = Some(item.clone()),
        }
        list.last = Some(item.clone());
        list.length += 1;
        true
    }

    /// The first item, which stays in the list.
    pub fn first(&self) -> Option<Arc<Item>> {
        self.list.lock().first.clone()
    }

    /// Takes the first item out.
    pub fn pop(&self) -> Option<Arc<Item>> {
        let first = self.first()?;
        self.remove(&first);
        Some(first)
    }

    /// Takes an item out, if it is in the list.
    pub fn remove(&self, item: &Arc<Item>) {
        // What the list held is dropped after the lock is free.
        let _dropped = {
            let mut list = self.list.lock();
            let Link { queued: true, next, previous } = core::mem::take(&mut *item.link.lock()) else { return };
            list.length -= 1;
            let to_next = match &previous {
                Some(previous) => core::mem::replace(&mut previous.link.lock().next, next.clone()),
                None => core::mem::replace(&mut list.first, next.clone()),
            };
            let to_previous = match &next {
                Some(next) => core::mem::replace(&mut next.link.lock().previous, previous.clone()),
                None => core::mem::replace(&mut list.last, previous.clone()),
            };
            (to_next, to_previous, next, previous)
        };
    }

    /// Empties the list for good: without this, items and list would keep each other alive.
    pub fn close(&self) {
        self.list.lock().closed = true;
        while self.pop().is_some() {}
    }
}
